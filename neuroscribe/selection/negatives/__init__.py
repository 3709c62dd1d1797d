"""Sequences on which a unit is silent, for judges and for contrast.

Each kind is one file whose name is its registered name and whose `PLUGIN` is a class: its
constructor takes the services named in its `needs`, and calling it is a `services.Negatives`.
"""
