"""The formats of others, and what reading and writing them takes."""
