"""A solved revision: an explanation that went too far, and the narrower one that fits.

Ours, as those of `few_shot` are; one is enough to show that old words are kept where they hold.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from neuroscribe.records import Form

_Table = tuple[tuple[str, ...], tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class SolvedRevision:
    """An explanation, what the unit does, and the better explanation."""

    explanation: str
    exemplars: tuple[_Table, ...]
    silent: tuple[_Table, ...]
    """Texts that fit the old explanation and leave the unit silent."""
    firing: tuple[_Table, ...]
    answers: Mapping[Form, str]


SOLVED_REVISION = SolvedRevision(
    explanation="words for water",
    exemplars=(
        ((" down", " to", " the", " river", " mouth"), (1, 0, 0, 10, 2)),
        (("Every", " brook", " swells"), (0, 9, 1)),
    ),
    silent=(
        (("A", " glass", " of", " water"), (0, 0, 0, 1)),
        (("The", " sea", " is", " calm"), (0, 2, 0, 0)),
    ),
    firing=((("Trout", " swim", " up", " the", " stream"), (0, 0, 1, 0, 8)),),
    answers={
        "phrase": 'words for running water, such as "river", "brook" and "stream"',
        "label": "words for running water",
        "sentence": "This unit fires on words for running water, such as river or brook.",
    },
)
