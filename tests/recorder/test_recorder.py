"""Exact against brute force, for any batch size, shard and order."""

import itertools
from dataclasses import replace

import pyarrow as pa
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from neuroscribe.errors import RecordError
from neuroscribe.recorder.batch import Batch
from neuroscribe.recorder.draw import draw
from neuroscribe.recorder.firing_bits import Spool, unpack
from neuroscribe.recorder.recorder import Recorder
from neuroscribe.recorder.settings import RecorderSettings
from neuroscribe.records import SPLITS

SETTINGS = RecorderSettings(
    top_k=4,
    n_random=3,
    n_quantile=2,
    sequence_length=6,
    polarity="both",
    histogram_every=1,
    keep_vectors=7,
)


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
    draws = draw(torch.arange(40), seed=SETTINGS.seed).tolist()
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


def test_the_histogram_of_a_sample_counts_whole_sequences(make_stream):
    stream = make_stream(n=400)
    sampled = replace(SETTINGS, histogram_every=4)
    recorder = stream.record(sampled)
    drawn = draw(torch.arange(400), seed=0, stream=2) < 0.25
    assert 60 < int(drawn.sum()) < 140
    for row in recorder.units("mlp.0").to_pylist():
        assert sum(row["histogram_counts"]) == int(stream.lengths[drawn].sum())
        assert row["histogram_edges"][0] >= row["min"]
        assert row["histogram_edges"][-1] <= row["max"]


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
        # Each activation is rounded to 2^-14 of a scale of 4.
        ranked = [means[token] for token in row["lookup_token_ids"]]
        assert ranked == pytest.approx(sorted(ranked, reverse=True), abs=2**-12)
        assert sorted(row["lookup_token_ids"]) == sorted(expected)
        assert row["lookup_means"] == pytest.approx(ranked, abs=2**-12)
        assert sum(row["lookup_counts"]) == int(present.sum())


def tables(recorder: Recorder) -> dict[str, pa.Table]:
    return {
        "units": recorder.units("mlp.0"),
        "exemplars": recorder.exemplars("mlp.0"),
        "vectors": recorder.vectors("mlp.0"),
    }


@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(st.data())
def test_batches_shards_and_orders_do_not_change_a_single_bit(make_stream, data):
    stream = make_stream(distinct=data.draw(st.booleans()), units=data.draw(st.integers(1, 5)))
    whole = stream.record(SETTINGS, batch_size=40)
    n_shards = data.draw(st.integers(1, 4))
    shards = []
    for shard in range(n_shards):
        members = data.draw(st.permutations(list(range(40))[shard::n_shards]))
        shards.append(stream.feed(stream.new(SETTINGS), members, data.draw(st.integers(1, 9))))
    order = data.draw(st.permutations(range(n_shards)))
    merged = stream.new(SETTINGS)
    for shard in order:
        merged.merge(shards[shard])
    assert tables(merged) == tables(whole)
    assert (int(merged.n_sequences), int(merged.n_tokens)) == (40, int(stream.lengths.sum()))


def test_merging_is_associative(make_stream):
    stream = make_stream(distinct=True)

    def part(shard: int) -> Recorder:
        return stream.feed(stream.new(SETTINGS), list(range(40))[shard::3], 5)

    left, right = part(0), part(1)
    left.merge(part(1))
    left.merge(part(2))
    right.merge(part(2))
    first = part(0)
    first.merge(right)
    assert tables(first) == tables(left)


def test_ids_beyond_32_bits_change_nothing_but_the_ids(make_stream):
    stream = make_stream()
    near = stream.record(SETTINGS)
    far = stream.feed(stream.new(SETTINGS), list(range(40)), 7, first_id=2**40)

    def top(recorder: Recorder, shift: int) -> list[tuple]:
        return [
            (row["unit"], row["polarity"], row["rank"], row["sequence_id"] - shift)
            for row in recorder.exemplars("mlp.0").to_pylist()
            if row["kind"] == "top"
        ]

    assert top(far, 2**40) == top(near, 0)


def test_rows_left_to_a_replay_give_the_same_tables(make_stream):
    stream = make_stream(distinct=True)
    whole = stream.record(SETTINGS)
    replayed = stream.record(SETTINGS, rows_device=None)
    assert replayed.lacks_rows
    with pytest.raises(ValueError, match="never replayed"):
        replayed.exemplars("mlp.0")
    replayed.allocate_rows(torch.zeros)
    for start in range(0, 40, 7):
        chosen = torch.arange(start, min(start + 7, 40))
        width = int(stream.lengths[chosen].max())
        batch = Batch(
            sequence_ids=chosen,
            splits=stream.splits[chosen],
            lengths=stream.lengths[chosen],
            token_ids=stream.token_ids[chosen][:, :width],
        )
        replayed.replay(stream.site, batch, stream.activations[chosen][:, :width])
    assert not replayed.lacks_rows
    assert tables(replayed) == tables(whole)


