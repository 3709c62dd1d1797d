"""The text that pieces of bytes make together, and where each begins in it.

Pieces that were cut out of a longer text may begin or end inside a character, and a damaged text
may be no UTF-8 anywhere. What is not a whole character is left out of the text: it has no place in
a string, and its token has no extent there. The token itself still shows its bytes.
"""

from collections.abc import Sequence
from itertools import accumulate


def text_of(pieces: Sequence[bytes]) -> tuple[str, tuple[int, ...]]:
    r"""The text, and the places between the pieces in its UTF-8 form.

    >>> text_of([b"it", b"\xe2\x80", b"\x99", b"s"])
    ('it’s', (0, 2, 4, 5, 6))
    >>> text_of([b"\x99", b"s"])
    ('s', (0, 0, 1))
    """
    places = list(accumulate(map(len, pieces), initial=0))
    data = b"".join(pieces)
    text = data.decode("utf-8", "ignore")
    if len(text.encode()) < len(data):
        kept = _kept(data)
        places = [kept[place] for place in places]
    return text, tuple(places)


def _kept(data: bytes) -> list[int]:
    """How many of the bytes before each place are in the text."""
    counts = [0]
    escaped = data.decode("utf-8", "surrogateescape")
    for character in escaped:
        is_byte = "\udc80" <= character <= "\udcff"
        size = 1 if is_byte else len(character.encode())
        counts += [counts[-1]] if is_byte else range(counts[-1] + 1, counts[-1] + 1 + size)
    return counts
