"""Histograms on the bits of floats."""

import torch
from hypothesis import given, strategies as st

from neuroscribe.kernels.log_histogram.naive import LogBins, add_to_histogram


@given(st.floats(width=32, allow_nan=False), st.integers(0, 4))
def test_a_value_lies_between_the_edges_of_its_bin(value, mantissa_bits):
    bins = LogBins(mantissa_bits=mantissa_bits)
    place = int(bins.place(torch.tensor(value)))
    edges = bins.edges()
    lower = edges[place - 1] if place > 0 else -torch.inf
    upper = edges[place] if place < len(edges) else torch.inf
    assert lower <= value <= upper
    if value > 0:
        assert value < upper or upper == torch.inf
    if value < 0:
        assert value > lower or lower == -torch.inf


def test_there_is_one_edge_less_than_bins_and_they_ascend():
    bins = LogBins(mantissa_bits=2)
    assert len(bins.edges()) == bins.count - 1
    assert bool((bins.edges().diff() > 0).all())


def test_counts_add_up_per_unit():
    bins = LogBins(mantissa_bits=2)
    counts = torch.zeros((2, bins.count), dtype=torch.int64)
    values = torch.tensor([[1.0, 0.0], [1.1, -3.0], [2.0, 1e-9]])
    add_to_histogram(counts, values, bins)
    add_to_histogram(counts, values, bins)
    middle = bins.per_sign
    assert int(counts[0, int(bins.place(torch.tensor(1.0)))]) == 4
    assert int(counts[1, middle]) == 4
    assert counts.sum(1).tolist() == [6, 6]
