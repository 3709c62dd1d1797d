"""Corpora, splits, schemas and the store: the only code that touches files."""
