"""Which units fire on which sequences, one bit each: what Boolean implications are read from.

The one thing kept that grows with the corpus (an eighth of a byte a unit and sequence), so it does
not stay in memory: whoever drives the recorder takes the packed rows after each batch and spools
them to a file of fixed-width records. A recording that goes on from a checkpoint cuts the file back
to what the checkpoint has seen.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from torch import Tensor

from neuroscribe.datasets.schema import SCHEMAS
from neuroscribe.recorder.reading import Reading
from neuroscribe.records import Polarity, Site
from neuroscribe.shapes import Bool, Int64

_ROWS_PER_TABLE = 2**16


def pack(fires: Bool[Tensor, "batch units"]) -> np.ndarray:
    """Eight units a byte, the first unit in the highest bit; the last byte is filled up with 0.

    >>> import torch
    >>> pack(torch.tensor([[True, False, False, False, False, False, False, True, True]])).tolist()
    [[129, 128]]
    """
    return np.packbits(fires.cpu().numpy(), axis=1)


def unpack(fires: bytes, units: int) -> Bool[np.ndarray, " units"]:
    """The units that fire, from one row of the table `bits`."""
    return np.unpackbits(np.frombuffer(fires, dtype=np.uint8), count=units).astype(bool)


class FiringBits:
    """Packed rows of the batches since they were last taken."""

    def __init__(self, *, share: float, polarities: tuple[Polarity, ...]) -> None:
        self.share = share
        self.polarities = polarities
        self._rows: list[tuple[Int64[Tensor, " batch"], list[np.ndarray]]] = []

    def update(self, reading: Reading, scale: Tensor) -> None:
        """Note which units' peaks pass the threshold."""
        packed = [pack(reading.peaks(sign) > self.share * scale) for sign in self.polarities]
        self._rows.append((reading.batch.host.sequence_ids, packed))

    def take(self) -> bytes:
        """Everything noted since the last call, as records for a `Spool`."""
        records = b"".join(
            np.concatenate([ids.numpy().view(np.uint8).reshape(-1, 8), *packed], 1).tobytes()
            for ids, packed in self._rows
        )
        self._rows.clear()
        return records


class Spool:
    """A file of records: a sequence's id and, for each polarity, its packed row."""

    def __init__(self, path: Path, site: Site, polarities: tuple[Polarity, ...]) -> None:
        self.path = path
        self.site = site
        self.polarities = polarities
        self._row_bytes = -(-site.width // 8)
        self._record_bytes = 8 + len(polarities) * self._row_bytes

    def cut(self, n_sequences: int) -> None:
        """Forget all but the first sequences."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.truncate(n_sequences * self._record_bytes)

    def append(self, records: bytes) -> None:
        """Add what `FiringBits.take` gave."""
        with self.path.open("ab") as file:
            file.write(records)

    def tables(self) -> Iterator[pa.Table]:
        """Rows of the table `bits`, in the order of recording, some at a time."""
        with self.path.open("rb") as file:
            while data := file.read(_ROWS_PER_TABLE * self._record_bytes):
                records = np.frombuffer(data, dtype=np.uint8).reshape(-1, self._record_bytes)
                yield self._table(records)

    def _table(self, records: np.ndarray) -> pa.Table:
        ids = np.ascontiguousarray(records[:, :8]).view(np.int64)[:, 0]
        sides = []
        for index, polarity in enumerate(self.polarities):
            start = 8 + index * self._row_bytes
            rows = np.ascontiguousarray(records[:, start : start + self._row_bytes])
            columns = {
                "site": pa.array([self.site.name] * len(ids)),
                "polarity": np.full(len(ids), polarity, dtype=np.int8),
                "sequence_id": ids,
                "fires": pa.array([row.tobytes() for row in rows], pa.binary()),
            }
            sides.append(pa.table(columns, schema=SCHEMAS["bits"]))
        return pa.concat_tables(sides)
