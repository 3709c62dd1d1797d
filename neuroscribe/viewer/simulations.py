"""Which simulated sequences are shown of an explanation, and their values.

At most ten for each simulator and LLM: of the test split before the others, because scores are
measured there, and top and random sequences in turn. Explanations come in the order in which the
unit's page lists them.
"""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from neuroscribe.datasets import store
from neuroscribe.viewer.headline import current_explanations
from neuroscribe.viewer.order import SiteUnits
from neuroscribe.viewer.tokens import Tokens

SHOWN = 10
"""Sequences of one explanation by one simulator and LLM."""

_SPLITS: Final = ("test", "valid", "calibration", "train")
_BY: Final = ("simulator", "llm")

Ints = NDArray[np.int64]


def shown_simulations(root: str, units: SiteUnits, tokens: Tokens) -> pa.Table:
    """The simulations to show of a site's units, in order of `place`.

    Columns are those of the table `simulations`, and `place`.
    """
    explanations = current_explanations(root, units).select(["explanation_id", "place"])
    ids = pc.unique(explanations["explanation_id"])
    # The table is not divided by site, so that the filter reads all of it.
    where = pc.field("explanation_id").isin(ids)
    rows = store.read(root, "simulations", where=where)
    rows = rows.filter(pa.array(tokens.places(rows["sequence_id"].to_numpy()) >= 0))
    rows = store.current("simulations", rows)
    at = pc.index_in(rows["explanation_id"], explanations["explanation_id"].combine_chunks())
    rows = rows.append_column("place", explanations["place"].take(at))
    return rows.take(pa.array(_chosen(rows, at.to_numpy().astype(np.int64))))


def _chosen(rows: pa.Table, explanation: Ints) -> Ints:
    """Indices of the rows to show, in the order in which they are shown.

    Args:
        rows: simulations.
        explanation: of each, the place of its explanation in the list of those of all units.
    """
    group = combined([explanation, *(numbered(rows[name]) for name in _BY)])
    split = numbered(rows["split"], _SPLITS)
    kind = numbered(rows["kind"], ("top", "random", "quantile"))
    sequence = rows["sequence_id"].to_numpy()
    turn = np.empty(len(group), dtype=np.int64)
    order = np.lexsort((sequence, kind, split, group))
    turn[order] = ordinals(combined([group, split, kind])[order])
    order = np.lexsort((sequence, kind, turn, split, group))
    kept = order[ordinals(group[order]) < SHOWN]
    return kept[np.lexsort((sequence[kept], kind[kept], split[kept], group[kept]))]


def numbered(values: pa.ChunkedArray, known: tuple[str, ...] = ()) -> Ints:
    """Numbers that sort as texts do, those that are known first and in their order."""
    others = sorted(set(pc.unique(values).to_pylist()) - set(known) - {None})
    found = pc.index_in(values, pa.array([*known, *others], pa.string())).fill_null(-1)
    numbers: Ints = found.to_numpy().astype(np.int64)
    return numbers


def combined(keys: list[Ints]) -> Ints:
    """One number for several, in their order: the first counts most."""
    number = np.zeros(len(keys[0]), dtype=np.int64)
    for key in keys:
        _, dense = np.unique(key, return_inverse=True)
        number = number * (int(dense.max(initial=0)) + 1) + dense
    return number


def ordinals(groups: Ints) -> Ints:
    """The position of each element among those of its group, which stand together.

    >>> ordinals(np.array([5, 5, 5, 7, 7])).tolist()
    [0, 1, 2, 0, 1]
    """
    starts = np.flatnonzero(np.diff(groups, prepend=groups[:1] - 1))
    lengths = np.diff(np.append(starts, len(groups)))
    return np.arange(len(groups)) - np.repeat(starts, lengths)
