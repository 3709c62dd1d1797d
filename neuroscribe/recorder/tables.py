"""A site recorder's state as rows of the tables `units`, `exemplars` and `vectors`."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from neuroscribe.datasets.schema import SCHEMAS
from neuroscribe.kernels.top_activation import NO_SEQUENCE, order_keys
from neuroscribe.recorder.kept_sequences import KeptSequences
from neuroscribe.recorder.site_recorder import SiteRecorder
from neuroscribe.recorder.statistics import TOKEN_BINS, SideStatistics
from neuroscribe.records import KINDS, SPLITS, Polarity


def units_table(recorder: SiteRecorder) -> pa.Table:
    """One row per unit and polarity, in order of unit."""
    tables = [_units_of(recorder, polarity) for polarity in recorder.polarities]
    return pa.concat_tables(tables).sort_by([("unit", "ascending"), ("polarity", "descending")])


def exemplars_table(recorder: SiteRecorder) -> pa.Table:
    """One row per exemplar, in order of unit, polarity, split, kind, band and rank."""
    parts: list[pa.Table] = []
    for polarity in recorder.polarities:
        parts.extend(_top_of(recorder, polarity))
        parts.extend(_random_of(recorder, polarity))
        if polarity in recorder.quantile:
            parts.extend(_quantile_of(recorder, polarity))
    table = pa.concat_tables(parts)
    # np.lexsort takes the last key first.
    order = np.lexsort(
        (
            table["rank"].to_numpy(),
            table["quantile"].fill_null(0).to_numpy(),
            np.array([KINDS.index(kind) for kind in table["kind"].to_pylist()]),
            np.array([SPLITS.index(split) for split in table["split"].to_pylist()]),
            -table["polarity"].to_numpy(),
            table["unit"].to_numpy(),
        )
    )
    return table.take(order)


def vectors_table(recorder: SiteRecorder) -> pa.Table:
    """One row per drawn token, in order of sequence and position."""
    sequence_ids, positions, vectors = recorder.vectors.drawn()
    columns = {
        "site": pa.array([recorder.site.name] * len(vectors), pa.string()),
        "sequence_id": _numpy(sequence_ids),
        "position": _numpy(positions.int()),
        "activations": _lists(vectors),
    }
    return pa.table(columns, schema=SCHEMAS["vectors"])


def _units_of(recorder: SiteRecorder, polarity: Polarity) -> pa.Table:
    statistics = recorder.statistics.side(polarity)
    moments = statistics.moments()
    width = len(moments.mean)
    lookup = recorder.token_sums.largest_means(recorder.settings.lookup_size, polarity)
    edges, counts = _histograms(statistics)
    columns = {
        "site": pa.array([recorder.site.name] * width),
        "unit": np.arange(width, dtype=np.int32),
        "polarity": np.full(width, polarity, dtype=np.int8),
        "n_tokens": np.full(width, statistics.n_tokens, dtype=np.int64),
        "n_nan": _numpy(statistics.nan),
        "n_infinite": _numpy(statistics.not_finite - statistics.nan),
        "mean": _nullable(moments.mean),
        "variance": _nullable(moments.variance),
        "skewness": _nullable(moments.skewness),
        "kurtosis": _nullable(moments.kurtosis),
        "min": _nullable(statistics.smallest.double()),
        "max": _nullable(statistics.largest.double()),
        "density": _nullable(statistics.density()),
        "density_1pct": _nullable(statistics.density_above(0.01)),
        "quantile_boundaries": _lists(statistics.peak_quantiles().float()),
        "histogram_edges": pa.array(edges, pa.list_(pa.float32())),
        "histogram_counts": pa.array(counts, pa.list_(pa.int64())),
        "lookup_token_ids": _lists(lookup.token_ids.int()),
        "lookup_means": _lists(lookup.means.float()),
        "lookup_counts": _lists(lookup.counts),
    }
    return pa.table(columns, schema=SCHEMAS["units"])


def _histograms(statistics: SideStatistics) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Edges and counts of each unit, cut to its filled bins and its extremes."""
    inner = TOKEN_BINS.edges().numpy()
    smallest, largest = statistics.smallest.numpy(), statistics.largest.numpy()
    edges, counts = [], []
    for unit, row in enumerate(statistics.token_counts.numpy()):
        filled = row.nonzero()[0]
        if len(filled) == 0:
            edges.append(np.zeros(0, dtype=np.float32))
            counts.append(row[:0])
            continue
        first, last = filled[0], filled[-1]
        # The sample need not hold the extremes; where it does, they are the outermost edges.
        low = smallest[unit] if first == 0 else max(smallest[unit], inner[first - 1])
        high = largest[unit] if last == len(inner) else min(largest[unit], inner[last])
        edges.append(np.array([low, *inner[first:last], high], dtype=np.float32))
        counts.append(row[first : last + 1])
    return edges, counts


def _top_of(recorder: SiteRecorder, polarity: Polarity) -> Iterator[pa.Table]:
    top = recorder.top[polarity]
    for split in range(len(SPLITS)):
        unit, place = _ranked(top.values[split], top.ids[split])
        yield _kept_rows(recorder, polarity, top, split, unit, place, kind="top")


