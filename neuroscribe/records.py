"""The nouns of the field as frozen, self-checking records.

Everything that passes between the stages is one of these, so a stage can be replaced without its
neighbours noticing. Two scales of number occur and a field's name says which it holds:
*activations* are the subject's own values; *expected* values are simulations on the 0..10 scale of
METHODS section 2; *calibrated* values are simulations mapped back to activations. A missing value
is `None`, never 0.
"""

import hashlib
import re
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal, get_args

from neuroscribe import heatmap
from neuroscribe.errors import RecordError, SubjectError

Split = Literal["train", "calibration", "valid", "test"]
"""Which part of the corpus a document belongs to; see `datasets.splits`."""

SPLITS: tuple[Split, ...] = get_args(Split)

Kind = Literal["top", "random", "quantile"]
"""Why a sequence was kept for a unit."""

KINDS: tuple[Kind, ...] = get_args(Kind)

Status = Literal["ok", "refused", "unparsed", "failed", "skipped"]
"""Outcome of an LLM call; only `ok` carries a value (METHODS section 6)."""

Form = Literal["phrase", "label", "sentence"]
"""Of an explanation: one phrase, a label of a few words, or a whole sentence."""

FORMS: tuple[Form, ...] = get_args(Form)

Polarity = Literal[1, -1]

NO_LLM = "none"
"""Stands for the LLM where none was asked."""

_UNIT = re.compile(r"^(?P<site>.+)/(?P<index>\d+)(?P<minus>-?)$")


@dataclass(frozen=True, kw_only=True)
class Site:
    """A place in the subject whose values are recorded, such as the MLP neurons of one layer."""

    name: str
    """What users write: `mlp.5`, `resid.0`, `attn.3`, `module:transformer.h.5.mlp.act`."""
    kind: str
    """The unit source that found it: `mlp`, `resid`, `attn`, `module`."""
    layer: int | None
    """Index of the block, from 0; None where a module path names no block."""
    module: str
    """Dotted path of the hooked module."""
    side: Literal["in", "out"]
    """Whether the module's first input or its (first) output is the value."""
    width: int
    """Number of units."""
    two_signed: bool
    """Whether strongly negative values carry meaning of their own."""

    def __post_init__(self) -> None:
        if self.width < 1:
            raise RecordError(f"site {self.name} has {self.width} units; at least 1 is needed")


@dataclass(frozen=True, order=True)
class UnitId:
    """One unit of one site, or its negative side.

    >>> str(UnitId.parse("mlp.5/1021-"))
    'mlp.5/1021-'
    >>> UnitId.parse("mlp.5/1021").polarity
    1
    """

    site: str
    index: int
    polarity: Polarity = 1

    def __post_init__(self) -> None:
        if self.index < 0 or self.polarity not in (1, -1):
            raise RecordError(f"not a unit: index {self.index}, polarity {self.polarity}")

    def __str__(self) -> str:
        return f"{self.site}/{self.index}{'-' if self.polarity < 0 else ''}"

    @classmethod
    def parse(cls, text: str) -> "UnitId":
        """Read `SITE/INDEX` or `SITE/INDEX-`.

        Raises:
            SubjectError: the text has another form.
        """
        match = _UNIT.match(text)
        if match is None:
            raise SubjectError(f"not a unit: {text!r}; write SITE/INDEX, such as mlp.5/1021")
        return cls(match["site"], int(match["index"]), -1 if match["minus"] else 1)


@dataclass(frozen=True, kw_only=True)
class Sequence:
    """Consecutive tokens of one document."""

    sequence_id: int
    """Depends on corpus, tokenizer and settings alone; ascends in corpus order."""
    document_id: str
    split: Split
    token_ids: tuple[int, ...]
    tokens: tuple[str, ...]
    """What each token shows, with the white space before it. Byte fragments of a character are
    shown as `⟨f0 9f⟩` (the bytes in hexadecimal)."""
    text: str
    """The piece of the document that the tokens cover; whole characters."""
    token_bytes_offsets: tuple[int, ...]
    """Where each token begins in the UTF-8 form of `text`, and where the last one ends: n + 1."""

    def __post_init__(self) -> None:
        n_ids, n_tokens, n_offsets = map(
            len, (self.token_ids, self.tokens, self.token_bytes_offsets)
        )
        if not n_ids == n_tokens == n_offsets - 1:
            raise RecordError(
                f"sequence {self.sequence_id} has {n_ids} token ids, {n_tokens} tokens and "
                f"{n_offsets} offsets; the first two must be equal and the third one more"
            )

    def __len__(self) -> int:
        return len(self.token_ids)


