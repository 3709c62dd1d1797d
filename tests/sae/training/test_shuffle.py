"""The shuffle buffer: every token once, bounded, the same order each time."""

import pytest
import torch

from neuroscribe.errors import SaeError
from neuroscribe.sae.training.shuffle import shuffled


def blocks(*sizes):
    numbers = torch.arange(sum(sizes), dtype=torch.float32)[:, None]
    return list(numbers.split(list(sizes)))


@pytest.mark.parametrize("sizes", [(64,), (1,) * 64, (5, 40, 3, 16), (30, 34)])
@pytest.mark.parametrize("buffer_tokens", [8, 20, 1000])
def test_every_token_comes_out_once(sizes, buffer_tokens):
    batches = list(shuffled(blocks(*sizes), batch_tokens=4, buffer_tokens=buffer_tokens, seed=0))
    assert {len(batch) for batch in batches} == {4}
    assert torch.cat(batches).sort(dim=0).values.flatten().tolist() == list(range(64))


def test_what_is_no_whole_batch_is_dropped():
    assert len(list(shuffled(blocks(10), batch_tokens=4, buffer_tokens=8, seed=0))) == 2


def test_tokens_are_mixed_over_the_buffer():
    first = next(shuffled(blocks(*[10] * 40), batch_tokens=50, buffer_tokens=400, seed=0))
    assert float(first.max()) > 150
    assert float(first.min()) < 50


def test_the_order_is_that_of_the_seed():
    def run(seed):
        return torch.cat(
            list(shuffled(blocks(*[10] * 10), batch_tokens=5, buffer_tokens=40, seed=seed))
        )

    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))


def test_no_more_is_read_ahead_than_the_buffer_holds():
    read = []

    def source():
        for number, block in enumerate(blocks(*[10] * 100)):
            read.append(number)
            yield block

    next(shuffled(source(), batch_tokens=10, buffer_tokens=100, seed=0))
    assert len(read) * 10 <= 110


def test_a_buffer_that_cannot_mix_is_refused():
    with pytest.raises(SaeError, match="give at least 8"):
        next(shuffled(blocks(10), batch_tokens=4, buffer_tokens=7, seed=0))
