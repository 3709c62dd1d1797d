"""Exemplars to prompt to explanation."""
