"""Sources of documents: one file per scheme, registered by its name."""
