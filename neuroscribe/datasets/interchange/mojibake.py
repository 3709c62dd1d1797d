"""Token strings that other tools wrote in their vocabulary's own alphabet, back to bytes.

A file of tokens may show a curly apostrophe as `\u00e2\u0122\u013b`: its three bytes in GPT-2's
alphabet. SAEDashboard undoes that for spaces, line ends and the commonest dashes and quotes alone,
so its files mix both ways of writing. No single token tells which it is (the letter \u00e9 is also
the byte e9), but a whole file does: in one way of writing, the letters between plain ASCII always
decode as UTF-8, which real letters practically never do. Therefore a file is judged first, from all
its tokens, and then every token is read the same way; what does not fit is counted, never guessed.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, get_args

from neuroscribe.datasets.byte_alphabet import BYTE_OF
from neuroscribe.errors import InputError

Writing = Literal["byte_level", "sentence_piece", "plain"]
"""How token strings are written: in GPT-2's alphabet, with U+2581 for a space, or as text."""

WRITINGS: Final[tuple[Writing, ...]] = get_args(Writing)

UNDONE: Final = frozenset("—–“”‘’")
"""Characters (beside white space) that SAEDashboard has already put in place of their bytes."""

_WORD_START: Final = "\u2581"
_FALLBACK_BYTE: Final = re.compile("<0x([0-9A-Fa-f]{2})>")
_LATIN: Final = re.compile("[\u0080-\u00ff]{2,}")
_WINDOWS: Final = re.compile("[\u00a0-\u00ff€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]{2,}")
_CONTROL: Final = re.compile("[\u0080-\u009f]")
_SPACE: Final = "\u0120"


def writing_of(name: str) -> Writing | None:
    """The way of writing that an option names; None for `auto`.

    Raises:
        InputError: there is no such way.
    """
    for writing in WRITINGS:
        if name == writing:
            return writing
    if name == "auto":
        return None
    raise InputError(f"tokens is {name!r}; choose auto, {', '.join(WRITINGS)}")


def judge(sequences: Iterable[Sequence[str]]) -> Writing | None:
    r"""How the tokens of a file are written; None if nothing in it tells.

    >>> judge([["it", "\u00e2\u0122", "\u013b", "s"]])
    'byte_level'
    >>> judge([["caf\u00e9", " noir"]])
    'plain'
    >>> judge([["rain", "\n"]]) is None
    True
    """
    seen: Counter[str] = Counter()
    for tokens in sequences:
        for token in tokens:
            seen["word starts"] += token.startswith(_WORD_START)
            seen["byte spaces"] += token.startswith(_SPACE)
            seen["foreign"] += not token.isascii() and any(map(_is_foreign, token))
        for run in _inner_runs(tokens):
            seen["decode" if _is_utf8(run) else "do not"] += 1
    if seen["word starts"]:
        return "sentence_piece"
    as_bytes, as_text = seen["decode"] + seen["byte spaces"], seen["do not"] + seen["foreign"]
    if as_bytes > as_text:
        return "byte_level"
    return "plain" if as_text else None


class TokenReader:
    """Reads token strings that are written one way; counts what it mended and what it doubts."""

    def __init__(self, writing: Writing) -> None:
        self.writing = writing
        self.mended = 0
        """Tokens whose bytes are not those of their string."""
        self.doubtful = 0
        """Tokens that look like bytes of another encoding and were left as they are."""

    def bytes_of(self, tokens: Sequence[str]) -> list[bytes]:
        """The bytes of each token."""
        return [self._read(token) for token in tokens]

    def _read(self, token: str) -> bytes:
        # Most tokens are ASCII, and only one way of writing gives a meaning to some of these.
        if token.isascii() and (self.writing != "sentence_piece" or "<" not in token):
            return token.encode()
        if self.writing == "byte_level":
            data = b"".join(map(_byte_level, token))
            self.doubtful += any(map(_is_foreign, token))
        elif self.writing == "sentence_piece":
            data = _sentence_piece(token)
        else:
            data = self._plain(token)
        self.mended += data != token.encode("utf-8", "replace")
        return data

    def _plain(self, token: str) -> bytes:
        text = token
        # Text has no control characters of this range: they are bytes that were read as Latin-1.
        while _CONTROL.search(text):
            undone = _LATIN.sub(_from_latin, text)
            if undone == text:
                break
            text = undone
        self.doubtful += bool(_CONTROL.search(text)) or _looks_misread(text)
        return text.encode("utf-8", "replace")


def _byte_level(character: str) -> bytes:
    byte = BYTE_OF.get(character)
    return character.encode("utf-8", "replace") if byte is None else bytes([byte])


def _sentence_piece(token: str) -> bytes:
    if match := _FALLBACK_BYTE.fullmatch(token):
        return bytes([int(match[1], 16)])
    return token.replace(_WORD_START, " ").encode("utf-8", "replace")


def _from_latin(match: re.Match[str]) -> str:
    try:
        return match[0].encode("latin-1").decode()
    except UnicodeDecodeError:
        return match[0]


def _looks_misread(text: str) -> bool:
    """Whether a stretch would be UTF-8 if it were bytes in the alphabet or in Windows-1252."""
    for run in _WINDOWS.findall(text):
        try:
            run.encode("cp1252").decode()
        except UnicodeError:
            continue
        return True
    return any(_is_utf8(run) for run in _runs(text))


def _is_foreign(character: str) -> bool:
    """Whether a character has no place in a byte-level file."""
    return not character.isascii() and character not in BYTE_OF and character not in UNDONE


def _inner_runs(tokens: Sequence[str]) -> Iterator[bytes]:
    """The bytes of the stretches of non-ASCII letters that both have ASCII beside them.

    A stretch at either end of a sequence may be cut in the middle of a character.
    """
    text = "".join(tokens)
    if text.isascii():
        return
    first = next((place for place, letter in enumerate(text) if not _is_letter(letter)), None)
    if first is None:
        return
    last = next(place for place in reversed(range(len(text))) if not _is_letter(text[place]))
    yield from _runs(text[first : last + 1])


def _runs(text: str) -> Iterator[bytes]:
    run: list[int] = []
    for character in f"{text} ":
        if _is_letter(character):
            run.append(BYTE_OF[character])
        elif run:
            # What stands for bytes below 80 alone (such as \u010d for a line end) proves nothing.
            if max(run) >= 0x80:
                yield bytes(run)
            run = []


def _is_letter(character: str) -> bool:
    return not character.isascii() and character in BYTE_OF


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
