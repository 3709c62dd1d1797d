"""A small decoder with random weights and a corpus of its own, recorded once."""

from pathlib import Path

import pytest
import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from neuroscribe.study import Study

WORDS = ["rain", "snow", "sun", "wind", "<script>", "a\tb", "<start>", "🙂", "שלום", "cloud"]


@pytest.fixture(scope="session")
def decoder(tmp_path_factory) -> Path:
    """A saved GPT-2 of two layers of 32 neurons, with a byte-level tokenizer."""
    folder = tmp_path_factory.mktemp("decoder")
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator([" ".join(WORDS)] * 4, vocab_size=300, min_frequency=2)
    PreTrainedTokenizerFast(tokenizer_object=bpe._tokenizer).save_pretrained(folder)
    _random_model().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def sharp_decoder(decoder, tmp_path_factory) -> Path:
    """The same decoder with neurons that are silent on most tokens, as trained ones are."""
    folder = tmp_path_factory.mktemp("sharp")
    PreTrainedTokenizerFast.from_pretrained(decoder).save_pretrained(folder)
    model = _random_model()
    for block in model.transformer.h:
        block.mlp.c_fc.weight.data *= 100
    model.save_pretrained(folder)
    return folder


def _random_model() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=300, n_positions=32, n_embd=16, n_layer=2, n_head=2, n_inner=32)
    )


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> str:
    """Sixty documents, each with an order of its own."""
    folder = tmp_path_factory.mktemp("corpus")
    for i in range(60):
        words = [WORDS[(i * 7 + j * (i + 3)) % len(WORDS)] for j in range(40)]
        (folder / f"{i:02}.txt").write_text(f"{i} " + " ".join(words), encoding="utf-8")
    return f"text:{folder}"


@pytest.fixture
def recorded(tmp_path, decoder, corpus) -> Study:
    """A study with its recording done."""
    study = Study.create(tmp_path / "study", subject=str(decoder), corpus=corpus)
    study.record(sequence_length=16, top_k=4, n_random=4, batch_size=8)
    return study


@pytest.fixture
def sharp(tmp_path, sharp_decoder) -> Study:
    """A study whose units fire on some texts and are silent on others."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for i in range(80):
        words = [WORDS[(i + (i * j) % 3) % len(WORDS)] for j in range(40)]
        (folder / f"{i:02}.txt").write_text(" ".join(words), encoding="utf-8")
    study = Study.create(tmp_path / "study", subject=str(sharp_decoder), corpus=f"text:{folder}")
    study.record(sequence_length=16, top_k=6, n_random=12, batch_size=8)
    return study
