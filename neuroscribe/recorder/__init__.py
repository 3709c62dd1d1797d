"""Subject and corpus to exemplars and statistics, by streaming reducers that merge."""
