"""The bytes of each token id, from a tokenizer's vocabulary alone.

A cache of activations holds token ids, no texts, so where a token lies in a text cannot be looked
up. Byte-level and SentencePiece vocabularies say what each id stands for; WordPiece drops white
space, which is put back before every word.
"""

from collections.abc import Callable, Sequence
from typing import Any

from neuroscribe.datasets.interchange.mojibake import TokenReader, judge
from neuroscribe.errors import InputError

_CONTINUED = "##"

TokenBytes = Callable[[Sequence[int]], list[bytes]]
"""From token ids to the bytes of each."""


def open_vocabulary(name: str) -> TokenBytes:
    """The bytes of the tokens of a tokenizer.

    Args:
        name: a folder of Hugging Face tokenizer files, or a name on the hub.

    Raises:
        InputError: it cannot be loaded.
    """
    # Without a tokenizer an import needs no transformers.
    from transformers import AutoTokenizer  # noqa: PLC0415

    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"cannot load tokenizer {name!r}: {reason}") from error
    return _bytes_of(tokenizer)


def by_number(ids: Sequence[int]) -> list[bytes]:
    """Tokens shown by their ids, for want of a tokenizer.

    >>> by_number([50256])[0].decode()
    '⟨id 50256⟩'
    """
    return [f"⟨id {number}⟩".encode() for number in ids]


def _bytes_of(tokenizer: Any) -> TokenBytes:
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    strings = {number: string for string, number in vocabulary.items()}
    reader = TokenReader(judge([string] for string in vocabulary) or "plain")
    is_word_piece = reader.writing == "plain" and any(
        string.startswith(_CONTINUED) and len(string) > len(_CONTINUED) for string in vocabulary
    )
    special = set(tokenizer.all_special_tokens)

    def read(number: int) -> bytes:
        string = strings.get(number)
        if string is None:
            return by_number([number])[0]
        if string in special:
            return string.encode()
        if is_word_piece:
            continued = string.startswith(_CONTINUED)
            return (string.removeprefix(_CONTINUED) if continued else f" {string}").encode()
        return reader.bytes_of([string])[0]

    known: dict[int, bytes] = {}

    def bytes_of(ids: Sequence[int]) -> list[bytes]:
        for number in ids:
            if number not in known:
                known[number] = read(number)
        return [known[number] for number in ids]

    return bytes_of
