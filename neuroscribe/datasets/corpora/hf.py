"""`hf:NAME[:CONFIG]`: the split `train` of a dataset on the Hugging Face hub, streamed.

Nothing is stored: rows arrive as they are read, so a corpus may be larger than the disk. The
revision is looked up once and pinned, so that a second reading gives the same rows. Needs the extra
`hub`. A row needs a field `text`; its id is the field `id`, or its number.
"""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from neuroscribe.datasets.corpus import Document, replace_surrogates
from neuroscribe.datasets.hub import commit_on_hub
from neuroscribe.errors import CorpusError


@dataclass(frozen=True, kw_only=True)
class HubCorpus:
    """A dataset that is streamed."""

    name: str
    dataset: str
    """Name on the hub, or a folder that the library `datasets` can load."""
    config: str | None
    revision: str | None
    """Commit on the hub; None for a folder."""

    def documents(self) -> Iterator[Document]:
        """One document per row that has a text."""
        library = _library()
        # The library raises its own errors, those of fsspec, the transport, and each file format.
        failures = (
            OSError,
            ValueError,
            RuntimeError,
            httpx2.HTTPError,
            library.exceptions.DatasetsError,
        )
        try:
            rows = library.load_dataset(
                self.dataset, self.config, split="train", streaming=True, revision=self.revision
            )
            for number, row in enumerate(rows):
                text = row.get("text")
                if text is not None:
                    yield self._document(row, text, number)
        except failures as error:
            raise CorpusError(f"{self.name} cannot be read: {error}") from error

    def provenance(self) -> dict[str, Any]:
        """The revision is the commit on the hub."""
        return {"name": self.name, "revision": self.revision, "licence": None}

    def _document(self, row: dict[str, Any], text: Any, number: int) -> Document:
        if not isinstance(text, str):
            raise CorpusError(f"{self.name}, row {number}: the field text holds no text")
        document_id = row.get("id")
        return Document(
            document_id=str(number if document_id is None else document_id),
            text=replace_surrogates(text),
        )


def open_hub_dataset(argument: str) -> HubCorpus:
    """Look the dataset up.

    Raises:
        CorpusError: the library is not installed, or the hub does not have the dataset.
    """
    dataset, _, config = argument.partition(":")
    if not dataset:
        raise CorpusError("corpus 'hf' needs a name: write hf:NAME or hf:NAME:CONFIG")
    _library()
    return HubCorpus(
        name=f"hf:{argument}",
        dataset=dataset,
        config=config or None,
        revision=None if Path(dataset).is_dir() else _commit(dataset),
    )


PLUGIN = open_hub_dataset


def _library() -> Any:
    try:
        return importlib.import_module("datasets")
    except ModuleNotFoundError as error:
        raise CorpusError(
            "corpora from the hub need the library datasets; run: pip install neuroscribe[hub]"
        ) from error


def _commit(dataset: str) -> str:
    commit = commit_on_hub("dataset", dataset, failure=CorpusError)
    if commit is None:
        raise CorpusError(f"the hub cannot be reached, so hf:{dataset} cannot be read")
    return commit
