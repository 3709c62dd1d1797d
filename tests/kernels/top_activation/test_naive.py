"""Insertion against a sort of everything: the kept set depends on nothing but the corpus."""

import pytest
import torch
from hypothesis import given, settings, strategies as st

from neuroscribe.kernels.sequence_summary.naive import sequence_peaks
from neuroscribe.kernels.top_activation import NO_SEQUENCE, naive

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
LEVELS = torch.tensor([-torch.inf, -1.0, -0.0, 0.0, 0.5, 2.0, torch.inf])
some = settings(max_examples=40, deadline=None)


@st.composite
def corpora(draw):
    """Values of every sequence and unit, with ids and groups, in the order in which they come."""
    n = draw(st.integers(1, 40))
    units = draw(st.sampled_from([1, 7, 33]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    ids = torch.randperm(n, generator=generator)
    order = draw(st.sampled_from(["any", "rising", "falling"]))
    if order != "any":
        ids = ids.sort(descending=order == "falling").values
    size = draw(st.sampled_from(["small", "huge", "mixed"]))
    if size != "small":
        ids = ids.where((ids % 2 == 0) & (size == "mixed"), ids + 2**40)
    kind = draw(st.sampled_from(["spread", "ties", "equal", "dead"]))
    values = torch.randn((n, units), generator=generator)
    if kind == "ties":
        values = LEVELS[torch.randint(len(LEVELS), (n, units), generator=generator)]
    elif kind == "equal":
        values = torch.full_like(values, 1.5)
    elif kind == "dead":
        values[:, ::2] = 0.0
    return values, ids, torch.randint(3, (n,), generator=generator)


cuts = st.lists(st.integers(1, 20), max_size=5)


def batches_of(tensors, sizes):
    start = 0
    for size in [*sizes, len(tensors[0])]:
        if start < len(tensors[0]):
            yield [tensor[start : start + size] for tensor in tensors]
        start += size


def nothing_kept(units, k, n_groups=3):
    return (
        torch.full((n_groups, units, k), -torch.inf),
        torch.full((n_groups, units, k), NO_SEQUENCE),
    )


def kept(corpus, k, sizes):
    """What is kept of each group and unit: pairs of value and id, best first."""
    values, ids = nothing_kept(corpus[0].shape[1], k)
    for batch in batches_of(corpus, sizes):
        naive.insert_top(values, ids, *batch)
    return [
        [
            sorted(
                (-value, each)
                for value, each in zip(*pair, strict=True)
                if each != NO_SEQUENCE
            )
            for pair in zip(of_group.tolist(), ids_of_group.tolist(), strict=True)
        ]
        for of_group, ids_of_group in zip(values, ids, strict=True)
    ]  # fmt: skip


def best(corpus, k):
    """The same by sorting the whole corpus."""
    values, ids, groups = corpus
    return [
        [
            sorted(
                (-value, each)
                for value, each in zip(column, ids[groups == group].tolist(), strict=True)
                if value > -torch.inf
            )[:k]
            for column in values[groups == group].T.tolist()
        ]
        for group in range(3)
    ]


@some
@given(corpora(), st.integers(1, 50), cuts)
def test_the_k_best_are_kept_for_any_cut_into_batches(corpus, k, sizes):
    assert kept(corpus, k, sizes) == best(corpus, k)


@some
@given(corpora(), st.integers(1, 5), cuts, st.randoms(use_true_random=False))
def test_the_k_best_are_kept_in_any_order_of_sequences(corpus, k, sizes, random):
    order = random.sample(range(len(corpus[1])), len(corpus[1]))
    assert kept([tensor[order] for tensor in corpus], k, sizes) == best(corpus, k)


@some
@given(corpora(), st.integers(1, 5), cuts)
def test_source_names_the_row_that_each_changed_place_took(corpus, k, sizes):
    values, ids = nothing_kept(corpus[0].shape[1], k)
    for new_values, new_ids, groups in batches_of(corpus, sizes):
        before = values.clone(), ids.clone()
        source = naive.insert_top(values, ids, new_values, new_ids, groups)
        stays = source < 0
        assert torch.equal(values[stays], before[0][stays])
        assert torch.equal(ids[stays], before[1][stays])
        group, unit, place = (~stays).nonzero(as_tuple=True)
        row = source[group, unit, place].long()
        assert torch.equal(ids[group, unit, place], new_ids[row])
        assert torch.equal(values[group, unit, place], new_values[row, unit])
        assert torch.equal(groups[row], group)


@some
@given(corpora(), st.integers(1, 5), cuts, st.integers(1, 5), st.integers(0, 2**31))
def test_rows_are_the_activations_of_the_sequences_beside_them(corpus, k, sizes, width, seed):
    values, ids, groups = corpus
    n, units = values.shape
    generator = torch.Generator().manual_seed(seed)
    for sign, dtype in ((1, torch.float32), (-1, torch.bfloat16), (1, torch.float16)):
        activations = torch.randn((n, width, units), generator=generator).to(dtype)
        activations = activations.transpose(1, 2).contiguous().transpose(1, 2)
        lengths = torch.randint(1, width + 1, (n,), generator=generator)
        peaks = sequence_peaks(activations, lengths, sign)
        kept_values, kept_ids = nothing_kept(units, k)
        rows = torch.full((3, units, k, width + 2), torch.nan)
        for batch in batches_of((peaks, ids, groups, activations, lengths), sizes):
            source = naive.insert_top(kept_values, kept_ids, *batch[:3])
            naive.copy_rows(rows, source, *batch[3:], sign)
        row_of = {sequence_id: row for row, sequence_id in enumerate(ids.tolist())}
        for group, unit, place in (kept_ids != NO_SEQUENCE).nonzero().tolist():
            row = row_of[int(kept_ids[group, unit, place])]
            length = int(lengths[row])
            copied = rows[group, unit, place]
            assert torch.equal(copied[:length], sign * activations[row, :length, unit].float())
            assert copied[length:].tolist() == [0.0] * (width + 2 - length)
            assert float(copied[:length].max()) == float(kept_values[group, unit, place])
        assert bool(rows[kept_ids == NO_SEQUENCE].isnan().all())


@some
@given(corpora(), st.integers(1, 5))
def test_merging_two_halves_keeps_the_k_best_of_both(corpus, k):
    values, ids, _ = corpus
    groups = torch.zeros_like(ids)
    parts = []
    for batch in batches_of((values, ids, groups), [max(1, len(ids) // 2)]):
        parts.append(nothing_kept(values.shape[1], k, n_groups=1))
        naive.insert_top(*parts[-1], *batch)
    both_values = torch.cat([part[0][0] for part in parts], 1)
    both_ids = torch.cat([part[1][0] for part in parts], 1)
    index = naive.merge_top(both_values, both_ids, k)
    merged_values, merged_ids = both_values.gather(1, index), both_ids.gather(1, index)
    for unit, expected in enumerate(best((values, ids, groups), k)[0]):
        pairs = zip(merged_values[unit].tolist(), merged_ids[unit].tolist(), strict=True)
        found = [(-value, each) for value, each in pairs if each != NO_SEQUENCE]
        assert found == expected


@pytest.mark.parametrize("ids", [[0, 1], [1, 0], [2**40, 1], [2**32, 2**32 - 1]])
def test_of_equal_values_the_earlier_sequence_stays_and_zeros_are_equal(ids):
    for values in ([0.0, -0.0], [-0.0, 0.0]):
        kept_values, kept_ids = nothing_kept(1, 1, n_groups=1)
        for value, sequence_id in zip(values, ids, strict=True):
            naive.insert_top(
                kept_values, kept_ids, torch.tensor([[value]]), torch.tensor([sequence_id]),
                torch.tensor([0]),
            )  # fmt: skip
        assert kept_ids.tolist() == [[[min(ids)]]]


def test_a_sequence_without_a_value_fills_no_place():
    values, ids = nothing_kept(1, 2, n_groups=1)
    source = naive.insert_top(
        values, ids, torch.tensor([[-torch.inf]]), torch.tensor([0]), torch.tensor([0])
    )
    assert source.tolist() == [[[-1, -1]]]
    assert ids.tolist() == [[[NO_SEQUENCE, NO_SEQUENCE]]]


@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_copied_leaves_rows_as_they_are(dtype):
    rows = torch.full((1, 2, 1, 3), 7.0)
    source = torch.full((1, 2, 1), -1, dtype=torch.int32)
    naive.copy_rows(rows, source, torch.zeros((1, 3, 2), dtype=dtype), torch.tensor([3]))
    assert bool((rows == 7.0).all())
