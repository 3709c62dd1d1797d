"""A site recorder's state as rows of the tables `units` and `exemplars`."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from neuroscribe.datasets.schema import SCHEMAS
from neuroscribe.kernels.top_activation.naive import EMPTY, key_sequence_ids
from neuroscribe.recorder.random_exemplars import RandomExemplars
from neuroscribe.recorder.settings import RecorderSettings
from neuroscribe.recorder.site_recorder import PolarityRecorder, SiteRecorder
from neuroscribe.recorder.statistics import TOKEN_BINS, Statistics
from neuroscribe.recorder.top_exemplars import TopExemplars
from neuroscribe.records import SPLITS, Polarity


def units_table(recorder: SiteRecorder, settings: RecorderSettings) -> pa.Table:
    """One row per unit and polarity, in order of unit."""
    tables = [_units_of(recorder.site.name, side, settings) for side in recorder.polarities]
    return pa.concat_tables(tables).sort_by([("unit", "ascending"), ("polarity", "descending")])


def exemplars_table(recorder: SiteRecorder) -> pa.Table:
    """One row per exemplar, in order of unit, polarity, split, kind and rank."""
    parts: list[pa.Table] = []
    for side in recorder.polarities:
        parts.extend(_top_of(recorder.site.name, side.polarity, side.top))
        parts.extend(_random_of(recorder.site.name, side.polarity, side.random))
    table = pa.concat_tables(parts)
    # np.lexsort takes the last key first; within one split and kind the rows are already ranked.
    order = np.lexsort(
        (
            table["rank"].to_numpy(),
            table["kind"].to_numpy() == "random",
            np.array([SPLITS.index(split) for split in table["split"].to_pylist()]),
            -table["polarity"].to_numpy(),
            table["unit"].to_numpy(),
        )
    )
    return table.take(order)


def _units_of(site: str, side: PolarityRecorder, settings: RecorderSettings) -> pa.Table:
    statistics = side.statistics
    moments = statistics.moments()
    width = len(moments.mean)
    lookup = side.token_sums.largest_means(settings.lookup_size)
    edges, counts = _histograms(statistics)
    columns = {
        "site": pa.array([site] * width),
        "unit": np.arange(width, dtype=np.int32),
        "polarity": np.full(width, side.polarity, dtype=np.int8),
        "n_tokens": np.full(width, int(statistics.n_tokens), dtype=np.int64),
        "mean": _nullable(moments.mean),
        "variance": _nullable(moments.variance),
        "skewness": _nullable(moments.skewness),
        "kurtosis": _nullable(moments.kurtosis),
        "min": _nullable(statistics.smallest.double()),
        "max": _nullable(statistics.largest.double()),
        "density": _nullable(moments.density),
        "density_1pct": _nullable(statistics.density_above(0.01)),
        "quantile_boundaries": _lists(statistics.peak_quantiles().float()),
        "histogram_edges": pa.array(edges, pa.list_(pa.float32())),
        "histogram_counts": pa.array(counts, pa.list_(pa.int64())),
        "lookup_token_ids": _lists(lookup.token_ids.int()),
        "lookup_means": _lists(lookup.means.float()),
        "lookup_counts": _lists(lookup.counts),
    }
    return pa.table(columns, schema=SCHEMAS["units"])


def _histograms(statistics: Statistics) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Edges and counts of each unit, cut to the bins between its extremes."""
    inner = TOKEN_BINS.edges().numpy()
    all_counts = statistics.token_counts.cpu().numpy()
    smallest, largest = statistics.smallest.cpu().numpy(), statistics.largest.cpu().numpy()
    edges, counts = [], []
    for unit, row in enumerate(all_counts):
        filled = row.nonzero()[0]
        first, last = filled[0], filled[-1]
        between = inner[first:last]
        edges.append(np.array([smallest[unit], *between, largest[unit]], dtype=np.float32))
        counts.append(row[first : last + 1])
    return edges, counts


def _top_of(site: str, polarity: Polarity, top: TopExemplars) -> Iterator[pa.Table]:
    for split, name in enumerate(SPLITS):
        keys, order = top.keys[split].sort(dim=1, descending=True)
        rows = top.rows[split].gather(1, order[:, :, None].expand(top.rows[split].shape))
        lengths = top.lengths[split].gather(1, order)
        unit, rank = (keys != EMPTY).nonzero(as_tuple=True)
        yield _exemplar_rows(
            site,
            polarity,
            split=name,
            kind="top",
            unit=unit,
            rank=rank,
            sequence_ids=key_sequence_ids(keys[unit, rank]),
            lengths=lengths[unit, rank],
            rows=rows[unit, rank],
        )


def _random_of(site: str, polarity: Polarity, random: RandomExemplars) -> Iterator[pa.Table]:
    units = random.rows.shape[3]
    for split, name in enumerate(SPLITS):
        draws, order = random.draws[split].sort(descending=True)
        order = order[draws != EMPTY]
        by_unit = random.rows[split][order].permute(2, 0, 1)
        yield _exemplar_rows(
            site,
            polarity,
            split=name,
            kind="random",
            unit=torch.arange(units).repeat_interleave(len(order)),
            rank=torch.arange(len(order)).repeat(units),
            sequence_ids=random.sequence_ids[split][order].repeat(units),
            lengths=random.lengths[split][order].repeat(units),
            rows=by_unit.reshape(-1, random.rows.shape[2]),
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
