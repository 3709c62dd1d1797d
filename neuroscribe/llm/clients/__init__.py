"""LLM clients: one file per spec scheme, registered by its name."""
