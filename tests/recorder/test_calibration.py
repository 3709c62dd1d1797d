"""The size of units, measured on a few sequences."""

import math

import pytest
import torch
from hypothesis import given, strategies as st

from neuroscribe.recorder.calibration import calibrate
from neuroscribe.recorder.settings import RecorderSettings

INF, NAN = math.inf, math.nan


def scales(peaks: list[list[float]], troughs: list[list[float]] | None = None) -> list[float]:
    lower = torch.zeros_like(torch.tensor(peaks)) if troughs is None else torch.tensor(troughs)
    return calibrate(torch.tensor(peaks), lower, (1,)).scale.tolist()


def test_a_scale_is_the_next_power_of_two_above_the_largest_magnitude_of_either_sign():
    peaks = [[3.0, 0.5, 1.0], [1.0, 0.25, 1.25]]
    troughs = [[-5.0, -0.5, -1.0], [0.0, 0.125, 1.0]]
    assert scales(peaks, troughs) == [8.0, 0.5, 2.0]


@pytest.mark.parametrize("power", [-90, -1, 0, 1, 20, 100])
def test_a_scale_is_never_below_the_largest_magnitude_not_by_its_last_bit(power):
    edge = torch.tensor([[2.0**power]])
    above = torch.nextafter(edge, torch.tensor(INF))
    below = torch.nextafter(edge, torch.tensor(0.0))
    assert scales(below.tolist()) == [2.0**power]
    assert scales(edge.tolist()) == [2.0**power]
    assert scales(above.tolist()) == [2.0 ** (power + 1)]


@given(st.floats(2.0**-60, 2.0**60, width=32))
def test_a_scale_is_a_power_of_two_less_than_twice_the_magnitude(size):
    (scale,) = scales([[size]])
    assert math.frexp(scale)[0] == 0.5
    assert size <= scale < 2 * size


def test_a_faint_unit_is_measured_on_its_sites_scale():
    # 2^-20 of the largest, 1024, is 2^-10: units below it share that scale.
    assert scales([[1024.0, 2.0**-9, 2.0**-11, 0.0]]) == [1024.0, 2.0**-9, 2.0**-10, 2.0**-10]


def test_bands_lie_at_their_quantiles_of_the_peaks_and_the_last_at_an_equal_step():
    peaks = torch.arange(101.0).flip(0)[:, None]
    bands = calibrate(peaks, torch.zeros((101, 1)), (1,)).bands
    assert bands.squeeze().tolist() == [50.0, 90.0, 99.0, 108.0]


def test_the_negative_side_has_bands_of_its_own_from_the_troughs():
    peaks = torch.arange(101.0)[:, None]
    positive, negative = calibrate(peaks, -2 * peaks, (1, -1)).bands.squeeze().tolist()
    assert positive == [50.0, 90.0, 99.0, 108.0]
    assert negative == [100.0, 180.0, 198.0, 216.0]


@pytest.mark.parametrize("n_sequences", [1, 2, 3, 256])
def test_bands_ascend_for_any_number_of_sequences(n_sequences):
    generator = torch.Generator().manual_seed(n_sequences)
    peaks = torch.randn((n_sequences, 9), generator=generator)
    bands = calibrate(peaks, -peaks, (1, -1)).bands
    assert (bands.diff(dim=1) >= 0).all()


def test_values_that_are_no_numbers_count_as_zero_and_leave_the_others_alone():
    peaks = torch.tensor([[INF, NAN, 3.0], [1.5, -INF, 2.0], [NAN, NAN, 1.0]])
    troughs = torch.tensor([[0.0, NAN, -INF], [-2.5, INF, 0.0], [0.0, NAN, NAN]])
    scale, bands = calibrate(peaks, troughs, (1, -1))
    assert scale.tolist() == [4.0, 4.0 * 2.0**-20, 4.0]
    assert bands[0].T.tolist() == [[0.0] * 4, [0.0] * 4, [2.0, 2.0, 2.0, 2.0]]
    assert bands.isfinite().all()


def test_a_site_that_is_zero_everywhere_has_a_scale_above_zero():
    scale, bands = calibrate(torch.zeros((4, 2)), torch.zeros((4, 2)), (1, -1))
    assert scale.tolist() == [2.0**-100] * 2
    assert bands.tolist() == [[[0.0] * 2] * 4] * 2


def test_a_site_that_is_zero_everywhere_is_recorded_as_such(make_stream):
    stream = make_stream()
    stream.activations.zero_()
    settings = RecorderSettings(top_k=2, n_random=1, n_quantile=1, sequence_length=6)
    rows = stream.record(settings).units("mlp.0").to_pylist()
    assert len(rows) == 6
    for row in rows:
        assert (row["mean"], row["variance"], row["max"], row["density"]) == (0.0, 0.0, 0.0, 0.0)
        assert (row["n_nan"], row["n_infinite"]) == (0, 0)
        assert row["quantile_boundaries"] == [0.0] * 4
