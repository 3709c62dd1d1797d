"""What a corpus is: named documents in a fixed order, that can be read again and again.

A spec is a scheme and what it needs: `stdlib`, `text:PATH`, `jsonl:PATH`, `parquet:PATH`,
`hf:NAME[:CONFIG]`. Each scheme is one file in `datasets/corpora`. Opening checks what can be
checked without reading everything; the rest is found, and said, while reading.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

from neuroscribe import registry
from neuroscribe.errors import CorpusError, RegistryError

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class Document:
    """One text, never joined to another."""

    document_id: str
    """Unique and stable within the corpus."""
    text: str
    """Valid Unicode: no lone surrogates (see `replace_surrogates`)."""

    def __post_init__(self) -> None:
        if surrogate := _LONE_SURROGATE.search(self.text):
            raise CorpusError(
                f"document {self.document_id} has a lone surrogate at character "
                f"{surrogate.start()}; pass its text through replace_surrogates first"
            )


@runtime_checkable
class Corpus(Protocol):
    """Documents in a fixed order."""

    @property
    def name(self) -> str:
        """The spec it was opened by."""

    def documents(self) -> Iterator[Document]:
        """Every document from the first, at each call anew, in the same order.

        Raises:
            CorpusError: a source cannot be read; the message names file and place.
        """

    def provenance(self) -> dict[str, Any]:
        """What a manifest states: `name`, `revision` and `licence`, each text or None."""


def open_corpus(spec: str) -> Corpus:
    """Open a corpus by its spec.

    Raises:
        CorpusError: no such scheme, or its source is missing or empty.
    """
    scheme, _, argument = spec.partition(":")
    try:
        factory = registry.load("corpus", scheme)
    except RegistryError as error:
        raise CorpusError(f"{spec!r} is no corpus: {error}") from error
    return cast("Corpus", factory(argument))


def replace_surrogates(text: str) -> str:
    r"""Put U+FFFD where half of a surrogate pair stands alone, as broken JSON escapes leave it.

    >>> replace_surrogates("a\ud83d!") == "a\ufffd!"
    True
    """
    return _LONE_SURROGATE.sub("\ufffd", text)


def existing_path(scheme: str, argument: str) -> Path:
    """The path behind the colon of a spec.

    Raises:
        CorpusError: there is none, or nothing is there.
    """
    if not argument:
        raise CorpusError(f"corpus {scheme!r} needs a path: write {scheme}:PATH")
    path = Path(argument)
    if not path.exists():
        raise CorpusError(f"there is no file or folder {argument}")
    return path


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises:
        CorpusError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}") from error


def decode_utf8(data: bytes, path: Path, start: int = 0) -> str:
    """Read bytes as UTF-8, without a byte order mark.

    Args:
        data: the bytes.
        path: of their file, for the message.
        start: where they begin in it.

    Raises:
        CorpusError: they are not UTF-8; the message names the file and the byte.
    """
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{path} is not UTF-8 text: byte {start + error.start} is 0x{data[error.start]:02x}; "
            "convert the file first"
        ) from error
