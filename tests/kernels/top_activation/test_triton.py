"""The kernels against their twins: the same sets, and rows that go with them, bit for bit."""

import pytest
import torch
from hypothesis import given, settings, strategies as st

from neuroscribe.kernels.top_activation import NO_SEQUENCE, naive

pytest.importorskip("triton", reason="triton is not installed")
kernel = pytest.importorskip("neuroscribe.kernels.top_activation.triton")

few = settings(max_examples=15, deadline=None)
fewer = settings(max_examples=5, deadline=None)
LEVELS = torch.tensor([-torch.inf, -1.0, -0.0, 0.0, 0.5, 2.0, torch.inf])


class Kept:
    """What is kept of some batches by one implementation; rows start out as NaN."""

    def __init__(self, implementation, n_groups, units, k, length, device):
        self.implementation = implementation
        self.device = device
        self.values = torch.full((n_groups, units, k), -torch.inf, device=device)
        self.ids = torch.full((n_groups, units, k), NO_SEQUENCE, device=device)
        self.rows = torch.full((n_groups, units, k, length), torch.nan, device=device)

    def insert(self, new_values, new_ids, groups, activations, lengths, sign):
        before = self.values.clone(), self.ids.clone()
        self.source = self.implementation.insert_top(
            self.values,
            self.ids,
            *(tensor.to(self.device) for tensor in (new_values, new_ids, groups)),
        )
        self.implementation.copy_rows(
            self.rows, self.source, activations.to(self.device), lengths.to(self.device), sign
        )
        self._check_source(before, new_values, new_ids, groups)

    def _check_source(self, before, new_values, new_ids, groups):
        assert self.source.dtype == torch.int32
        stays = self.source < 0
        assert torch.equal(self.values[stays], before[0][stays])
        assert torch.equal(self.ids[stays], before[1][stays])
        group, unit, place = (~stays).nonzero(as_tuple=True)
        row = self.source[group, unit, place].long().cpu()
        assert torch.equal(self.ids[group, unit, place].cpu(), new_ids[row])
        assert torch.equal(self.values[group, unit, place].cpu(), new_values[row, unit.cpu()])
        assert torch.equal(groups[row], group.cpu())

    def sorted(self):
        """Values, ids and rows of every unit in the order of ids, which no two share."""
        order = self.ids.argsort(2)
        rows = self.rows.gather(2, order[..., None].expand(self.rows.shape))
        return [t.cpu() for t in (self.values.gather(2, order), self.ids.gather(2, order), rows)]


def assert_same(ours, twins):
    for mine, other in zip(ours.sorted(), twins.sorted(), strict=True):
        assert torch.equal(mine.nan_to_num(-77.0), other.nan_to_num(-77.0))


