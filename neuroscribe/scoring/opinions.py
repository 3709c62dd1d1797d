"""What is judged and what is said of it: the two nouns that judges and metrics share.

An opinion that could not be had is an opinion with another status than `ok`, without verdict and
probability; no metric counts it as a "no".
"""

from collections.abc import Sequence
from dataclasses import dataclass

from neuroscribe.firing import FIRING_SHARE
from neuroscribe.records import NO_LLM, Exemplar, Judgement, Status, UnitRecord
from neuroscribe.scoring.case import ScoringCase


@dataclass(frozen=True, kw_only=True)
class Item:
    """A sequence to be judged."""

    exemplar: Exemplar
    shown: str
    """The text as the judge sees it."""
    truth: bool
    """Whether it fits: the unit fires on it, or where its marks say."""
    kind: str
    """Why it was taken: a kind of exemplar, or a kind of negatives."""
    marked: tuple[int, ...] = ()
    """Positions of the marked tokens."""


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """What somebody says of one item."""

    status: Status
    llm: str
    verdict: bool | None = None
    probability: float | None = None
    """That it fits, or another number that ranks."""
    reason: str | None = None
    """What went wrong where `status` is not `ok`."""


NO_OPINION = Opinion(status="skipped", llm=NO_LLM)


def judgement(
    case: ScoringCase, item: Item, opinion: Opinion, *, scorer: str, report_set: str, place: int
) -> Judgement:
    """The row that keeps an opinion."""
    return Judgement(
        explanation_id=case.explanation.explanation_id,
        scorer=scorer,
        report_set=report_set,
        item=place,
        kind=item.kind,
        truth=item.truth,
        llm=opinion.llm,
        status=opinion.status,
        sequence_id=item.exemplar.sequence.sequence_id,
        marked=item.marked,
        verdict=opinion.verdict,
        probability=opinion.probability,
        reason=opinion.reason,
    )


def look_up(record: UnitRecord, items: Sequence[Item]) -> list[Opinion]:
    """What the token look-up table says.

    It predicts every token's activation and then judges as the truth does: a plain text fits if its
    largest one fires the unit, a marked text if the mean over the marked tokens does.
    """
    statistics = record.statistics
    opinions = []
    for item in items:
        predicted = statistics.lookup.predict(item.exemplar.sequence.token_ids, statistics.mean)
        values = [predicted[place] for place in item.marked] or list(predicted)
        known = [value for value in values if value is not None]
        level = None if len(known) < len(values) else _level(known, marked=bool(item.marked))
        opinions.append(_by_level(record, level))
    return opinions


def _level(values: Sequence[float], *, marked: bool) -> float:
    return sum(values) / len(values) if marked else max(values)


def by_mean(record: UnitRecord, items: Sequence[Item]) -> list[Opinion]:
    """What the unit's mean says, which is the same of every text."""
    return [_by_level(record, record.statistics.mean)] * len(items)


def _by_level(record: UnitRecord, level: float | None) -> Opinion:
    if level is None:
        return Opinion(status="skipped", llm=NO_LLM, reason="the unit's mean is not known")
    fires = level > FIRING_SHARE * record.max_activation
    return Opinion(status="ok", llm=NO_LLM, verdict=fires, probability=level)
