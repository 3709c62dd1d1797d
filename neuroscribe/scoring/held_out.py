"""What a scorer scores: the texts, the held-out exemplars, and the proof that they are held out."""

from collections.abc import Mapping, Sequence

from neuroscribe.errors import RecordError
from neuroscribe.records import SPLITS, Exemplar, Split, UnitRecord, content_hash
from neuroscribe.scoring.case import ScoringCase


def texts_of(case: ScoringCase) -> list[str]:
    """The explanation that is scored and, if there is one, the random explanation after it.

    Raises:
        RecordError: the explanation has no text.
    """
    if case.explanation.text is None:
        raise RecordError(f"the explanation of {case.record.unit} has no text to score")
    if case.random_explanation is None:
        return [case.explanation.text]
    return [case.explanation.text, case.random_explanation]


def seed_of(case: ScoringCase) -> int:
    """What decides draws and resamples: the case's seed and the unit, never the LLM."""
    return int(content_hash(str(case.seed), str(case.record.unit)), 16) % 2**32


def top_and_random(record: UnitRecord, split: Split, count: int) -> list[Exemplar]:
    """As many top as random exemplars of one split: where one kind has fewer, so does the other."""
    top, random = record.select(split, "top"), record.select(split, "random")
    count = min(count, len(top), len(random))
    return each_once([*top[:count], *random[:count]])


def each_once(exemplars: Sequence[Exemplar]) -> list[Exemplar]:
    """Each sequence once; one that is top and random stays as the first of them."""
    found: dict[int, Exemplar] = {}
    for exemplar in exemplars:
        found.setdefault(exemplar.sequence.sequence_id, exemplar)
    return list(found.values())


def check_apart(record: UnitRecord, used: Mapping[Split, Sequence[Exemplar]]) -> None:
    """Assert that no sequence that is used of a split belongs to another split too.

    Raises:
        RecordError: one does; what was shown to an explainer would be scored.
    """
    ids = {split: {each.sequence.sequence_id for each in record.select(split)} for split in SPLITS}
    for split, exemplars in used.items():
        for other in SPLITS:
            overlap = {
                each.sequence.sequence_id
                for each in exemplars
                if each.sequence.split == other or each.sequence.sequence_id in ids[other]
            }
            if other != split and overlap:
                raise RecordError(
                    f"sequences {sorted(overlap)} of {record.unit} are in {other} and in {split}"
                )
