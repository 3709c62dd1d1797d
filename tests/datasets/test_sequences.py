"""Sequences are cut from single documents and keep every byte."""

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from tokenizers import ByteLevelBPETokenizer
from transformers import PreTrainedTokenizerFast

from neuroscribe.datasets.corpus import Document
from neuroscribe.datasets.sequences import cut_sequences
from neuroscribe.datasets.splits import split_of
from neuroscribe.errors import CorpusError


class Listed:
    """A corpus of given texts."""

    name = "listed"

    def __init__(self, texts):
        self.texts = texts

    def documents(self):
        for i, text in enumerate(self.texts):
            yield Document(document_id=str(i), text=text)

    def provenance(self):
        return {"name": self.name}


@pytest.fixture(scope="module")
def tokenizer():
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(["rain and snow and sun and wind"], vocab_size=280, min_frequency=1)
    return PreTrainedTokenizerFast(tokenizer_object=bpe._tokenizer)


texts = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), max_size=5)
relaxed = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@relaxed
@given(texts, st.integers(1, 9), st.integers(1, 60))
def test_bytes_between_offsets_are_the_tokens_and_batches_do_not_matter(
    tokenizer, documents, length, batch
):
    corpus = Listed([*documents, "rain and snow and sun and wind and rain"])
    options = {"sequence_length": length, "minimum_length": 1}
    found = list(cut_sequences(corpus, tokenizer, **options))
    assert found == list(cut_sequences(corpus, tokenizer, **options, batch_characters=batch))
    assert [s.sequence_id for s in found] == list(range(len(found)))
    assert len({s.token_ids for s in found}) == len(found)
    for sequence in found:
        offsets = sequence.token_bytes_offsets
        assert list(offsets) == sorted(offsets)
        assert offsets[-1] <= len(sequence.text.encode())
        assert sequence.text in corpus.texts[int(sequence.document_id)]
        if not any("⟨" in token for token in sequence.tokens):
            assert "".join(sequence.tokens) == sequence.text


def test_fragments_of_an_emoji_are_shown_as_bytes(tokenizer):
    (sequence,) = cut_sequences(Listed(["🙂"]), tokenizer, sequence_length=8, minimum_length=1)
    assert sequence.tokens == ("⟨f0⟩", "⟨9f⟩", "⟨99⟩", "⟨82⟩")
    assert sequence.text == "🙂"
    assert sequence.token_bytes_offsets == (0, 1, 2, 3, 4)


def test_equal_sequences_are_kept_once_and_tails_dropped(tokenizer):
    found = list(cut_sequences(Listed(["snow and rain"] * 3), tokenizer, sequence_length=2))
    assert len(found) == len({sequence.token_ids for sequence in found})
    assert all(len(sequence) == 2 for sequence in found)


def test_a_corpus_shorter_than_one_sequence_is_refused(tokenizer):
    with pytest.raises(CorpusError, match="shorter than one sequence"):
        list(cut_sequences(Listed(["rain"]), tokenizer, sequence_length=64))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_copies_that_differ_in_case_and_white_space_stay_together(text):
    assert split_of(text) == split_of(f"  {text}\n")


def test_all_splits_get_their_share():
    counts = [split_of(f"document {i}") for i in range(2000)]
    assert 900 < counts.count("train") < 1100
    assert {"train", "calibration", "valid", "test"} == set(counts)
