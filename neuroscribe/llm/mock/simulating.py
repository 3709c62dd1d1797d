"""How the mock simulates: tokens that match the explanation are predicted to be active.

A token equal to a quoted word (whatever its case) gets 9 for the first word named, one less for
each later one; a token that shares its beginning or end with a quoted word gets some of that; an
explanation without quotes counts all its longer words. Every other token gets a small value that
depends on the token and the explanation, as a real model's would, so that predictions for the wrong
unit vary and correlate with nothing. The distribution over "0".."10" is a bell around that value.
"""

import hashlib
import math
import re
from collections.abc import Mapping
from functools import cache, lru_cache
from types import MappingProxyType

from neuroscribe.llm.mock.explaining import bare, quoted_words
from neuroscribe.notation import MAX_LEVEL, unescape

_FIRST_LEVEL = 9.0
_LEAST_NAMED_LEVEL = 5.0
_PART_SHARE = 0.5
_LEAST_PART = 3
"""Letters that a shared beginning or end must have."""
_BACKGROUND = 0.6
_WIDTH = 0.7
_OTHER_MASS = 0.04
_OTHERS = ("unknown", "?", "-", "none", "low", "high", "yes", "no", "a")
"""What else the mock could have said: fills up to 20 alternatives."""
_LONG_WORD = re.compile(r"[^\W\d_]{4,}")


def distribution(token: str, explanation: str, seed: int) -> Mapping[str, float]:
    """Natural-log probabilities of what the mock would write for one token, likeliest first.

    Args:
        token: as written in the table, escaped.
        explanation: what is said of the unit.
        seed: the mock's.
    """
    return _bell(round(_level(bare(unescape(token)).casefold(), explanation, seed), 1))


def named_level(token: str, explanation: str) -> float:
    """How far a token (not escaped) is what the explanation names, 0..10; 0 where it is not.

    >>> named_level(" Raw", 'the token "raw"'), named_level(" the", 'the token "raw"')
    (9.0, 0.0)
    """
    return _matched(bare(token).casefold(), explanation) or 0.0


def likeliest(alternatives: Mapping[str, float]) -> int:
    """The number that the mock writes, given its distribution."""
    return max(range(MAX_LEVEL + 1), key=lambda level: alternatives[str(level)])


def _level(word: str, explanation: str, seed: int) -> float:
    matched = _matched(word, explanation)
    if matched is not None:
        return matched
    digest = hashlib.blake2b(f"{seed}\0{word}\0{explanation}".encode("utf-8", "replace"))
    return _BACKGROUND * digest.digest()[0] / 255


def _matched(word: str, explanation: str) -> float | None:
    named = _named_levels(explanation)
    if word in named:
        return named[word]
    shared = [level for other, level in named.items() if _share_an_end(word, other)]
    return _PART_SHARE * max(shared) if shared else None


@lru_cache(maxsize=4096)
def _named_levels(explanation: str) -> Mapping[str, float]:
    words = [bare(word).casefold() for word in quoted_words(explanation)]
    if not words:
        words = [match.casefold() for match in _LONG_WORD.findall(explanation)]
    levels: dict[str, float] = {}
    for index, word in enumerate(words):
        levels.setdefault(word, max(_LEAST_NAMED_LEVEL, _FIRST_LEVEL - index))
    return MappingProxyType(levels)


def _share_an_end(word: str, other: str) -> bool:
    short, long = sorted((word, other), key=len)
    return len(short) >= _LEAST_PART and (long.startswith(short) or long.endswith(short))


@cache
def _bell(mean: float) -> Mapping[str, float]:
    weights = [math.exp(-((level - mean) ** 2) / (2 * _WIDTH**2)) for level in range(MAX_LEVEL + 1)]
    total = sum(weights) / (1 - _OTHER_MASS)
    masses = {str(level): weight / total for level, weight in enumerate(weights)}
    others = sum(range(1, len(_OTHERS) + 1))
    for rank, other in enumerate(_OTHERS):
        masses[other] = _OTHER_MASS * (len(_OTHERS) - rank) / others
    logs = {word: round(max(math.log(mass), -30.0), 4) for word, mass in masses.items() if mass > 0}
    return MappingProxyType(dict(sorted(logs.items(), key=lambda item: (-item[1], item[0]))))
