"""What a format of autoencoders on disk is: how it is told apart, read and (for some) written."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from neuroscribe.sae.autoencoder import SparseAutoencoder


@dataclass(frozen=True, kw_only=True)
class LoadOptions:
    """What a user may state beyond the path."""

    source: str
    """What the user wrote: the path, or a name on the hub."""
    dtype: torch.dtype | None = None
    """Of all parameters; None for that of the encoder in the file."""
    input_scale: float | None = None
    """What inputs are multiplied by before encoding, where the file says that they are but not by
    how much; None for what the file says, or 1."""


@dataclass(frozen=True, kw_only=True)
class SaeFormat:
    """A format; the module's `PLUGIN`, and the module's name is the format's."""

    files: str
    """What it consists of, in words, for messages."""
    detect: Callable[[Path], bool]
    """Whether a file or folder is of this format, by its content; damaged content raises SaeError.
    At most one format says yes."""
    load: Callable[[Path, LoadOptions], SparseAutoencoder]
    """Read it; raises SaeError."""
    save: Callable[[SparseAutoencoder, Path], None] | None = None
    """Write it as a folder; raises SaeError for an architecture that the format cannot say."""