def _quantile_of(recorder: SiteRecorder, polarity: Polarity) -> Iterator[pa.Table]:
    """Exemplars of every band, named by the band of the exact distribution they are in."""
    sample = recorder.quantile[polarity]
    limits = recorder.statistics.side(polarity).peak_quantiles().float()
    for split in range(len(SPLITS)):
        parts = []
        for group in range(split, len(sample.ids), len(SPLITS)):
            unit, place = _ranked(sample.values[group], sample.ids[group])
            parts.append(
                _kept_rows(recorder, polarity, sample, group, unit, place, kind="quantile")
            )
        table = pa.concat_tables(parts)
        unit = torch.from_numpy(table["unit"].to_numpy().copy()).long()
        peak = torch.from_numpy(table["peak_activation"].to_numpy().copy())
        band_of = (peak[:, None] > limits[unit]).sum(1)
        yield _with_ranks(table, unit, band_of)


def _with_ranks(table: pa.Table, unit: Tensor, band: Tensor) -> pa.Table:
    """Set band and rank: within unit and band, in order of sequence."""
    ids = table["sequence_id"].to_numpy()
    order = np.lexsort((ids, band.numpy(), unit.numpy()))
    group = (unit * 8 + band).numpy()[order]
    starts = np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]]))
    rank = np.arange(len(group)) - np.repeat(starts, np.diff([*starts, len(group)]))
    columns = {name: table[name].take(order) for name in table.column_names}
    columns["quantile"] = pa.array(band.numpy()[order].astype(np.int8))
    columns["rank"] = pa.array(rank.astype(np.int16))
    return pa.table(columns, schema=SCHEMAS["exemplars"])


def _ranked(values: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Units and places of the kept sequences, by unit and falling value; host memory."""
    order = order_keys(values, ids).argsort(dim=1, descending=True)
    filled = (ids != NO_SEQUENCE).gather(1, order)
    unit, rank = filled.nonzero(as_tuple=True)
    return unit.cpu(), order[unit, rank].cpu()


def _kept_rows(
    recorder: SiteRecorder,
    polarity: Polarity,
    kept: KeptSequences,
    group: int,
    unit: Tensor,
    place: Tensor,
    *,
    kind: str,
) -> pa.Table:
    if kept.rows is None:
        raise ValueError("the rows of the exemplars were left out and never replayed")
    counts = torch.bincount(unit, minlength=recorder.site.width)
    return _exemplar_rows(
        recorder.site.name,
        polarity,
        split=SPLITS[group % len(SPLITS)],
        kind=kind,
        unit=unit,
        rank=torch.arange(len(unit)) - (counts.cumsum(0) - counts)[unit],
        sequence_ids=kept.ids[group].cpu()[unit, place],
        lengths=kept.lengths[group].cpu()[unit, place],
        rows=kept.rows[group].cpu()[unit, place],
    )


def _random_of(recorder: SiteRecorder, polarity: Polarity) -> Iterator[pa.Table]:
    random = recorder.random
    if random.rows is None:
        raise ValueError("the rows of the exemplars were left out and never replayed")
    units = recorder.site.width
    for split, name in enumerate(SPLITS):
        _, order = _ranked(random.values[split], random.ids[split])
        by_unit = random.rows[split, 0].cpu()[order].permute(2, 0, 1) * polarity
        yield _exemplar_rows(
            recorder.site.name,
            polarity,
            split=name,
            kind="random",
            unit=torch.arange(units).repeat_interleave(len(order)),
            rank=torch.arange(len(order)).repeat(units),
            sequence_ids=random.ids[split, 0].cpu()[order].repeat(units),
            lengths=random.lengths[split, 0].cpu()[order].repeat(units),
            rows=by_unit.reshape(-1, by_unit.shape[2]),
        )


def _exemplar_rows(
    site: str,
    polarity: Polarity,
    *,
    split: str,
    kind: str,
    unit: Tensor,
    rank: Tensor,
    sequence_ids: Tensor,
    lengths: Tensor,
    rows: Tensor,
) -> pa.Table:
    count = len(unit)
    present = torch.arange(rows.shape[1], device=rows.device) < lengths[:, None]
    # `max` would name a NaN; a NaN is never a peak.
    peaks = rows.masked_fill(~present | rows.isnan(), -torch.inf).max(1)
    columns = {
        "site": pa.array([site] * count, pa.string()),
        "unit": _numpy(unit.int()),
        "polarity": np.full(count, polarity, dtype=np.int8),
        "split": pa.array([split] * count, pa.string()),
        "kind": pa.array([kind] * count, pa.string()),
        "quantile": pa.nulls(count, pa.int8()),
        "rank": _numpy(rank.short()),
        "sequence_id": _numpy(sequence_ids),
        "peak_position": _numpy(peaks.indices.short()),
        "peak_activation": _numpy(peaks.values),
        "activations": _ragged(rows[present], lengths),
    }
    return pa.table(columns, schema=SCHEMAS["exemplars"])


def _ragged(values: Tensor, lengths: Tensor) -> pa.ListArray:
    offsets = np.concatenate([[0], _numpy(lengths).cumsum()]).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, pa.array(_numpy(values)))


def _lists(rows: Tensor) -> pa.ListArray:
    lengths = torch.full((rows.shape[0],), rows.shape[1], dtype=torch.int32)
    return _ragged(rows.reshape(-1), lengths)


def _nullable(values: Tensor) -> pa.Array:
    return pa.array(_numpy(values), from_pandas=True)


def _numpy(values: Tensor) -> np.ndarray:
    return values.cpu().numpy()
