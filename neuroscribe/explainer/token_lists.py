r"""Lists of tokens as prompts show them: tables whose values say how strongly a token is named.

Weights and means come on scales of their own, so each list is put on the one that its strongest
token sets: 10 (or -10 in lists of what is suppressed). The tables are those of `notation`, which
keep any token on its line.
"""

from collections.abc import Sequence

from neuroscribe.notation import MAX_LEVEL, activation_table

Rows = Sequence[tuple[str, int]]


def on_scale(tokens: Sequence[tuple[str, float]]) -> list[tuple[str, int]]:
    """Tokens with levels relative to the strongest; those of level 0 are left out.

    >>> on_scale([("a", 2.0), ("b", 1.1), ("c", 0.1)])
    [('a', 10), ('b', 5)]
    >>> on_scale([("a", -2.0), ("b", -1.1)])
    [('a', -10), ('b', -5)]
    """
    strongest = max((abs(value) for _, value in tokens), default=0.0)
    if strongest == 0:
        return []
    rows = [(token, int(MAX_LEVEL * value / strongest)) for token, value in tokens]
    return [(token, level) for token, level in rows if level]


def list_shown(heading: str, rows: Rows) -> str:
    """A table under a heading; nothing where the list is empty."""
    if not rows:
        return ""
    tokens, levels = zip(*rows, strict=True)
    return f"{heading}\n{activation_table(tokens, levels)}"
