"""dictionary_learning (Marks, Karvonen and others): `ae.pt` and `config.json`.

`config.json` names the class under `trainer.dict_class`; the tensors' names differ from class to
class, and weights of linear layers lie [outputs, inputs] where plain parameters lie the other way.
What the library does on loading is done here too: a plain AutoEncoder's decoder is brought to unit
norm (its latents change in scale, its reconstructions do not), and BatchTopK ones fire by their
threshold, which is -1 (all that is above 0) where training never set it.
Source: https://github.com/saprmarks/dictionary_learning.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from neuroscribe.errors import SaeError
from neuroscribe.sae.architecture import Activation, Architecture, Provenance
from neuroscribe.sae.autoencoder import SparseAutoencoder
from neuroscribe.sae.contract import LoadOptions, SaeFormat
from neuroscribe.sae.folder import folder_of, settings_at
from neuroscribe.sae.reading import Settings, Tensors, read_settings, read_torch

_SETTINGS, _WEIGHTS = "config.json", "ae.pt"


class _Parts(NamedTuple):
    """What a class's tensors are here."""

    activation: Activation
    parameters: dict[str, Tensor]
    subtracts_decoder_bias: bool = True


def detect(path: Path) -> bool:
    """Whether `config.json` names a class of dictionaries."""
    settings = settings_at(path, _SETTINGS)
    trainer = {} if settings is None else settings.values.get("trainer")
    return isinstance(trainer, dict) and "dict_class" in trainer


def load(path: Path, options: LoadOptions) -> SparseAutoencoder:
    """Read the folder."""
    folder = folder_of(path)
    outer = read_settings(folder / _SETTINGS)
    trainer = Settings(outer.need("trainer", dict), outer.path)
    name = trainer.need("dict_class", str)
    if name not in _CLASSES:
        raise SaeError(
            f"{outer.path}: dictionaries of class {name!r} are not known; "
            f"there are: {', '.join(_CLASSES)}"
        )
    content = read_torch(folder / _WEIGHTS)
    if not isinstance(content, dict) or not all(isinstance(t, Tensor) for t in content.values()):
        raise SaeError(f"{folder / _WEIGHTS} holds something else than an autoencoder's tensors")
    tensors = Tensors(content, folder / _WEIGHTS)
    k = _k(tensors, trainer)
    parts = _CLASSES[name](tensors)
    tensors.finish()
    n_latents, d_in = parts.parameters["encoder"].shape
    trainer.require_width("activation_dim", d_in)
    trainer.require_width("dict_size", n_latents)
    architecture = Architecture(
        activation=parts.activation,
        d_in=d_in,
        n_latents=n_latents,
        d_out=d_in,
        k=k,
        input_scale=options.input_scale or 1.0,
        subtracts_decoder_bias=parts.subtracts_decoder_bias,
    )
    autoencoder = SparseAutoencoder(
        architecture,
        parts.parameters,
        provenance=Provenance(
            format="dictionary_learning",
            source=options.source,
            subject=trainer.get("lm_name", str),
            site=trainer.get("submodule_name", str),
        ),
        dtype=options.dtype,
    )
    if name == "AutoEncoder":
        _bring_decoder_to_unit_norm(autoencoder)
    return autoencoder


@torch.no_grad()
def _bring_decoder_to_unit_norm(autoencoder: SparseAutoencoder) -> None:
    norms = autoencoder.decoder.norm(dim=1)
    autoencoder.decoder.div_(norms[:, None])
    autoencoder.encoder.mul_(norms[:, None])
    autoencoder.encoder_bias.mul_(norms)


def _k(tensors: Tensors, trainer: Settings) -> int | None:
    """Latents a token, which the weights and the settings may both say."""
    stated: int | None = trainer.get("k", int)
    if "k" not in tensors:
        return stated
    k = int(tensors.take("k"))
    if stated not in (None, k):
        raise SaeError(f"{tensors.path} has k = {k}, but {trainer.path} says {stated}")
    return k


def _auto_encoder(tensors: Tensors) -> _Parts:
    return _Parts("relu", _linear_layers(tensors, "bias"))


def _auto_encoder_new(tensors: Tensors) -> _Parts:
    return _Parts("relu", _linear_layers(tensors, "decoder.bias"), subtracts_decoder_bias=False)


def _gated(tensors: Tensors) -> _Parts:
    return _Parts(
        "gated",
        {
            "encoder": tensors.take_matrix("encoder.weight"),
            "encoder_bias": tensors.take("mag_bias"),
            "gate_bias": tensors.take("gate_bias"),
            "magnitude_log_scale": tensors.take("r_mag"),
            "decoder": tensors.take_matrix("decoder.weight").T,
            "decoder_bias": tensors.take("decoder_bias"),
        },
    )


def _jump_relu(tensors: Tensors) -> _Parts:
    parameters = _plain_parameters(tensors) | {"threshold": tensors.take("threshold")}
    return _Parts("jumprelu", parameters, subtracts_decoder_bias=False)


def _top_k(tensors: Tensors) -> _Parts:
    # A threshold, where there is one, is for uses other than the plain forward pass.
    tensors.drop("threshold")
    return _Parts("topk", _linear_layers(tensors, "b_dec"))


def _batch_top_k(tensors: Tensors) -> _Parts:
    return _with_threshold(_linear_layers(tensors, "b_dec"), tensors)


def _matryoshka(tensors: Tensors) -> _Parts:
    # The groups matter in training; all of them are active afterwards.
    tensors.drop("group_sizes")
    return _with_threshold(_plain_parameters(tensors), tensors)


def _with_threshold(parameters: dict[str, Tensor], tensors: Tensors) -> _Parts:
    bias = parameters["encoder_bias"]
    threshold = tensors.take("threshold").to(bias.dtype)
    every = threshold.expand(len(bias)) if threshold.dim() == 0 else threshold
    return _Parts("batchtopk", parameters | {"threshold": every})


def _linear_layers(tensors: Tensors, decoder_bias: str) -> dict[str, Tensor]:
    return {
        "encoder": tensors.take_matrix("encoder.weight"),
        "encoder_bias": tensors.take("encoder.bias"),
        "decoder": tensors.take_matrix("decoder.weight").T,
        "decoder_bias": tensors.take(decoder_bias),
    }


def _plain_parameters(tensors: Tensors) -> dict[str, Tensor]:
    return {
        "encoder": tensors.take_matrix("W_enc").T,
        "encoder_bias": tensors.take("b_enc"),
        "decoder": tensors.take_matrix("W_dec"),
        "decoder_bias": tensors.take("b_dec"),
    }


_CLASSES: dict[str, Callable[[Tensors], _Parts]] = {
    "AutoEncoder": _auto_encoder,
    "AutoEncoderNew": _auto_encoder_new,
    "GatedAutoEncoder": _gated,
    "JumpReluAutoEncoder": _jump_relu,
    "AutoEncoderTopK": _top_k,
    "BatchTopKSAE": _batch_top_k,
    "MatryoshkaBatchTopKSAE": _matryoshka,
}

PLUGIN = SaeFormat(
    files="a folder with config.json (trainer.dict_class) and ae.pt", detect=detect, load=load
)
