"""Kinds of LLM endpoint, one file each; the file's name begins a spec string.

A module's `PLUGIN` is a `spec.ClientPlugin`: it says which spec strings it takes and opens a client
from what follows the colon.
"""
