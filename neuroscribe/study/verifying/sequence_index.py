"""What is kept of every sequence while the table streams by: some thirty bytes each.

Split and length by id serve all that refers to sequences; hashes of tokens, and of names and texts
of documents, find what may be in two splits.
"""

import hashlib
import unicodedata
from dataclasses import dataclass

import numpy as np

from neuroscribe.records import SPLITS
from neuroscribe.study.verifying.report import Inspection
from neuroscribe.study.verifying.rows import Numbers, Rows


@dataclass(frozen=True)
class SequenceIndex:
    """Split and length of every sequence, by id."""

    ids: Numbers
    """Ascending."""
    splits: Numbers
    """Index into `records.SPLITS`; -1 for an unknown one."""
    lengths: Numbers

    def places(self, ids: Numbers) -> Numbers:
        """Where each id stands; -1 for one that is not there."""
        if len(self.ids) == 0:
            return np.full(len(ids), -1)
        places = np.searchsorted(self.ids, ids).clip(max=len(self.ids) - 1)
        found: Numbers = np.where(self.ids[places] == ids, places, -1)
        return found


class Seen:
    """What is kept of every sequence while they stream by: some thirty bytes each."""

    def __init__(self) -> None:
        self._ids: list[Numbers] = []
        self._splits: list[Numbers] = []
        self._lengths: list[Numbers] = []
        self._tokens: list[Numbers] = []
        self._documents: list[tuple[int, int, int]] = []
        """Hashes of name and kept text, and split: one for each run of rows of a document."""
        self._current: tuple[str, int] | None = None
        self._text = hashlib.blake2b(digest_size=8)

    def add(self, rows: Rows, ids: Numbers) -> None:
        """Take in some rows."""
        splits, tokens = rows.codes("split", SPLITS), rows.lists("token_ids")
        data = np.ascontiguousarray(tokens.values, dtype=np.int32)
        hashes = [
            small_hash(data[start:end].tobytes())
            for start, end in zip(tokens.starts[:-1], tokens.starts[1:], strict=True)
        ]
        self._ids.append(ids)
        self._splits.append(splits.astype(np.int8))
        self._lengths.append(tokens.lengths.astype(np.int32))
        self._tokens.append(np.array(hashes, dtype=np.uint64))
        names, texts = rows.column("document_id").to_pylist(), rows.column("text").to_pylist()
        for name, split, text in zip(names, splits.tolist(), texts, strict=True):
            if (name, split) != self._current:
                self._close_document()
                self._current = (name, split)
            self._text.update(normalised(text).encode("utf-8", "surrogatepass"))

    def _close_document(self) -> None:
        if self._current is not None:
            name, split = self._current
            content = int.from_bytes(self._text.digest(), "big")
            self._documents.append((small_hash(name.encode()), content, split))
        self._current = None
        self._text = hashlib.blake2b(digest_size=8)

    def index(self, inspection: Inspection) -> SequenceIndex:
        """Split and length by id."""
        self._close_document()
        ids = np.concatenate([np.zeros(0, np.int64), *self._ids])
        order = np.argsort(ids, kind="stable")
        twice = np.unique(ids[order][1:][ids[order][1:] == ids[order][:-1]])
        for sequence_id in twice.tolist():
            inspection["sequences"].find(
                "is there more than once", table="sequences", about=f"sequence {sequence_id}"
            )
        return SequenceIndex(
            ids[order],
            np.concatenate([np.zeros(0, np.int8), *self._splits])[order],
            np.concatenate([np.zeros(0, np.int32), *self._lengths])[order],
        )

    def same_tokens(self) -> list[list[int]]:
        """Ids of sequences whose tokens may be the same, though their splits are not."""
        if not self._tokens:
            return []
        return _in_two_splits(
            np.concatenate(self._tokens), np.concatenate(self._splits), np.concatenate(self._ids)
        )

    def suspicious_documents(self) -> set[int]:
        """Hashes of the names of documents that may be, or read as others, in two splits."""
        if not self._documents:
            return set()
        names, contents, splits = (
            np.array(column, dtype=kind)
            for column, kind in zip(
                zip(*self._documents, strict=True), (np.uint64, np.uint64, np.int8), strict=True
            )
        )
        groups = [
            *_in_two_splits(names, splits, names),
            *_in_two_splits(contents, splits, names),
        ]
        return {name for group in groups for name in group}


def _in_two_splits(keys: Numbers, splits: Numbers, names: Numbers) -> list[list[int]]:
    """The names of those that share a key with one of another split."""
    order = np.argsort(keys, kind="stable")
    keys, splits, names = keys[order], splits[order], names[order]
    edges = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1], [True]]))
    groups = []
    # Only those between which the split changes are looked at one by one.
    changes = np.flatnonzero((keys[1:] == keys[:-1]) & (splits[1:] != splits[:-1]))
    for group in np.unique(np.searchsorted(edges, changes, side="right") - 1).tolist():
        members = slice(edges[group], edges[group + 1])
        groups.append(names[members].tolist())
    return groups


def normalised(text: str) -> str:
    """A text as `datasets.splits` compares it, without white space."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def small_hash(data: bytes) -> int:
    """Eight bytes of a hash; for finding what may be equal."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")
