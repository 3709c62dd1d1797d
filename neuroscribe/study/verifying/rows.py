"""Rows of a part as numpy columns, and findings about single ones of them.

Checks work on whole columns and turn to single rows only to say what is wrong with them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from neuroscribe.records import UnitId
from neuroscribe.study.verifying.report import Examination

Mask = NDArray[np.bool_]
Numbers = NDArray[Any]


@dataclass(frozen=True)
class Lists:
    """A column of lists: all values in a row, and how many belong to each list."""

    lengths: Numbers
    values: Numbers
    """Nulls are NaN."""

    @cached_property
    def starts(self) -> Numbers:
        """Where each list begins, and where the last one ends."""
        starts: Numbers = np.concatenate([[0], np.cumsum(self.lengths)])
        return starts

    @cached_property
    def owner(self) -> Numbers:
        """The row that each value belongs to."""
        owner: Numbers = np.repeat(np.arange(len(self.lengths)), self.lengths)
        return owner

    def largest(self) -> Numbers:
        """The largest value of each list, NaN passed over; -inf for an empty one."""
        largest = np.full(len(self.lengths), -np.inf)
        filled = self.lengths > 0
        if filled.any():
            values = np.where(np.isnan(self.values), -np.inf, self.values)
            largest[filled] = np.maximum.reduceat(values, self.starts[:-1][filled])
        return largest

    def first(self, wanted: Mask) -> Numbers:
        """The place within each list of the first value that is marked; -1 for none."""
        first = np.full(len(self.lengths), -1)
        places = np.flatnonzero(wanted)
        rows, begins = np.unique(self.owner[places], return_index=True)
        first[rows] = places[begins] - self.starts[rows]
        return first

    def any_of(self, wrong: Mask) -> Mask:
        """Whether any value of a list is marked in `wrong`."""
        rows: Mask = np.zeros(len(self.lengths), dtype=bool)
        rows[self.owner[wrong]] = True
        return rows

    def descends(self) -> Mask:
        """Whether any value of a list is smaller than the one before it."""
        if len(self.values) < 2:
            return np.zeros(len(self.lengths), dtype=bool)
        within = self.owner[1:] == self.owner[:-1]
        falls = np.concatenate([[False], within & (self.values[1:] < self.values[:-1])])
        return self.any_of(falls)

    def at(self, row: int) -> list[Any]:
        """One list."""
        members: list[Any] = self.values[self.starts[row] : self.starts[row + 1]].tolist()
        return members


class Rows:
    """Consecutive rows of one part."""

    def __init__(self, batch: pa.RecordBatch, *, table: str, file: str, first: int) -> None:
        """Wrap a batch whose first row is row number `first` of the file."""
        self.batch = batch
        self.table = table
        self.file = file
        self.first = first

    def __len__(self) -> int:
        return int(self.batch.num_rows)

    def column(self, name: str) -> pa.Array:
        """A column as it is."""
        return self.batch.column(name)

    def numbers(self, name: str, *, missing: int = 0) -> Numbers:
        """A column of whole numbers or booleans, with `missing` for nulls."""
        column = self.column(name)
        if column.null_count:
            column = column.fill_null(pa.scalar(missing, column.type))
        values: Numbers = column.to_numpy(zero_copy_only=False)
        return values

    def floats(self, name: str) -> Numbers:
        """A column of numbers, NaN for nulls."""
        values: Numbers = self.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False)
        return values

    def codes(self, name: str, known: Sequence[str]) -> Numbers:
        """The place of each string among the known ones; -1 for others."""
        found = pc.index_in(self.column(name), value_set=pa.array(known))
        codes: Numbers = found.fill_null(-1).to_numpy(zero_copy_only=False)
        return codes

    def is_null(self, name: str) -> Mask:
        """Where a column is null."""
        nulls: Mask = self.column(name).is_null().to_numpy(zero_copy_only=False)
        return nulls

    def is_nan(self, name: str) -> Mask:
        """Where a column of floats holds a NaN, which no null is."""
        nan: Mask = (
            pc.is_nan(self.column(name)).fill_null(fill_value=False).to_numpy(zero_copy_only=False)
        )
        return nan

    def lists(self, name: str) -> Lists:
        """A column of lists of numbers; a null list is empty."""
        column = self.column(name)
        lengths = pc.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False)
        return Lists(lengths.astype(np.int64), column.flatten().to_numpy(zero_copy_only=False))

    def text(self, name: str, row: int) -> str:
        """One value, as text."""
        return str(self.column(name)[row].as_py())

    def about(self, row: int) -> str | None:
        """What a row is about."""
        names = self.batch.schema.names
        if {"site", "unit", "polarity"} <= set(names):
            site, unit, polarity = (self.text(name, row) for name in ("site", "unit", "polarity"))
            if int(unit) >= 0 and polarity in ("1", "-1"):
                return str(UnitId(site, int(unit), 1 if polarity == "1" else -1))
            return f"unit {unit} of {site}, polarity {polarity}"
        if "explanation_id" in names:
            return f"explanation {self.text('explanation_id', row)}"
        return f"sequence {self.text('sequence_id', row)}" if "sequence_id" in names else None

    def find_unknown(self, check: Examination, name: str, known: Sequence[str]) -> None:
        """Report every text of a column that is not one of those there are; a null is none."""
        self.find(
            check,
            (self.codes(name, known) < 0) & ~self.is_null(name),
            lambda at: f"{name} {self.text(name, at)!r} is none of {', '.join(known)}",
        )

    def find_outside(self, check: Examination, name: str, low: float, high: float) -> None:
        """Report every number of a column outside of a range; a null is none."""
        values = self.floats(name)
        with np.errstate(invalid="ignore"):
            outside = (values < low) | (values > high)
        self.find(check, outside, lambda at: f"{name} is {values[at]:g}, not in {low:g}..{high:g}")

    def find_nan(self, check: Examination, *names: str) -> None:
        """Report every NaN in columns of floats."""
        for name in names:
            self._find_nan(check, name)

    def _find_nan(self, check: Examination, name: str) -> None:
        self.find(check, self.is_nan(name), lambda _: f"{name} is NaN, where null is due")

    def find_nan_within(self, check: Examination, name: str) -> None:
        """Report every NaN in lists of floats, which no null is."""
        inner = self.column(name).flatten()
        nan = pc.is_nan(inner).fill_null(fill_value=False).to_numpy(zero_copy_only=False)
        self.find(
            check,
            self.lists(name).any_of(nan),
            lambda _: f"{name} holds NaN, where null is due",
        )

    def find_negative(self, check: Examination, *names: str) -> None:
        """Report every number below 0 in columns of counts; a null is none."""
        for name in names:
            self._find_negative(check, name)

    def _find_negative(self, check: Examination, name: str) -> None:
        count = self.numbers(name)
        self.find(check, count < 0, lambda at: f"{name} is {count[at]}, below 0")

    def find(self, check: Examination, wrong: Mask, say: Callable[[int], str]) -> None:
        """Report every row that is marked in `wrong`; `say` is asked for the first ones only."""
        places = np.flatnonzero(wrong).tolist()
        kept = max(0, check.room)
        for row in places[:kept]:
            check.find(
                say(row),
                table=self.table,
                file=self.file,
                row=self.first + row,
                about=self.about(row),
            )
        check.count(len(places[kept:]))
