"""Sparse autoencoders: read in the field's formats, computed sparsely, measured, trained, written.

`load` and `save` are what most users need; `SparseAutoencoder` is what they give and take. A new
format is one file in `formats/`.
"""

import logging
from pathlib import Path

import torch

from neuroscribe import registry
from neuroscribe.errors import SaeError
from neuroscribe.sae.architecture import Architecture, Provenance
from neuroscribe.sae.autoencoder import SparseAutoencoder
from neuroscribe.sae.contract import LoadOptions, SaeFormat
from neuroscribe.sae.latents import SparseLatents
from neuroscribe.sae.location import locate
from neuroscribe.sae.measures import Measures, measure
from neuroscribe.sae.train import TrainReport, TrainSettings, train

__all__ = [
    "Architecture",
    "Measures",
    "Provenance",
    "SparseAutoencoder",
    "SparseLatents",
    "TrainReport",
    "TrainSettings",
    "load",
    "measure",
    "save",
    "train",
]

_LOGGER = logging.getLogger("neuroscribe")


def load(
    source: str | Path,
    *,
    format: str | None = None,  # noqa: A002
    dtype: torch.dtype | None = None,
    device: str | torch.device = "cpu",
    input_scale: float | None = None,
) -> SparseAutoencoder:
    """Read a sparse autoencoder or transcoder.

    Args:
        source: a folder, a file, or `hf:OWNER/NAME:SUBFOLDER` on the Hugging Face hub.
        format: registered name; told from the content if None.
        dtype: of all parameters; that of the encoder in the file if None.
        device: where the parameters go.
        input_scale: what inputs are multiplied by before encoding, for autoencoders that were
            trained on scaled activations and whose files do not say the factor.

    Raises:
        SaeError: there is nothing, it is in no known format or damaged, its architecture is not
            known, or it holds code (nothing of which is run).
        RegistryError: no format is called so.
    """
    path = locate(source)
    plugin = _format(format) if format else _detect(path)
    options = LoadOptions(source=str(source), dtype=dtype, input_scale=input_scale)
    return plugin.load(path, options).to(device)


def save(
    autoencoder: SparseAutoencoder,
    path: str | Path,
    *,
    format: str = "neuroscribe",  # noqa: A002
) -> None:
    """Write an autoencoder as a folder.

    Args:
        autoencoder: any.
        path: the folder; made if it is missing, its files replaced if they are there.
        format: `neuroscribe`, which says everything, or `saelens` for other tools.

    Raises:
        SaeError: the format is not written, or cannot say this architecture.
        RegistryError: no format is called so.
    """
    plugin = _format(format)
    if plugin.save is None:
        raise SaeError(f"autoencoders are read from the format {format}, not written in it")
    plugin.save(autoencoder, Path(path))


def _format(name: str) -> SaeFormat:
    plugin: SaeFormat = registry.load("sae_format", name)
    return plugin


def _detect(path: Path) -> SaeFormat:
    """The format that recognises the content."""
    plugins = {name: _format(name) for name in registry.names("sae_format")}
    for name, plugin in plugins.items():
        if plugin.detect(path):
            _LOGGER.debug("%s is in the format %s", path, name)
            return plugin
    known = "; ".join(f"{name}: {plugin.files}" for name, plugin in plugins.items())
    raise SaeError(f"{path} is no sparse autoencoder in a known format ({known})")
