"""Every byte of a text belongs to one token, and each token to its own bytes."""

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from neuroscribe.datasets.token_boundaries import (
    show_bytes,
    token_boundaries,
    whole_characters,
)

PIECES = [
    "\u00e9", "e\u0301", "\ufb03", "\U0001f642", "\U0001f468\u200d\U0001f469", " ", "  ", "\n",
    "\x00", "\u202e", "\u05d0", "rain", " and", "Sun", "\u2581", "\u0120", "<0x41>",
]  # fmt: skip
TEXT = st.lists(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(PIECES)), max_size=20
).map("".join)
relaxed = settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def cut(tokenizer, text):
    """Token ids, and the bytes that each covers."""
    encoding = tokenizer(
        text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True
    )
    ids = encoding["input_ids"]
    boundaries = token_boundaries(
        text,
        encoding["offset_mapping"],
        lambda stretch: tokenizer.convert_ids_to_tokens(ids[stretch]),
    )
    data = text.encode()
    pieces = [data[a:b] for a, b in pairwise(boundaries)]
    return ids, boundaries, pieces


@relaxed
@given(text=TEXT)
def test_tokens_lie_end_to_end_and_cover_the_text_to_the_end_of_the_last(any_tokenizer, text):
    ids, boundaries, pieces = cut(any_tokenizer, text)
    assert len(boundaries) == len(ids) + 1
    assert boundaries[0] == 0
    assert boundaries == sorted(boundaries)
    assert text.encode().startswith(b"".join(pieces))


@relaxed
@given(text=TEXT)
def test_byte_level_tokens_have_the_very_bytes_of_the_vocabulary(byte_level, text):
    ids, _, pieces = cut(byte_level, text)
    assert b"".join(pieces) == text.encode()
    decode = byte_level.backend_tokenizer.decoder.decode
    for token_id, piece in zip(ids, pieces, strict=True):
        form = byte_level.convert_ids_to_tokens(token_id)
        if piece.isascii():
            assert decode([form]) == piece.decode()
        else:
            assert len(form) == len(piece)


@relaxed
@given(text=TEXT)
def test_bytes_that_a_vocabulary_falls_back_to_are_found_in_the_text(sentence_piece, text):
    ids, _, pieces = cut(sentence_piece, text)
    for token_id, piece in zip(ids, pieces, strict=True):
        form = sentence_piece.convert_ids_to_tokens(token_id)
        if form.startswith("<0x"):
            assert piece == bytes([int(form[3:5], 16)])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rain  and", ["rain", " ", " and"]),
        ("a\U0001f642b", ["a", "⟨f0⟩", "⟨9f⟩", "⟨99⟩", "⟨82⟩", "b"]),
        ("\U0001f642", ["⟨f0⟩", "⟨9f⟩", "⟨99⟩", "⟨82⟩"]),
        ("caf\u00e9 \u05d0", ["caf", "\u00e9", " ", "⟨d7⟩", "⟨90⟩"]),
    ],
)
def test_byte_level_pieces_are_shown_as_text_or_as_bytes(byte_level, text, shown):
    assert [show_bytes(piece) for piece in cut(byte_level, text)[2]] == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Rain AND\n Sun", ["Rain", " AND", "\n Sun"]),
        ("na\u00efve", ["na\u00efve"]),
        ("\x00 rain\x07", ["\x00 rain"]),
        ("rain ", ["rain"]),
    ],
)
def test_case_accents_and_white_space_stay_as_written(word_piece, text, shown):
    assert [show_bytes(piece) for piece in cut(word_piece, text)[2]] == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rain and", ["rai", "n", " a", "nd"]),
        (" rain", ["", " rai", "n"]),
        ("\U0001f642 rain", ["", "⟨f0⟩", "⟨9f⟩", "⟨99⟩", "⟨82⟩", " rai", "n"]),
        ("\u00e9\U0001f642", ["", "\u00e9", "⟨f0⟩", "⟨9f⟩", "⟨99⟩", "⟨82⟩"]),
    ],
)
def test_a_prefix_that_is_not_in_the_text_shows_nothing(sentence_piece, text, shown):
    assert [show_bytes(piece) for piece in cut(sentence_piece, text)[2]] == shown


def test_where_a_normaliser_splits_a_character_the_first_token_has_it():
    """As the ligature of three letters, cut into `ff` and `i`: both say they are character 0."""
    forms = ["ff", "i", "x"]
    found = token_boundaries("\ufb03x", [(0, 1), (0, 1), (1, 2)], lambda s: forms[s])
    assert found == [0, 3, 3, 4]


def test_white_space_before_a_shared_character_belongs_to_its_first_token():
    forms = ["\u0120\u00f0\u0141", "\u013b\u0124"]
    found = token_boundaries("  \U0001f642", [(2, 3), (2, 3)], lambda s: forms[s])
    assert found == [0, 4, 6]


def test_the_vocabulary_is_not_asked_where_no_character_is_shared():
    def fail(_):
        raise AssertionError

    assert token_boundaries("a \u00e9", [(0, 1), (2, 3)], fail) == [0, 1, 4]


def test_a_text_without_tokens_has_one_boundary():
    assert token_boundaries("\x00", [], lambda _: []) == [0]


@pytest.mark.parametrize(
    ("stretch", "widened"),
    [
        ((0, 1), (0, 1)),
        ((2, 4), (1, 5)),
        ((1, 5), (1, 5)),
        ((3, 3), (1, 5)),
        ((5, 6), (5, 6)),
        ((6, 6), (6, 6)),
    ],
)
def test_a_stretch_is_widened_to_whole_characters(stretch, widened):
    assert whole_characters("a\U0001f642b".encode(), *stretch) == widened


@given(st.binary(max_size=12))
def test_whatever_the_bytes_are_they_can_be_shown(data):
    shown = show_bytes(data)
    assert ("⟨" in shown) or shown.encode() == data


def test_real_gpt2_pieces_of_an_emoji(shared_data, tmp_path):
    from transformers import GPT2Tokenizer

    for name, source in (("vocab.json", "encoder.json"), ("merges.txt", "vocab.bpe")):
        (tmp_path / name).write_bytes((shared_data / "gpt2-bpe" / source).read_bytes())
    tokenizer = GPT2Tokenizer.from_pretrained(tmp_path)
    family = "see \U0001f468\u200d\U0001f469 \ufb03"
    assert [show_bytes(piece) for piece in cut(tokenizer, family)[2]] == [
        "see", " ⟨f0 9f 91⟩", "⟨a8⟩", "⟨e2 80⟩", "⟨8d⟩", "⟨f0 9f 91⟩", "⟨a9⟩",
        " ⟨ef⟩", "⟨ac⟩", "⟨83⟩",
    ]  # fmt: skip


def test_real_llama_bytes_of_an_accent(shared_data):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(shared_data / "stories260K")
    assert [show_bytes(piece) for piece in cut(tokenizer, " na\u00efve \U0001f642")[2]] == [
        "", " n", "a", "⟨c3⟩", "⟨af⟩", "ve", " ", "⟨f0⟩", "⟨9f⟩", "⟨99⟩", "⟨82⟩",
    ]  # fmt: skip
