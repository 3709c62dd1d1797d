"""Exact against brute force, for any batch size, shard and order."""

import itertools

import pyarrow as pa
import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st

from neuroscribe.errors import RecordError
from neuroscribe.recorder.batch import Batch
from neuroscribe.recorder.random_exemplars import draw
from neuroscribe.recorder.recorder import Recorder
from neuroscribe.recorder.settings import RecorderSettings
from neuroscribe.records import SPLITS

SETTINGS = RecorderSettings(top_k=4, n_random=3, sequence_length=6, polarity="both")


def brute_force_top(stream, unit: int, split: int, sign: int, k: int) -> list[tuple[int, list]]:
    found = []
    for i, length in enumerate(stream.lengths.tolist()):
        if stream.splits[i] == split:
            row = (stream.activations[i, :length, unit] * sign).tolist()
            found.append((-max(row), i, row))
    return [(i, row) for _, i, row in sorted(found)[:k]]


def exemplars(recorder: Recorder, unit: int, polarity: int, split: str, kind: str) -> list[dict]:
    return [
        row
        for row in recorder.exemplars("mlp.0").to_pylist()
        if (row["unit"], row["polarity"], row["split"], row["kind"])
        == (unit, polarity, split, kind)
    ]


@pytest.mark.parametrize("sign", [1, -1])
def test_top_exemplars_equal_a_sort_of_all_activations(make_stream, sign):
    stream = make_stream()
    recorder = stream.record(SETTINGS)
    for unit, (split, name) in itertools.product(range(3), enumerate(SPLITS)):
        rows = exemplars(recorder, unit, sign, name, "top")
        expected = brute_force_top(stream, unit, split, sign, k=4)
        assert [(r["sequence_id"], r["activations"]) for r in rows] == expected
        assert [r["rank"] for r in rows] == list(range(len(expected)))
        for row in rows:
            assert row["peak_activation"] == max(row["activations"])
            assert row["peak_position"] == row["activations"].index(row["peak_activation"])


def test_random_exemplars_are_the_same_sequences_for_every_unit_and_uniform_by_hash(make_stream):
    stream = make_stream()
    recorder = stream.record(SETTINGS)
    draws = draw(torch.arange(40), SETTINGS.seed).tolist()
    for split, name in enumerate(SPLITS):
        members = [i for i in range(40) if stream.splits[i] == split]
        expected = sorted(members, key=lambda i: -draws[i])[:3]
        for unit in range(3):
            rows = exemplars(recorder, unit, 1, name, "random")
            assert [row["sequence_id"] for row in rows] == expected
            for row in rows:
                i = row["sequence_id"]
                truth = stream.activations[i, : stream.lengths[i], unit].tolist()
                assert row["activations"] == truth


def test_draws_do_not_collide_and_change_with_the_seed():
    first, second = draw(torch.arange(10_000), 0), draw(torch.arange(10_000), 1)
    assert len(set(first.tolist())) == 10_000
    assert first.tolist() != second.tolist()
    # A fair draw takes about half of the ids from either half.
    assert 400 < int((first.argsort()[:1000] < 5000).sum()) < 600


def test_statistics_equal_float64_brute_force(make_stream):
    stream = make_stream(distinct=True)
    recorder = stream.record(SETTINGS)
    present = torch.arange(6) < stream.lengths[:, None]
    for row in recorder.units("mlp.0").to_pylist():
        values = stream.activations[..., row["unit"]][present].double() * row["polarity"]
        deviation = values - values.mean()
        variance = (deviation**2).mean()
        assert row["n_tokens"] == len(values)
        assert row["mean"] == pytest.approx(float(values.mean()), abs=1e-6)
        assert row["variance"] == pytest.approx(float(variance), rel=1e-5)
        assert row["skewness"] == pytest.approx(
            float((deviation**3).mean() / variance**1.5), abs=1e-5
        )
        assert row["kurtosis"] == pytest.approx(
            float((deviation**4).mean() / variance**2 - 3), abs=1e-4
        )
        assert row["min"] == float(values.min())
        assert row["max"] == float(values.max())
        assert row["density"] == float((values > 0).double().mean())


def test_the_histogram_counts_every_token_between_its_edges(make_stream):
    stream = make_stream(distinct=True)
    recorder = stream.record(SETTINGS)
    present = torch.arange(6) < stream.lengths[:, None]
    for row in recorder.units("mlp.0").to_pylist():
        values = (stream.activations[..., row["unit"]][present] * row["polarity"]).tolist()
        edges, counts = row["histogram_edges"], row["histogram_counts"]
        assert len(edges) == len(counts) + 1
        assert sum(counts) == len(values)
        assert edges[0] == min(values)
        assert edges[-1] == max(values)
        for low, high, count in zip(edges[1:-2], edges[2:-1], counts[1:-1], strict=True):
            assert count == sum(low <= value < high for value in values if value > 0) + sum(
                low < value <= high for value in values if value < 0
            ) + sum(low < value < high for value in values if value == 0)