@dataclass(frozen=True, kw_only=True)
class Exemplar:
    """A unit's activations on one kept sequence.

    For the negative side of a unit the activations are those of the unit with its sign flipped, so
    that "fires" always means "is large".
    """

    sequence: Sequence
    activations: tuple[float, ...]
    kind: Kind
    rank: int
    """0 for the strongest (top) or the first drawn (random)."""
    quantile: int | None = None
    """Index of the quantile band where `kind` is `quantile`."""

    def __post_init__(self) -> None:
        if len(self.activations) != len(self.sequence):
            raise RecordError(
                f"{len(self.activations)} activations for {len(self.sequence)} tokens "
                f"of sequence {self.sequence.sequence_id}"
            )

    @property
    def peak_position(self) -> int:
        """Position of the largest activation; the first of several."""
        return max(range(len(self.activations)), key=self.activations.__getitem__)

    @property
    def peak_activation(self) -> float:
        """The largest activation."""
        return max(self.activations)

    def _repr_html_(self) -> str:
        """The tokens as a heat map, for notebooks."""
        return heatmap.html(self.sequence.tokens, self.activations, largest=self.peak_activation)


@dataclass(frozen=True, kw_only=True)
class TokenLookup:
    """Mean activation per token id, for the tokens that fire a unit most (fitted on `train`)."""

    token_ids: tuple[int, ...]
    means: tuple[float, ...]
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        if not len(self.token_ids) == len(self.means) == len(self.counts):
            raise RecordError("a token look-up table needs as many means and counts as token ids")

    def predict(self, token_ids: Seq[int], default: float | None) -> tuple[float | None, ...]:
        """The mean activation of each token; `default` for tokens outside the table.

        >>> TokenLookup(token_ids=(7,), means=(2.5,), counts=(3,)).predict([7, 8], default=0.1)
        (2.5, 0.1)
        """
        table = dict(zip(self.token_ids, self.means, strict=True))
        return tuple(table.get(token_id, default) for token_id in token_ids)


@dataclass(frozen=True, kw_only=True)
class UnitStatistics:
    """What a unit does over all unmasked tokens of the corpus (METHODS section 1).

    A study that was imported may lack any of it.
    """

    n_tokens: int | None
    mean: float | None
    variance: float | None
    skewness: float | None
    """None for a unit that never changes."""
    kurtosis: float | None
    """Excess kurtosis; None for a unit that never changes."""
    min: float | None
    max: float | None
    density: float | None
    """Fraction of tokens above 0."""
    density_1pct: float | None
    """Fraction of tokens above 1% of the maximum, to the resolution of the histogram."""
    quantile_boundaries: tuple[float, ...]
    """Where .5, .9, .99 and .999 of the per-sequence maxima lie below."""
    histogram_edges: tuple[float, ...]
    histogram_counts: tuple[int, ...]
    lookup: TokenLookup


