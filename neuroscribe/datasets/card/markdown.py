"""Strings of others in Markdown, HTML and BibTeX: shown, never obeyed.

A token, an explanation or a name may hold anything: a table's bar, a link, a tag, a formula. What
is known to be harmless is shown as code; everything else has its punctuation escaped.
"""

import html
import re
from collections.abc import Iterable, Sequence
from typing import Final

from neuroscribe.heatmap import visible

_HARMLESS: Final = re.compile(r"[\w.:/@%+=,()\[\]\- ]+", re.ASCII)
_PUNCTUATION: Final = re.compile(r"([!#$%()*+\-./:=@\[\\\]^_`{|}~])")


def text(value: str) -> str:
    r"""Any string as one line of plain text.

    >>> print(text("a|b <i>\n[x](y)"))
    a\|b &lt;i&gt;⏎\[x\]\(y\)
    """
    escaped = _PUNCTUATION.sub(r"\\\1", visible(value))
    # An entity is made of letters, `&`, `#` and `;`: none of them is escaped after it is made.
    return html.escape(escaped, quote=True)


def code(value: str) -> str:
    r"""A name, as code where it is one.

    >>> print(code("mlp.5"), code("a`b"))
    `mlp.5` a\`b
    """
    # Code keeps spaces, and a bar ends a cell even there.
    return f"`{value}`" if _HARMLESS.fullmatch(value) and value.strip() == value else text(value)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [_row(head), "|" + "---|" * len(head), *map(_row, rows)]
    return "\n".join(lines) + "\n"


def bibtex(value: str) -> str:
    """A string as the value of a BibTeX field: without what could end or steer it."""
    return re.sub(r"[{}\\%$#&~^_`\"]", " ", visible(value)).strip()


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
