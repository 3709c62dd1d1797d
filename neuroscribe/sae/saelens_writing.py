"""Writing an autoencoder as SAELens 6 reads it.

What SAELens cannot say is folded into the weights where that changes no output: the factor of the
inputs, the norms of the decoder's rows (but for TopK, which knows them), the decoder's bias where a
skip connection makes a transcoder of it. What cannot be folded is refused by name. A BatchTopK one
becomes a JumpReLU one, as SAELens itself does it.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from neuroscribe.errors import SaeError
from neuroscribe.sae.architecture import Architecture, Provenance
from neuroscribe.sae.autoencoder import SparseAutoencoder
from neuroscribe.sae.folder import write_files

_NORMALISATIONS = {
    "none": "none",
    "standardise": "layer_norm",
    "constant_norm": "constant_norm_rescale",
}
_NAMES = {
    "relu": "standard",
    "topk": "topk",
    "jumprelu": "jumprelu",
    "batchtopk": "jumprelu",
    "gated": "gated",
}
_TRANSCODERS = {
    ("standard", False): "transcoder",
    ("standard", True): "skip_transcoder",
    ("jumprelu", False): "jumprelu_transcoder",
    ("jumprelu", True): "jumprelu_skip_transcoder",
}
_VERSION = "6.0.0"
"""Of the layout that is written; without one SAELens takes the settings for those of version 5."""


def save(autoencoder: SparseAutoencoder, path: Path) -> None:
    """Write `cfg.json` and `sae_weights.safetensors`.

    Raises:
        SaeError: SAELens has no such architecture, or the folder cannot be written.
    """
    a = autoencoder.architecture
    name = _name(a)
    tensors = _folded(autoencoder, keep_rescaling=a.activation == "topk")
    gated = a.activation == "gated"
    weights = {
        "W_enc": tensors["encoder"].T,
        "b_mag" if gated else "b_enc": tensors["encoder_bias"],
        "W_dec": tensors["decoder"],
        "b_dec": tensors["decoder_bias"],
    }
    theirs = {
        "threshold": "threshold",
        "gate_bias": "b_gate",
        "magnitude_log_scale": "r_mag",
        "skip": "W_skip",
    }
    weights |= {theirs[ours]: tensors[ours] for ours in theirs if ours in tensors}
    weights = {key: tensor.contiguous() for key, tensor in weights.items()}
    settings = _settings(a, name, autoencoder)
    write_files(
        path,
        {
            "sae_weights.safetensors": lambda file: save_file(weights, file),
            "cfg.json": lambda file: file.write_text(json.dumps(settings, indent=2) + "\n"),
        },
    )


def _name(a: Architecture) -> str:
    """The architecture's name there."""
    name = _NAMES.get(a.activation)
    is_transcoder = a.transcodes or a.skips
    if name is not None and is_transcoder:
        name = _TRANSCODERS.get((name, a.skips))
    if name is None:
        what = f"{a.activation} transcoder" if is_transcoder else a.activation
        raise SaeError(
            f"SAELens has no {what}, so it cannot be written for it; "
            "the format neuroscribe says every architecture"
        )
    if is_transcoder and a.restores_output:
        raise SaeError("SAELens does not undo the normalisation where inputs are passed on")
    return name


def _settings(a: Architecture, name: str, autoencoder: SparseAutoencoder) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "architecture": name,
        "d_in": a.d_in,
        "d_sae": a.n_latents,
        "dtype": str(autoencoder.dtype).removeprefix("torch."),
        "device": "cpu",
        "apply_b_dec_to_input": a.subtracts_decoder_bias and "transcoder" not in name,
        "normalize_activations": _NORMALISATIONS[a.normalisation],
        "reshape_activations": "none",
        "metadata": _metadata(autoencoder.provenance),
    }
    if a.activation == "topk":
        settings |= {"k": a.k, "rescale_acts_by_decoder_norm": a.rescales_by_decoder_norm}
    if "transcoder" in name:
        settings["d_out"] = a.d_out
    return settings


def _metadata(provenance: Provenance) -> dict[str, str]:
    known = {
        "sae_lens_version": _VERSION,
        "model_name": provenance.subject,
        "hook_name": provenance.site,
        "hook_name_out": provenance.output_site,
    }
    return {key: value for key, value in known.items() if value is not None}


@torch.no_grad()
def _folded(autoencoder: SparseAutoencoder, *, keep_rescaling: bool) -> dict[str, Tensor]:
    """The tensors with everything in them that the settings will not say."""
    a = autoencoder.architecture
    tensors = {name: value.detach().cpu() for name, value in autoencoder.named_parameters()}
    if a.rescales_by_decoder_norm and not keep_rescaling:
        norms = tensors["decoder"].norm(dim=1)
        tensors["encoder"] = tensors["encoder"] * norms[:, None]
        tensors["encoder_bias"] = tensors["encoder_bias"] * norms
        tensors["decoder"] = tensors["decoder"] / norms[:, None]
    if (a.transcodes or a.skips) and a.subtracts_decoder_bias:
        moved = tensors["encoder"] @ tensors["decoder_bias"]
        tensors["encoder_bias"] = tensors["encoder_bias"] - moved
    if a.input_scale != 1:
        tensors["encoder"] = tensors["encoder"] * a.input_scale
        if a.restores_output:
            tensors["decoder"] = tensors["decoder"] / a.input_scale
            tensors["decoder_bias"] = tensors["decoder_bias"] / a.input_scale
    return tensors
