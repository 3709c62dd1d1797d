"""Where the numbers stand in a table that an LLM wrote.

Rows are found by their tab and counted; what the model made of the token before it does not matter,
because predictions are mapped back by position. Lines without a tab (markers, code fences, remarks)
are no rows.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from neuroscribe.llm.protocol import GeneratedToken
from neuroscribe.notation import MAX_LEVEL
from neuroscribe.simulator.distribution import Expectation, generated_expectation

_LEVELS = frozenset(map(str, range(MAX_LEVEL + 1)))


def number_indices(generated: Sequence[GeneratedToken]) -> list[int | None]:
    r"""For each row, the index of the generated token with which its number begins.

    Returns:
        One entry per row; None where what follows the tab is no number of the scale.

    >>> texts = ("a", "\t", "1", "0", "\n", "b", "\t")
    >>> number_indices([GeneratedToken(text=text, top={}) for text in texts])
    [2, None]
    """
    texts = [token.text for token in generated]
    starts = [0, *accumulate(map(len, texts))][:-1]
    indices: list[int | None] = []
    line_start = 0
    for line in "".join(texts).split("\n"):
        before, tab, number = line.rpartition("\t")
        if tab:
            blanks = len(number) - len(number.lstrip())
            position = line_start + len(before) + 1 + blanks
            indices.append(bisect_right(starts, position) - 1 if is_level(number) else None)
        line_start += len(line) + 1
    return indices


def is_level(written: str) -> bool:
    """Whether a text is a whole number from 0 to 10, with white space around it or without.

    >>> is_level(" 10"), is_level("12"), is_level("0.5")
    (True, False, False)
    """
    return written.strip() in _LEVELS


def expectation_at(
    generated: Sequence[GeneratedToken], index: int, *, ten_is_whole: bool
) -> Expectation:
    """Expected value at the number that begins with a generated token.

    Args:
        generated: the answer's tokens.
        index: as `number_indices` gives it.
        ten_is_whole: as `distribution.generated_expectation` takes it.
    """
    following = generated[index + 1].top if index + 1 < len(generated) else None
    return generated_expectation(
        generated[index].top,
        written=generated[index].text,
        following=following,
        ten_is_whole=ten_is_whole,
    )
