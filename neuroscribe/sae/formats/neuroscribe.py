"""Our own format: `cfg.json` with the architecture in words, `weights.safetensors` beside it.

The tensors bear the names and shapes of `Architecture.parameter_shapes`; nothing about them is
implied by a name or a version elsewhere, so any architecture that this package computes can be
stored. A file of a newer version is refused.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from neuroscribe.errors import SaeError
from neuroscribe.sae.architecture import ACTIVATIONS, NORMALISATIONS, Architecture, Provenance
from neuroscribe.sae.autoencoder import SparseAutoencoder
from neuroscribe.sae.contract import LoadOptions, SaeFormat
from neuroscribe.sae.folder import folder_of, settings_at, write_files
from neuroscribe.sae.reading import Settings, read_safetensors, read_settings

_NAME, _VERSION = "neuroscribe-sae", 1
_SETTINGS, _WEIGHTS = "cfg.json", "weights.safetensors"


def detect(path: Path) -> bool:
    """Whether `cfg.json` says that it is."""
    settings = settings_at(path, _SETTINGS)
    return settings is not None and settings.values.get("format") == _NAME


def load(path: Path, options: LoadOptions) -> SparseAutoencoder:
    """Read the folder."""
    folder = folder_of(path)
    settings = read_settings(folder / _SETTINGS)
    version = settings.need("format_version", int)
    if version > _VERSION:
        raise SaeError(
            f"{settings.path} is of version {version} of the format and this program reads up to "
            f"{_VERSION}; use a newer neuroscribe"
        )
    architecture = _architecture(Settings(settings.need("architecture", dict), settings.path))
    origin = Settings(settings.need("provenance", dict), settings.path)
    provenance = Provenance(
        format=origin.need("format", str),
        source=origin.need("source", str),
        subject=origin.get("subject", str),
        site=origin.get("site", str),
        output_site=origin.get("output_site", str),
    )
    tensors = read_safetensors(folder / _WEIGHTS)
    parameters = {name: tensors.take(name) for name in architecture.parameter_shapes}
    tensors.finish()
    return SparseAutoencoder(architecture, parameters, provenance=provenance, dtype=options.dtype)


def _architecture(stated: Settings) -> Architecture:
    return Architecture(
        activation=_one_of(ACTIVATIONS, "activation", stated),
        d_in=stated.need("d_in", int),
        n_latents=stated.need("n_latents", int),
        d_out=stated.need("d_out", int),
        k=stated.get("k", int),
        normalisation=_one_of(NORMALISATIONS, "normalisation", stated),
        input_scale=float(stated.need("input_scale", float)),
        subtracts_decoder_bias=stated.need("subtracts_decoder_bias", bool),
        rescales_by_decoder_norm=stated.need("rescales_by_decoder_norm", bool),
        transcodes=stated.need("transcodes", bool),
        skips=stated.need("skips", bool),
    )


def _one_of(known: tuple[str, ...], name: str, stated: Settings) -> Any:
    value = stated.need(name, str)
    if value not in known:
        raise SaeError(
            f"{stated.path}: no {name} is called {value!r}; there are: {', '.join(known)}"
        )
    return value


def save(autoencoder: SparseAutoencoder, path: Path) -> None:
    """Write the folder; the settings last, so that a folder with settings is whole."""
    settings = {
        "format": _NAME,
        "format_version": _VERSION,
        "architecture": asdict(autoencoder.architecture),
        "provenance": asdict(autoencoder.provenance),
    }
    tensors = {name: value.detach().cpu() for name, value in autoencoder.named_parameters()}
    write_files(
        path,
        {
            _WEIGHTS: lambda file: save_file(tensors, file),
            _SETTINGS: lambda file: file.write_text(json.dumps(settings, indent=2) + "\n"),
        },
    )


PLUGIN = SaeFormat(
    files="a folder with cfg.json (format: neuroscribe-sae) and weights.safetensors",
    detect=detect,
    load=load,
    save=save,
)
