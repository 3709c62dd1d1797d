"""The total order behind exact top exemplars."""

import torch
from hypothesis import given, strategies as st

from neuroscribe.kernels.top_activation.naive import (
    EMPTY,
    MAX_SEQUENCE_ID,
    insert_top,
    key_peaks,
    key_sequence_ids,
    merge_top,
    peak_keys,
    sequence_peaks,
)

floats = st.floats(width=32, allow_nan=False)
ids = st.integers(0, MAX_SEQUENCE_ID)


def key(peak: float, sequence_id: int) -> int:
    return int(peak_keys(torch.tensor([[peak]]), torch.tensor([sequence_id]))[0, 0])


@given(floats, floats, ids, ids)
def test_a_larger_peak_has_a_larger_key_and_ties_go_to_the_earlier_sequence(a, b, i, j):
    if a == -torch.inf or b == -torch.inf:
        return
    expected = (a, -i) > (b, -j)
    assert (key(a, i) > key(b, j)) == expected


@given(floats.filter(lambda x: x != -float("inf")), ids)
def test_peak_and_id_can_be_read_back_from_a_key(peak, sequence_id):
    keys = peak_keys(torch.tensor([[peak]]), torch.tensor([sequence_id]))
    assert float(key_peaks(keys)[0, 0]) == peak
    assert int(key_sequence_ids(keys)[0, 0]) == sequence_id


def test_negative_zero_ties_with_zero():
    assert key(-0.0, 1) > key(0.0, 2)
    assert key(0.0, 1) > key(-0.0, 2)


def test_minus_infinity_is_an_empty_place():
    assert key(-torch.inf, 3) == EMPTY


def test_padding_and_nan_are_never_peaks():
    activations = torch.tensor([[[1.0], [torch.nan], [9.0]], [[torch.nan], [2.0], [3.0]]])
    present = torch.tensor([[True, True, False], [True, False, False]])
    assert sequence_peaks(activations, present).tolist() == [[1.0], [-torch.inf]]


@given(st.data())
def test_insertion_in_any_batches_keeps_the_k_largest_of_all(data):
    k = data.draw(st.integers(1, 5))
    units = data.draw(st.integers(1, 3))
    n = data.draw(st.integers(1, 12))
    # Few distinct values, so that ties are common.
    peaks = torch.tensor(
        data.draw(
            st.lists(
                st.lists(st.sampled_from([0.0, 1.0, 2.0, -1.0]), min_size=units, max_size=units),
                min_size=n,
                max_size=n,
            )
        )
    )
    keys = peak_keys(peaks, torch.arange(n))
    kept = torch.full((units, k), EMPTY)
    rows = torch.full((units, k), -1)
    start = 0
    while start < n:
        size = data.draw(st.integers(1, n - start))
        unit, place, row = insert_top(kept, keys[start : start + size])
        rows[unit, place] = row + start
        start += size
    for unit in range(units):
        best = sorted(range(n), key=lambda i: (-peaks[i, unit].item(), i))[:k]
        filled = [
            int(r) for r, kept_key in zip(rows[unit], kept[unit], strict=True) if kept_key != EMPTY
        ]
        assert sorted(filled) == sorted(best)
        assert {int(keys[i, unit]) for i in best} == {int(x) for x in kept[unit] if x != EMPTY}


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=12, unique=True), st.integers(1, 4))
def test_a_merge_is_the_top_of_the_union_and_says_where_each_came_from(values, k):
    half = len(values) // 2

    def top(part: list[int]) -> torch.Tensor:
        padded = sorted(part, reverse=True)[:k] + [EMPTY] * k
        return torch.tensor([padded[:k]])

    left, right = top(values[:half]), top(values[half:])
    keys, origin = merge_top(left, right)
    assert torch.equal(keys, top(values))
    assert torch.equal(torch.cat([left, right], 1).gather(1, origin), keys)
