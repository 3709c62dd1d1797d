"""Token strings in a vocabulary's alphabet, back to bytes."""

import pytest
from hypothesis import given, settings, strategies as st

from neuroscribe.datasets.byte_alphabet import BYTE_OF, CHARACTER_OF, written_with
from neuroscribe.datasets.interchange.mojibake import UNDONE, TokenReader, judge, writing_of
from neuroscribe.errors import InputError

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)


def byte_level(data: bytes) -> str:
    return written_with(CHARACTER_OF, data)


def undone(text: str) -> str:
    """What SAEDashboard makes of a string of the vocabulary."""
    for character in (*UNDONE, " ", "\n", "\t"):
        text = text.replace(byte_level(character.encode()), character)
    return text


@st.composite
def cut(draw):
    """A text's bytes, cut anywhere: also inside characters."""
    data = draw(TEXTS).encode()
    places = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


def test_the_alphabet_has_a_character_for_each_byte():
    assert sorted(BYTE_OF.values()) == list(range(256))
    assert byte_level(b" \n\xc3\xa9") == "\u0120\u010a\u00c3\u00a9"


@given(cut())
@settings(deadline=None)
def test_reading_undoes_the_byte_level_writing(pieces):
    reader = TokenReader("byte_level")
    assert reader.bytes_of([byte_level(piece) for piece in pieces]) == pieces
    assert reader.doubtful == 0


@given(cut())
@settings(deadline=None)
def test_it_does_so_where_some_characters_were_put_back_already(pieces):
    assert TokenReader("byte_level").bytes_of([undone(byte_level(p)) for p in pieces]) == pieces


@given(st.lists(TEXTS, max_size=5))
@settings(deadline=None)
def test_plain_text_without_control_characters_stays_as_it_is(texts):
    texts = [text for text in texts if not any("\u0080" <= c <= "\u009f" for c in text)]
    reader = TokenReader("plain")
    assert reader.bytes_of(texts) == [text.encode() for text in texts]
    assert reader.mended == 0


@given(st.lists(st.text(st.characters(codec="ascii"), max_size=8), max_size=5))
@settings(deadline=None)
def test_nothing_can_be_told_from_ascii(tokens):
    assert judge([tokens]) is None
    assert TokenReader("byte_level").bytes_of(tokens) == [token.encode() for token in tokens]


@pytest.mark.parametrize(
    ("sequences", "writing"),
    [
        # "it's" with a curly apostrophe, cut between its bytes.
        ([["it", "\u00e2\u0122", "\u013b", "s"]], "byte_level"),
        # A dash that was put back proves nothing either way.
        ([["so", "\u2014", "\u00c3\u00a9", "t", "\u00c3\u00a9"], [" a"]], "byte_level"),
        ([["\u0120the", "\u0120sun"]], "byte_level"),
        ([["caf\u00e9", " et", " th\u00e9."]], "plain"),
        # Polish: one letter is in the alphabet, others are not.
        ([["z", "a\u0142", "o", "\u015b", "\u0107", "!"]], "plain"),
        # Czech: the letter is the byte of a line end, which is no proof.
        ([["\u010d", "aj", " \u010d", "as"]], None),
        ([["\u2581rain", "\u2581fell"]], "sentence_piece"),
        ([["rain", "\n"]], None),
        # A cut character at the start of a window, and nothing else.
        ([["\u013b", "s", " rain"]], None),
    ],
)
def test_the_whole_file_tells_how_it_is_written(sequences, writing):
    assert judge(sequences) == writing


def test_one_cut_character_does_not_outweigh_the_others():
    good = [["it", "\u00e2\u0122", "\u013b", "s"]] * 3
    assert judge([*good, ["a", "\u013b", "b"]]) == "byte_level"


def test_mended_tokens_are_counted():
    reader = TokenReader("byte_level")
    assert reader.bytes_of(["it", "\u00e2\u0122", "\u013b", "s"]) == [
        b"it",
        b"\xe2\x80",
        b"\x99",
        b"s",
    ]
    assert (reader.mended, reader.doubtful) == (2, 0)


def test_a_character_that_no_byte_has_is_kept_and_doubted():
    reader = TokenReader("byte_level")
    assert reader.bytes_of(["\u96e8"]) == ["\u96e8".encode()]
    assert reader.doubtful == 1


def test_sentence_piece_writes_spaces_and_bytes_in_its_own_way():
    reader = TokenReader("sentence_piece")
    assert reader.bytes_of(["\u2581rain", "<0xE2>", "<b>"]) == [b" rain", b"\xe2", b"<b>"]


@pytest.mark.parametrize("times", [1, 2])
def test_utf8_that_was_read_as_latin_is_read_again_where_control_characters_prove_it(times):
    text = "so \u2014 it rained"
    for _ in range(times):
        text = text.encode().decode("latin-1")
    reader = TokenReader("plain")
    assert reader.bytes_of([text]) == ["so \u2014 it rained".encode()]
    assert (reader.mended, reader.doubtful) == (1, 0)


@pytest.mark.parametrize(
    "token",
    [
        # As Windows-1252 a dash, and as Latin-1 an e with an accent; both could be meant.
        "\u00e2\u20ac\u201d",
        "\u00c3\u00a9",
        # A control character that is part of nothing.
        "a\u0080b",
    ],
)
def test_what_could_be_either_is_left_and_counted(token):
    reader = TokenReader("plain")
    assert reader.bytes_of([token]) == [token.encode()]
    assert (reader.mended, reader.doubtful) == (0, 1)


def test_options_name_a_way_of_writing():
    assert writing_of("auto") is None
    assert writing_of("plain") == "plain"
    with pytest.raises(InputError, match="choose auto, byte_level, sentence_piece, plain"):
        writing_of("latin")
