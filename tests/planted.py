"""Units whose rules are known: a token set, a context rule, a position rule.

An invented corpus of short texts holds words for waters, animals and colours, digits with and
without a currency sign. Each explanation in `RULES` is a text and the tokens it claims; the three
planted units follow one of them each, and the others are wrong explanations, near misses among
them. Whoever knows `RULES` is an oracle.
"""

import hashlib
import random
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from neuroscribe.firing import fires
from neuroscribe.records import (
    SPLITS,
    Exemplar,
    Sequence as TokenSequence,
    Split,
    TokenLookup,
    UnitId,
    UnitRecord,
    UnitStatistics,
)
from neuroscribe.services import Divergences, TextActivations

WATERS = ("river", "brook", "stream")
ANIMALS = ("fox", "heron", "cat", "horse")
COLOURS = ("red", "blue", "green")
CURRENCIES = ("$", "€", "£")
FILLERS = (
    "the",
    "a",
    "on",
    "in",
    "old",
    "boat",
    "house",
    "man",
    "walked",
    "near",
    "saw",
    "paid",
    "cost",
    "bought",
    "for",
    "and",
    "with",
    "under",
)

Rule = Callable[[Sequence[str], int], bool]
"""From bare tokens and a position to whether the rule names the token there."""

RULES: dict[str, Rule] = {
    "words for running water": lambda tokens, place: tokens[place] in WATERS,
    "a digit right after a currency sign": lambda tokens, place: (
        tokens[place].isdigit() and place > 0 and tokens[place - 1] in CURRENCIES
    ),
    "an animal as the first word of a text": lambda tokens, place: (
        place == 0 and tokens[place] in ANIMALS
    ),
    "any digit": lambda tokens, place: tokens[place].isdigit(),
    "any currency sign": lambda tokens, place: tokens[place] in CURRENCIES,
    "any animal": lambda tokens, place: tokens[place] in ANIMALS,
    "the first word of a text": lambda tokens, place: place == 0,
    "names of colours": lambda tokens, place: tokens[place] in COLOURS,
}
"""From an explanation to the tokens that it claims."""

PLANTED = tuple(RULES)[:3]
N_TOP = 20
N_RANDOM = 40
"""Exemplars of each split."""
_N_TEXTS = 120
_N_LOOKUP = 20
_TOKEN = re.compile(r" ?[^\W\d]+| ?\d| ?[^\w\s]")


@dataclass(frozen=True)
class PlantedUnit:
    """A unit and the explanation that is true of it."""

    explanation: str
    record: UnitRecord

    @property
    def wrong(self) -> tuple[str, ...]:
        """All other explanations, near misses among them."""
        return tuple(text for text in RULES if text != self.explanation)


def claims(explanation: str, tokens: Sequence[str]) -> list[bool]:
    """Which tokens an explanation says that the unit fires on."""
    bare = [token.strip() for token in tokens]
    return [RULES[explanation](bare, place) for place in range(len(bare))]


def tokenise(text: str) -> tuple[str, ...]:
    """The tokens of a text; they concatenate to it."""
    return tuple(_TOKEN.findall(text))


def planted_units(seed: int = 0) -> list[PlantedUnit]:
    """One unit for each of `PLANTED`, recorded on a corpus that the seed decides."""
    return [_planted(index, explanation, seed) for index, explanation in enumerate(PLANTED)]


class SilentTexts:
    """Negatives: random sequences of a split on which the unit is silent."""

    name = "random"

    def __call__(
        self, record: UnitRecord, split: Split, positives: Sequence[Exemplar], n: int
    ) -> list[Exemplar]:
        taken = {each.sequence.sequence_id for each in positives}
        silent = [each for each in record.select(split, "random") if not fires(record, each)]
        return [each for each in silent if each.sequence.sequence_id not in taken][:n]


class PlantedSubject:
    """Runs planted units on any text."""

    name = "planted"
    cannot_predict = "it is a rule"

    def activations(self, unit: UnitId, texts: Sequence[str]) -> list[TextActivations]:
        found = []
        for text in texts:
            tokens = tokenise(text)
            found.append(TextActivations(tokens, _activations(PLANTED[unit.index], tokens, text)))
        return found

    def divergences(
        self, unit: UnitId, sequence: TokenSequence, replacements: Sequence[Sequence[float]]
    ) -> Divergences:
        raise NotImplementedError


def written_for(explanation: str, count: int, *, seed: int = 0) -> list[str]:
    """Texts of the corpus' kind that hold what an explanation claims."""
    source = random.Random(f"written {explanation} {seed}")
    texts: list[str] = []
    while len(texts) < count:
        tokens = _tokens(source)
        if any(claims(explanation, tokens)):
            texts.append("".join(tokens))
    return texts


