"""Write several explanations of a unit and keep the one that does best on `valid`.

All candidates are asked for in one round and rated in a second one, side by side, so choosing among
ten takes no more round trips than among two. Candidates that say the same are rated once. What
rates is the caller's (a simulator on the `valid` split): explanations are made from `train` and
reported on `test`, so neither is touched by the choice. Whoever was not chosen is kept, marked.

Source: best-of-n selection by score, METHODS section 3.
"""

from collections.abc import Sequence
from dataclasses import replace

from neuroscribe.errors import InputError
from neuroscribe.explainer.contract import Explainer
from neuroscribe.llm.dialogue import together
from neuroscribe.llm.protocol import Dialogue
from neuroscribe.records import Exemplar, Explanation, UnitRecord
from neuroscribe.services import Rate, Rating


def best_of(
    explainer: Explainer,
    record: UnitRecord,
    shown: Sequence[Exemplar] | None = None,
    *,
    n: int,
    rate: Rate | None,
) -> Dialogue[list[Explanation]]:
    """Ask for `n` explanations and select one; two rounds, or one where there is no choice.

    Args:
        explainer: is asked for samples 0 to n - 1.
        record: of the unit.
        shown: exemplars of `train`; None means the record's strongest.
        n: candidates; of one alone no rating is asked.
        rate: the score to choose by; may be None where there is one candidate.

    Returns:
        All candidates, one of them selected. A unit of which there is nothing to show gives one
        skipped explanation, whatever `n` is.

    Raises:
        InputError: `n` is less than 1, or nothing rates several candidates.
    """
    if n < 1:
        raise InputError(f"{n} candidates were asked for; there must be at least 1")
    if n > 1 and rate is None:
        raise InputError(f"nothing was given to choose among {n} candidates by")
    candidates = yield from together(
        [explainer(record, shown, sample=sample) for sample in range(n)]
    )
    if candidates[0].status == "skipped":
        return candidates[:1]
    if rate is None or n == 1:
        return candidates
    rated = yield from rate_all(candidates, record, rate)
    return select_best(rated)


def rate_all(
    explanations: Sequence[Explanation], record: UnitRecord, rate: Rate
) -> Dialogue[list[Explanation]]:
    """The explanations with their scores, asked for side by side, for each text once.

    Those that were rated keep their score and lend it to others of the same text.
    """
    known = {
        each.text: Rating(each.selection_score, each.rated_by, each.rated_at)
        for each in explanations
        if each.rated_at is not None
    }
    unknown = list(
        dict.fromkeys(
            each.text for each in explanations if each.text is not None and each.text not in known
        )
    )
    ratings = yield from together([rate(record, text) for text in unknown])
    known |= dict(zip(unknown, ratings, strict=True))
    nothing = Rating(None, None, None)
    rated = [known.get(each.text, nothing) for each in explanations]
    return [
        replace(each, selection_score=found.score, rated_by=found.by, rated_at=found.at)
        for each, found in zip(explanations, rated, strict=True)
    ]


def select_best(explanations: Sequence[Explanation]) -> list[Explanation]:
    """The explanations, of which the best rated one is selected; the first of equals.

    Without any rating it is the first that has a text, and without a text the first.
    """
    rated = [place for place, each in enumerate(explanations) if _has_score(each)]
    with_text = [place for place, each in enumerate(explanations) if each.text is not None]
    if rated:
        chosen = max(rated, key=lambda place: explanations[place].selection_score or 0.0)
    else:
        chosen = with_text[0] if with_text else 0
    return [replace(each, selected=place == chosen) for place, each in enumerate(explanations)]


def _has_score(explanation: Explanation) -> bool:
    return explanation.text is not None and explanation.selection_score is not None
