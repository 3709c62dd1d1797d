"""The sentence encoder."""

import numpy as np
import pytest
import torch

from neuroscribe.errors import SubjectError
from neuroscribe.subjects import Subject, minilm
from neuroscribe.subjects.embedding import Embedder, open_embedder

TEXTS = [
    "a man is playing the guitar",
    "someone plays a guitar",
    "import os\n\ndef path(name):\n    return os.path.join(ROOT, name)",
    "rain",
    "the weather will be cold and wet tomorrow, with snow in the hills and wind at the coast",
]


@pytest.fixture(scope="module")
def encoder() -> Embedder:
    if minilm.packaged_model() is None:
        pytest.skip("the package that carries minilm is not installed")
    return open_embedder("minilm", device="cpu")


@pytest.fixture
def embedder(make_model, framing_tokenizer) -> Embedder:
    """A small encoder with random weights."""
    subject = Subject.from_model(make_model("bert"), framing_tokenizer, name="bert")
    return Embedder(subject)


def test_paraphrases_are_nearer_than_other_texts(encoder):
    vectors = encoder(TEXTS)
    nearness = vectors @ vectors.T
    assert nearness[0, 1] > 0.7
    assert nearness[0, 2:].max() < 0.3


def test_rows_have_length_one_and_the_width_of_the_model(encoder):
    vectors = encoder(TEXTS)
    assert vectors.shape == (5, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-5)
    assert encoder.name == "minilm"


def test_a_text_is_the_mean_of_its_tokens_special_ones_included(encoder):
    subject = encoder._subject
    encoding = subject.tokenizer(TEXTS[0], return_tensors="pt")
    with torch.inference_mode():
        states = subject.model(**encoding).last_hidden_state[0]
    mean = states.mean(0)
    expected = (mean / mean.norm()).numpy()
    np.testing.assert_allclose(encoder([TEXTS[0]])[0], expected, atol=1e-5)


def test_what_else_is_in_the_batch_does_not_matter(encoder):
    together = encoder(TEXTS)
    for text, row in zip(TEXTS, together, strict=True):
        alone = Embedder(encoder._subject)([text])[0]
        np.testing.assert_allclose(row, alone, atol=1e-5)


def test_many_texts_go_through_in_several_batches_and_keep_their_order(embedder, monkeypatch):
    texts = [" ".join(["rain"] * (1 + i % 7)) + str(i) for i in range(30)]
    at_once = embedder(texts)
    monkeypatch.setattr("neuroscribe.subjects.embedding.TOKENS_AT_ONCE", 16)
    in_parts = Embedder(embedder._subject)(texts)
    np.testing.assert_allclose(at_once, in_parts, atol=1e-5)


def test_a_text_that_was_asked_before_is_not_run_again(embedder, monkeypatch):
    first = embedder(["rain", "snow", "rain"])
    runs = []
    monkeypatch.setattr(embedder, "_vectors", runs.append)
    np.testing.assert_array_equal(embedder(["snow", "rain"]), first[[1, 0]])
    assert runs == []
    np.testing.assert_array_equal(first[0], first[2])


def test_no_more_texts_are_kept_than_allowed(embedder):
    small = Embedder(embedder._subject, kept_texts=2)
    assert small(["rain", "snow", "sun"]).shape == (3, 16)
    assert list(small._kept) == ["snow", "sun"]
    small(["snow"])
    small(["wind"])
    assert list(small._kept) == ["snow", "wind"]


def test_a_text_is_cut_where_the_model_reads_no_more(embedder):
    longest = embedder._subject.longest_sequence
    assert longest == 38
    # Every space and digit is a token of its own.
    long = " 1" * 100
    ids = embedder._subject.tokenizer(long, add_special_tokens=False)["input_ids"][:longest]
    cut = embedder._subject.tokenizer.decode(ids)
    np.testing.assert_allclose(embedder([long]), embedder([cut]), atol=1e-6)


def test_no_texts_have_no_rows(embedder):
    assert embedder([]).shape == (0, 16)


def test_a_text_without_tokens_is_like_no_other(make_subject):
    vectors = Embedder(make_subject("gpt2"))(["", "rain"])
    assert not vectors[0].any()
    assert vectors[1].any()
    assert not Embedder(make_subject("gpt2"))([""]).any()


def test_a_decoder_serves_too(make_subject):
    subject = make_subject("gpt2")
    ids = subject.tokenizer("rain and snow")["input_ids"]
    with torch.inference_mode():
        states = subject.model(input_ids=torch.tensor([ids])).last_hidden_state[0]
    mean = states.mean(0)
    vectors = Embedder(subject)(["rain and snow", "sun", "wind and rain and sun"])
    np.testing.assert_allclose(vectors[0], (mean / mean.norm()).numpy(), atol=1e-5)


def test_an_unknown_encoder_is_refused_in_a_sentence():
    with pytest.raises(SubjectError, match="there is no folder"):
        open_embedder("./nowhere")
