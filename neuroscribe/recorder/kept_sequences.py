"""The K best sequences of every unit by some value, with the unit's activations on them.

Activation rows are copied when a sequence enters, because almost none do: about `K (1 + ln(N / B))`
per unit over N sequences in batches of B. They may live elsewhere than the activations (host memory
for those of a GPU), or be left out and filled in by a replay of the kept sequences.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from neuroscribe.kernels.top_activation import NO_SEQUENCE, copy_rows, insert_top, merge_top
from neuroscribe.recorder.batch import Batch
from neuroscribe.recorder.reading import Reading
from neuroscribe.recorder.reducer import State, side_by_side
from neuroscribe.records import SPLITS, Polarity
from neuroscribe.shapes import Bool, Float, Int64


class KeptSequences:
    """Values, ids, lengths and rows of the K best of every group and unit."""

    def __init__(
        self,
        *,
        units: int,
        k: int,
        sequence_length: int,
        groups: int = len(SPLITS),
        row_width: tuple[int, ...] = (),
        polarity: Polarity = 1,
        device: str = "cpu",
        rows_device: str | None = "cpu",
    ) -> None:
        """Allocate the whole state.

        Args:
            units: of the site.
            k: sequences kept per group and unit.
            sequence_length: positions of a row.
            groups: splits, or whatever else sequences are kept apart by.
            row_width: numbers at each position of a row; one, without an axis, unless given.
            polarity: -1 keeps rows of negated activations.
            device: where the activations come from.
            rows_device: where rows are kept; None leaves them to a replay.
        """
        shape = (groups, units, k)
        self.polarity = polarity
        self.row_shape = (*shape, sequence_length, *row_width)
        self.values = torch.full(shape, -torch.inf, device=device)
        self.ids = torch.full(shape, NO_SEQUENCE, device=device)
        self.lengths = torch.zeros(shape, dtype=torch.int32, device=device)
        self.rows: Tensor | None = None
        if rows_device is not None:
            self.rows = torch.zeros(self.row_shape, device=rows_device)

    def allocate_rows(self, allocate: Callable[[tuple[int, ...]], Tensor]) -> None:
        """Give rows that were left out a place."""
        self.rows = allocate(self.row_shape)

    @property
    def filled(self) -> Bool[Tensor, "groups units k"]:
        """Which places hold a sequence."""
        return self.ids != NO_SEQUENCE

    def insert(
        self,
        values: Float[Tensor, "candidates units"],
        groups: Int64[Tensor, " candidates"],
        reading: Reading,
    ) -> None:
        """Keep what is among the K best by `values`; -inf is never kept.

        Args:
            values: of every sequence, in the order of the batch, once or several times over.
            groups: where each of them belongs.
            reading: the batch.
        """
        ids = self._batch(reading).sequence_ids
        source = insert_top(
            self.values, self.ids, values, ids.repeat(len(values) // len(ids)), groups
        )
        self._copy(torch.where(source < 0, source, source % len(ids)), reading)

    def replay(self, reading: Reading) -> None:
        """Fill in the rows of the kept sequences that are in this batch."""
        ascending, order = self._by_id()
        ids = self._batch(reading).sequence_ids
        first = torch.searchsorted(ascending, ids)
        count = torch.searchsorted(ascending, ids, right=True) - first
        rows = torch.arange(len(ids), device=ids.device).repeat_interleave(count)
        if len(rows) == 0:
            return
        start = (first - (count.cumsum(0) - count)).repeat_interleave(count)
        places = order[start + torch.arange(len(rows), device=ids.device)]
        source = torch.full_like(self.ids, -1, dtype=torch.int32)
        source.view(-1)[places] = rows.int()
        self._copy(source, reading)

    def _batch(self, reading: Reading) -> Batch:
        """The batch where the ids are kept: with the activations, or in host memory."""
        return reading.batch.host if self.ids.device.type == "cpu" else reading.batch

    def _by_id(self) -> tuple[Int64[Tensor, " n"], Int64[Tensor, " n"]]:
        ordered = self.ids.view(-1).sort()
        return ordered.values, ordered.indices

    def _copy(self, source: Tensor, reading: Reading) -> None:
        lengths = reading.batch.lengths
        changed = source >= 0
        torch.where(
            changed, lengths[source.clamp(min=0).long()].int(), self.lengths, out=self.lengths
        )
        if self.rows is not None:
            copy_rows(self.rows, source, reading.activations, lengths, self.polarity)

    def merge(self, other: State) -> None:
        """Keep the K best of both."""
        mine = self.state_dict()
        both = side_by_side(mine, other, axis=2)
        k = self.ids.shape[2]
        origin = torch.stack(
            [merge_top(*pair, k) for pair in zip(both["values"], both["ids"], strict=True)]
        )
        for name, tensor in mine.items():
            index = origin.to(tensor.device)
            index = index.view(*index.shape, *[1] * (tensor.ndim - 3)).expand(tensor.shape)
            tensor.copy_(both[name].gather(2, index))

    def state_dict(self) -> State:
        """Values, ids, lengths, and rows where they are kept."""
        state = {"values": self.values, "ids": self.ids, "lengths": self.lengths}
        return state if self.rows is None else state | {"rows": self.rows}

    def kept_ids(self) -> Int64[Tensor, " kept"]:
        """The ids of all sequences in any place, ascending."""
        kept: Tensor = self.ids[self.filled].unique()
        return kept
