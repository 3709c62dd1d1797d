"""Explains the units of neural networks automatically and measures how good each explanation is."""
