"""The static site: every unit of a study a page."""
