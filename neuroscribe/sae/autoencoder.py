"""One type for every sparse autoencoder and transcoder, whoever trained it.

`Architecture` says the formula; here are the tensors and the arithmetic. Encoding gives the sparse
form. TopK latents come from a kernel that never holds the dense pre-activations; those of the other
architectures, and of TopK where the decoder's norms count, live for one chunk of tokens and are
dropped, so memory is bounded by `CHUNK_BYTES` beside weights and result. Encoder and decoder both
hold one row per latent (a latent's directions lie together in memory; decoding gathers rows).
Parameters are trainable, and everything here is differentiable with respect to them, but for the
choice of the latents that fire and for thresholds.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from neuroscribe.errors import SaeError
from neuroscribe.kernels.sparse_decode import sparse_decode
from neuroscribe.kernels.topk_encode import Choice, best_columns, topk_encode
from neuroscribe.sae.architecture import Architecture, Provenance
from neuroscribe.sae.latents import SparseLatents
from neuroscribe.shapes import Float

CHUNK_BYTES = 2**27
"""Size of the dense pre-activations that are held at once."""

_EPSILON = 1e-5


class Normalised(NamedTuple):
    """Inputs as the encoder takes them, and what undoes it: `out * scale + shift`."""

    inputs: Float[Tensor, "tokens d_in"]
    scale: Float[Tensor, "tokens 1"]
    shift: Float[Tensor, "tokens 1"]


class SparseAutoencoder(nn.Module):
    """A sparse autoencoder (or transcoder) that reads one site of a subject."""

    encoder: nn.Parameter
    """`[latents, d_in]`."""
    encoder_bias: nn.Parameter
    """`[latents]`; of a gated one: the bias of the magnitudes."""
    decoder: nn.Parameter
    """`[latents, d_out]`."""
    decoder_bias: nn.Parameter
    """`[d_out]`."""
    threshold: nn.Parameter | None
    """`[latents]`, of `jumprelu` and `batchtopk`."""
    gate_bias: nn.Parameter | None
    """`[latents]`, of `gated`."""
    magnitude_log_scale: nn.Parameter | None
    """`[latents]`, of `gated`: the logarithm of what magnitudes are multiplied by."""
    skip: nn.Parameter | None
    """`[d_out, d_in]`, where inputs are passed on linearly."""

    def __init__(
        self,
        architecture: Architecture,
        tensors: Mapping[str, Tensor],
        *,
        provenance: Provenance,
        dtype: torch.dtype | None = None,
    ) -> None:
        """Hold the tensors as parameters.

        Args:
            architecture: what they belong to.
            tensors: by the names of `Architecture.parameter_shapes`, and no others.
            provenance: where they come from.
            dtype: of all parameters; that of the encoder if None.

        Raises:
            SaeError: one is missing, too many, or has another shape than the widths ask for.
        """
        super().__init__()
        self.architecture = architecture
        self.provenance = provenance
        shapes = architecture.parameter_shapes
        if tensors.keys() != shapes.keys():
            raise SaeError(
                f"a {architecture.activation} autoencoder has the tensors {', '.join(shapes)}; "
                f"here are {', '.join(tensors)}"
            )
        for name, shape in shapes.items():
            if tuple(tensors[name].shape) != shape:
                raise SaeError(
                    f"{name} is {list(tensors[name].shape)}, but {architecture.n_latents} latents "
                    f"between widths {architecture.d_in} and {architecture.d_out} "
                    f"need {list(shape)}"
                )
        dtype = dtype or tensors["encoder"].dtype
        if not dtype.is_floating_point:
            raise SaeError(f"weights of type {dtype} cannot be computed with; give a dtype")
        for name in ("threshold", "gate_bias", "magnitude_log_scale", "skip"):
            self.register_parameter(name, None)
        for name in shapes:
            self.register_parameter(name, nn.Parameter(tensors[name].to(dtype).contiguous()))

    @property
    def d_in(self) -> int:
        """Width of the site that it reads."""
        return self.architecture.d_in

    @property
    def d_out(self) -> int:
        """Width of its output."""
        return self.architecture.d_out

    @property
    def n_latents(self) -> int:
        """Number of latents."""
        return self.architecture.n_latents

    @property
    def dtype(self) -> torch.dtype:
        """Of its parameters, and of all that it computes."""
        return self.encoder.dtype

    @property
    def device(self) -> torch.device:
        """Where its parameters are."""
        return self.encoder.device

    def extra_repr(self) -> str:
        """What `print` shows beside the class's name."""
        a = self.architecture
        k = "" if a.k is None else f", k={a.k}"
        return f"{a.activation}, {a.d_in} -> {a.n_latents} latents -> {a.d_out}{k}"

    def encode(self, x: Float[Tensor, "tokens d_in"]) -> SparseLatents:
        """The latents that fire on each token, and their values.

        A token with a component that is NaN fires none.

        Raises:
            SaeError: `x` has another width than the autoencoder reads.
        """
        self._require_width(x)
        x = x.to(self.dtype)
        if (
            self.architecture.activation == "topk"
            and not self.architecture.rescales_by_decoder_norm
        ):
            choices = [Choice(self.architecture.k or 0)]
            inputs = self._encoder_inputs(x)
            (chosen,) = topk_encode(inputs, self.encoder, self.encoder_bias, choices)
            return SparseLatents.from_slots(chosen.values, chosen.latents, n_latents=self.n_latents)
        return SparseLatents.concatenate([self._sparse(chunk) for chunk in self._chunks(x)])

    def encode_dense(self, x: Float[Tensor, "tokens d_in"]) -> Float[Tensor, "tokens latents"]:
        """The same as a whole matrix; for small cases and for checking.

        Raises:
            SaeError: `x` has another width than the autoencoder reads.
        """
        return self.encode(x).dense()

    def decode(
        self, latents: SparseLatents, inputs: Float[Tensor, "tokens d_in"] | None = None
    ) -> Float[Tensor, "tokens d_out"]:
        """The output that latents stand for.

        Args:
            latents: of this autoencoder.
            inputs: the tokens that were encoded; needed only where the output depends on them
                otherwise than through the latents (normalisation, skip connection).

        Raises:
            SaeError: the inputs are needed and not given, or latents or inputs do not fit.
        """
        if latents.n_latents != self.n_latents:
            raise SaeError(f"{latents.n_latents} latents for an autoencoder of {self.n_latents}")
        values = latents.values
        if self.architecture.rescales_by_decoder_norm:
            values = values / self.decoder.norm(dim=1)[latents.latents]
        output = sparse_decode(latents.offsets, latents.latents, values, self.decoder)
        return self._finish(output + self.decoder_bias, inputs)

    def forward(self, x: Float[Tensor, "tokens d_in"]) -> Float[Tensor, "tokens d_out"]:
        """The reconstruction of `x` (of a transcoder: the output that it predicts from `x`)."""
        return self.decode(self.encode(x), x)

    def normalise(self, x: Float[Tensor, "tokens d_in"]) -> Normalised:
        """`x` as the encoder takes it, and what undoes that on the output."""
        one = x.new_ones(len(x), 1)
        zero = x.new_zeros(len(x), 1)
        match self.architecture.normalisation:
            case "standardise":
                mean = x.mean(dim=1, keepdim=True)
                centred = x - mean
                spread = (centred.square().sum(dim=1, keepdim=True) / (self.d_in - 1)).sqrt()
                return Normalised(centred / (spread + _EPSILON), spread, mean)
            case "constant_norm":
                factor = self.d_in**0.5 / x.norm(dim=1, keepdim=True)
                return Normalised(x * factor, 1 / factor, zero)
            case _:
                scale = self.architecture.input_scale
                return Normalised(x * scale if scale != 1 else x, one / scale, zero)

    def pre_activations(self, x: Float[Tensor, "tokens d_in"]) -> Float[Tensor, "tokens latents"]:
        """What the encoder gives before the activation; of a gated one: before its magnitudes.

        For gated ones the biases are left out, as gate and magnitude have one each.
        """
        inputs = self._encoder_inputs(x)
        gated = self.architecture.activation == "gated"
        pre = functional.linear(inputs, self.encoder, None if gated else self.encoder_bias)
        if self.architecture.rescales_by_decoder_norm:
            pre = pre * self.decoder.norm(dim=1)
        return pre

    def _encoder_inputs(self, x: Tensor) -> Tensor:
        """What the encoder's rows are multiplied by."""
        inputs = self.normalise(x).inputs
        return inputs - self.decoder_bias if self.architecture.subtracts_decoder_bias else inputs

    def _sparse(self, x: Tensor) -> SparseLatents:
        """The latents of one chunk."""
        pre = self.pre_activations(x)
        k = self.architecture.k
        match self.architecture.activation:
            case "topk":
                latents = best_columns(pre.detach(), k or 0).latents
                values = pre.gather(1, latents)
                return SparseLatents.from_slots(values, latents, n_latents=self.n_latents)
            case "groupmax":
                values, latents = pre.unflatten(1, (k or 0, -1)).max(dim=2)
                starts = torch.arange(k or 0, device=pre.device) * (self.n_latents // (k or 1))
                return SparseLatents.from_slots(values, latents + starts, n_latents=self.n_latents)
            case "gated" if self.gate_bias is not None and self.magnitude_log_scale is not None:
                magnitudes = pre * self.magnitude_log_scale.exp() + self.encoder_bias
                return SparseLatents.from_dense(magnitudes * (pre + self.gate_bias > 0))
            case _ if self.threshold is not None:
                return SparseLatents.from_dense(pre * (pre > self.threshold))
            case _:
                return SparseLatents.from_dense(pre)

    def _chunks(self, x: Tensor) -> Iterator[Tensor]:
        """Tokens whose dense pre-activations fit into `CHUNK_BYTES`."""
        tokens = max(1, CHUNK_BYTES // (self.n_latents * self.dtype.itemsize))
        yield from x.split(tokens)

    def _finish(self, output: Tensor, inputs: Tensor | None) -> Tensor:
        """Undo the normalisation and add the skip connection."""
        if not (self.architecture.restores_output or self.skip is not None):
            return output
        if inputs is None:
            raise SaeError("the output depends on the inputs too; give decode() the inputs")
        self._require_width(inputs)
        inputs = inputs.to(self.dtype)
        if self.architecture.restores_output:
            normalised = self.normalise(inputs)
            output = output * normalised.scale + normalised.shift
        return output if self.skip is None else output + inputs @ self.skip.T

    def _require_width(self, x: Tensor) -> None:
        if x.shape[1] != self.d_in:
            raise SaeError(f"inputs are {x.shape[1]} wide; the autoencoder reads {self.d_in}")
