"""EleutherAI's sparsify (formerly sae): `cfg.json` and `sae.safetensors`.

`encoder.weight` [latents, d], `encoder.bias`, `W_dec` [latents, d], `b_dec`, and `W_skip` [d, d]
where inputs are passed on. ReLU comes before the choice of latents, which leaves the same latents
above 0. Transcoders (`transcode`) do not subtract the decoder's bias from their input.
Source: https://github.com/EleutherAI/sparsify.
"""

from pathlib import Path

from neuroscribe.errors import SaeError
from neuroscribe.sae.architecture import Activation, Architecture, Provenance
from neuroscribe.sae.autoencoder import SparseAutoencoder
from neuroscribe.sae.contract import LoadOptions, SaeFormat
from neuroscribe.sae.folder import folder_of, settings_at
from neuroscribe.sae.reading import Settings, read_safetensors, read_settings

_SETTINGS, _WEIGHTS = "cfg.json", "sae.safetensors"
_ACTIVATIONS: dict[str, Activation] = {"topk": "topk", "groupmax": "groupmax"}


def detect(path: Path) -> bool:
    """Whether `cfg.json` states the input's width and k, but no number of latents as SAELens."""
    settings = settings_at(path, _SETTINGS)
    return settings is not None and (
        {"d_in", "k"} <= settings.values.keys() and not {"d_sae", "format"} & settings.values.keys()
    )


def load(path: Path, options: LoadOptions) -> SparseAutoencoder:
    """Read the folder."""
    folder = folder_of(path)
    settings = read_settings(folder / _SETTINGS)
    activation = _activation(settings)
    transcodes = settings.get("transcode", bool, default=False)
    skips = settings.get("skip_connection", bool, default=False)
    tensors = read_safetensors(folder / _WEIGHTS)
    names = {
        "encoder": "encoder.weight",
        "encoder_bias": "encoder.bias",
        "decoder": "W_dec",
        "decoder_bias": "b_dec",
    }
    if skips:
        names["skip"] = "W_skip"
    parameters = {ours: tensors.take(theirs) for ours, theirs in names.items()}
    tensors.finish()
    if parameters["encoder"].dim() != 2:
        raise SaeError(f"{folder / _WEIGHTS}: encoder.weight is not a matrix")
    n_latents, d_in = parameters["encoder"].shape
    settings.require_width("d_in", d_in)
    if settings.get("num_latents", int, 0):
        settings.require_width("num_latents", n_latents)
    architecture = Architecture(
        activation=activation,
        d_in=d_in,
        n_latents=n_latents,
        d_out=d_in,
        k=settings.need("k", int),
        input_scale=options.input_scale or 1.0,
        subtracts_decoder_bias=not transcodes,
        transcodes=transcodes,
        skips=skips,
    )
    return SparseAutoencoder(
        architecture,
        parameters,
        provenance=Provenance(format="sparsify", source=options.source, site=folder.name),
        dtype=options.dtype,
    )


def _activation(settings: Settings) -> Activation:
    if settings.get("signed", bool, default=False):
        raise SaeError(f"{settings.path}: latents with two signs (signed) are not known here")
    name = settings.get("activation", str, "topk")
    if name not in _ACTIVATIONS:
        raise SaeError(
            f"{settings.path}: the activation {name!r} is not known; "
            f"there are: {', '.join(_ACTIVATIONS)}"
        )
    return _ACTIVATIONS[name]


PLUGIN = SaeFormat(
    files="a folder with cfg.json (d_in, k) and sae.safetensors", detect=detect, load=load
)
