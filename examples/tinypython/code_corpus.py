"""The documents that `tinypython` learns from: the `stdlib` corpus with its code included.

Each module that the corpus `stdlib` knows stands here with its whole source, and each topic of the
language reference as it is. A document's part (train, calibration, valid, test) is that of the
corpus's own document, which holds the docstrings alone: so what a study of `stdlib` scores on is
what the model has never seen. Near-duplicates (half of whose lines or more came before, such as the
code pages of `encodings`) are left out of both sides: in training they would crowd out the rest,
and in the test they would measure memory.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from neuroscribe.datasets.corpora.stdlib import open_standard_library
from neuroscribe.datasets.corpus import read_bytes, replace_surrogates
from neuroscribe.datasets.splits import split_of

_LARGEST_KNOWN_SHARE = 0.5


@dataclass(frozen=True, kw_only=True)
class CodeDocument:
    """One module's source, or one topic."""

    document_id: str
    text: str
    held_out: bool


class CodeCorpus(NamedTuple):
    """What is trained on, what is measured on, and where both came from."""

    train: list[CodeDocument]
    test: list[CodeDocument]
    provenance: dict[str, Any]


def read_code_corpus(*, at_most: int | None = None) -> CodeCorpus:
    """The library of the running Python, near-duplicates left out.

    Args:
        at_most: stop after this many documents; None reads all.

    Raises:
        CorpusError: this Python comes without the sources of its library.
    """
    library = open_standard_library("")
    documents: list[CodeDocument] = []
    for document in library.documents():
        if len(documents) == at_most:
            break
        kind, _, name = document.document_id.partition(":")
        text = _source(library.root, name) if kind == "module" else document.text
        held_out = split_of(document.text) == "test"
        documents.append(
            CodeDocument(document_id=document.document_id, text=text, held_out=held_out)
        )
    known: set[str] = set()
    train = _without_near_duplicates([one for one in documents if not one.held_out], known)
    test = _without_near_duplicates([one for one in documents if one.held_out], known)
    provenance = library.provenance() | {
        "documents": {"read": len(documents), "train": len(train), "test": len(test)},
        "bytes": {"train": _n_bytes(train), "test": _n_bytes(test)},
        "sha256": {"train": _sha256(train), "test": _sha256(test)},
    }
    return CodeCorpus(train, test, provenance)


def _source(root: Path, module: str) -> str:
    path = root.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_name(f"{path.name}.py")
    return replace_surrogates(read_bytes(path).decode("utf-8", "replace")).replace("\r\n", "\n")


def _without_near_duplicates(
    documents: Iterable[CodeDocument], known: set[str]
) -> list[CodeDocument]:
    """Those with enough new lines, in order; their lines are added to the known ones."""
    kept = []
    for document in documents:
        lines = {line.strip() for line in document.text.splitlines()} - {""}
        if len(lines & known) < _LARGEST_KNOWN_SHARE * len(lines):
            kept.append(document)
            known |= lines
    return kept


def _n_bytes(documents: Iterable[CodeDocument]) -> int:
    return sum(len(document.text.encode()) for document in documents)


def _sha256(documents: Iterable[CodeDocument]) -> str:
    digest = hashlib.sha256()
    for document in documents:
        digest.update(f"{document.document_id}\0{document.text}\0".encode())
    return digest.hexdigest()
