"""What single tokens of a subject's vocabulary show, as they would inside a text.

Sequences take what tokens show from the text itself; here there is no text, only the vocabulary's
own spelling, which differs by kind of tokenizer. Byte-level BPE writes bytes as characters,
SentencePiece a space as `▁` and lone bytes as `<0xE2>`, and both keep the space before a word in
its token. WordPiece marks what continues a word (`##s`) instead of what begins one; a word is shown
with a space before it, as it mostly stands, and punctuation without.
"""

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from transformers.convert_slow_tokenizer import bytes_to_unicode

from neuroscribe.datasets.token_boundaries import show_bytes
from neuroscribe.errors import SubjectError
from neuroscribe.subjects.subject import Subject

_FALLBACK_BYTE = re.compile(r"^<0x([0-9A-Fa-f]{2})>$")
_PLACEHOLDER = re.compile(r"^[\[<]unused_?\d+[\]>]$")
_WORD_START = "\u2581"
_CACHED = 2**17


def shown_tokens(subject: Subject) -> Callable[[int], str]:
    """From a token id to what the token shows.

    Raises:
        SubjectError: when called, for an id outside of the vocabulary.
    """
    tokenizer = subject.tokenizer
    show = _reader(json.loads(tokenizer.backend_tokenizer.to_str()))

    @lru_cache(maxsize=_CACHED)
    def shown(token_id: int) -> str:
        form = tokenizer.convert_ids_to_tokens(token_id)
        if not isinstance(form, str):
            raise SubjectError(f"the vocabulary of {subject.name} has no token {token_id}")
        return show(form)

    return shown


def content_ids(subject: Subject) -> list[int]:
    """The ids that can occur in a text, ascending: no special tokens, no empty slots."""
    tokenizer = subject.tokenizer
    special = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    special.update(tokenizer.all_special_ids)
    return sorted(
        token_id
        for form, token_id in tokenizer.get_vocab().items()
        if token_id not in special and not _PLACEHOLDER.match(form)
    )


def _reader(description: dict[str, Any]) -> Callable[[str], str]:
    """How to read the spellings of a vocabulary, by the tokenizer's own description."""
    model = description["model"]
    if model.get("type") == "WordPiece":
        return lambda form: _word_piece(form, model["continuing_subword_prefix"])
    parts = json.dumps([description.get("pre_tokenizer"), description.get("decoder")])
    return _byte_level if '"ByteLevel"' in parts else _sentence_piece


def _word_piece(form: str, continuation: str) -> str:
    if form.startswith(continuation) and form != continuation:
        return form.removeprefix(continuation)
    return f" {form}" if form[:1].isalnum() else form


_BYTE_OF = {character: byte for byte, character in bytes_to_unicode().items()}


def _byte_level(form: str) -> str:
    # Added tokens are spelt as they show.
    if not all(character in _BYTE_OF for character in form):
        return form
    return show_bytes(bytes(_BYTE_OF[character] for character in form))


def _sentence_piece(form: str) -> str:
    if match := _FALLBACK_BYTE.match(form):
        return show_bytes(bytes([int(match[1], 16)]))
    return form.replace(_WORD_START, " ")
