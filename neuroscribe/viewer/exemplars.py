"""Blocks of exemplars and simulations: token texts once a block, activations as small integers.

An integer v stands for the activation v * step, where step is 1/500 of the largest absolute value
that is shown of the unit, so a value is off by at most a thousandth of it. The exemplars of a site
are read in slices of units, and a slice stays in Arrow and numpy up to the text that is written.
"""

from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from neuroscribe.datasets import store
from neuroscribe.datasets.schema import SCHEMAS
from neuroscribe.records import KINDS, SPLITS
from neuroscribe.viewer.blocks import EXEMPLARS, block_path, to_json, write_block
from neuroscribe.viewer.headline import with_places
from neuroscribe.viewer.levels import Rows, steps_of, written
from neuroscribe.viewer.order import SiteUnits, blocks_of
from neuroscribe.viewer.rounding import column, lists_of_numbers, number, ragged
from neuroscribe.viewer.simulations import combined, numbered, ordinals, shown_simulations
from neuroscribe.viewer.tokens import Tokens

SHOWN_RANDOM = 5
"""Random exemplars of each split."""
SHOWN_QUANTILE = 2
"""Exemplars of each quantile band and split."""

_UNITS_AT_ONCE = 512
_COLUMNS: Final = [
    *("unit", "polarity", "split", "kind", "quantile", "rank"),
    *("sequence_id", "peak_position", "peak_activation", "activations"),
]

Ints = NDArray[np.int64]


