"""Sums of the first four powers of every unit, and how often it is positive."""
