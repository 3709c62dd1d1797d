"""The kernel against its twin, bit for bit but for the rounding of float32 sums inside a stretch.

Two float32 sums of the same n <= 256 terms differ by at most 2 (n + 3) 2^-24 of the sum of the
terms' sizes, whatever their orders (Higham, 2002, section 4.2; 3 for the powers); rounding both to
the grid adds one quantum per stretch.
"""

import pytest
import torch
from hypothesis import given, settings, strategies as st

from neuroscribe.kernels.sequence_summary import POWERS, naive, sum_quanta

pytest.importorskip("triton", reason="triton is not installed")
kernel = pytest.importorskip("neuroscribe.kernels.sequence_summary.triton")

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
few = settings(max_examples=15, deadline=None)
fewer = settings(max_examples=5, deadline=None)


@st.composite
def batches(draw, longest=20):
    """Activations of one kind, or of several, and the lengths of their sequences."""
    lengths = draw(st.lists(st.integers(0, longest), min_size=1, max_size=4))
    width = max(1, *lengths) + draw(st.integers(0, 2))
    units = draw(st.sampled_from([1, 7, 33]))
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


def strided(values: torch.Tensor) -> list[torch.Tensor]:
    """The same values with the tokens of a unit side by side, and as every second of a tensor."""
    tokens_last = values.transpose(1, 2).contiguous().transpose(1, 2)
    spread = values.new_full((*values.shape[:2], 2 * values.shape[2]), torch.nan)
    spread[..., ::2] = values
    return [tokens_last, spread[..., ::2]]


def summaries(values, lengths, device, *, both_signs=True):
    quanta = sum_quanta(torch.full((values.shape[2],), 2.0), values.shape[1])
    ours = kernel.sequence_summary(
        values.to(device), lengths.to(device), quanta.to(device), both_signs=both_signs
    )
    twins = naive.sequence_summary(values, lengths, quanta, both_signs=both_signs)
    return type(ours)(*(tensor.cpu() for tensor in ours)), twins, quanta


def assert_same(ours, twins, quanta, values, lengths):
    for name in ours._fields:
        mine, other = getattr(ours, name), getattr(twins, name)
        assert (mine.shape, mine.dtype) == (other.shape, other.dtype), name
        if name != "sums":
            assert torch.equal(mine, other), name
    multiples = ours.sums / quanta
    assert torch.equal(multiples, multiples.round())
    present = torch.arange(values.shape[1]) < lengths[:, None]
    finite = values.double().where(present[..., None], 0.0).nan_to_num(0.0, 0.0, 0.0).abs()
    stretches = (lengths + naive.TILE_TOKENS - 1) // naive.TILE_TOKENS
    n_terms = min(values.shape[1], naive.TILE_TOKENS)
    for power, mine, other, quantum in zip(POWERS, ours.sums, twins.sums, quanta, strict=True):
        sizes = (finite**power).sum((0, 1))
        allowed = 2 * (n_terms + 3) * 2.0**-24 * sizes + int(stretches.sum()) * quantum
        assert bool(((mine - other).abs() <= allowed).all()), power


@few
@given(batches())
def test_the_kernel_gives_what_its_twin_gives(device, batch):
    values, lengths = batch
    assert_same(*summaries(values, lengths, device), values, lengths)


@few
@given(batches(), st.sampled_from([1, -1]))
def test_peaks_alone_are_the_twins(device, batch, sign):
    values, lengths = batch
    peaks = kernel.sequence_peaks(values.to(device), lengths.to(device), sign).cpu()
    assert torch.equal(peaks, naive.sequence_peaks(values, lengths, sign))


@fewer
@given(batches(), st.randoms(use_true_random=False))
def test_sums_do_not_depend_on_strides_batches_or_order(device, batch, random):
    values, lengths = batch
    whole, _, quanta = summaries(values, lengths, device)
    order = random.sample(range(len(lengths)), len(lengths))
    cut = random.randint(0, len(lengths))
    for same in (values, *strided(values)):
        parts = [
            kernel.sequence_summary(same[rows].to(device), lengths[rows].to(device),
                                    quanta.to(device), both_signs=True)
            for rows in (order[:cut], order[cut:])
        ]  # fmt: skip
        assert torch.equal((parts[0].sums + parts[1].sums).cpu(), whole.sums)
        again = kernel.sequence_summary(same.to(device), lengths.to(device), quanta.to(device))
        assert torch.equal(again.sums.cpu(), whole.sums)
        assert torch.equal(again.peaks.cpu(), whole.peaks)


def test_sequences_longer_than_a_stretch_are_added_up_in_stretches(device):
    lengths = torch.tensor([300, 256, 513, 1])
    values = torch.randn((4, 513, 3), generator=torch.Generator().manual_seed(1)).bfloat16()
    values[2, 400, 1] = torch.nan
    values[2, 100, 2] = -torch.inf
    ours, twins, quanta = summaries(values, lengths, device)
    assert_same(ours, twins, quanta, values, lengths)
    assert ours.nan.tolist() == [0, 1, 0]
    assert ours.not_finite.tolist() == [0, 1, 1]


def test_a_units_sums_are_the_same_bits_beside_a_unit_with_nan(device):
    values = torch.randn((3, 40, 7), generator=torch.Generator().manual_seed(3))
    lengths = torch.tensor([40, 39, 8])
    before, *_ = summaries(values, lengths, device)
    values[:, 3, 5] = torch.nan
    after, twins, quanta = summaries(values, lengths, device)
    assert_same(after, twins, quanta, values, lengths)
    others = [0, 1, 2, 3, 4, 6]
    assert torch.equal(after.sums[:, others], before.sums[:, others])


def test_units_fill_several_programs_and_programs_several_sequences(device, monkeypatch):
    monkeypatch.setattr(kernel, "_FILLING", 4)
    values = torch.randn((7, 9, 300), generator=torch.Generator().manual_seed(2))
    lengths = torch.tensor([9, 8, 7, 1, 0, 5, 9])
    assert kernel._rows_per_program(7, 3) == 8
    assert_same(*summaries(values, lengths, device), values, lengths)


def test_negative_values_are_counted_on_request_only(device):
    values, lengths = torch.tensor([[[-1.0, 2.0]]]), torch.tensor([1])
    for both_signs, negative in ((False, [0, 0]), (True, [1, 0])):
        ours, *_ = summaries(values, lengths, device, both_signs=both_signs)
        assert (ours.positive.tolist(), ours.negative.tolist()) == ([0, 1], negative)


def test_a_batch_without_sequences_adds_nothing(device):
    values, lengths = torch.zeros((0, 3, 2)), torch.zeros(0, dtype=torch.int64)
    ours, *_ = summaries(values, lengths, device)
    assert ours.peaks.shape == (0, 2)
    assert ours.sums.tolist() == [[0.0, 0.0]] * 4
