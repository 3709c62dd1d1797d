"""The texts of the kept sequences, laid out so that several processes share one copy.

Tokens are numbered by what they show, and written to files that every process maps into memory.
Each distinct token is quoted as JSON once; a sequence is then joined from the quoted ones, some
thirty times faster than encoding it anew for each block that shows it.
"""

import json
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from neuroscribe.datasets import store
from neuroscribe.viewer.blocks import to_json
from neuroscribe.viewer.rounding import ragged

KEPT_SEQUENCES = 2**16
"""Joined sequences in memory: units share them, and each takes half a kilobyte."""

_COLUMNS = ["sequence_id", "document_id", "split", "token_ids", "tokens"]


def write_tokens(root: str, folder: Path) -> "Tokens":
    """Lay out the sequences of a study in a folder for temporary files."""
    table = store.read(root, "sequences", columns=_COLUMNS).sort_by("sequence_id")
    ends, tokens = ragged(table["tokens"])
    encoded = pc.dictionary_encode(tokens.fill_null(""))
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    documents = pc.dictionary_encode(table["document_id"].combine_chunks())
    documents = documents.chunk(0) if isinstance(documents, pa.ChunkedArray) else documents
    splits = pc.unique(table["split"]).to_pylist()
    _, token_ids = ragged(table["token_ids"])
    ids, first = np.unique(token_ids.to_numpy(zero_copy_only=False), return_index=True)
    shown = encoded.indices.to_numpy(zero_copy_only=False)
    arrays = {
        "sequence_id": table["sequence_id"].to_numpy(),
        "ends": ends,
        "tokens": shown.astype(np.int32),
        "document": documents.indices.to_numpy(zero_copy_only=False),
        "split": pc.index_in(table["split"], pa.array(splits, pa.string())).to_numpy(),
        "token_id": ids,
        "token_of_id": shown[first] if len(first) == 0 or len(shown) else first,
    }
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
    texts = {
        "tokens": [to_json(token) for token in encoded.dictionary.to_pylist()],
        "documents": [to_json(name) for name in documents.dictionary.to_pylist()],
        "splits": [to_json(split) for split in splits],
    }
    (folder / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    return Tokens(folder)


class Tokens:
    """What `write_tokens` laid out; sent to another process, it is opened there again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sequence = lru_cache(KEPT_SEQUENCES)(self._sequence)
        """One sequence, by its place, as a member of a block's `sequences`."""

    def __reduce__(self) -> tuple[type["Tokens"], tuple[Path]]:
        return Tokens, (self.folder,)

    def __len__(self) -> int:
        return len(self.sequence_ids)

    @cached_property
    def sequence_ids(self) -> NDArray[np.int64]:
        """Of all sequences, ascending."""
        return self._array("sequence_id")

    def places(self, sequence_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where sequences stand; -1 for one that is not there."""
        if len(self) == 0:
            return np.full(len(sequence_ids), -1)
        place = np.minimum(np.searchsorted(self.sequence_ids, sequence_ids), len(self) - 1)
        return np.where(self.sequence_ids[place] == sequence_ids, place, -1)

    def _sequence(self, place: int) -> str:
        start, end = self._ends[place], self._ends[place + 1]
        quoted = self._texts["tokens"]
        tokens = ",".join([quoted[number] for number in self._tokens[start:end].tolist()])
        return (
            f'"{self.sequence_ids[place]}":{{"tokens":[{tokens}],'
            f'"split":{self._texts["splits"][self._splits[place]]},'
            f'"document":{self._texts["documents"][self._documents[place]]}}}'
        )

    def token(self, token_id: int) -> str:
        """What a token id shows where it first occurs; its number if it does not."""
        return self._by_id.get(token_id) or f"⟨token {token_id}⟩"

    @cached_property
    def _by_id(self) -> dict[int, str]:
        quoted = self._texts["tokens"]
        shown = self._array("token_of_id").tolist()
        ids = self._array("token_id").tolist()
        return {
            token_id: json.loads(quoted[number])
            for token_id, number in zip(ids, shown, strict=True)
        }

    @cached_property
    def _texts(self) -> dict[str, list[str]]:
        texts: dict[str, list[str]] = json.loads(
            (self.folder / "texts.json").read_text(encoding="utf-8")
        )
        return texts

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        return self._array("ends")

    @cached_property
    def _tokens(self) -> NDArray[np.int32]:
        return self._array("tokens")

    @cached_property
    def _documents(self) -> NDArray[np.int32]:
        return self._array("document")

    @cached_property
    def _splits(self) -> NDArray[np.int32]:
        return self._array("split")

    def _array(self, name: str) -> NDArray[Any]:
        # A plain view of the map: reading single elements of a `memmap` is ten times slower.
        return np.asarray(np.load(self.folder / f"{name}.npy", mmap_mode="r"))
