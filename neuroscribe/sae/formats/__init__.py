"""Formats of autoencoders on disk; a format's file is called as the format is.

`PLUGIN` is a `neuroscribe.sae.contract.SaeFormat`. A format is told by its content, not by names
that users may change; what it reads becomes a `SparseAutoencoder` that gives the same
reconstructions as the format's own library.
"""
