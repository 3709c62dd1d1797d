"""A study as a published dataset: its card, its Croissant, and what of it may be published."""
