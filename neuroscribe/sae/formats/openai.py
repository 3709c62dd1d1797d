"""The autoencoders released with "Scaling and evaluating sparse autoencoders" (Gao et al., 2024).

One file of `torch.save`: `pre_bias`, `encoder.weight` [latents, d], `latent_bias`, `decoder.weight`
[d, latents], the activation's name and its settings (`k` and what follows the top-k). Inputs of
TopK ones are standardised per token and outputs put back; the file says that only by the
activation's name. Running statistics of training lie in it too and are passed over.
Source: https://github.com/openai/sparse_autoencoder.
"""

from pathlib import Path
from typing import Any

from torch import Tensor

from neuroscribe.errors import SaeError
from neuroscribe.sae.architecture import Architecture, Provenance
from neuroscribe.sae.autoencoder import SparseAutoencoder
from neuroscribe.sae.contract import LoadOptions, SaeFormat
from neuroscribe.sae.reading import Tensors, read_torch

_STATISTICS = ("stats_last_nonzero", "latents_activation_frequency", "latents_mean_square")


def detect(path: Path) -> bool:
    """Whether a file (or the only `.pt` file of a folder) has a pre-bias and a latent bias."""
    file = _file(path)
    if file is None:
        return False
    content = read_torch(file, peek=True)
    return isinstance(content, dict) and {"pre_bias", "latent_bias"} <= content.keys()


def load(path: Path, options: LoadOptions) -> SparseAutoencoder:
    """Read the file."""
    file = _file(path) or path
    content = read_torch(file)
    if not isinstance(content, dict):
        raise SaeError(f"{file} holds {type(content).__name__}, not an autoencoder's tensors")
    activation, k = _activation(content, file)
    tensors = Tensors({n: t for n, t in content.items() if isinstance(t, Tensor)}, file)
    tensors.drop(*_STATISTICS)
    encoder = tensors.take_matrix("encoder.weight")
    decoder = tensors.take_matrix("decoder.weight").T
    n_latents, d_in = encoder.shape
    architecture = Architecture(
        activation="relu" if k is None else "topk",
        d_in=d_in,
        n_latents=n_latents,
        d_out=d_in,
        k=k,
        normalisation="standardise" if activation == "TopK" else "none",
        input_scale=options.input_scale or 1.0,
    )
    parameters = {
        "encoder": encoder,
        "encoder_bias": tensors.take("latent_bias"),
        "decoder": decoder,
        "decoder_bias": tensors.take("pre_bias"),
    }
    tensors.finish()
    return SparseAutoencoder(
        architecture,
        parameters,
        provenance=Provenance(format="openai", source=options.source),
        dtype=options.dtype,
    )


def _file(path: Path) -> Path | None:
    """The file that may be one of them.

    A folder with settings is of another format, whatever `.pt` file lies beside them.
    """
    if not path.is_dir():
        of_another = path.suffix in (".json", ".safetensors") or path.name == "ae.pt"
        return None if of_another else path
    files = list(path.iterdir())
    found = [file for file in files if file.suffix == ".pt"]
    settings = any(file.suffix == ".json" for file in files)
    return found[0] if len(found) == 1 and not settings else None


def _activation(content: dict[str, Any], file: Path) -> tuple[str, int | None]:
    """Its name and, of a top-k, the number of latents."""
    name = content.get("activation", "ReLU")
    settings = content.get("activation_state_dict") or {}
    if name == "ReLU":
        return name, None
    if name != "TopK":
        raise SaeError(f"{file}: the activation {name!r} is not known; ReLU and TopK are")
    after = settings.get("postact_fn", "ReLU")
    if after != "ReLU":
        raise SaeError(
            f"{file}: TopK followed by {after!r} lets latents be negative; ReLU is known"
        )
    k = settings.get("k")
    if isinstance(k, Tensor):
        k = int(k)
    if not isinstance(k, int):
        raise SaeError(f"{file} does not say k, the number of latents that TopK keeps")
    return name, k


PLUGIN = SaeFormat(
    files="a .pt file with pre_bias, encoder.weight, latent_bias and decoder.weight",
    detect=detect,
    load=load,
)