def test_quantiles_of_sequence_maxima_are_exact_to_one_bin(make_stream):
    stream = make_stream(n=300, distinct=True)
    recorder = stream.record(SETTINGS)
    present = torch.arange(6) < stream.lengths[:, None]
    for row in recorder.units("mlp.0").to_pylist():
        values = (stream.activations[..., row["unit"]] * row["polarity"]).masked_fill(
            ~present, -torch.inf
        )
        peaks = values.amax(1).double().sort().values
        for share, boundary in zip(
            (0.5, 0.9, 0.99, 0.999), row["quantile_boundaries"], strict=True
        ):
            below = (peaks <= boundary + 1e-6).double().mean()
            assert below >= share
            exact = float(peaks[int(share * (len(peaks) - 1))])
            assert boundary == pytest.approx(exact, rel=0.2, abs=0.1)


def test_density_above_a_share_of_the_maximum_uses_the_nearest_edge_below(make_stream):
    stream = make_stream(distinct=True)
    recorder = stream.record(SETTINGS)
    present = torch.arange(6) < stream.lengths[:, None]
    for row in recorder.units("mlp.0").to_pylist():
        values = stream.activations[..., row["unit"]][present] * row["polarity"]
        exact = float((values > 0.01 * values.max()).double().mean())
        coarse = float((values > 0.008 * values.max()).double().mean())
        assert exact <= row["density_1pct"] <= coarse


def test_the_look_up_table_holds_mean_activations_of_train_tokens(make_stream):
    stream = make_stream(n=60, distinct=True)
    recorder = stream.record(SETTINGS)
    present = (torch.arange(6) < stream.lengths[:, None]) & (stream.splits == 0)[:, None]
    for row in recorder.units("mlp.0").to_pylist():
        values = stream.activations[..., row["unit"]] * row["polarity"]
        means = {
            token: float(values[present & (stream.token_ids == token)].double().mean())
            for token in range(5)
        }
        expected = sorted(means, key=lambda token: -means[token])
        assert row["lookup_token_ids"] == expected
        assert row["lookup_means"] == pytest.approx([means[t] for t in expected], abs=1e-6)
        assert sum(row["lookup_counts"]) == int(present.sum())


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_batches_shards_and_merge_order_do_not_change_the_exemplars(make_stream, data):
    stream = make_stream()
    whole = stream.record(SETTINGS, batch_size=40)
    n_shards = data.draw(st.integers(1, 4))
    shards = [
        stream.feed(
            stream.new(SETTINGS),
            list(range(40))[shard::n_shards],
            data.draw(st.integers(1, 9)),
        )
        for shard in range(n_shards)
    ]
    order = data.draw(st.permutations(range(n_shards)))
    merged = shards[order[0]]
    for shard in order[1:]:
        merged.merge(shards[shard])
    assert merged.exemplars("mlp.0").equals(whole.exemplars("mlp.0"))
    exact = ["n_tokens", "min", "max", "density", "histogram_counts", "quantile_boundaries"]
    assert merged.units("mlp.0").select(exact).equals(whole.units("mlp.0").select(exact))
    assert int(merged.n_sequences) == 40


def test_merging_with_an_empty_recorder_changes_nothing(make_stream):
    stream = make_stream()
    recorder = stream.record(SETTINGS)
    before = recorder.exemplars("mlp.0")
    recorder.merge(stream.new(SETTINGS))
    assert recorder.exemplars("mlp.0").equals(before)


def test_a_saved_state_goes_on_as_if_nothing_had_happened(make_stream):
    stream = make_stream()
    first = stream.feed(stream.new(SETTINGS), list(range(21)), 7)
    second = stream.new(SETTINGS)
    second.load_state_dict({name: t.clone() for name, t in first.state_dict().items()})
    for recorder in (first, second):
        stream.feed(recorder, list(range(21, 40)), 7)
    assert second.exemplars("mlp.0").equals(first.exemplars("mlp.0"))
    assert second.units("mlp.0").equals(first.units("mlp.0"))


def test_a_nan_is_no_exemplar_and_no_look_up_of_other_units(make_stream):
    stream = make_stream(distinct=True)
    stream.activations[:, :, 1] = torch.nan
    recorder = stream.record(SETTINGS)
    assert exemplars(recorder, 1, 1, "train", "top") == []
    assert len(exemplars(recorder, 0, 1, "train", "top")) == 4


def test_a_unit_that_never_changes_has_no_skewness(make_stream):
    stream = make_stream()
    stream.activations[:, :, 2] = 0.25
    row = stream.record(SETTINGS).units("mlp.0").to_pylist()[4]
    assert (row["unit"], row["variance"], row["skewness"], row["kurtosis"]) == (2, 0.0, None, None)


def test_kept_sequences_are_those_of_the_exemplar_table(make_stream):
    stream = make_stream()
    recorder = stream.record(SETTINGS)
    listed = pa.compute.unique(recorder.exemplars("mlp.0")["sequence_id"]).to_pylist()
    assert recorder.kept_sequence_ids().tolist() == sorted(listed)


def test_activations_of_another_shape_are_refused_by_name(make_stream):
    stream = make_stream()
    batch = Batch(
        sequence_ids=torch.tensor([0]),
        splits=torch.tensor([0]),
        lengths=torch.tensor([6]),
        token_ids=torch.zeros((1, 6), dtype=torch.int64),
    )
    with pytest.raises(RecordError, match=r"mlp\.0 have shape \(1, 6, 4\); expected \(1, 6, 3\)"):
        stream.new(SETTINGS).update(stream.site, batch, torch.zeros((1, 6, 4)))
