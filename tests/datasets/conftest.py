"""Corpora in memory, and a tokenizer of each kind there is."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from neuroscribe.datasets.corpus import Document

LINES = ["rain and snow and sun and wind", "the caf\u00e9 of the Sun, na\u00efve as rain"]


class TextsInMemory:
    """A corpus of given texts, called by their numbers."""

    name = "texts in memory"

    def __init__(self, texts):
        self.texts = texts

    def documents(self):
        for number, text in enumerate(self.texts):
            yield Document(document_id=str(number), text=text)

    def provenance(self):
        return {"name": self.name, "revision": None, "licence": None}


@pytest.fixture(scope="session")
def corpus_of():
    """Build a corpus from texts."""
    return lambda *texts: TextsInMemory(texts)


@pytest.fixture(scope="session")
def byte_level():
    """As GPT-2: bytes written as characters, a space belongs to the word behind it."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return _trained(
        backend,
        trainers.BpeTrainer(
            vocab_size=300,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            special_tokens=["<|end|>"],
            show_progress=False,
        ),
    )


@pytest.fixture(scope="session")
def sentence_piece():
    """As Llama: words begin with U+2581, unknown characters fall back to bytes."""
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    backend = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    backend.normalizer = normalizers.Sequence(
        [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
    )
    backend.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=special, show_progress=False)
    backend.train_from_iterator(LINES, trainer)
    # Training marks the bytes as special; written to a file and read again they are plain tokens.
    learnt = backend.model
    again = Tokenizer(learnt)
    again.normalizer, again.decoder = backend.normalizer, backend.decoder
    return PreTrainedTokenizerFast(tokenizer_object=again, unk_token="<unk>")


@pytest.fixture(scope="session")
def word_piece():
    """As BERT: lower case, accents and control characters dropped, white space nowhere."""
    backend = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return _trained(
        backend,
        trainers.WordPieceTrainer(
            vocab_size=80, special_tokens=["[UNK]", "[CLS]", "[SEP]"], show_progress=False
        ),
        unk_token="[UNK]",
        sep_token="[SEP]",
    )


@pytest.fixture(scope="session")
def unigram():
    """As T5: characters normalised by NFKC, which changes their number, before anything else."""
    backend = Tokenizer(models.Unigram())
    backend.normalizer = normalizers.NFKC()
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=60, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False
    )
    return _trained(backend, trainer, unk_token="<unk>")


@pytest.fixture(params=["byte_level", "sentence_piece", "word_piece", "unigram"], scope="session")
def any_tokenizer(request):
    """Each kind of tokenizer in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Inputs that are not the project's own."""
    folder = Path(__file__).parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared data are not here")
    return folder


def _trained(backend, trainer, **special):
    backend.train_from_iterator(LINES, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, **special)
