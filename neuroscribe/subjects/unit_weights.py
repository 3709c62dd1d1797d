"""Which tokens the weights of an MLP neuron name: those that excite it, promoted and suppressed.

Input weight of token t for neuron n: `embedding[t] @ diag(g) @ W_in[:, n]`, where g is the gain of
the norm through which the MLP reads the stream; output weight: `W_out[n] @ diag(g) @
unembedding[t]`, with the gain of the final norm; neuron to neuron: `W_out[a] @ diag(g) @ W_in[:,
b]`. Biases and centring are left out, as in the source, and all that lies between.

Decided here:
- The source takes the input embedding for both; where a model's unembedding is a matrix of its own,
  that is what makes logits, so that is taken. The subject holds no head, so it is read from the
  checkpoint; of an untied model in hand it must be given.
- A gated neuron is `act(gate) * up`, and neither matrix alone says when it fires. The direct path
  of one token with a ReLU as gate, `max(0, gate weight) * up weight`, has a sign for either side of
  the neuron. As the target of another neuron it is represented by its gate.
- Encoders put a norm behind the embeddings and behind each half of a block; the first, and the one
  through which the MLP reads, are applied. They have no unembedding: no promoted tokens.
- The negative side of a unit has all weights with their sign flipped.

Source: Bills et al., 2023 (token space representations, connection weights).
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from safetensors import safe_open
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from neuroscribe.errors import SubjectError
from neuroscribe.records import UnitId
from neuroscribe.services import WeightedToken, WeightTokens
from neuroscribe.shapes import Float
from neuroscribe.subjects.layout import (
    Block,
    Projection,
    blocks,
    feed_forward_projections,
    stream_width,
)
from neuroscribe.subjects.norms import Norms, embedding_of, gain, norms_of
from neuroscribe.subjects.subject import Subject
from neuroscribe.subjects.vocabulary import content_ids, shown_tokens
from neuroscribe.subjects.weights import weights_files

TOKENS = 20
"""Of each list."""

_HEADS = ("lm_head.weight", "embed_out.weight")
_ROWS_AT_ONCE = 2**14
_MLP = "mlp"


def unit_weights(
    subject: Subject, *, k: int = TOKENS, unembedding: Tensor | None = None
) -> Callable[[UnitId], WeightTokens]:
    """From a unit to the tokens that its weights name, strongest first.

    Args:
        subject: of a known family; units of others have empty lists with a reason.
        k: tokens of each list.
        unembedding: `[tokens, stream]`, for a model in hand whose own is not tied.

    Raises:
        SubjectError: when called, for a unit that the subject does not have.
    """
    return UnitWeights(subject, k=k, unembedding=unembedding)


def neuron_to_neuron(subject: Subject, unit_a: UnitId, unit_b: UnitId) -> float:
    """How strongly one MLP neuron excites another of a later layer by the direct path.

    Raises:
        SubjectError: a unit is no MLP neuron, `unit_b` is not in a later layer, or the family is
            unknown.
    """
    norms = norms_of(subject.model)
    if isinstance(norms, str):
        raise SubjectError(norms)
    source, target = _neuron(subject, unit_a), _neuron(subject, unit_b)
    if target.layer <= source.layer:
        raise SubjectError(
            f"{unit_a} has no direct path to {unit_b}: it must be in an earlier layer"
        )
    with torch.inference_mode():
        written = _written(norms, source)
        read = _read_through(norms, target, target.reads[0])
        weight = float(written @ read)
    return weight if len(target.reads) > 1 else unit_b.polarity * weight


class UnitWeights:
    """The tokens that units' weights name; made by `unit_weights`."""

    def __init__(self, subject: Subject, *, k: int, unembedding: Tensor | None) -> None:
        self._subject = subject
        self._k = k
        self._norms = norms_of(subject.model)
        self._embedding = embedding_of(subject.model)
        self._unembedding = _unembedding(subject, self._norms, unembedding)
        self._show = shown_tokens(subject)
        self._content_ids = torch.tensor(content_ids(subject), device=subject.device)

    def __call__(self, unit: UnitId) -> WeightTokens:
        """The lists of one unit; empty ones with a reason where they are not defined.

        Raises:
            SubjectError: there is no such unit.
        """
        if isinstance(self._norms, str):
            return _nothing(self._norms)
        if unit.site.partition(".")[0] != _MLP:
            return _nothing(f"the weights of {unit.site} name no tokens: only MLP neurons' do")
        neuron = _neuron(self._subject, unit)
        with torch.inference_mode():
            inputs = self._largest(self._input_weights(self._norms, neuron))
            if isinstance(self._unembedding, str):
                return WeightTokens(
                    inputs=inputs, promoted=(), suppressed=(), reason=self._unembedding
                )
            written = _written(self._norms, neuron)
            written = written * gain(self._subject.model, self._norms.final, self._norms)
            outputs = _product(self._unembedding, written)
            return WeightTokens(
                inputs=inputs,
                promoted=self._largest(outputs),
                suppressed=tuple(
                    WeightedToken(token, -weight) for token, weight in self._largest(-outputs)
                ),
            )

    def _input_weights(self, norms: Norms, neuron: "_Neuron") -> Float[Tensor, " tokens"]:
        behind_embedding = gain(self._subject.model, norms.embedding, norms)
        reads = [
            _product(
                self._embedding,
                behind_embedding * _read_through(norms, neuron, read),
            )
            for read in neuron.reads
        ]
        if len(reads) == 1:
            return neuron.polarity * reads[0]
        gate, up = reads
        return neuron.polarity * gate.relu() * up

    def _largest(self, weights: Float[Tensor, " tokens"]) -> tuple[WeightedToken, ...]:
        """The tokens with the largest weights above 0, special ones left out."""
        # Tables may hold more rows than the vocabulary, or fewer.
        ids = self._content_ids[self._content_ids < len(weights)]
        found = weights[ids].topk(min(self._k, len(ids)))
        return tuple(
            WeightedToken(self._show(token_id), weight)
            for token_id, weight in zip(
                ids[found.indices].tolist(), found.values.tolist(), strict=True
            )
            if weight > 0
        )


