"""What explainers, selections, negatives and scorers may be given beside records and an LLM.

A plug-in states in `needs` which services its constructor takes, as keywords of the names below, so
a sentence encoder or a subject is loaded only where something needs it. Plug-ins know these
interfaces alone: they import neither torch nor each other, and tests hand them small fakes.

| name | what | type |
|---|---|---|
| `embed` | texts to vectors | `Embed` |
| `pool` | stored sequences of a split, with every unit's peaks | `Pool` |
| `negatives` | sequences on which a unit is silent | `Negatives` |
| `subject` | runs the model under study on any text | `SubjectRunner` |
| `weights` | tokens that a unit's weights name | `Callable[[UnitId], WeightTokens]` |
| `simulate` | explanation and tokens to a prediction | `Simulate` |
| `calibrate` | from the simulator's scale to activations | `Calibrate` |
| `rate` | unit and text to a score on `valid` | `Rate` |
| `vocabulary` | token id to what it shows | `Callable[[int], str]` |
| `capabilities` | what the LLM can do | `llm.protocol.Capabilities` |
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from neuroscribe.records import (
    Exemplar,
    Polarity,
    Sequence as TokenSequence,
    Split,
    UnitId,
    UnitRecord,
)

Array = NDArray[np.float32]
Values = Sequence[float | None]


Calibrate = Callable[[Values, Sequence[float]], Callable[[Values], Sequence[float | None]] | None]
"""From simulated values and truth to a map between their scales; None if nothing can be fitted."""

Simulate = Callable[..., Any]
"""As a `simulator.Simulator`: from an explanation and tokens (and, by keyword, `token_ids` and
`record`) to a dialogue that ends in a `records.Prediction`."""


class Rating(NamedTuple):
    """How well a text explains a unit."""

    score: float | None
    """None where it is undefined."""
    by: str | None
    """Simulator and LLM; None where an answer failed, so that the score is not to be relied on."""
    at: datetime | None
    """When; None where an answer failed."""


Rate = Callable[[UnitRecord, str], Any]
"""From a unit and a text to a dialogue that ends in a `Rating` on `valid`."""


@runtime_checkable
class Embed(Protocol):
    """A sentence encoder."""

    @property
    def name(self) -> str:
        """As the user gave it, such as `minilm`."""

    def __call__(self, texts: Sequence[str]) -> Array:
        """Vectors `[texts, dimensions]`, rows of length 1."""


@runtime_checkable
class Negatives(Protocol):
    """Chooses sequences on which a unit is silent."""

    @property
    def name(self) -> str:
        """The registered name; it is part of the name of a judge's report set."""

    def __call__(
        self, record: UnitRecord, split: Split, positives: Sequence[Exemplar], count: int
    ) -> list[Exemplar]:
        """At most `count` sequences of a split for which `firing.fires` is False.

        None of them is among the positives; there are fewer where there are no more.
        """


@runtime_checkable
class Pool(Protocol):
    """The stored sequences of each split, and what every unit does on them."""

    def sequences(self, split: Split) -> Sequence[TokenSequence]:
        """Sequences to choose from, by id: at most a few thousand, the same for every unit."""

    def embeddings(self, split: Split) -> Array:
        """Their embeddings, `[sequences, dimensions]`, rows of length 1."""

    def peaks(self, site: str, polarity: Polarity, split: Split) -> Array:
        """The largest activation of every unit on each of them, `[sequences, units]`."""

    def exemplars(self, record: UnitRecord, places: Sequence[int], split: Split) -> list[Exemplar]:
        """The unit's activations on the sequences at some places, as exemplars of kind `random`."""


class TextActivations(NamedTuple):
    """What a unit does on one text."""

    tokens: tuple[str, ...]
    """As `records.Sequence.tokens` shows them."""
    activations: tuple[float, ...]
    """One per token, polarity applied."""


@dataclass(frozen=True, kw_only=True)
class Divergences:
    """How far replaced activations move what a causal language model expects next."""

    n_tokens: int
    """Positions whose next token was predicted."""
    totals: tuple[float, ...]
    """For each replacement the sum over positions of the Jensen-Shannon divergence, in nats,
    between the next-token distributions with and without it."""


@runtime_checkable
class SubjectRunner(Protocol):
    """Runs the model under study."""

    @property
    def name(self) -> str:
        """The subject's, such as `minilm`."""

    @property
    def cannot_predict(self) -> str | None:
        """Why it predicts no next tokens, in a sentence; None where it is a causal model."""

    def activations(self, unit: UnitId, texts: Sequence[str]) -> list[TextActivations]:
        """What a unit does on texts of any origin; a text is cut where the model reads no more."""

    def divergences(
        self, unit: UnitId, sequence: TokenSequence, replacements: Sequence[Sequence[float]]
    ) -> Divergences:
        """What replacing a unit's activations on a sequence does to the next-token distributions.

        Args:
            unit: whose values are replaced, at every content position.
            sequence: of the corpus.
            replacements: each with one value per token, polarity applied.

        Raises:
            SubjectError: the subject predicts no next tokens.
        """


class WeightedToken(NamedTuple):
    """A token of the subject's vocabulary and how strongly a unit's weights name it."""

    token: str
    """As `records.Sequence.tokens` would show it."""
    weight: float


@dataclass(frozen=True, kw_only=True)
class WeightTokens:
    """What a unit's weights say, without any text; strongest first."""

    inputs: tuple[WeightedToken, ...]
    """Tokens whose embeddings excite the unit most."""
    promoted: tuple[WeightedToken, ...]
    """Tokens whose logits the unit raises most."""
    suppressed: tuple[WeightedToken, ...]
    """Tokens whose logits the unit lowers most, lowest first."""
    reason: str | None = None
    """Why some of them are empty, such as a model family for which they are not defined."""
