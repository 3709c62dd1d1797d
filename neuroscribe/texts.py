r"""How whole texts are written in prompts: one a line, numbered, marked tokens in brackets.

Judges and some explainers show texts as people read them, not as tables. Each text stands on one
line, escaped as tables escape their tokens (`notation.escape`), so no text can pretend to be two,
to be a number, or to end the list. Marked tokens stand between `⟦` and `⟧`, neighbours together; a
bracket that the text itself holds is escaped. Whoever writes such texts and whoever reads them
(tests, the mock LLM) share this module.
"""

import re
from collections.abc import Collection, Sequence

from neuroscribe.notation import escape, unescape

OPEN = "⟦"
CLOSE = "⟧"

_BACKSLASH = "\\"
_BRACKET = re.compile(f"[{OPEN}{CLOSE}]")
_NUMBERED = re.compile(r"^(\d+)\. (.*)$", re.MULTILINE)
_MARKED = re.compile(rf"(?<!\\)((?:\\\\)*){OPEN}((?:[^\\{CLOSE}]|\\.)*){CLOSE}")


def plain(tokens: Sequence[str]) -> str:
    r"""A text on one line.

    >>> print(plain(["a\n", "⟦b"]))
    a\n\⟦b
    """
    return "".join(map(_escape, tokens)).strip(" ")


def mark(tokens: Sequence[str], marked: Collection[int]) -> str:
    r"""A text on one line with the tokens at some positions marked; neighbours share brackets.

    White space before a marked token stays outside.

    >>> mark(["The", " red", " fox", " ran"], {1, 2})
    'The ⟦red fox⟧ ran'
    """
    shown = []
    for position, token in enumerate(tokens):
        piece = _escape(token)
        is_marked = position in marked
        if is_marked and position - 1 not in marked:
            blanks = len(piece) - len(piece.lstrip(" "))
            piece = f"{piece[:blanks]}{OPEN}{piece[blanks:]}"
        if is_marked and position + 1 not in marked:
            piece += CLOSE
        shown.append(piece)
    return "".join(shown).strip(" ")


def marked_pieces(shown: str) -> list[str]:
    r"""What stands between the brackets of a text, as it was before it was escaped.

    >>> marked_pieces("The ⟦red fox⟧ ran to \\⟦b⟧")
    ['red fox']
    """
    return [unescape(match[2]) for match in _MARKED.finditer(shown)]


def numbered(shown: Sequence[str]) -> str:
    r"""Texts as a list, counted from 1, each line ended by a newline.

    >>> numbered(["one", "two"])
    '1. one\n2. two\n'
    """
    return "".join(f"{number}. {text}\n" for number, text in enumerate(shown, start=1))


def read_numbered(text: str) -> list[str]:
    r"""The texts of the last list in a prompt, as they were shown (escaped, marks and all).

    >>> read_numbered("1. old\n\nJudge these:\n1. one\n2. two\nAnswer now.")
    ['one', 'two']
    """
    texts: list[str] = []
    for match in _NUMBERED.finditer(text):
        number = int(match[1])
        if number == 1:
            texts = [match[2]]
        elif number == len(texts) + 1:
            texts.append(match[2])
    return texts


def explanation_line(explanation: str) -> str:
    r"""The line that states an explanation, on one line whatever it holds.

    Explanations quote tokens as the prompts show them, so a backslash stays as it is.

    >>> explanation_line('the tokens "\\n"\nand "<end>"')
    'Explanation: the tokens "\\n" and "\\<end>"\n'
    """
    parts = " ".join(explanation.split()).split(_BACKSLASH)
    return f"Explanation: {_BACKSLASH.join(map(escape, parts))}\n"


def _escape(token: str) -> str:
    return _BRACKET.sub(lambda match: f"\\{match.group()}", escape(token))