@dataclass(frozen=True, kw_only=True)
class UnitRecord:
    """Everything that was recorded of one unit: statistics and exemplars of all splits."""

    unit: UnitId
    statistics: UnitStatistics
    exemplars: tuple[Exemplar, ...]

    def select(self, split: Split, kind: Kind | None = None) -> tuple[Exemplar, ...]:
        """The exemplars of one split (and one kind), in order of rank."""
        return tuple(
            exemplar
            for exemplar in self.exemplars
            if exemplar.sequence.split == split and kind in (None, exemplar.kind)
        )

    @cached_property
    def max_activation(self) -> float:
        """The largest value ever recorded on the train split: the 10 of the 0..10 scale.

        0 where the unit has no train exemplars (then everything discretises to 0).
        """
        return max((e.peak_activation for e in self.select("train")), default=0.0)


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A sentence about what a unit fires on, or the reason why there is none."""

    unit: UnitId
    text: str | None
    """None unless `status` is `ok`."""
    status: Status
    explainer: str
    llm: str
    prompt_sha256: str
    created_at: datetime
    exemplars: str = "top"
    """Name of the selection that chose the exemplars; `none` where none were shown."""
    form: Form = "phrase"
    """What kind of text was asked for."""
    inputs: tuple[str, ...] = ()
    """What the explainer saw of the unit, such as `exemplars`, `token_lookup`, `weights`."""
    reason: str | None = None
    """What went wrong, with the answer as it came, where `status` is not `ok`."""
    candidate: int = 0
    """0 for the first answer; revisions count on."""
    parent_id: str | None = None
    """The explanation that this one revises."""
    selected: bool = True
    """Whether it is the one of its candidates that did best on `valid`."""
    selection_score: float | None = None
    """That score, on `valid`; None where there was nothing to choose from, or no score."""
    rated_by: str | None = None
    """Who gave the score: simulator and LLM. None where nobody rated it, or an answer failed."""
    rated_at: datetime | None = None
    """When; None where nobody rated it, or an answer failed."""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None

    def __post_init__(self) -> None:
        if (self.text is not None) != (self.status == "ok"):
            raise RecordError(
                f"explanation of {self.unit} has status {self.status!r} and text {self.text!r}; "
                "a text is there exactly when the status is 'ok'"
            )

    @property
    def explanation_id(self) -> str:
        """Hash of what was said of which unit, by whom, in answer to what."""
        parts = (str(self.unit), self.explainer, self.exemplars, self.form, self.llm)
        asked = (self.prompt_sha256, str(self.candidate))
        return content_hash(*parts, *asked, self.status, self.text or "")


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What a student learnt of a unit from exemplars that a teacher chose one by one."""

    unit: UnitId
    student: str
    sequence_ids: tuple[int, ...]
    """In order of choice; of the `train` split."""
    curve: tuple[float, ...]
    """The student's quality on `calibration` after 0, 1, ... of them."""
    complexity: int | None
    """Exemplars that it took to reach 90% of the final quality."""
    reason: str | None = None
    """Why there is no complexity."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a simulator makes of one sequence."""

    status: Status
    expected: tuple[float | None, ...]
    """One value on the 0..10 scale per token; None where the endpoint gave none."""
    simulator: str
    """Name of the simulator that spoke: scores of different simulators are not comparable."""
    llm: str
    reason: str | None = None
    folded: int = 0
    """How many answers such as " 1" were counted as their number."""


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """A prediction for one exemplar of the unit that the explanation is about."""

    explanation_id: str
    exemplar: Exemplar
    prediction: Prediction
    calibrated: tuple[float | None, ...] | None = None
    """The prediction on the scale of the subject's activations; None without a calibration."""

    def __post_init__(self) -> None:
        n_tokens = len(self.exemplar.sequence)
        for values in (self.prediction.expected, self.calibrated):
            if values is not None and len(values) != n_tokens:
                raise RecordError(
                    f"{len(values)} predictions for {n_tokens} tokens "
                    f"of sequence {self.exemplar.sequence.sequence_id}"
                )


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What a judge makes of one text: does it fit the explanation?"""

    explanation_id: str
    scorer: str
    report_set: str
    item: int
    """Place of the text among those of the scorer, before they are shuffled."""
    kind: str
    """Why the text was taken: a kind of exemplar, or `hard`, `near_miss`, `generated`."""
    truth: bool | None
    """Whether the unit fires on it (or where the marks say); None where it could not be run."""
    llm: str
    """Who judged: the spec of an LLM, or of a sentence encoder."""
    status: Status
    sequence_id: int | None = None
    """None for a text that is no sequence of the corpus."""
    text: str | None = None
    """The text, where it is no sequence of the corpus."""
    marked: tuple[int, ...] = ()
    """Positions of the tokens that were marked in it."""
    verdict: bool | None = None
    """What the judge says; None unless `status` is `ok`."""
    probability: float | None = None
    """The judge's probability (or another number that ranks) that it fits; None without one."""
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Score:
    """How well one explanation does by one metric on one report set (METHODS section 5)."""

    explanation_id: str
    unit: UnitId
    scorer: str
    metric: str
    report_set: str
    value: float | None
    low: float | None
    high: float | None
    """`low` and `high`: 95% bootstrap interval over sequences."""
    chance: float | None
    """What a prediction without knowledge of the unit reaches."""
    n_sequences: int
    n_items: int
    coverage: float
    """Share of items that have a prediction."""
    simulator: str | None = None
    """Name of the simulator, for the scorers that simulate."""
    llm: str | None = None
    baseline_random_explanation: float | None = None
    baseline_token_lookup: float | None = None
    baseline_mean: float | None = None
    n_failed: int = 0
    """Answers that failed in the making, those for calibration and baselines included."""
    reason: str | None = None
    """Why `value` is None."""

    def __post_init__(self) -> None:
        if self.value is None and self.reason is None:
            raise RecordError(f"score {self.metric} of {self.unit} has neither value nor reason")

    @property
    def reliable(self) -> bool:
        """Whether at least nine tenths of the items have a prediction."""
        return self.value is not None and self.coverage >= RELIABLE_COVERAGE


RELIABLE_COVERAGE = 0.9


def content_hash(*parts: str) -> str:
    """A 16-digit hash of the parts; what separates them cannot occur inside one.

    >>> content_hash("ab", "c") == content_hash("a", "bc")
    False
    """
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()[:16]
