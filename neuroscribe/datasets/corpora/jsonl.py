"""`jsonl:PATH`: one JSON object per line, with a field `text` and, if you like, an `id`.

Without an id a document is called by its line number. Empty lines are passed over; a line that
cannot be used is an error that names it, because a corpus with silent holes is another corpus.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuroscribe.datasets.corpus import Document, decode_utf8, existing_path, replace_surrogates
from neuroscribe.errors import CorpusError


@dataclass(frozen=True, kw_only=True)
class JsonLinesCorpus:
    """A file of JSON objects."""

    name: str
    path: Path

    def documents(self) -> Iterator[Document]:
        """One document per line that is not empty."""
        start = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield self._document(decode_utf8(line, self.path, start), number)
                start += len(line)

    def provenance(self) -> dict[str, Any]:
        """The revision is the hash of the file."""
        with self.path.open("rb") as file:
            revision = hashlib.file_digest(file, "sha256").hexdigest()
        return {"name": self.name, "revision": revision, "licence": None}

    def _document(self, line: str, number: int) -> Document:
        place = f"{self.path}, line {number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise CorpusError(f"{place} is not JSON: {error.msg}") from error
        if not (isinstance(row, dict) and isinstance(row.get("text"), str)):
            raise CorpusError(f'{place} has no field "text" that holds a text')
        document_id = row.get("id", number)
        if not isinstance(document_id, str | int):
            raise CorpusError(f'{place} has an "id" that is neither text nor number')
        return Document(
            document_id=replace_surrogates(str(document_id)), text=replace_surrogates(row["text"])
        )


def open_jsonl(argument: str) -> JsonLinesCorpus:
    """Find the file.

    Raises:
        CorpusError: it is missing, empty, a folder, or cannot be read.
    """
    path = existing_path("jsonl", argument)
    if path.is_dir():
        raise CorpusError(f"{argument} is a folder; give a file of JSON lines")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise CorpusError(f"{argument} cannot be read: {error.strerror}") from error
    if empty:
        raise CorpusError(f"{argument} is empty")
    return JsonLinesCorpus(name=f"jsonl:{argument}", path=path)


PLUGIN = open_jsonl
