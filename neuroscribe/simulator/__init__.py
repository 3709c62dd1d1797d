"""Explanation and tokens to predicted activations."""
