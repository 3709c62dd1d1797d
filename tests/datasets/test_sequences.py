"""Sequences are windows of one document, and nothing but the corpus and settings shows in them."""

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from neuroscribe.datasets.corpus import Document
from neuroscribe.datasets.sequences import cut_sequences
from neuroscribe.datasets.splits import split_of
from neuroscribe.errors import CorpusError

WORDS = ["rain", " and", " snow", "Sun", "\n\n", "\u00e9", "\U0001f642", "\ufb03", "\x00", "\u05d0"]
TEXT = st.lists(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(WORDS)), max_size=25
).map("".join)
TEXTS = st.lists(TEXT, max_size=5)
relaxed = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def bytes_of(sequence):
    """The bytes of each token."""
    data = sequence.text.encode()
    offsets = sequence.token_bytes_offsets
    return [data[offsets[i] : offsets[i + 1]] for i in range(len(sequence))]


def shows_fragments(sequence):
    return any("⟨" in token for token in sequence.tokens)


@relaxed
@given(texts=TEXTS, length=st.integers(1, 9))
def test_tokens_bytes_and_text_say_the_same(any_tokenizer, corpus_of, texts, length):
    corpus = corpus_of(*texts, "rain and snow and sun and wind")
    for sequence in cut_sequences(corpus, any_tokenizer, sequence_length=length, minimum_length=1):
        offsets = sequence.token_bytes_offsets
        assert list(offsets) == sorted(offsets)
        assert sequence.text in corpus.texts[int(sequence.document_id)]
        pieces = bytes_of(sequence)
        if not shows_fragments(sequence):
            assert [piece.decode() for piece in pieces] == list(sequence.tokens)
            assert "".join(sequence.tokens) == sequence.text
        # The text has no more than what completes the characters at both ends.
        assert offsets[0] < 4
        assert len(sequence.text.encode()) - offsets[-1] < 4


