r"""How tokens and activations are written in prompts, and read back.

One line per token, `token<TAB>integer`, between markers that stand on lines of their own (the form
of Bills et al., 2023). Explainer, simulator and mock LLM share this module, so what one writes the
others can read. Every token stays on its line whatever it holds: backslash, tab, line ends, other
control characters and the markers themselves are escaped with a backslash. Predictions are mapped
back by position, never by text.

The scale is METHODS section 2: `d(x) = min(10, floor(10 * max(0, x) / max_activation))`.
"""

import math
import re
from collections.abc import Sequence

START = "<start>"
END = "<end>"
UNKNOWN = "unknown"
MAX_LEVEL = 10
"""The largest value of the scale on which explainers read and simulators predict."""

_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "<": "\\<"}
_UNESCAPES = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r", "<": "<"}
# Line separators and directional marks would break or reorder a line; C0 and C1 are invisible.
_UNSAFE = re.compile(
    r"\\|[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
    rf"|{re.escape(START[0])}(?={START[1:]}|{END[1:]})"
)
_ESCAPED = re.compile(r"\\(?:u\{([0-9a-f]+)\}|(.))")


def discretise(activations: Sequence[float], max_activation: float) -> list[int]:
    """Map activations to the integers 0..10.

    Args:
        activations: the subject's values; negative ones count as 0.
        max_activation: the largest value ever recorded for the unit on the train split; where it is
            not positive everything is 0.

    >>> discretise([-1.0, 0.41, 0.42, 4.2, 9.0], max_activation=4.2)
    [0, 0, 1, 10, 10]
    """
    if max_activation <= 0:
        return [0] * len(activations)
    return [
        min(MAX_LEVEL, math.floor(MAX_LEVEL * max(0.0, activation) / max_activation))
        for activation in activations
    ]


def escape(token: str) -> str:
    r"""Write a token so that it stays on one line and cannot be taken for a marker.

    >>> print(escape("a\tb<start>"))
    a\tb\<start>
    """
    return _UNSAFE.sub(lambda match: _escape_character(match.group()), token)


def unescape(shown: str) -> str:
    r"""The inverse of `escape`.

    >>> unescape(escape("\\n\n")) == "\\n\n"
    True
    """
    return _ESCAPED.sub(
        lambda match: chr(int(match[1], 16)) if match[1] else _UNESCAPES.get(match[2], match[2]),
        shown,
    )


def _escape_character(character: str) -> str:
    return _ESCAPES.get(character) or f"\\u{{{ord(character):x}}}"


def activation_table(tokens: Sequence[str], values: Sequence[int | str]) -> str:
    r"""The lines of one sequence, markers included, each ended by a newline.

    >>> activation_table(["a", " b"], [0, 10])
    '<start>\na\t0\n b\t10\n<end>\n'
    """
    lines = [f"{escape(token)}\t{value}\n" for token, value in zip(tokens, values, strict=True)]
    return f"{START}\n{''.join(lines)}{END}\n"


def slots_of(prompt: str, last_table: str) -> tuple[int, ...]:
    """Where the placeholders of the last table begin, as character offsets in `prompt`.

    Args:
        prompt: a text that contains `last_table` exactly once or more; the last one is meant.
        last_table: written by `activation_table` with `UNKNOWN` for every value.
    """
    start = prompt.rindex(last_table)
    offsets = []
    position = start
    for line in last_table.split("\n"):
        if line.endswith(f"\t{UNKNOWN}"):
            offsets.append(position + len(line) - len(UNKNOWN))
        position += len(line) + 1
    return tuple(offsets)
