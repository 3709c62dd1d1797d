"""The order in which rows of a table lie in its parts: that in which they are read together.

A unit's rows are neighbours, so one unit is found by reading a fraction of a file. Rows that agree
in all that is named here keep the order they had.
"""

from collections.abc import Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from neuroscribe.records import KINDS, SPLITS

_ORDER: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "sequences": (("sequence_id", "ascending"),),
    "units": (("unit", "ascending"), ("polarity", "descending")),
    "exemplars": (
        ("unit", "ascending"),
        ("polarity", "descending"),
        ("split", "ascending"),
        ("kind", "ascending"),
        ("quantile", "ascending"),
        ("rank", "ascending"),
    ),
    "vectors": (("sequence_id", "ascending"), ("position", "ascending")),
    "bits": (("sequence_id", "ascending"), ("polarity", "descending")),
    # No further: of explanations that do equally well the first is selected.
    "explanations": (("unit", "ascending"), ("polarity", "descending")),
    "simulations": (("explanation_id", "ascending"), ("sequence_id", "ascending")),
    "judgements": (
        ("explanation_id", "ascending"),
        ("scorer", "ascending"),
        ("report_set", "ascending"),
        ("item", "ascending"),
    ),
    "lessons": (("unit", "ascending"), ("polarity", "descending")),
    "scores": (
        ("unit", "ascending"),
        ("polarity", "descending"),
        ("explanation_id", "ascending"),
        ("scorer", "ascending"),
        ("report_set", "ascending"),
        ("metric", "ascending"),
    ),
}
_RANKED: Final[dict[str, Sequence[str]]] = {"split": SPLITS, "kind": KINDS}
"""Columns whose values have an order of their own."""


def ordered(table: str, rows: pa.Table) -> pa.Table:
    """Rows of one part, in order.

    Args:
        table: its name.
        rows: with all columns of the table; of one site, where the table has a folder per site.
    """
    keys = {
        name: pc.index_in(rows[name], pa.array(_RANKED[name])) if name in _RANKED else rows[name]
        for name, _ in _ORDER[table]
    }
    return rows.take(pc.sort_indices(pa.table(keys), sort_keys=list(_ORDER[table])))
