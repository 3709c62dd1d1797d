"""How a sparse autoencoder computes: all that its tensors alone do not say.

Every format of the field is one point of this space, so a loaded autoencoder is described, stored
and shown in the same words whoever trained it. What is left out on purpose: latents that fire with
two signs, encoders of several steps and inputs whitened by a matrix; loaders refuse those by name.

With `x'` the normalised input, `b` the decoder's bias and `E`, `D` the encoder's and decoder's rows
(one per latent):

    pre = E (x' - b) + encoder_bias        (`b` only where `subtracts_decoder_bias`)
    pre = pre * |D|                        (only where `rescales_by_decoder_norm`)
    z   = activation(pre)
    out = D^T z + b                        (z / |D| where it was rescaled)
    out = out, normalisation undone        (not for transcoders)
    out = out + skip x                     (only where `skips`; x as it came)
"""

from dataclasses import dataclass
from typing import Literal, get_args

from neuroscribe.errors import SaeError

Activation = Literal["relu", "topk", "groupmax", "batchtopk", "jumprelu", "gated"]
"""Which latents fire.

- `relu`: those above 0.
- `topk`: the `k` largest of a token, of those above 0.
- `groupmax`: the largest of each of `k` runs of neighbouring latents, if above 0.
- `batchtopk`: those above the threshold that stands for "the `k` largest a token on average", so
  that no token depends on its batch.
- `jumprelu`: those above a threshold of their own (and above 0).
- `gated`: those whose gate is open; their value has a scale and a bias of its own.
"""

ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)

Normalisation = Literal["none", "standardise", "constant_norm"]
"""What is done to each token's input before anything else.

- `none`: it is multiplied by `input_scale`.
- `standardise`: `(x - mean) / (std + 1e-5)` over its components, with the unbiased std.
- `constant_norm`: it is scaled to the norm `sqrt(d_in)`.
"""

NORMALISATIONS: tuple[Normalisation, ...] = get_args(Normalisation)


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Widths and formula of a sparse autoencoder.

    Raises:
        SaeError: the parts contradict each other.
    """

    activation: Activation
    d_in: int
    """Width of the site that it reads."""
    n_latents: int
    d_out: int
    """Width of what it reconstructs; `d_in` but for transcoders between different sites."""
    k: int | None = None
    """Latents a token: at most (`topk`, `groupmax`) or on average (`batchtopk`)."""
    normalisation: Normalisation = "none"
    input_scale: float = 1.0
    """Inputs are multiplied by it and outputs divided, as where an average norm was made fixed."""
    subtracts_decoder_bias: bool = True
    """Whether the decoder's bias is taken from the input before encoding."""
    rescales_by_decoder_norm: bool = False
    """Whether latents count as if each row of the decoder had norm 1."""
    transcodes: bool = False
    """Whether the output stands for another site than the input."""
    skips: bool = False
    """Whether a linear map of the input is added to the output."""

    def __post_init__(self) -> None:
        for name, width in (
            ("d_in", self.d_in),
            ("n_latents", self.n_latents),
            ("d_out", self.d_out),
        ):
            _require(width >= 1, f"{name} is {width}; at least 1 is needed")
        if self.activation in ("topk", "groupmax"):
            _require(
                self.k is not None and 1 <= self.k <= self.n_latents,
                f"k is {self.k}; it must be between 1 and the {self.n_latents} latents",
            )
        if self.activation == "groupmax":
            _require(
                self.k is not None and self.n_latents % self.k == 0,
                f"{self.n_latents} latents cannot be cut into {self.k} equal groups",
            )
        _require(
            self.d_in == self.d_out or (self.transcodes and not self.subtracts_decoder_bias),
            f"an autoencoder of inputs {self.d_in} wide gives outputs {self.d_out} wide",
        )
        _require(
            not (self.rescales_by_decoder_norm and self.activation == "gated"),
            "gated latents are not rescaled by the decoder's norm",
        )
        _require(
            self.input_scale > 0 and (self.input_scale == 1 or self.normalisation == "none"),
            f"inputs cannot be scaled by {self.input_scale} and normalised too",
        )

    @property
    def restores_output(self) -> bool:
        """Whether the normalisation of the input is undone on the output."""
        return not self.transcodes and (self.normalisation != "none" or self.input_scale != 1)

    @property
    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """The tensors that belong to it, by name."""
        n = self.n_latents
        shapes: dict[str, tuple[int, ...]] = {
            "encoder": (n, self.d_in),
            "encoder_bias": (n,),
            "decoder": (n, self.d_out),
            "decoder_bias": (self.d_out,),
        }
        if self.activation in ("jumprelu", "batchtopk"):
            shapes["threshold"] = (n,)
        if self.activation == "gated":
            shapes["gate_bias"] = shapes["magnitude_log_scale"] = (n,)
        if self.skips:
            shapes["skip"] = (self.d_out, self.d_in)
        return shapes


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where an autoencoder comes from, as far as it is known."""

    format: str
    """Registered name of the format it was read from, or `trained`."""
    source: str
    """Path or name it was loaded by, or the activations it was trained on."""
    subject: str | None = None
    """The model, as the format names it."""
    site: str | None = None
    """Where in the model it reads, as the format names it."""
    output_site: str | None = None
    """Of a transcoder: the site that its output stands for."""


def _require(holds: bool, otherwise: str) -> None:  # noqa: FBT001
    if not holds:
        raise SaeError(f"not a sparse autoencoder: {otherwise}")
