"""The text that pieces of bytes make together."""

from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st

from neuroscribe.datasets.interchange.piece_text import text_of


@given(st.lists(st.binary(max_size=4), max_size=8))
@settings(deadline=None)
def test_every_piece_has_its_whole_characters_in_the_text(pieces):
    text, places = text_of(pieces)
    data = text.encode()
    assert (places[0], places[-1]) == (0, len(data))
    assert list(places) == sorted(places)
    for piece, (first, last) in zip(pieces, pairwise(places), strict=True):
        assert data[first:last] in piece or len(data[first:last]) < len(piece)
    assert text == b"".join(pieces).decode("utf-8", "ignore")


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=12), st.data())
@settings(deadline=None)
def test_pieces_of_a_text_make_the_text(text, data):
    whole = text.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    cuts = [0, *cuts, len(whole)]
    pieces = [whole[first:last] for first, last in pairwise(cuts)]
    assert text_of(pieces) == (text, tuple(cuts))


@pytest.mark.parametrize(
    ("pieces", "text", "places"),
    [
        ([], "", (0,)),
        # Cut in the middle of a character at both ends.
        ([b"\x99", b"s \xe2"], "s ", (0, 0, 2)),
        # No UTF-8 in between.
        ([b"a\xff", b"b"], "ab", (0, 1, 2)),
    ],
)
def test_what_is_no_whole_character_has_no_place(pieces, text, places):
    assert text_of(pieces) == (text, places)
