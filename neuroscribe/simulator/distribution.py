"""From log-probabilities of answers to an expected value on the 0..10 scale.

The answers "0".."10" are kept, exponentiated, renormalised and averaged. Where none of them is
among the alternatives the value is missing: a silent 0 would count as a confident prediction of
silence, the commonest defect of simulators. Answers with white space around the number (" 1") are
folded into it, and the folds are counted.

Many tokenizers cut "10" into "1" and "0"; the alternative "1" then stands for both. Where the model
itself wrote the "1", what it expects next separates the two exactly (chain rule). Where "1" is only
an alternative to another number and no "10" has been seen whole, it counts as 1 while its share is
at most `AMBIGUOUS_SHARE` (an error of at most .9), and the value is missing where it is more.

Source: METHODS section 4; Bills et al., 2023 for the expected value.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

from neuroscribe.llm.protocol import TopLogprobs
from neuroscribe.notation import MAX_LEVEL

AMBIGUOUS_SHARE = 0.1
"""Largest share of a "1" that may be the first half of "10" before the value counts as missing."""

_LEVELS = {str(level): level for level in range(MAX_LEVEL + 1)}


class Expectation(NamedTuple):
    """An expected value and how it was found."""

    value: float | None
    """0..10; None where no number is among the alternatives."""
    folded: int
    """How many alternatives such as " 1" were counted as their number."""


def expected_value(top_logprobs: TopLogprobs) -> float | None:
    """Expected value of the numbers among the alternatives at one position.

    Args:
        top_logprobs: token text to natural-log probability.

    Returns:
        A value in 0..10; None where no number from 0 to 10 is among them.

    >>> expected_value({"0": -0.6931, "10": -0.6931, " the": -3.0})
    5.0
    >>> expected_value({" the": -0.1}) is None
    True
    """
    return expectation(top_logprobs).value


def expectation(top_logprobs: TopLogprobs) -> Expectation:
    """The same as `expected_value`, with the number of folded alternatives.

    >>> expectation({" 1": -0.5})
    Expectation(value=1.0, folded=1)
    """
    weights, folded = _weights(top_logprobs)
    return Expectation(_mean(weights), folded)


def mean_level(probabilities: Mapping[str, float]) -> float:
    """Expected value of a whole distribution over "0".."10" that sums to 1.

    >>> mean_level({"0": 0.5, "10": 0.5})
    5.0
    """
    return sum(_LEVELS[answer] * share for answer, share in probabilities.items())


def generated_expectation(
    top_logprobs: TopLogprobs,
    *,
    written: str,
    following: TopLogprobs | None,
    ten_is_whole: bool,
) -> Expectation:
    """Expected value at a number that the model wrote itself.

    Args:
        top_logprobs: the alternatives at the first token of the number.
        written: the token that the model wrote there.
        following: the alternatives at the token after it; None at the end of the answer or where
            the endpoint gave none.
        ten_is_whole: whether "10" has been seen as one token in this answer; then "1" is 1.
    """
    weights, folded = _weights(top_logprobs)
    one = weights.get(1, 0.0)
    if one and not ten_is_whole:
        if written.strip() == "1" and following:
            ten = one * _share_of_zero(following)
            weights[1] = one - ten
            weights[MAX_LEVEL] = weights.get(MAX_LEVEL, 0.0) + ten
        elif one > AMBIGUOUS_SHARE * sum(weights.values()):
            return Expectation(None, folded)
    return Expectation(_mean(weights), folded)


def holds_whole_ten(top_logprobs: TopLogprobs) -> bool:
    """Whether "10" is one token here, so that "1" cannot be its first half."""
    return any(answer.strip() == str(MAX_LEVEL) for answer in top_logprobs)


def _weights(top_logprobs: TopLogprobs) -> tuple[dict[int, float], int]:
    """Unnormalised probability per level; scaled by the likeliest, so that none underflows."""
    numbers = {
        answer: logprob
        for answer, logprob in top_logprobs.items()
        if answer.strip() in _LEVELS and logprob > -math.inf
    }
    largest = max(numbers.values(), default=0.0)
    weights: dict[int, float] = {}
    for answer, logprob in numbers.items():
        level = _LEVELS[answer.strip()]
        weights[level] = weights.get(level, 0.0) + math.exp(logprob - largest)
    return weights, sum(answer not in _LEVELS for answer in numbers)


def _mean(weights: Mapping[int, float]) -> float | None:
    if not weights:
        return None
    return sum(level * weight for level, weight in weights.items()) / sum(weights.values())


def _share_of_zero(following: TopLogprobs) -> float:
    """Probability that a "0" follows; alternatives that were not listed count as no "0"."""
    shares = (math.exp(p) for answer, p in following.items() if answer.startswith("0"))
    return min(1.0, sum(shares, 0.0))
