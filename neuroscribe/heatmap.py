"""Tokens shaded by a number each, for notebooks (HTML) and terminals (rich).

White space is made visible, and every token is escaped: a corpus may hold `<script>` or terminal
control codes. Shading is by value over the largest value; values at or below 0 are not shaded.
"""

import html as html_escaping
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

_VISIBLE = {"\n": "⏎", "\r": "␍", "\t": "⇥"}
_COLOUR = (255, 140, 0)


def html(tokens: Sequence[str], values: Sequence[float | None], *, largest: float) -> str:
    """A line of HTML; the value of a token shows when the pointer is on it.

    Args:
        tokens: any strings.
        values: one per token; None for a missing one.
        largest: the value that gets the full colour.

    >>> html(["<b>"], [2.0], largest=2.0)
    '<span style="background:rgba(255,140,0,1.00)" title="2">&lt;b&gt;</span>'
    """
    colour = ",".join(map(str, _COLOUR))
    spans = []
    for token, value in zip(tokens, values, strict=True):
        title = "missing" if value is None else f"{value:.4g}"
        style = f"background:rgba({colour},{_shade(value, largest):.2f})"
        shown = html_escaping.escape(visible(token))
        spans.append(f'<span style="{style}" title="{title}">{shown}</span>')
    return "".join(spans)


def terminal(tokens: Sequence[str], values: Sequence[float | None], *, largest: float) -> "Text":
    """A line for a rich console; shading mixes the colour with black."""
    from rich.style import Style  # noqa: PLC0415 -- only terminals need rich
    from rich.text import Text  # noqa: PLC0415

    line = Text()
    for token, value in zip(tokens, values, strict=True):
        shade = _shade(value, largest)
        red, green, blue = (round(channel * shade) for channel in _COLOUR)
        style = Style(bgcolor=f"rgb({red},{green},{blue})", color="black" if shade > 0.5 else None)
        line.append(visible(token), style=style if shade > 0.05 else None)
    return line


def visible(token: str) -> str:
    r"""A token with its line ends, tabs and control characters shown as signs.

    >>> visible("a\n\x1b[31m")
    'a⏎␛[31m'
    """
    return "".join(_VISIBLE.get(character) or _sign(character) for character in token)


def _sign(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    # C1 controls, and marks that reorder the text around them.
    reorders = 0x200E <= code <= 0x200F or 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069
    return f"⟨{code:x}⟩" if 0x7F <= code < 0xA0 or reorders else character


def _shade(value: float | None, largest: float) -> float:
    if value is None or largest <= 0:
        return 0.0
    return min(1.0, max(0.0, value / largest))