def test_quantile_exemplars_come_from_the_bands_they_name(make_stream):
    stream = make_stream(n=400, distinct=True)
    recorder = stream.record(SETTINGS)
    limits = {
        (row["unit"], row["polarity"]): row["quantile_boundaries"]
        for row in recorder.units("mlp.0").to_pylist()
    }
    seen = set()
    for row in recorder.exemplars("mlp.0").to_pylist():
        if row["kind"] != "quantile":
            assert row["quantile"] is None
            continue
        of_unit = limits[row["unit"], row["polarity"]]
        assert row["quantile"] == sum(row["peak_activation"] > limit for limit in of_unit)
        i = row["sequence_id"]
        truth = stream.activations[i, : stream.lengths[i], row["unit"]] * row["polarity"]
        assert row["activations"] == truth.tolist()
        seen.add(row["quantile"])
    assert {0, 1, 2} <= seen


def test_the_reservoir_holds_the_vectors_of_the_drawn_tokens(make_stream):
    stream = make_stream()
    rows = stream.record(SETTINGS).vectors("mlp.0").to_pylist()
    assert len(rows) == 7
    places = [(row["sequence_id"], row["position"]) for row in rows]
    assert places == sorted(set(places))
    for row in rows:
        i, position = row["sequence_id"], row["position"]
        assert position < stream.lengths[i]
        assert row["activations"] == stream.activations[i, position].tolist()


def test_a_recorder_without_a_calibration_takes_it_from_its_first_batch(make_stream):
    stream = make_stream(distinct=True)
    recorder = stream.feed(Recorder([stream.site], SETTINGS), list(range(40)), 16)
    calibrated = stream.feed(
        Recorder([stream.site], SETTINGS, calibrations=stream.new(SETTINGS).calibrations),
        list(range(40)),
        5,
    )
    assert recorder.exemplars("mlp.0") == calibrated.exemplars("mlp.0")
    assert recorder.units("mlp.0") == calibrated.units("mlp.0")


def test_parts_that_were_calibrated_differently_merge_with_a_warning(make_stream, caplog):
    stream = make_stream(distinct=True)
    whole = stream.record(SETTINGS)
    first = stream.feed(Recorder([stream.site], SETTINGS), list(range(1)), 1)
    first.merge(stream.feed(Recorder([stream.site], SETTINGS), list(range(1, 40)), 20))
    assert "calibrated differently" in caplog.text
    means = first.units("mlp.0")["mean"].to_pylist()
    assert means == pytest.approx(whole.units("mlp.0")["mean"].to_pylist(), abs=1e-5)


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


def test_values_that_are_no_numbers_are_counted_and_leave_the_moments_alone(make_stream):
    stream = make_stream(distinct=True)
    expected = stream.record(SETTINGS).units("mlp.0").to_pylist()[2]
    spoiled = make_stream(distinct=True)
    present = (torch.arange(6) < stream.lengths[:, None]).nonzero()[[3, 50, 70]].tolist()
    for (i, position), value in zip(present, (torch.nan, torch.inf, -torch.inf), strict=True):
        spoiled.activations[i, position, 1] = value
    row = spoiled.record(SETTINGS).units("mlp.0").to_pylist()[2]
    assert (row["unit"], row["polarity"], row["n_nan"], row["n_infinite"]) == (1, 1, 1, 2)
    assert row["n_tokens"] == expected["n_tokens"]
    assert (row["max"], row["min"]) == (float("inf"), float("-inf"))
    kept = torch.ones((40, 6), dtype=torch.bool)
    for i, position in present:
        kept[i, position] = False
    kept &= torch.arange(6) < stream.lengths[:, None]
    assert row["mean"] == pytest.approx(float(stream.activations[..., 1][kept].mean()), abs=1e-6)


def test_firing_bits_say_which_peaks_pass_the_threshold(make_stream, tmp_path):
    stream = make_stream(distinct=True, units=11)
    with_bits = replace(SETTINGS, keep_bits=True)
    recorder = stream.new(with_bits)
    spool = Spool(tmp_path / "bits", stream.site, (1, -1))
    spool.cut(0)
    for start in range(0, 40, 8):
        stream.feed(recorder, list(range(start, start + 8)), 8)
        spool.append(recorder.sites["mlp.0"].bits.take())
    rows = pa.concat_tables(spool.tables()).to_pylist()
    assert len(rows) == 80
    threshold = 0.1 * recorder.calibrations["mlp.0"].scale
    for row in rows:
        i = row["sequence_id"]
        peaks = (stream.activations[i, : stream.lengths[i]] * row["polarity"]).amax(0)
        assert unpack(row["fires"], 11).tolist() == (peaks > threshold).tolist()
    spool.cut(3)
    assert pa.concat_tables(spool.tables())["sequence_id"].to_pylist() == [0, 1, 2, 0, 1, 2]


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