def write_exemplars(root: str, out: Path, units: SiteUnits, tokens: Tokens, top: int) -> None:
    """Write the blocks of a site's exemplars and simulations.

    Args:
        root: the study.
        out: the site that is built.
        units: of one site of the subject.
        tokens: what the sequences show.
        top: exemplars of kind `top` that are shown of each split.
    """
    limits = {"top": top, "random": SHOWN_RANDOM, "quantile": SHOWN_QUANTILE}
    simulations = shown_simulations(root, units, tokens)
    simulated = simulations["place"].to_numpy()
    for first in range(0, len(units), _UNITS_AT_ONCE):
        places = range(first, min(first + _UNITS_AT_ONCE, len(units)))
        start, end = np.searchsorted(simulated, [places.start, places.stop])
        part = _Slice(
            _exemplars(root, units, places, tokens),
            simulations.slice(start, end - start),
            units,
            places,
            limits=[limits[kind] for kind in KINDS],
        )
        for block, members in blocks_of(len(places), EXEMPLARS):
            path = block_path(out, "exemplars", units.number, first // EXEMPLARS + block)
            write_block(path, part.text(members, tokens))


def _exemplars(root: str, units: SiteUnits, places: range, tokens: Tokens) -> pa.Table:
    """All exemplars of some units whose sequences are there."""
    index = units.index[places.start : places.stop]
    where = (pc.field("unit") >= int(index[0])) & (pc.field("unit") <= int(index[-1]))
    distinct = np.unique(index)
    if len(distinct) <= distinct[-1] - distinct[0]:
        where &= pc.field("unit").isin(pa.array(distinct, SCHEMAS["exemplars"].field("unit").type))
    rows = store.read(root, "exemplars", columns=_COLUMNS, where=where, site=units.name)
    rows = with_places(rows, units)
    place = rows["place"].to_numpy()
    there = (place >= places.start) & (place < places.stop)
    there &= tokens.places(rows["sequence_id"].to_numpy()) >= 0
    return rows if there.all() else rows.filter(pa.array(there))


class _Shown(NamedTuple):
    """The exemplars that are shown, in the order in which they are."""

    member: Ints
    """The unit's place in the slice."""
    group: Ints
    split: Ints
    kind: Ints
    quantile: Ints
    """-1 where the kind has none."""
    sequence_id: Ints
    peak_position: Ints
    rows: Rows


class _Slice:
    """The exemplars and simulations of some units, ready to be written."""

    def __init__(
        self,
        exemplars: pa.Table,
        simulations: pa.Table,
        units: SiteUnits,
        places: range,
        *,
        limits: list[int],
    ) -> None:
        self._units = units
        self._first = places.start
        self._simulations = simulations
        self._shown = _shown(exemplars, places.start, limits)
        truth = _truth(exemplars, simulations, places.start)
        self._step = steps_of([self._shown.rows, truth], len(places))
        self._largest = _largest(exemplars, places)
        self._values = written(self._shown.rows, self._step)
        self._truth = written(truth, self._step)
        self._expected = lists_of_numbers(simulations["expected"])
        self._calibrated = lists_of_numbers(simulations["calibrated"])
        self._simulated_member = simulations["place"].to_numpy() - places.start

    def text(self, members: range, tokens: Tokens) -> str:
        """One block as JSON."""
        shown = _between(self._shown.member, members)
        simulated = _between(self._simulated_member, members)
        sequence_ids = np.union1d(
            self._shown.sequence_id[shown],
            self._simulations["sequence_id"].to_numpy()[simulated],
        )
        sequences = map(tokens.sequence, tokens.places(sequence_ids).tolist())
        units = [self._unit(member) for member in members]
        return f'{{"sequences":{{{",".join(sequences)}}},"units":[{",".join(units)}]}}'

    def _unit(self, member: int) -> str:
        only = range(member, member + 1)
        head = {
            "unit": self._units.unit(self._first + member),
            "step": float(self._step[member]),
            "largest": number(self._largest[member]),
        }
        groups = ",".join(self._groups(_between(self._shown.member, only)))
        simulations = ",".join(self._simulation_groups(_between(self._simulated_member, only)))
        return f'{to_json(head)[:-1]},"groups":[{groups}],"simulations":[{simulations}]}}'

    def _groups(self, shown: slice) -> list[str]:
        groups = []
        for start, end in _runs(self._shown.group[shown], shown.start):
            items = ",".join(
                [
                    f'{{"s":"{sequence_id}","v":{values},"peak":{peak}}}'
                    for sequence_id, values, peak in zip(
                        self._shown.sequence_id[start:end].tolist(),
                        self._values[start:end],
                        self._shown.peak_position[start:end].tolist(),
                        strict=True,
                    )
                ]
            )
            quantile = int(self._shown.quantile[start])
            groups.append(
                f'{{"split":"{SPLITS[self._shown.split[start]]}",'
                f'"kind":"{KINDS[self._shown.kind[start]]}",'
                f'"quantile":{"null" if quantile < 0 else quantile},"items":[{items}]}}'
            )
        return groups

    def _simulation_groups(self, simulated: slice) -> list[str]:
        names = ["explanation_id", "simulator", "llm", "split"]
        rows = self._simulations.slice(simulated.start, simulated.stop - simulated.start)
        if rows.num_rows == 0:
            return []
        group = combined([numbered(rows[name]) for name in names])
        heads = rows.select(names).to_pylist()
        groups = []
        for start, end in _runs(group, 0):
            head = {
                "explanation": heads[start]["explanation_id"],
                **{name: heads[start][name] for name in names[1:]},
            }
            items = ",".join(
                self._simulation(simulated.start + place, row)
                for place, row in zip(
                    range(start, end),
                    rows.slice(start, end - start)
                    .select(["sequence_id", "status", "reason"])
                    .to_pylist(),
                    strict=True,
                )
            )
            groups.append(f'{to_json(head)[:-1]},"items":[{items}]}}')
        return groups

    def _simulation(self, place: int, row: dict[str, str | int | None]) -> str:
        known = self._simulations["calibrated"][place].is_valid
        tail = {
            "expected": self._expected[place],
            "calibrated": self._calibrated[place] if known else None,
            "status": row["status"],
            "reason": row["reason"],
        }
        return f'{{"s":"{row["sequence_id"]}","truth":{self._truth[place]},{to_json(tail)[1:]}'


def _shown(exemplars: pa.Table, first: int, limits: list[int]) -> _Shown:
    split = numbered(exemplars["split"], SPLITS)
    kind = numbered(exemplars["kind"], KINDS)
    quantile = exemplars["quantile"].fill_null(-1).to_numpy().astype(np.int64)
    group = combined([exemplars["place"].to_numpy(), split, kind, quantile])
    order = np.lexsort((exemplars["sequence_id"].to_numpy(), exemplars["rank"].to_numpy(), group))
    kept = order[ordinals(group[order]) < np.array(limits)[kind[order]]]
    rows = exemplars.take(pa.array(kept))
    return _Shown(
        member=rows["place"].to_numpy() - first,
        group=group[kept],
        split=split[kept],
        kind=kind[kept],
        quantile=quantile[kept],
        sequence_id=rows["sequence_id"].to_numpy(),
        peak_position=rows["peak_position"].to_numpy(),
        rows=_rows(rows, "activations", first),
    )


def _rows(table: pa.Table, name: str, first: int) -> Rows:
    ends, values = ragged(table[name])
    return Rows(
        member=table["place"].to_numpy() - first,
        ends=ends,
        values=column(pa.chunked_array([values])),
    )


def _truth(exemplars: pa.Table, simulations: pa.Table, first: int) -> Rows:
    """What the unit did on each simulated sequence; missing where no exemplar says."""
    known = np.stack([exemplars["place"].to_numpy(), exemplars["sequence_id"].to_numpy()])
    asked = np.stack([simulations["place"].to_numpy(), simulations["sequence_id"].to_numpy()])
    order = np.lexsort((known[1], known[0]))
    keys = combined([np.concatenate(pair) for pair in zip(known, asked, strict=True)])
    sorted_keys, wanted = keys[: known.shape[1]][order], keys[known.shape[1] :]
    at = np.searchsorted(sorted_keys, wanted)
    found = at < len(order)
    found[found] = sorted_keys[at[found]] == wanted[found]
    source = np.full(len(wanted), -1)
    source[found] = order[at[found]]
    rows = exemplars["activations"].take(pa.array(source, mask=~found))
    expected_ends, _ = ragged(simulations["expected"])
    filled = pc.if_else(rows.is_valid(), rows, _missing(np.diff(expected_ends)))
    ends, values = ragged(filled)
    return Rows(member=asked[0] - first, ends=ends, values=column(pa.chunked_array([values])))


def _missing(lengths: Ints) -> pa.Array:
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(ends, pa.array(np.full(ends[-1], np.nan, np.float32)))


def _largest(exemplars: pa.Table, places: range) -> NDArray[np.float64]:
    """The largest activation on train, the 10 of the simulators' scale; without train, on all."""
    peak = column(exemplars["peak_activation"])
    member = exemplars["place"].to_numpy() - places.start
    finite = np.isfinite(peak)
    train = finite & (numbered(exemplars["split"], SPLITS) == SPLITS.index("train"))
    on_train, on_all = np.full((2, len(places)), -np.inf)
    np.maximum.at(on_train, member[train], peak[train])
    np.maximum.at(on_all, member[finite], peak[finite])
    largest = np.where(np.isfinite(on_train), on_train, on_all)
    return np.where(np.isfinite(largest), largest, 0.0)


def _between(members: Ints, wanted: range) -> slice:
    """Rows of some members, which stand together."""
    start, end = np.searchsorted(members, [wanted.start, wanted.stop])
    return slice(int(start), int(end))


def _runs(groups: Ints, first: int) -> list[tuple[int, int]]:
    """Start and end of each run of equal numbers, counted from `first`."""
    changes = np.flatnonzero(np.diff(groups)) + 1
    bounds = [0, *changes.tolist(), len(groups)] if len(groups) else [0]
    return [(first + start, first + end) for start, end in pairwise(bounds)]