class _Neuron(NamedTuple):
    """One neuron's own weights."""

    layer: int
    block: Block
    polarity: int
    reads: tuple[Float[Tensor, " stream"], ...]
    """What it reads from the stream; of a gated neuron its gate first."""
    writes: Float[Tensor, " stream"]


def _neuron(subject: Subject, unit: UnitId) -> _Neuron:
    kind, _, layer = unit.site.partition(".")
    if kind != _MLP:
        raise SubjectError(f"{unit} is no MLP neuron, so it has no weights of its own")
    (site,) = subject.sites(unit.site)
    if unit.index >= site.width:
        raise SubjectError(f"{unit.site} has {site.width} units, so there is no {unit}")
    block = blocks(subject.model)[int(layer)]
    projections = feed_forward_projections(subject.model, block)
    if projections is None:
        raise SubjectError(f"{unit.site} has no projections to read weights from")
    *inward, down = projections
    return _Neuron(
        layer=block.layer,
        block=block,
        polarity=unit.polarity,
        reads=_reads(subject, inward, unit.index, site.width),
        writes=_matrix(subject, down)[:, unit.index],
    )


def _reads(
    subject: Subject, inward: list[Projection], index: int, width: int
) -> tuple[Float[Tensor, " stream"], ...]:
    """The rows of the inward projections that belong to a neuron; of a gated one its gate first."""
    if len(inward) == 1:
        matrix = _matrix(subject, inward[0])
        # A fused projection holds what passes the activation function first.
        return tuple(matrix[index + start] for start in range(0, len(matrix), width))
    gate_first = sorted(inward, key=lambda projection: "gate" not in projection.path)
    return tuple(_matrix(subject, projection)[index] for projection in gate_first)


def _matrix(subject: Subject, projection: Projection) -> Float[Tensor, "outputs inputs"]:
    module = subject.model.get_submodule(projection.path)
    if not isinstance(module, nn.Linear | Conv1D):
        raise SubjectError(f"{projection.path} is no linear layer")
    weight: Tensor = module.weight.detach()
    return weight.T if isinstance(module, Conv1D) else weight


def _read_through(
    norms: Norms, neuron: _Neuron, read: Float[Tensor, " stream"]
) -> Float[Tensor, " stream"]:
    """What a neuron reads, as seen from the stream before the norm."""
    return read.float() * gain(neuron.block.module, norms.before, norms)


def _written(norms: Norms, neuron: _Neuron) -> Float[Tensor, " stream"]:
    """What a side of a neuron writes into the stream."""
    written: Tensor = neuron.writes.float() * gain(neuron.block.module, norms.after, norms)
    return neuron.polarity * written


def _product(
    table: Float[Tensor, "tokens stream"], direction: Float[Tensor, " stream"]
) -> Float[Tensor, " tokens"]:
    """Rows times a direction in float32, a piece at a time: half-precision tables stay small."""
    return torch.cat([rows.float() @ direction for rows in table.split(_ROWS_AT_ONCE)])


def _nothing(reason: str) -> WeightTokens:
    return WeightTokens(inputs=(), promoted=(), suppressed=(), reason=reason)


def _unembedding(
    subject: Subject, norms: Norms | str, given: Tensor | None
) -> Float[Tensor, "tokens stream"] | str:
    """The matrix that makes logits of the stream, or why there is none."""
    if isinstance(norms, str):
        return norms
    if given is not None:
        if given.ndim != 2 or given.shape[1] != stream_width(subject.model):
            raise SubjectError(
                f"the unembedding of {subject.name} has shape {list(given.shape)}; "
                f"it must be [tokens, {stream_width(subject.model)}]"
            )
        return given.detach().to(subject.device)
    if norms.final is None:
        return f"{subject.name} is an encoder, which has no unembedding: it promotes no tokens"
    if getattr(subject.model.config.get_text_config(), "tie_word_embeddings", False):
        return embedding_of(subject.model)
    return _stored_unembedding(subject)


def _stored_unembedding(subject: Subject) -> Float[Tensor, "tokens stream"] | str:
    if subject.location is None:
        return (
            f"the unembedding of {subject.name} is not known, since it came as a model in hand and "
            "is not tied to the embedding"
        )
    for path in weights_files(subject.location, subject.revision):
        with safe_open(path, framework="pt") as tensors:
            for name in _HEADS:
                if name in tensors.keys():  # noqa: SIM118
                    stored: Tensor = tensors.get_tensor(name).to(subject.device, subject.dtype)
                    return stored
    return f"the checkpoint of {subject.name} holds no unembedding ({' or '.join(_HEADS)})"
