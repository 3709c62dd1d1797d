r"""How the mock explains: it names the commonest peak tokens, quoted.

Each token counts with the sum of its activation levels over all tables, as long as it is at least
half as active as the strongest token of its table; spellings that differ in case or outer white
space count together. People read the sentence as an explanation, and the mock's simulator reads the
quoted words back, so a mock study measures the whole pipeline and not a canned answer.
"""

import re
from collections import Counter

from neuroscribe.llm.mock.reading import Line
from neuroscribe.notation import escape, unescape

MOST_WORDS = 5
LEAST_SHARE = 0.15
"""Words lighter than this share of the heaviest are left out."""

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


def explain(tables: list[list[Line]], most_words: int = MOST_WORDS) -> str:
    """A sentence about the peak tokens of the tables."""
    weights: Counter[str] = Counter()
    spellings: dict[str, Counter[str]] = {}
    for table in tables:
        levels = [(bare(unescape(line.token)), _level(line.value)) for line in table]
        peak = max((level for _, level in levels), default=0)
        for word, level in levels:
            if level > 0 and 2 * level >= peak:
                weights[word.casefold()] += level
                spellings.setdefault(word.casefold(), Counter())[word] += level
    if not weights:
        return "nothing in particular"
    ranked = sorted(weights, key=lambda word: (-weights[word], word))[:most_words]
    heavy = [word for word in ranked if weights[word] >= LEAST_SHARE * weights[ranked[0]]]
    named = [max(spellings[word], key=lambda s: (spellings[word][s], s)) for word in heavy]
    return f"the token{'s' if len(named) > 1 else ''} {', '.join(map(_quote, named))}"


def quoted_words(explanation: str) -> list[str]:
    r"""The words that an explanation names in double quotes, in order.

    >>> quoted_words('the tokens "raw", "a\\"b"')
    ['raw', 'a"b']
    """
    return [unescape(match) for match in _QUOTED.findall(explanation)]


def bare(token: str) -> str:
    r"""A token without outer white space and WordPiece's mark; white space alone stays as it is.

    >>> bare(" raw"), bare("##data"), bare("\n")
    ('raw', 'data', '\n')
    """
    stripped = token.strip()
    if len(stripped) > 2 and stripped.startswith("##"):
        stripped = stripped[2:]
    return stripped or token


def _quote(word: str) -> str:
    escaped = escape(word).replace('"', '\\"')
    return f'"{escaped}"'


def _level(value: str) -> int:
    return int(value) if value.isdecimal() else 0
