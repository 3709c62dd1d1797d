"""Batches of tokens in random order, from a stream of blocks of tokens, in bounded memory.

Activations come as the texts do, so neighbours are of one text, and batches of neighbours train
badly. A buffer holds a bounded number of tokens; each batch is drawn from it at random and its
places are filled by what comes next (the buffer is topped up when half of it is gone). Every token
comes out exactly once, and the order depends on the seed and the blocks alone.
"""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from neuroscribe.errors import SaeError


def shuffled(
    blocks: Iterable[Tensor], *, batch_tokens: int, buffer_tokens: int, seed: int
) -> Iterator[Tensor]:
    """Batches `[batch_tokens, width]`; what is left at the end and is no whole batch is dropped.

    Args:
        blocks: `[tokens, width]` each, of any number of tokens.
        batch_tokens: tokens of a batch.
        buffer_tokens: tokens that are held, of which a batch is drawn; at least two batches.
        seed: of the order.

    Raises:
        SaeError: the buffer is too small.
    """
    if buffer_tokens < 2 * batch_tokens:
        raise SaeError(
            f"a buffer of {buffer_tokens} tokens cannot mix batches of {batch_tokens}; "
            f"give at least {2 * batch_tokens}"
        )
    generator = torch.Generator().manual_seed(seed)
    pool: Tensor | None = None
    for block in _full_blocks(blocks, buffer_tokens // 2):
        pool = block if pool is None else torch.cat([pool, block])
        pool = pool[torch.randperm(len(pool), generator=generator)]
        while len(pool) >= buffer_tokens // 2 + batch_tokens:
            yield pool[:batch_tokens].clone()
            pool = pool[batch_tokens:]
    while pool is not None and len(pool) >= batch_tokens:
        yield pool[:batch_tokens].clone()
        pool = pool[batch_tokens:]


def _full_blocks(blocks: Iterable[Tensor], tokens: int) -> Iterator[Tensor]:
    """The same tokens in blocks of `tokens`, the last one shorter."""
    waiting: list[Tensor] = []
    for block in blocks:
        waiting.append(block)
        while sum(map(len, waiting)) >= tokens:
            joined = torch.cat(waiting)
            yield joined[:tokens].clone()
            waiting = [joined[tokens:]]
    rest = torch.cat(waiting) if waiting else None
    if rest is not None and len(rest):
        yield rest
