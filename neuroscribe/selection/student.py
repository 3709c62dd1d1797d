"""The student that is taught: a cheap simulator that knows nothing but the exemplars it is shown.

It predicts a token's activation as a weighted mean of the activations in its exemplars (kernel
regression), drawn toward what the unit does on any text. A token of an exemplar weighs

    exp(sharpness * (cos - 1)) * (context / n + same_token + same_pair)

where `cos` compares the embeddings of the two sequences, `n` is the number of tokens of the
exemplar, and the last two terms count where the tokens are the same, and where the tokens before
them are the same too. Such a student has no training: an exemplar brings a sum and a weight for
every token that is asked for, exemplars add, and a teacher can try thousands of choices in
milliseconds. It understands no meaning beyond the embedding, so an LLM may well make more of the
same exemplars.

The weights were chosen on the `valid` exemplars of 84 neurons of `minilm` (docs/exemplars.md).

Source: Nadaraya, 1964, and Watson, 1964, for the regression.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroscribe.errors import InputError
from neuroscribe.records import Exemplar, Sequence as TokenSequence, UnitRecord
from neuroscribe.services import Embed

Values = NDArray[np.float64]

_NO_TOKEN = -1
"""Stands before the first token of a sequence."""


class Lessons(NamedTuple):
    """What each exemplar would tell the student about each token it will be asked for."""

    sums: Values
    """Weighted activations, `[exemplars, tokens]`."""
    weights: Values
    """Their weights, `[exemplars, tokens]`."""


@dataclass(frozen=True, kw_only=True)
class KernelStudent:
    """Kernel regression on embeddings, tokens and pairs of tokens."""

    embed: Embed
    sharpness: float = 4.0
    """How fast an exemplar's weight falls with the distance of its sequence."""
    context: float = 0.1
    """Weight of a whole exemplar whose tokens are all others."""
    same_token: float = 1.0
    """Added where the token is the same."""
    same_pair: float = 4.0
    """Added where the token before it is the same too."""
    prior: float = 0.05
    """Weight of what the unit does on any text."""

    @property
    def name(self) -> str:
        """With the name of the sentence encoder."""
        return f"kernel:{self.embed.name}"

    def __post_init__(self) -> None:
        for setting in ("sharpness", "context", "same_token", "same_pair"):
            if getattr(self, setting) < 0:
                raise InputError(f"{setting} is {getattr(self, setting)}; it must not be negative")
        if self.prior <= 0:
            raise InputError(f"prior is {self.prior}; it must be positive")

    def lessons(self, exemplars: Sequence[Exemplar], sequences: Sequence[TokenSequence]) -> Lessons:
        """What each exemplar tells about the tokens of some sequences, one after the other."""
        closeness = self._closeness([e.sequence for e in exemplars], sequences)
        sequence_of_token = np.repeat(np.arange(len(sequences)), [len(s) for s in sequences])
        factor = closeness[:, sequence_of_token]
        n_tokens = np.array([[len(e.activations)] for e in exemplars], dtype=np.float64)
        totals = np.array([[sum(e.activations)] for e in exemplars], dtype=np.float64)
        sums = np.broadcast_to(self.context * totals / n_tokens, factor.shape).copy()
        weights = np.full(factor.shape, self.context)
        for weight, features in ((self.same_token, _tokens), (self.same_pair, _pairs)):
            matched_sums, matched_counts = _matches(exemplars, sequences, features)
            sums += weight * matched_sums
            weights += weight * matched_counts
        return Lessons(factor * sums, factor * weights)

    def predict(self, lessons: Lessons, chosen: Sequence[int], resting: float) -> Values:
        """The student's activation of every token after some of the exemplars.

        Args:
            lessons: of all exemplars.
            chosen: places of those that the student has seen.
            resting: what the unit does on any text; see `resting_activation`.
        """
        rows = list(chosen)
        sums = self.prior * resting + lessons.sums[rows].sum(0)
        predicted: Values = sums / (self.prior + lessons.weights[rows].sum(0))
        return predicted

    def _closeness(self, left: Sequence[TokenSequence], right: Sequence[TokenSequence]) -> Values:
        ours = np.asarray(self.embed([s.text for s in left]), dtype=np.float64)
        theirs = np.asarray(self.embed([s.text for s in right]), dtype=np.float64)
        closeness: Values = np.exp(self.sharpness * (ours @ theirs.T - 1))
        return closeness


def resting_activation(record: UnitRecord) -> float:
    """The unit's mean over the tokens of the random `train` exemplars; 0 where there are none.

    The statistics hold a mean over more tokens, but of all splits.
    """
    values = [
        value
        for exemplar in record.select("train", "random")
        for value in exemplar.activations
        if isfinite(value)
    ]
    return sum(values) / len(values) if values else 0.0


def _tokens(sequence: TokenSequence) -> list[Hashable]:
    return list(sequence.token_ids)


def _pairs(sequence: TokenSequence) -> list[Hashable]:
    before = (_NO_TOKEN, *sequence.token_ids[:-1])
    return list(zip(before, sequence.token_ids, strict=True))


def _matches(
    exemplars: Sequence[Exemplar],
    sequences: Sequence[TokenSequence],
    features: Callable[[TokenSequence], Sequence[Hashable]],
) -> tuple[Values, Values]:
    """What an exemplar's tokens with the same feature add up to, and how many there are.

    Returns:
        Both as `[exemplars, tokens]`, with the tokens of `sequences` one after the other.
    """
    numbers: dict[Hashable, int] = {}
    shape = (len(exemplars), sum(len(e.sequence) for e in exemplars) + 1)
    sums, counts = np.zeros(shape), np.zeros(shape)
    for row, exemplar in enumerate(exemplars):
        places = [numbers.setdefault(f, len(numbers)) for f in features(exemplar.sequence)]
        np.add.at(sums[row], places, exemplar.activations)
        np.add.at(counts[row], places, 1.0)
    unmatched = shape[1] - 1
    asked = [numbers.get(f, unmatched) for s in sequences for f in features(s)]
    return sums[:, asked], counts[:, asked]
