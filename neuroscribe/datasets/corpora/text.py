"""`text:PATH`: a text file, or a folder of `.txt` and `.md` files; each file is one document.

Files come in the order of their paths. Give a folder of many files: the parts of the corpus (train,
test, ...) are drawn by document, so a corpus of one file has one part only.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuroscribe.datasets.corpus import Document, decode_utf8, existing_path, read_bytes
from neuroscribe.errors import CorpusError

SUFFIXES = (".txt", ".md")


@dataclass(frozen=True, kw_only=True)
class TextCorpus:
    """Files of plain text."""

    name: str
    root: Path
    files: tuple[Path, ...]

    def documents(self) -> Iterator[Document]:
        """One document per file, with its path below the root as id."""
        for path in self.files:
            text = decode_utf8(read_bytes(path), path)
            yield Document(document_id=self._document_id(path), text=text)

    def provenance(self) -> dict[str, Any]:
        """The revision is a hash over the files' names and contents."""
        digest = hashlib.sha256()
        for path in self.files:
            content = hashlib.sha256(read_bytes(path)).hexdigest()
            digest.update(f"{self._document_id(path)}\n{content}\n".encode())
        return {"name": self.name, "revision": digest.hexdigest(), "licence": None}

    def _document_id(self, path: Path) -> str:
        return path.name if path == self.root else path.relative_to(self.root).as_posix()


def open_text(argument: str) -> TextCorpus:
    """Find the files.

    Raises:
        CorpusError: nothing is there, or no text in the folder, or all files are empty.
    """
    root = existing_path("text", argument)
    files = (
        tuple(sorted(path for path in root.rglob("*") if _is_text(path)))
        if root.is_dir()
        else (root,)
    )
    if not files:
        raise CorpusError(f"folder {argument} holds no file that ends in {' or '.join(SUFFIXES)}")
    if all(path.stat().st_size == 0 for path in files):
        raise CorpusError(f"{argument} is empty")
    return TextCorpus(name=f"text:{argument}", root=root, files=files)


PLUGIN = open_text


def _is_text(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()
