"""Solved units for the prompts that show lists of tokens instead of texts.

They cover a family of words, a piece of code, and parts of words; one of them has no output list,
as units of models without an unembedding have none. Ours, as those of `few_shot` are.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from neuroscribe.records import Form

TokenList = tuple[tuple[str, int], ...]


@dataclass(frozen=True, kw_only=True)
class SolvedTokens:
    """What lists name of one unit, each token with a level, and the explanation that fits."""

    inputs: TokenList
    """Tokens that excite it."""
    answers: Mapping[Form, str]
    promoted: TokenList = ()
    """Tokens that it makes likelier."""
    suppressed: TokenList = ()
    """Tokens that it makes less likely; levels below 0."""


SOLVED_BY_INPUTS: tuple[SolvedTokens, ...] = (
    SolvedTokens(
        inputs=((" river", 10), (" stream", 8), (" brook", 8), ("River", 6), (" the", 1)),
        promoted=((" bank", 10), (" upstream", 9), (" flows", 7)),
        answers={
            "phrase": 'words for running water, such as "river", "stream" and "brook"',
            "label": "words for running water",
            "sentence": "This unit fires on words for running water, such as river or brook.",
        },
    ),
    SolvedTokens(
        inputs=((" while", 10), (" elif", 9), (" if", 7), ("if", 7), (" Monday", 1)),
        promoted=((" not", 10), (" (", 6), (" len", 5)),
        answers={
            "phrase": 'keywords that begin a condition in code, such as "while", "elif" and "if"',
            "label": "keywords before a condition",
            "sentence": "This unit fires on keywords that begin a condition in code.",
        },
    ),
    SolvedTokens(
        inputs=(("ness", 10), ("ity", 9), ("hood", 7), ("ship", 7), ("dom", 5)),
        answers={
            "phrase": 'endings that make a noun of a quality, such as "ness" and "ity"',
            "label": "endings of abstract nouns",
            "sentence": "This unit fires on endings that make a noun of a quality, such as -ness.",
        },
    ),
)
"""For lists of what excites a unit."""

SOLVED_BY_OUTPUTS: tuple[SolvedTokens, ...] = (
    SolvedTokens(
        inputs=(),
        promoted=((" January", 10), (" March", 9), (" October", 9), (" 1998", 6)),
        suppressed=((" the", -10), (" them", -8), (" quickly", -7)),
        answers={
            "phrase": 'text right before a date, such as "on" or "since"',
            "label": "text before a date",
            "sentence": "This unit fires on text right before a date.",
        },
    ),
    SolvedTokens(
        inputs=(),
        promoted=((")", 10), ("))", 8), ("):", 8), (");", 7)),
        suppressed=(("(", -10), (" (", -9), (" and", -4)),
        answers={
            "phrase": "the last token inside a round bracket that is about to close",
            "label": "ends of bracketed expressions",
            "sentence": "This unit fires on the end of what stands inside a round bracket.",
        },
    ),
)
"""For lists of what a unit makes likelier and less likely."""