@st.composite
def streams(draw):
    """A corpus, each sequence with an id, a group and a length, and where it is cut."""
    n = draw(st.integers(1, 40))
    units = draw(st.sampled_from([1, 7, 33]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    ids = torch.randperm(n, generator=generator)
    if draw(st.booleans()):
        ids = ids.where(ids % 2 == 0, ids + 2**40)
    values = torch.randn((n, units), generator=generator)
    if draw(st.booleans()):
        values = LEVELS[torch.randint(len(LEVELS), (n, units), generator=generator)]
    width = draw(st.integers(1, 5))
    dtype = draw(st.sampled_from([torch.float32, torch.bfloat16, torch.float16]))
    return (
        values,
        ids,
        torch.randint(3, (n,), generator=generator),
        torch.randn((n, width, units), generator=generator).to(dtype),
        torch.randint(1, width + 1, (n,), generator=generator),
    ), draw(st.lists(st.integers(1, 20), max_size=3))


def cut(tensors, sizes):
    start = 0
    for size in [*sizes, len(tensors[0])]:
        if start < len(tensors[0]):
            yield [tensor[start : start + size] for tensor in tensors]
        start += size


@few
@given(streams(), st.integers(1, 5), st.integers(0, 3), st.sampled_from([1, -1]))
def test_the_kernels_keep_what_their_twins_keep(device, stream, k, more, sign):
    tensors, sizes = stream
    width, units = tensors[3].shape[1:]
    shape = (3, units, k, width + more)
    ours, twins = Kept(kernel, *shape, device), Kept(naive, *shape, "cpu")
    for batch in cut(tensors, sizes):
        ours.insert(*batch, sign)
        twins.insert(*batch, sign)
        assert_same(ours, twins)


@fewer
@given(streams(), st.sampled_from([1, -1]))
def test_any_strides_give_the_same_rows(device, stream, sign):
    (values, ids, groups, activations, lengths), _ = stream
    shape = (3, activations.shape[2], 3, activations.shape[1])
    plain, odd = Kept(kernel, *shape, device), Kept(kernel, *shape, device)
    plain.insert(values, ids, groups, activations, lengths, sign)
    turned = activations.permute(2, 0, 1).contiguous().permute(1, 2, 0)
    odd.insert(values.T.contiguous().T, ids, groups, turned, lengths, sign)
    assert_same(plain, odd)


def test_one_value_for_all_units_needs_no_memory_of_its_own(device):
    values = torch.tensor([[1.0], [3.0], [2.0]]).expand(3, 5)
    ours = Kept(kernel, 1, 5, 2, 4, device)
    activations = torch.arange(60.0).view(3, 4, 5)
    ours.insert(
        values, torch.arange(3), torch.zeros(3, dtype=torch.int64), activations,
        torch.full((3,), 4), 1,
    )  # fmt: skip
    kept_values, kept_ids, kept_rows = ours.sorted()
    assert kept_values.tolist() == [[[3.0, 2.0]] * 5]
    assert kept_ids.tolist() == [[[1, 2]] * 5]
    assert torch.equal(kept_rows[0], activations[1:].permute(2, 0, 1))


@pytest.mark.parametrize("k", [33, 100, 1000, 5000])
def test_many_places_take_other_shapes_of_blocks(device, k):
    generator = torch.Generator().manual_seed(k)
    n = 40 + k % 33
    batch = (
        torch.randint(4, (n, 3), generator=generator).float(),
        torch.arange(n).flip(0) + 2**33,
        torch.zeros(n, dtype=torch.int64),
        torch.randn((n, 2, 3), generator=generator),
        torch.full((n,), 2),
    )
    ours, twins = Kept(kernel, 1, 3, k, 2, device), Kept(naive, 1, 3, k, 2, "cpu")
    ours.insert(*batch, 1)
    twins.insert(*batch, 1)
    assert_same(ours, twins)


def test_rows_longer_than_a_program_copies_are_copied_whole(device):
    length = 2 * kernel._TOKENS + 7
    activations = torch.randn((2, length - 3, 2), generator=torch.Generator().manual_seed(0))
    batch = (
        torch.tensor([[1.0, 2.0], [2.0, 1.0]]),
        torch.arange(2),
        torch.zeros(2, dtype=torch.int64),
        activations,
        torch.tensor([length - 3, kernel._TOKENS]),
    )
    ours, twins = Kept(kernel, 1, 2, 1, length, device), Kept(naive, 1, 2, 1, length, "cpu")
    ours.insert(*batch, -1)
    twins.insert(*batch, -1)
    assert_same(ours, twins)


def test_what_is_changed_in_place_must_lie_in_one_piece(device):
    ids = torch.full((1, 2, 3), NO_SEQUENCE, device=device)
    values = torch.full((1, 3, 2), -torch.inf, device=device).transpose(1, 2)
    none = torch.zeros(0, dtype=torch.int64, device=device)
    with pytest.raises(ValueError, match="values is changed in place and must be contiguous"):
        kernel.insert_top(values, ids, torch.zeros((0, 2), device=device), none, none)
