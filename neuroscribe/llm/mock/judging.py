"""How the mock judges texts, and writes some: by the words that the explanation names.

A text fits as well as its best word would be simulated (`simulating.distribution`); in a marked
text the words between the marks count, less the more active ones stand outside. Levels become
probabilities by a logistic curve whose middle lies between a word that shares a part with a named
one and any other. So the mock judges as consistently, and as wrongly, as it simulates, and its
probabilities are those of its verdicts. What it writes are plain English sentences about the named
words, all different.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

from neuroscribe.llm.mock.explaining import quoted_words
from neuroscribe.llm.mock.simulating import distribution
from neuroscribe.notation import MAX_LEVEL, escape, unescape
from neuroscribe.texts import CLOSE, OPEN, marked_pieces

_MIDDLE_LEVEL = 3.5
_OUTSIDE_WEIGHT = 0.5
_LEAST_PROBABILITY = 1e-4
_SHARPNESS = 2.0
"""How sure the mock is of an intruder: its log-odds of fitting count this much."""
_WORDS = re.compile(r"\w+|[^\w\s]+|\s+")
_PARTS = re.compile(r"[^\W_]+|[^\w\s]|\n|\t|_+")
_LONG_WORD = re.compile(r"[^\W\d_]{4,}")
_MARKED = re.compile(rf"(?<!\\){OPEN}.*?(?<!\\){CLOSE}")

_OPENINGS = (
    "Yesterday",
    "In the morning",
    "Last winter",
    "After lunch",
    "On the way home",
    "Years ago",
    "Before the meeting",
    "At the end of the day",
)
_MIDDLES = (
    "my sister told me about {word} and then we went on.",
    "we found {word} in an old book.",
    "the teacher asked what {word} was for.",
    "somebody had left {word} on the table.",
    "they could not agree about {word} at all.",
    "the report began with {word} and little else.",
    "I kept thinking of {word} for hours.",
    "the children laughed about {word} again.",
    "nobody in the village knew {word} better.",
)


def probability(explanation: str, text: str, seed: int) -> float:
    """How likely the mock finds it that a text fits.

    Args:
        explanation: what is said of the unit.
        text: as `neuroscribe.texts` shows it, escaped; with marks, the marking is judged.
        seed: the mock's.

    >>> round(probability('the token "red"', "The ⟦red⟧ fox", 0), 2)
    1.0
    >>> round(probability('the token "red"', "The red ⟦fox⟧", 0), 2)
    0.0
    """
    marked = [level_of(piece, explanation, seed) for piece in marked_pieces(text)]
    if not marked:
        return _logistic(level_of(unescape(text), explanation, seed) - _MIDDLE_LEVEL)
    outside = level_of(unescape(_MARKED.sub(" ", text)), explanation, seed)
    better = max(marked) - outside
    return _logistic(max(marked) - _MIDDLE_LEVEL + _OUTSIDE_WEIGHT * better)


def level_of(text: str, explanation: str, seed: int) -> float:
    """How active the unit would be on the best word of a text (not escaped), 0..10.

    >>> round(level_of("The red fox", 'the token "red"', 0))
    9
    """
    words = {*_WORDS.findall(text), *_PARTS.findall(text)}
    return max((_level(word.casefold(), explanation, seed) for word in words), default=0.0)


def intruder(explanation: str | None, texts: Sequence[str], seed: int) -> dict[str, float]:
    """Log-probabilities of each number from 1, likeliest first, as that of the text out of place.

    Without an explanation it is the text that shares the fewest words with the others.
    """
    if explanation is None:
        odds = _in_common(texts)
    else:
        odds = [_log_odds(probability(explanation, text, seed)) for text in texts]
    weights = [math.exp(-odd / _SHARPNESS) for odd in odds]
    logs = [math.log(weight / sum(weights)) for weight in weights]
    return falling({str(number): log for number, log in enumerate(logs, start=1)})


def verdict(explanation: str, text: str, seed: int) -> dict[str, float]:
    """Log-probabilities of "1" (it fits) and "0", likeliest first."""
    fits = probability(explanation, text, seed)
    return falling({"1": math.log(fits), "0": math.log(1 - fits)})


def sentences(explanation: str, count: int, seed: int) -> list[str]:
    """Different sentences about what an explanation names.

    >>> sentences('the token "red"', 2, seed=0)[0]
    'Yesterday my sister told me about red and then we went on.'
    """
    words = quoted_words(explanation) or _LONG_WORD.findall(explanation) or ["something"]
    return [_sentence(words[turn % len(words)], seed + turn) for turn in range(count)]


def falling(alternatives: Mapping[str, float]) -> dict[str, float]:
    """Rounded, likeliest first."""
    rounded = {word: round(value, 4) for word, value in alternatives.items()}
    return dict(sorted(rounded.items(), key=lambda item: (-item[1], item[0])))


def _sentence(word: str, turn: int) -> str:
    # The numbers of openings and middles share no factor, so 72 turns differ.
    opening, middle = _OPENINGS[turn % len(_OPENINGS)], _MIDDLES[turn % len(_MIDDLES)]
    return f"{opening} {middle.format(word=word)}"


@lru_cache(maxsize=65536)
def _level(word: str, explanation: str, seed: int) -> float:
    alternatives = distribution(escape(word), explanation, seed)
    masses = [math.exp(alternatives[str(level)]) for level in range(MAX_LEVEL + 1)]
    return sum(level * mass for level, mass in enumerate(masses)) / sum(masses)


def _logistic(odds: float) -> float:
    share = 1 / (1 + math.exp(-odds))
    return min(1 - _LEAST_PROBABILITY, max(_LEAST_PROBABILITY, share))


def _log_odds(share: float) -> float:
    return math.log(share / (1 - share))


def _in_common(texts: Sequence[str]) -> list[float]:
    words = [{word.casefold() for word in _PARTS.findall(unescape(text))} for text in texts]
    found_in = Counter(word for each in words for word in each)
    return [sum(found_in[word] - 1 for word in each) / max(1, len(each)) for each in words]
