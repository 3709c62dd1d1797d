"""SAELens: `cfg.json` and `sae_weights.safetensors`, of version 6 and before.

`W_enc` [d, latents], `b_enc`, `W_dec` [latents, d], `b_dec`; `threshold` of JumpReLU; `b_gate`,
`r_mag` and `b_mag` of gated ones; `W_skip` [d_out, d_in] of skip transcoders; `topk_threshold` in
checkpoints of BatchTopK (finished ones are stored as JumpReLU). Versions before 6 keep the
activation under `activation_fn` or `activation_fn_str` and k under `activation_fn_kwargs`, say
`normalize_activations` by a flag, and may carry a `scaling_factor` of ones.

`expected_average_only_in` means that inputs were multiplied by one factor; it lies in
`activation_scaler.json` or nowhere. Without it the inputs are taken as they are (as the library
does on loading from disk) and a warning says so; `input_scale` states it.
Source: https://github.com/decoderesearch/SAELens.
"""

import logging
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from neuroscribe.errors import SaeError
from neuroscribe.sae.architecture import Activation, Architecture, Normalisation, Provenance
from neuroscribe.sae.autoencoder import SparseAutoencoder
from neuroscribe.sae.contract import LoadOptions, SaeFormat
from neuroscribe.sae.folder import folder_of, settings_at
from neuroscribe.sae.reading import Settings, Tensors, read_safetensors, read_settings
from neuroscribe.sae.saelens_writing import save

_SETTINGS, _WEIGHTS, _SCALER = "cfg.json", "sae_weights.safetensors", "activation_scaler.json"

_LOGGER = logging.getLogger("neuroscribe")


class _Kind(NamedTuple):
    """What an architecture's name says."""

    activation: Activation
    transcodes: bool = False
    skips: bool = False


_KINDS = {
    "standard": _Kind("relu"),
    "topk": _Kind("topk"),
    "batchtopk": _Kind("batchtopk"),
    "matryoshka_batchtopk": _Kind("batchtopk"),
    "jumprelu": _Kind("jumprelu"),
    "gated": _Kind("gated"),
    "transcoder": _Kind("relu", transcodes=True),
    "skip_transcoder": _Kind("relu", transcodes=True, skips=True),
    "jumprelu_transcoder": _Kind("jumprelu", transcodes=True),
    "jumprelu_skip_transcoder": _Kind("jumprelu", transcodes=True, skips=True),
}

_NORMALISATIONS: dict[str, Normalisation] = {
    "none": "none",
    "expected_average_only_in": "none",
    "layer_norm": "standardise",
    "constant_norm_rescale": "constant_norm",
}


def detect(path: Path) -> bool:
    """Whether `cfg.json` states a number of latents under their name for it."""
    settings = settings_at(path, _SETTINGS)
    return settings is not None and "d_sae" in settings.values


def load(path: Path, options: LoadOptions) -> SparseAutoencoder:
    """Read the folder."""
    folder = folder_of(path)
    settings = read_settings(folder / _SETTINGS)
    kind = _kind(settings)
    tensors = read_safetensors(folder / _WEIGHTS)
    _drop_scaling_of_ones(tensors)
    parameters = _parameters(tensors, kind)
    tensors.finish()
    n_latents, d_in = parameters["encoder"].shape
    settings.require_width("d_in", d_in)
    settings.require_width("d_sae", n_latents)
    architecture = Architecture(
        activation=kind.activation,
        d_in=d_in,
        n_latents=n_latents,
        d_out=parameters["decoder"].shape[1],
        k=_k(settings),
        normalisation=_normalisation(settings),
        input_scale=_input_scale(settings, folder, options),
        subtracts_decoder_bias=not kind.transcodes
        and settings.get("apply_b_dec_to_input", bool, default=True),
        rescales_by_decoder_norm=settings.get("rescale_acts_by_decoder_norm", bool, default=False),
        transcodes=kind.transcodes,
        skips=kind.skips,
    )
    return SparseAutoencoder(
        architecture, parameters, provenance=_provenance(settings, options), dtype=options.dtype
    )


