"""Where tokens begin and end in the bytes of a text, and what they show.

A token covers the text from where the one before it ends to its own end, so white space and
whatever a normaliser drops belong to the token behind them, case stays as written, and the tokens
of a document concatenate to its text up to the last one's end. Tokenizers say where a token is in
characters; that is not enough where several tokens share a character (byte-level BPE cuts an emoji
in two, SentencePiece falls back to bytes). There the vocabulary tells each token's bytes, which are
believed only if together they are the very bytes of the text. If they are not (a normaliser changed
the text), the first token that reaches a character has all of it and the others show nothing.
"""

import re
from collections.abc import Callable, Sequence as Seq
from itertools import accumulate

import numpy as np

from neuroscribe.datasets.byte_alphabet import BYTE_OF

_FALLBACK_BYTE = re.compile(r"^<0x([0-9A-Fa-f]{2})>$")
_ESCAPED_BYTES = re.compile("[\udc80-\udcff]+")
_WORD_START = "\u2581"
_CONTINUATION = 0b1000_0000
_LEADING_BITS = 0b1100_0000


def token_boundaries(
    text: str,
    spans: Seq[tuple[int, int]],
    vocabulary_form: Callable[[slice], Seq[str]],
) -> list[int]:
    """Byte positions in the UTF-8 form of `text` between its tokens.

    Args:
        text: the document.
        spans: first and last character (exclusive) of each token, as the tokenizer says.
        vocabulary_form: gives the vocabulary's strings of a stretch of tokens; asked only where
            tokens share characters.

    Returns:
        Ascending, one more than there are tokens: token i has the bytes from position i to i + 1.
    """
    ends = list(accumulate((end for _, end in spans), max, initial=0))
    if text.isascii():
        boundaries = ends
    else:
        code_points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
        sizes = 1 + sum((code_points >= least).astype(np.int64) for least in (0x80, 0x800, 0x10000))
        boundaries = np.concatenate([[0], np.cumsum(sizes)])[ends].tolist()
    data: bytes | None = None
    for first, last in _shared(spans, ends):
        data = text.encode() if data is None else data
        covered = data[boundaries[first] : boundaries[last]]
        pieces = _pieces(vocabulary_form(slice(first, last)), covered, at_start=first == 0)
        if pieces is not None:
            position = boundaries[last] - sum(map(len, pieces))
            boundaries[first + 1 : last + 1] = [
                position + size for size in accumulate(map(len, pieces))
            ]
    return boundaries


def whole_characters(data: bytes, start: int, stop: int) -> tuple[int, int]:
    """Widen a stretch of UTF-8 until it cuts no character; it may be empty, and at the end."""
    while 0 < start < len(data) and data[start] & _LEADING_BITS == _CONTINUATION:
        start -= 1
    while stop < len(data) and data[stop] & _LEADING_BITS == _CONTINUATION:
        stop += 1
    return start, stop


def show_bytes(data: bytes) -> str:
    r"""A token's bytes as text; fragments of a character in hexadecimal.

    >>> show_bytes(b" caf\xc3")
    ' caf⟨c3⟩'
    """
    text = data.decode("utf-8", "surrogateescape")
    return _ESCAPED_BYTES.sub(lambda match: _in_hexadecimal(match.group()), text)


def _in_hexadecimal(escaped: str) -> str:
    return f"⟨{escaped.encode('utf-8', 'surrogateescape').hex(' ')}⟩"


def _shared(spans: Seq[tuple[int, int]], ends: Seq[int]) -> list[tuple[int, int]]:
    """Stretches of tokens that reach into each other's characters: first, last exclusive."""
    starts = np.fromiter((start for start, _ in spans), dtype=np.int64, count=len(spans))
    reaches_back = starts[1:] < np.asarray(ends[1:-1], dtype=np.int64)
    stretches: list[tuple[int, int]] = []
    for token in (np.flatnonzero(reaches_back) + 1).tolist():
        if stretches and stretches[-1][1] == token:
            stretches[-1] = (stretches[-1][0], token + 1)
        else:
            stretches.append((token - 1, token + 1))
    return stretches


def _pieces(forms: Seq[str], covered: bytes, *, at_start: bool) -> list[bytes] | None:
    """The bytes of each token, if some reading of the vocabulary gives the end of `covered`."""
    for read in (_byte_level, _sentence_piece):
        pieces = [read(form) for form in forms]
        if None in pieces:
            continue
        found = [piece for piece in pieces if piece is not None]
        if covered.endswith(b"".join(found)):
            return found
        # Some tokenizers put a space before the text that is not in it.
        without_space = [found[0].removeprefix(b" "), *found[1:]]
        if at_start and covered.endswith(b"".join(without_space)):
            return without_space
    return None


def _byte_level(form: str) -> bytes | None:
    try:
        return bytes(BYTE_OF[character] for character in form)
    except KeyError:
        return None


def _sentence_piece(form: str) -> bytes:
    if match := _FALLBACK_BYTE.match(form):
        return bytes([int(match[1], 16)])
    return form.replace(_WORD_START, " ").encode()