@relaxed
@given(text=TEXT.filter(bool), length=st.integers(1, 7))
def test_windows_of_a_document_lie_end_to_end(any_tokenizer, corpus_of, text, length):
    """Each token once, in order, from the first: shown on documents whose windows all differ."""
    whole = any_tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    if not whole:
        return
    found = list(
        cut_sequences(corpus_of(text), any_tokenizer, sequence_length=length, minimum_length=1)
    )
    if len(found) == -(-len(whole) // length):
        assert [token_id for sequence in found for token_id in sequence.token_ids] == whole
        assert text.encode().startswith(b"".join(b"".join(bytes_of(s)) for s in found))


@relaxed
@given(
    texts=TEXTS,
    length=st.integers(1, 9),
    batch=st.integers(1, 60),
)
def test_the_batch_has_no_influence(any_tokenizer, corpus_of, texts, length, batch):
    corpus = corpus_of(*texts, "rain and snow and sun and wind")
    options = {"sequence_length": length, "minimum_length": 1}
    expected = list(cut_sequences(corpus, any_tokenizer, **options))
    assert expected == list(cut_sequences(corpus, any_tokenizer, **options, batch_characters=batch))
    assert [sequence.sequence_id for sequence in expected] == list(range(len(expected)))
    assert len({sequence.token_ids for sequence in expected}) == len(expected)


@relaxed
@given(texts=TEXTS, more=TEXTS)
def test_what_comes_later_in_a_corpus_does_not_change_what_came(byte_level, corpus_of, texts, more):
    options = {"sequence_length": 3, "minimum_length": 1}
    first = ["rain and snow", *texts]
    short = list(cut_sequences(corpus_of(*first), byte_level, **options))
    assert (
        list(cut_sequences(corpus_of(*first, *more), byte_level, **options))[: len(short)] == short
    )


def test_a_sequence_in_full(byte_level, corpus_of):
    (sequence,) = cut_sequences(corpus_of("rain and\tsnow"), byte_level, sequence_length=6)
    assert sequence.document_id == "0"
    assert sequence.sequence_id == 0
    assert sequence.split == split_of("rain and\tsnow")
    assert sequence.tokens == ("rain", " and", "\t", "s", "no", "w")
    assert sequence.text == "rain and\tsnow"
    assert sequence.token_bytes_offsets == (0, 4, 8, 9, 10, 12, 13)
    assert list(sequence.token_ids) == byte_level("rain and\tsnow")["input_ids"]


def test_no_sequence_reaches_into_another_document(byte_level, corpus_of):
    found = list(cut_sequences(corpus_of("rain and", "snow and"), byte_level, sequence_length=2))
    assert [(s.document_id, s.text) for s in found] == [
        ("0", "rain and"),
        ("1", "sno"),
        ("1", "w and"),
    ]


def test_a_tail_is_dropped_unless_it_is_long_enough(byte_level, corpus_of):
    corpus = corpus_of("rain and rain and rain")

    def lengths(**options):
        return [len(s) for s in cut_sequences(corpus, byte_level, sequence_length=3, **options)]

    assert lengths() == [3]
    assert lengths(minimum_length=2) == [3, 2]
    assert lengths(minimum_length=3) == [3]


def test_equal_sequences_are_kept_once_whatever_document_they_are_of(byte_level, corpus_of):
    corpus = corpus_of("rain and rain and", "snow", "rain and")
    found = list(cut_sequences(corpus, byte_level, sequence_length=2))
    assert [(s.sequence_id, s.document_id, s.tokens) for s in found] == [
        (0, "0", ("rain", " and")),
        (1, "0", (" rain", " and")),
        (2, "1", ("s", "no")),
    ]


@pytest.mark.parametrize(("most", "expected"), [(2, 1), (3, 1), (4, 2), (5, 2), (100, 3)])
def test_reading_stops_before_the_most_tokens_are_exceeded(byte_level, corpus_of, most, expected):
    corpus = corpus_of("rain and rain and rain rain")
    found = list(cut_sequences(corpus, byte_level, sequence_length=2, max_tokens=most))
    assert len(found) == expected


def test_documents_behind_the_most_tokens_are_not_read(byte_level, corpus_of):
    class Guarded:
        name = "guarded"

        def documents(self):
            yield Document(document_id="a", text="rain and rain and")
            raise AssertionError

        def provenance(self):
            return {}

    found = cut_sequences(
        Guarded(), byte_level, sequence_length=2, max_tokens=2, batch_characters=1
    )
    assert len(list(found)) == 1


def test_the_seed_decides_the_parts_alone(byte_level, corpus_of):
    corpus = corpus_of(*(f"rain and {number} snow" for number in range(40)))
    first, second = (
        list(cut_sequences(corpus, byte_level, sequence_length=2, seed=seed)) for seed in (0, 1)
    )
    assert [s.token_ids for s in first] == [s.token_ids for s in second]
    assert [s.split for s in first] != [s.split for s in second]


def test_a_text_that_spells_a_special_token_is_read_as_text(byte_level, word_piece, corpus_of):
    (sequence,) = cut_sequences(
        corpus_of("a<|end|>"), byte_level, sequence_length=20, minimum_length=1
    )
    assert len(sequence) > 2
    assert not set(sequence.token_ids) & {byte_level.convert_tokens_to_ids("<|end|>")}
    (sequence,) = cut_sequences(
        corpus_of("rain [SEP]"), word_piece, sequence_length=20, minimum_length=1
    )
    assert word_piece.sep_token_id not in sequence.token_ids


def test_a_window_that_ends_inside_a_character_shows_the_whole_of_it(byte_level, corpus_of):
    found = list(cut_sequences(corpus_of("a\U0001f642b"), byte_level, sequence_length=3))
    assert [(s.text, s.tokens, s.token_bytes_offsets) for s in found] == [
        ("a\U0001f642", ("a", "⟨f0⟩", "⟨9f⟩"), (0, 1, 2, 3)),
        ("\U0001f642b", ("⟨99⟩", "⟨82⟩", "b"), (2, 3, 4, 5)),
    ]


def test_a_document_longer_than_the_model_is_cut_without_a_warning(byte_level, corpus_of, caplog):
    limit = byte_level.model_max_length
    byte_level.model_max_length = 4
    try:
        found = list(cut_sequences(corpus_of("rain and " * 20), byte_level, sequence_length=4))
    finally:
        byte_level.model_max_length = limit
    assert found
    assert caplog.text == ""


def test_a_tokenizer_that_truncates_is_read_in_full(byte_level, corpus_of):
    byte_level.backend_tokenizer.enable_truncation(2)
    byte_level.backend_tokenizer.enable_padding(length=50)
    try:
        (sequence,) = cut_sequences(
            corpus_of("rain and snow"), byte_level, sequence_length=9, minimum_length=1
        )
    finally:
        byte_level.backend_tokenizer.no_truncation()
        byte_level.backend_tokenizer.no_padding()
    assert sequence.text == "rain and snow"


def test_a_corpus_shorter_than_one_sequence_is_refused_with_what_it_has(byte_level, corpus_of):
    with pytest.raises(
        CorpusError,
        match="texts in memory is shorter than one sequence: its 2 documents have 3 tokens, "
        "and none has 64",
    ):
        list(cut_sequences(corpus_of("rain and", "rain"), byte_level))


def test_a_corpus_without_documents_is_refused(byte_level, corpus_of):
    with pytest.raises(CorpusError, match="its 0 documents have 0 tokens"):
        list(cut_sequences(corpus_of(), byte_level))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sequence_length": 0}, "sequences of 0 tokens"),
        ({"sequence_length": 4, "minimum_length": 5}, "a shortest tail of 5"),
        ({"sequence_length": 4, "minimum_length": 0}, "a shortest tail of 0"),
        ({"sequence_length": 4, "max_tokens": 3}, "max_tokens is 3, less than one sequence"),
    ],
)
def test_settings_that_give_nothing_are_refused_before_anything_is_read(
    byte_level, corpus_of, options, message
):
    with pytest.raises(CorpusError, match=message):
        cut_sequences(corpus_of("rain"), byte_level, **options)
