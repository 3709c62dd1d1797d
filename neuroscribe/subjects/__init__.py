"""The model under study: loading, sites, hooks, and the sources of its units."""
