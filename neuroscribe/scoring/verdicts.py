"""From opinions to scores: values, intervals, coverage, chance and baselines.

All judges end here, so what a score carries is decided once. Items without an opinion are left out
of the value and show in the coverage. Intervals resample sequences; a metric that is undefined says
why.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from neuroscribe.records import Score
from neuroscribe.scoring.bootstrap import Interval, draws, ends
from neuroscribe.scoring.case import ScoringCase, ScoringResult
from neuroscribe.scoring.held_out import seed_of
from neuroscribe.scoring.judge_metrics import JUDGE_METRICS, JudgeMetric, Truth, coin
from neuroscribe.scoring.metrics import defined
from neuroscribe.scoring.opinions import NO_OPINION, Item, Opinion, by_mean, judgement, look_up
from neuroscribe.scoring.pair_sums import Array

VERDICT_METRICS = ("balanced_accuracy", "precision", "recall", "f1", "auc")
"""Of judges that say yes or no of each text; the first is the headline."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """What is known and said of the same items by several."""

    truth: tuple[bool, ...]
    sequences: tuple[int, ...]
    """Id of each item's sequence: what one draw of the bootstrap takes or leaves together."""
    own: Sequence[Opinion]
    """By the explanation that is scored."""
    random: Sequence[Opinion] | None = None
    """By another unit's explanation."""
    look_up: Sequence[Opinion] | None = None
    mean: Sequence[Opinion] | None = None


def verdict_result(
    case: ScoringCase,
    items: Sequence[Item],
    opinions: Sequence[Sequence[Opinion]],
    *,
    scorer: str,
    report_set: str,
    metrics: Sequence[str] = VERDICT_METRICS,
    llm: str | None = None,
    reason: str | None,
) -> ScoringResult:
    """What a judge of single texts reports.

    Args:
        case: what was scored.
        items: the texts; none where nothing could be judged.
        opinions: by the explanation, and after it by the random one where there is one.
        scorer: its registered name.
        report_set: what was judged.
        metrics: of `judge_metrics.JUDGE_METRICS`.
        llm: who judged; by default whoever gave the first opinion.
        reason: why nothing could be judged.
    """
    own, *others = opinions
    return ScoringResult(
        scores=scores_of(
            case,
            Panel(
                truth=tuple(item.truth for item in items),
                sequences=tuple(item.exemplar.sequence.sequence_id for item in items),
                own=own,
                random=others[0] if others else None,
                look_up=look_up(case.record, items),
                mean=by_mean(case.record, items),
            ),
            scorer=scorer,
            report_set=report_set,
            metrics=metrics,
            llm=llm,
            reason=reason,
        ),
        judgements=tuple(
            judgement(case, item, opinion, scorer=scorer, report_set=report_set, place=place)
            for place, (item, opinion) in enumerate(zip(items, own, strict=True))
        ),
        n_failed=sum(each.status == "failed" for said in opinions for each in said),
    )


class _Said(NamedTuple):
    """The items of which something is said, for one metric."""

    truth: Truth
    values: Array
    sequences: list[int]


def scores_of(
    case: ScoringCase,
    panel: Panel,
    *,
    scorer: str,
    report_set: str,
    metrics: Sequence[str] = VERDICT_METRICS,
    chance: float | None = None,
    llm: str | None = None,
    reason: str | None = None,
) -> tuple[Score, ...]:
    """One score per metric.

    Args:
        case: what was scored.
        panel: empty where nothing could be judged.
        scorer: its registered name.
        report_set: what was judged.
        metrics: of `judge_metrics.JUDGE_METRICS`.
        chance: what it is where that is not a coin's.
        llm: who judged; by default whoever gave the first opinion.
        reason: why nothing could be judged.
    """
    if llm is None and panel.own:
        llm = panel.own[0].llm
    resampled = cache(partial(draws, seed=seed_of(case)))
    scores = []
    for name in metrics:
        metric = JUDGE_METRICS[name]
        said = _said(panel, panel.own, metric)
        value = _value(metric, said)
        interval = None if value is None else _interval(metric, said, resampled)
        scores.append(
            Score(
                explanation_id=case.explanation.explanation_id,
                unit=case.record.unit,
                scorer=scorer,
                metric=name,
                report_set=report_set,
                value=value,
                low=None if interval is None else interval.low,
                high=None if interval is None else interval.high,
                chance=coin(name, np.array(panel.truth, dtype=bool)) if chance is None else chance,
                n_sequences=len(set(panel.sequences)),
                n_items=len(panel.truth),
                coverage=said.truth.size / max(1, len(panel.truth)),
                llm=llm,
                baseline_random_explanation=_baseline(metric, panel, panel.random),
                baseline_token_lookup=_baseline(metric, panel, panel.look_up),
                baseline_mean=_baseline(metric, panel, panel.mean),
                reason=None if value is not None else reason or _why(metric, panel, said),
            )
        )
    return tuple(scores)


def _said(panel: Panel, opinions: Sequence[Opinion], metric: JudgeMetric) -> _Said:
    values = [getattr(opinion, metric.reads) for opinion in opinions]
    kept = [place for place, value in enumerate(values) if value is not None]
    return _Said(
        np.array([panel.truth[place] for place in kept], dtype=bool),
        np.array([values[place] for place in kept], dtype=np.float64),
        [panel.sequences[place] for place in kept],
    )


def _value(metric: JudgeMetric, said: _Said) -> float | None:
    once = np.ones((1, said.truth.size))
    return defined(metric.formula(said.truth, said.values, once)[0])


def _baseline(
    metric: JudgeMetric, panel: Panel, opinions: Sequence[Opinion] | None
) -> float | None:
    """On the items of which the explanation itself has something said."""
    if opinions is None:
        return None
    beside = [
        opinion if getattr(own, metric.reads) is not None else NO_OPINION
        for own, opinion in zip(panel.own, opinions, strict=True)
    ]
    return _value(metric, _said(panel, beside, metric))


def _interval(
    metric: JudgeMetric, said: _Said, resampled: Callable[[int], Array]
) -> Interval | None:
    sequences, of_item = np.unique(np.array(said.sequences), return_inverse=True)
    if sequences.size < 2:
        return None
    return ends(metric.formula(said.truth, said.values, resampled(sequences.size)[:, of_item]))


def _why(metric: JudgeMetric, panel: Panel, said: _Said) -> str:
    return next(_troubles(metric, panel, said), "undefined for these verdicts")


def _troubles(metric: JudgeMetric, panel: Panel, said: _Said) -> Iterator[str]:
    if not panel.truth:
        yield "nothing to judge"
    n_answered = sum(opinion.status == "ok" for opinion in panel.own)
    if not n_answered:
        first = next((each.reason for each in panel.own if each.reason), "no answer")
        yield f"no {metric.reads} for any of {len(panel.truth)} items: {first}"
    if not said.truth.size:
        yield "the judge gives verdicts alone: no probability could be read from its answers"
    if not said.truth.any():
        yield f"no {metric.reads} for any text that fits"
    if said.truth.all():
        yield f"no {metric.reads} for any text that does not fit"
    if not (said.values > 0).any():
        yield "the judge says of no text that it fits"
