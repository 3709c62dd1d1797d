"""Cut a corpus into sequences: windows of consecutive tokens of one document.

Windows lie end to end from a document's first token, without the model's special tokens, and never
reach into another document. A text that spells a special token (`[SEP]`) is read as text. Documents
are tokenised in batches, because fast tokenizers work in parallel, and each whole, so neither the
batch nor anything but corpus, tokenizer and settings shows in the result. What tokens show and
where they lie is `token_boundaries`. A sequence whose token ids came before is passed over; that
check keeps one hash of 16 bytes a sequence (about 100 bytes of memory each).
"""

import hashlib
import itertools
from array import array
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

from neuroscribe.datasets.corpus import Corpus, Document
from neuroscribe.datasets.splits import split_of
from neuroscribe.datasets.token_boundaries import (
    show_bytes,
    token_boundaries,
    whole_characters,
)
from neuroscribe.errors import CorpusError
from neuroscribe.records import Sequence

_BATCH_CHARACTERS = 2**18


@runtime_checkable
class Tokenizer(Protocol):
    """What a fast tokenizer of transformers can do."""

    def __call__(self, text: list[str], **options: Any) -> Mapping[str, Any]:
        """Encode several texts."""

    def convert_ids_to_tokens(self, ids: list[int]) -> str | list[str]:
        """The vocabulary's strings."""


def cut_sequences(
    corpus: Corpus,
    tokenizer: Tokenizer,
    *,
    sequence_length: int = 64,
    minimum_length: int | None = None,
    max_tokens: int | None = None,
    seed: int = 0,
    batch_characters: int = _BATCH_CHARACTERS,
) -> Iterator[Sequence]:
    """The sequences of a corpus, in its order.

    Args:
        corpus: where the documents come from.
        tokenizer: a fast tokenizer of transformers.
        sequence_length: tokens of a sequence.
        minimum_length: shortest tail of a document that is kept; None drops every tail.
        max_tokens: stop before this many tokens are exceeded; None reads all.
        seed: of the split into train, calibration, valid and test.
        batch_characters: text that is tokenised at once; of no influence on the result.

    Raises:
        CorpusError: the corpus cannot be read, or is shorter than one sequence.
    """
    shortest = sequence_length if minimum_length is None else minimum_length
    if not 1 <= shortest <= sequence_length:
        raise CorpusError(
            f"sequences of {sequence_length} tokens with a shortest tail of {shortest} cannot be "
            "cut; the tail has at least 1 token and no more than the sequence"
        )
    if max_tokens is not None and max_tokens < sequence_length:
        raise CorpusError(f"max_tokens is {max_tokens}, less than one sequence ({sequence_length})")
    return _cut(corpus, tokenizer, sequence_length, shortest, max_tokens, seed, batch_characters)


def sequence_of_text(text: str, tokenizer: Tokenizer, *, longest: int | None) -> Sequence | None:
    """Any text as one sequence, for running the subject on what is no part of its corpus.

    Args:
        text: read as a corpus' texts are.
        tokenizer: a fast tokenizer of transformers.
        longest: tokens that are kept of it at most; None keeps all.

    Returns:
        None where the text has no token.
    """
    document = Document(document_id="text", text=text)
    ((_, token_ids, spans),) = _encoded_batch([document], tokenizer)
    n_tokens = len(token_ids) if longest is None else min(longest, len(token_ids))
    if n_tokens == 0:
        return None
    return _Tokens(document, token_ids, spans, tokenizer, seed=0).sequence(0, 0, n_tokens)


def _cut(
    corpus: Corpus,
    tokenizer: Tokenizer,
    length: int,
    shortest: int,
    max_tokens: int | None,
    seed: int,
    batch_characters: int,
) -> Iterator[Sequence]:
    hashes: set[bytes] = set()
    n_documents = n_seen = n_kept = 0
    for document, token_ids, spans in _encoded(corpus, tokenizer, batch_characters):
        n_documents += 1
        n_seen += len(token_ids)
        if len(token_ids) < shortest:
            continue
        tokens = _Tokens(document, token_ids, spans, tokenizer, seed)
        for start in range(0, len(token_ids) - shortest + 1, length):
            window = token_ids[start : start + length]
            content = hashlib.blake2b(array("q", window).tobytes(), digest_size=16).digest()
            if content in hashes:
                continue
            if max_tokens is not None and n_kept + len(window) > max_tokens:
                return
            yield tokens.sequence(len(hashes), start, start + len(window))
            hashes.add(content)
            n_kept += len(window)
    if not hashes:
        raise CorpusError(
            f"{corpus.name} is shorter than one sequence: its {n_documents} documents have "
            f"{n_seen} tokens, and none has {shortest}; choose shorter sequences or more text"
        )


def _encoded(
    corpus: Corpus, tokenizer: Tokenizer, batch_characters: int
) -> Iterator[tuple[Document, list[int], list[tuple[int, int]]]]:
    """Every document with its token ids and their places in characters."""
    for batch in _batches(corpus, batch_characters):
        yield from _encoded_batch(batch, tokenizer)


def _encoded_batch(
    batch: list[Document], tokenizer: Tokenizer
) -> Iterator[tuple[Document, list[int], list[tuple[int, int]]]]:
    encoding = tokenizer(
        [document.text for document in batch],
        add_special_tokens=False,
        split_special_tokens=True,
        return_offsets_mapping=True,
        return_attention_mask=False,
        truncation=False,
        padding=False,
        verbose=False,
    )
    yield from zip(batch, encoding["input_ids"], encoding["offset_mapping"], strict=True)


def _batches(corpus: Corpus, batch_characters: int) -> Iterator[list[Document]]:
    batch: list[Document] = []
    n_characters = 0
    for document in corpus.documents():
        batch.append(document)
        n_characters += len(document.text)
        if n_characters >= batch_characters:
            yield batch
            batch, n_characters = [], 0
    if batch:
        yield batch


class _Tokens:
    """A tokenised document, ready to be cut."""

    def __init__(
        self,
        document: Document,
        token_ids: list[int],
        spans: list[tuple[int, int]],
        tokenizer: Tokenizer,
        seed: int,
    ) -> None:
        self.document_id = document.document_id
        self.token_ids = token_ids
        self.data = document.text.encode()
        self.split = split_of(document.text, seed=seed)
        self.boundaries = token_boundaries(
            document.text,
            spans,
            lambda stretch: tokenizer.convert_ids_to_tokens(token_ids[stretch]),
        )

    def sequence(self, sequence_id: int, first: int, last: int) -> Sequence:
        """The tokens from `first` to before `last`."""
        places = self.boundaries[first : last + 1]
        start, stop = whole_characters(self.data, places[0], places[-1])
        text = self.data[start:stop].decode()
        offsets = tuple(place - start for place in places)
        steps = list(itertools.pairwise(offsets))
        if text.isascii():
            tokens = tuple(text[begin:end] for begin, end in steps)
        else:
            tokens = tuple(
                show_bytes(self.data[start + begin : start + end]) for begin, end in steps
            )
        return Sequence(
            sequence_id=sequence_id,
            document_id=self.document_id,
            split=self.split,
            token_ids=tuple(self.token_ids[first:last]),
            tokens=tokens,
            text=text,
            token_bytes_offsets=offsets,
        )
