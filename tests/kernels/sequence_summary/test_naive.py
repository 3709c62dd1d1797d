"""The summary of a batch against brute force, and its sums for any cut, order and strides."""

import pytest
import torch
from hypothesis import given, settings, strategies as st

from neuroscribe.kernels.sequence_summary import POWERS, naive, sum_quanta

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
some = settings(max_examples=40, deadline=None)


@st.composite
def batches(draw, longest=20):
    """Activations of one kind, or of several, and the lengths of their sequences."""
    lengths = draw(st.lists(st.integers(1, longest), min_size=1, max_size=6))
    width = max(lengths) + draw(st.integers(0, 2))
    units = draw(st.sampled_from([1, 7, 16, 33]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    values = torch.randn((len(lengths), width, units), generator=generator)
    kind = draw(st.sampled_from(["spread", "ties", "equal", "dead", "odd"]))
    if kind == "ties":
        values = values.round()
    elif kind == "equal":
        values = torch.full_like(values, 1.5)
    elif kind == "dead":
        values[..., ::2] = 0.0
    elif kind == "odd":
        chosen = torch.rand(values.shape, generator=generator)
        values[chosen < 0.2] = torch.nan
        values[chosen > 0.9] = torch.inf
        values[chosen > 0.95] = -torch.inf
    dtype = draw(st.sampled_from(DTYPES))
    return values.to(dtype), torch.tensor(lengths)


def quanta_of(values, sequence_length=None):
    scale = torch.full((values.shape[2],), 2.0)
    return sum_quanta(scale, sequence_length or values.shape[1])


def summary_of(values, lengths, quanta):
    return naive.sequence_summary(values, lengths, quanta, both_signs=True)


def tokens_of(values, lengths):
    """Every sequence's `[tokens, units]`, in float64."""
    return [row[:length].double() for row, length in zip(values, lengths.tolist(), strict=True)]


@some
@given(batches())
def test_extremes_are_those_of_the_numbers_among_the_tokens(batch):
    values, lengths = batch
    summary = summary_of(values, lengths, quanta_of(values))
    for row, tokens in enumerate(tokens_of(values, lengths)):
        for unit, column in enumerate(tokens.T.tolist()):
            numbers = [value for value in column if value == value]  # noqa: PLR0124
            assert float(summary.peaks[row, unit]) == max(numbers, default=-torch.inf)
            assert float(summary.troughs[row, unit]) == min(numbers, default=torch.inf)
    assert torch.equal(summary.peaks, naive.sequence_peaks(values, lengths))
    assert torch.equal(-summary.troughs, naive.sequence_peaks(values, lengths, -1))


@some
@given(batches())
def test_counts_are_exact(batch):
    values, lengths = batch
    summary = summary_of(values, lengths, quanta_of(values))
    tokens = torch.cat(tokens_of(values, lengths))
    assert torch.equal(summary.positive, (tokens > 0).sum(0))
    assert torch.equal(summary.negative, (tokens < 0).sum(0))
    assert torch.equal(summary.not_finite, (~tokens.isfinite()).sum(0))
    assert torch.equal(summary.nan, tokens.isnan().sum(0))


def assert_close_to_float64(summary, values, lengths, quanta):
    """Within float32's rounding of n <= 256 terms in any order, and a quantum per stretch."""
    finite = torch.cat(tokens_of(values, lengths)).nan_to_num(0.0, 0.0, 0.0)
    n_terms = min(int(lengths.max()), naive.TILE_TOKENS)
    stretches = int(((lengths + naive.TILE_TOKENS - 1) // naive.TILE_TOKENS).sum())
    for power, sums, quantum in zip(POWERS, summary.sums, quanta, strict=True):
        sizes = (finite.abs() ** power).sum(0)
        allowed = (n_terms + 3) * 2.0**-24 * sizes + stretches * quantum
        assert bool(((sums - (finite**power).sum(0)).abs() <= allowed).all()), power


@some
@given(batches())
def test_sums_are_those_of_float64_in_multiples_of_the_quanta(batch):
    values, lengths = batch
    quanta = quanta_of(values)
    summary = summary_of(values, lengths, quanta)
    assert_close_to_float64(summary, values, lengths, quanta)
    multiples = summary.sums / quanta
    assert torch.equal(multiples, multiples.round())


@some
@given(batches(longest=40), st.randoms(use_true_random=False))
def test_sums_are_the_same_bits_for_any_batches_and_any_order(batch, random):
    values, lengths = batch
    quanta = quanta_of(values)
    whole = summary_of(values, lengths, quanta)
    order = random.sample(range(len(lengths)), len(lengths))
    total, start = torch.zeros_like(whole.sums), 0
    while start < len(order):
        rows = order[start : start + random.randint(1, 4)]
        start += len(rows)
        width = int(lengths[rows].max())
        part = summary_of(values[rows][:, :width], lengths[rows], quanta)
        total += part.sums
        assert torch.equal(part.peaks, whole.peaks[rows])
    assert torch.equal(total, whole.sums)


@some
@given(batches())
def test_sums_are_the_same_bits_for_any_strides(batch):
    values, lengths = batch
    quanta = quanta_of(values)
    whole = summary_of(values, lengths, quanta)
    tokens_last = values.transpose(1, 2).contiguous().transpose(1, 2)
    spread = values.new_full((*values.shape[:2], 2 * values.shape[2] + 1), torch.nan)
    spread[..., 1::2] = values
    for same in (tokens_last, spread[..., 1::2]):
        again = summary_of(same, lengths, quanta)
        for name in whole._fields:
            assert torch.equal(getattr(again, name), getattr(whole, name)), name


@some
@given(batches(), st.integers(0, 32))
def test_a_units_sums_are_the_same_bits_whatever_units_stand_beside_it(batch, unit):
    values, lengths = batch
    unit %= values.shape[2]
    quanta = quanta_of(values)
    whole = summary_of(values, lengths, quanta)
    alone = summary_of(values[..., unit : unit + 1], lengths, quanta[:, unit : unit + 1])
    assert torch.equal(alone.sums[:, 0], whole.sums[:, unit])


@pytest.mark.parametrize("dtype", DTYPES)
def test_sequences_longer_than_a_stretch_are_added_up_in_stretches(dtype):
    lengths = torch.tensor([300, 256, 600, 1])
    values = torch.randn((4, 600, 7), generator=torch.Generator().manual_seed(1)).to(dtype)
    values[2, 599, 0] = 50.0
    values[2, 400, 1] = torch.nan
    values[3, 1:] = 99.0
    quanta = quanta_of(values)
    summary = summary_of(values, lengths, quanta)
    assert_close_to_float64(summary, values, lengths, quanta)
    assert float(summary.peaks[2, 0]) == 50.0
    assert torch.equal(summary.peaks[3], values[3, 0].float())
    assert summary.nan.tolist() == [0, 1, 0, 0, 0, 0, 0]
    parts = [summary_of(values[[row]], lengths[[row]], quanta) for row in (3, 1, 0, 2)]
    assert torch.equal(sum(part.sums for part in parts), summary.sums)


def test_more_units_than_a_tile_holds_are_read_block_by_block():
    values = torch.randn((2, 3, 2100), generator=torch.Generator().manual_seed(1))
    values[1, 1, 2099] = torch.nan
    lengths = torch.tensor([3, 2])
    summary = summary_of(values, lengths, quanta_of(values))
    assert int(summary.nan.sum()) == int(summary.nan[2099]) == 1
    assert torch.equal(summary.peaks[0], values[0].amax(0))


def test_a_sequence_of_nothing_but_nan_has_no_peak():
    values, lengths = torch.full((1, 2, 1), torch.nan), torch.tensor([2])
    for sign in (1, -1):
        assert naive.sequence_peaks(values, lengths, sign).tolist() == [[-torch.inf]]


def test_negative_values_are_counted_on_request_only():
    values, lengths = torch.tensor([[[-1.0, 2.0]]]), torch.tensor([1])
    summary = naive.sequence_summary(values, lengths, quanta_of(values))
    assert (summary.positive.tolist(), summary.negative.tolist()) == ([0, 1], [0, 0])