@cache
def corpus(seed: int) -> tuple[TokenSequence, ...]:
    """The sequences of all splits."""
    source = random.Random(f"corpus {seed}")
    vocabulary: dict[str, int] = defaultdict(lambda: len(vocabulary))
    sequences = []
    for place in range(_N_TEXTS * len(SPLITS)):
        tokens = _tokens(source)
        offsets = [0]
        for token in tokens:
            offsets.append(offsets[-1] + len(token.encode()))
        sequences.append(
            TokenSequence(
                sequence_id=place,
                document_id=f"document-{place}",
                split=SPLITS[place % len(SPLITS)],
                token_ids=tuple(vocabulary[token] for token in tokens),
                tokens=tokens,
                text="".join(tokens),
                token_bytes_offsets=tuple(offsets),
            )
        )
    return tuple(sequences)


@cache
def _planted(index: int, explanation: str, seed: int) -> PlantedUnit:
    sequences = corpus(seed)
    values = {
        sequence.sequence_id: _activations(explanation, sequence.tokens, sequence.text)
        for sequence in sequences
    }
    exemplars = []
    for split in SPLITS:
        own = [sequence for sequence in sequences if sequence.split == split]
        strongest = sorted(own, key=lambda sequence: -max(values[sequence.sequence_id]))
        # In corpus order: what a text holds has no say in it.
        for kind, chosen in (("top", strongest[:N_TOP]), ("random", own[:N_RANDOM])):
            exemplars += [
                Exemplar(
                    sequence=sequence,
                    activations=values[sequence.sequence_id],
                    kind=kind,
                    rank=rank,
                )
                for rank, sequence in enumerate(chosen)
            ]
    return PlantedUnit(
        explanation=explanation,
        record=UnitRecord(
            unit=UnitId("mlp.0", index),
            statistics=_statistics(
                [
                    (token_id, value)
                    for sequence in sequences
                    if sequence.split == "train"
                    for token_id, value in zip(
                        sequence.token_ids, values[sequence.sequence_id], strict=True
                    )
                ]
            ),
            exemplars=tuple(exemplars),
        ),
    )


def _tokens(source: random.Random) -> tuple[str, ...]:
    words = [source.choice(ANIMALS)] if source.random() < 0.3 else [source.choice(FILLERS)]
    while len(words) < 14:
        draw = source.random()
        if draw < 0.06:
            words.append(" " + source.choice(WATERS))
        elif draw < 0.12:
            words.append(" " + source.choice(ANIMALS))
        elif draw < 0.18:
            words += [" " + source.choice(CURRENCIES), source.choice("123456789")]
        elif draw < 0.24:
            words.append(" " + source.choice("123456789"))
        elif draw < 0.28:
            words += [" " + source.choice(CURRENCIES), " " + source.choice(FILLERS)]
        elif draw < 0.34:
            words.append(" " + source.choice(COLOURS))
        else:
            words.append(" " + source.choice(FILLERS))
    return tuple(words)


def _activations(explanation: str, tokens: Sequence[str], text: str) -> tuple[float, ...]:
    """About 1.7 where the rule holds, about .05 elsewhere; the same text always gives the same."""
    return tuple(
        round(1.4 + 0.6 * _noise(text, place) if claimed else 0.1 * _noise(text, place), 4)
        for place, claimed in enumerate(claims(explanation, tokens))
    )


def _noise(text: str, place: int) -> float:
    return hashlib.blake2b(f"{place} {text}".encode()).digest()[0] / 255


def _statistics(pairs: Sequence[tuple[int, float]]) -> UnitStatistics:
    values = [value for _, value in pairs]
    mean = sum(values) / len(values)
    by_token: dict[int, list[float]] = defaultdict(list)
    for token_id, value in pairs:
        by_token[token_id].append(value)
    means = {token_id: sum(each) / len(each) for token_id, each in by_token.items()}
    best = sorted(means, key=lambda token_id: -means[token_id])[:_N_LOOKUP]
    return UnitStatistics(
        n_tokens=len(values),
        mean=mean,
        variance=sum((value - mean) ** 2 for value in values) / len(values),
        skewness=None,
        kurtosis=None,
        min=min(values),
        max=max(values),
        density=1.0,
        density_1pct=1.0,
        quantile_boundaries=(),
        histogram_edges=(),
        histogram_counts=(),
        lookup=TokenLookup(
            token_ids=tuple(best),
            means=tuple(means[token_id] for token_id in best),
            counts=tuple(len(by_token[token_id]) for token_id in best),
        ),
    )