def _kind(settings: Settings) -> _Kind:
    """The architecture, by its name or (before version 6) by its activation."""
    name = settings.get("architecture", str, "standard")
    older = settings.get("activation_fn", str, settings.get("activation_fn_str", str, "relu"))
    if name == "standard" and older == "topk":
        name = "topk"
    elif older not in ("relu", "topk"):
        raise SaeError(f"{settings.path}: the activation {older!r} is not known; relu and topk are")
    if name not in _KINDS:
        raise SaeError(
            f"{settings.path}: the architecture {name!r} is not known; "
            f"there are: {', '.join(_KINDS)}"
        )
    return _KINDS[name]


def _k(settings: Settings) -> int | None:
    """Latents a token."""
    older = Settings(settings.get("activation_fn_kwargs", dict, {}), settings.path)
    k: int | None = settings.get("k", int, older.get("k", int))
    return k


def _normalisation(settings: Settings) -> Normalisation:
    name = _normalisation_name(settings)
    if name not in _NORMALISATIONS:
        raise SaeError(
            f"{settings.path}: inputs normalised by {name!r} are not known; "
            f"there are: {', '.join(_NORMALISATIONS)}"
        )
    return _NORMALISATIONS[name]


def _normalisation_name(settings: Settings) -> str:
    stated = settings.values.get("normalize_activations")
    if isinstance(stated, bool) or stated is None:
        return "expected_average_only_in" if stated else "none"
    return str(stated)


def _input_scale(settings: Settings, folder: Path, options: LoadOptions) -> float:
    """The factor that the user, or a file beside the settings, states; else 1."""
    if options.input_scale is not None:
        return options.input_scale
    if _normalisation_name(settings) != "expected_average_only_in":
        return 1.0
    if (folder / _SCALER).is_file():
        return float(read_settings(folder / _SCALER).get("scaling_factor", float, 1.0))
    _LOGGER.warning(
        "%s says that inputs were scaled to an average norm but not by which factor; "
        "they are taken as they are (input_scale states it)",
        settings.path,
    )
    return 1.0


def _drop_scaling_of_ones(tensors: Tensors) -> None:
    """Some versions stored a factor for each latent that was never used."""
    if "scaling_factor" not in tensors:
        return
    factor = tensors.take("scaling_factor")
    if not torch.allclose(factor, torch.ones_like(factor)):
        raise SaeError(
            f"{tensors.path} scales its latents after the fact (scaling_factor); "
            "the library itself no longer reads such autoencoders"
        )


def _parameters(tensors: Tensors, kind: _Kind) -> dict[str, Tensor]:
    gated = kind.activation == "gated"
    parameters = {
        "encoder": tensors.take_matrix("W_enc").T,
        "encoder_bias": tensors.take("b_mag" if gated else "b_enc"),
        "decoder": tensors.take_matrix("W_dec"),
        "decoder_bias": tensors.take("b_dec"),
    }
    if gated:
        parameters["gate_bias"] = tensors.take("b_gate")
        parameters["magnitude_log_scale"] = tensors.take("r_mag")
    if kind.activation in ("jumprelu", "batchtopk"):
        parameters["threshold"] = _threshold(tensors, parameters["encoder_bias"])
    if kind.skips:
        parameters["skip"] = tensors.take("W_skip")
    return parameters


def _threshold(tensors: Tensors, like: Tensor) -> Tensor:
    """One for each latent, from one for each, its logarithm, or one for all."""
    if "log_threshold" in tensors:
        return tensors.take("log_threshold").exp()
    if "topk_threshold" in tensors:
        return tensors.take("topk_threshold").to(like.dtype).expand(len(like))
    return tensors.take("threshold")


def _provenance(settings: Settings, options: LoadOptions) -> Provenance:
    metadata = Settings({**settings.values, **settings.get("metadata", dict, {})}, settings.path)
    site: Any = metadata.get("hook_name", str, metadata.get("hook_point", str))
    return Provenance(
        format="saelens",
        source=options.source,
        subject=metadata.get("model_name", str),
        site=site,
        output_site=metadata.get("hook_name_out", str),
    )


PLUGIN = SaeFormat(
    files="a folder with cfg.json (d_in, d_sae) and sae_weights.safetensors",
    detect=detect,
    load=load,
    save=save,
)
