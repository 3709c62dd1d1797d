"""Keys and values of the last few prefixes, so that each is computed once.

A stored prefix is never written to: a batch gets views of it, and what the batch adds is joined in
new tensors. A prefix that begins like a stored one is cut from it and only the rest computed. The
least recently used go first, by number and by memory.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple, final

from torch import Tensor
from transformers import DynamicCache

from neuroscribe.llm.local.rows import Ids, shared_length

MOST_PREFIXES = 16
MOST_BYTES = 2**30

Layers = tuple[tuple[Tensor, Tensor], ...]
"""For each layer keys and values, `[1, heads, tokens, dimensions]`."""


class Prefix(NamedTuple):
    """A beginning that has been through the model."""

    ids: Ids
    layers: Layers

    def cache(self, n_rows: int) -> DynamicCache:
        """A cache that holds this prefix for every row of a batch; its own tensors."""
        return DynamicCache(
            ddp_cache_data=[
                (keys.expand(n_rows, -1, -1, -1), values.expand(n_rows, -1, -1, -1))
                for keys, values in self.layers
            ]
        )

    def shortened(self, n_tokens: int) -> "Prefix":
        """Its first tokens."""
        layers = tuple(
            (keys[:, :, :n_tokens], values[:, :, :n_tokens]) for keys, values in self.layers
        )
        return Prefix(self.ids[:n_tokens], layers)

    @property
    def n_bytes(self) -> int:
        """Memory that it takes."""
        return sum(tensor.nbytes for layer in self.layers for tensor in layer)


@final
class PrefixStore:
    """The last few prefixes.

    Args:
        compute: from what has been computed (None for nothing) and the ids behind it to the layers
            of both together.
    """

    def __init__(self, compute: Callable[[Prefix | None, Ids], Layers]) -> None:
        self._compute = compute
        self._kept: OrderedDict[Ids, Prefix] = OrderedDict()

    def get(self, ids: Ids) -> Prefix:
        """The prefix, computed as far as no stored one begins like it."""
        if ids not in self._kept:
            known = self._most_alike(ids)
            if known is None or len(known.ids) < len(ids):
                n_known = 0 if known is None else len(known.ids)
                layers = self._compute(known, ids[n_known:])
            else:
                # Copied, or the longer one would stay in memory with it.
                layers = tuple((keys.clone(), values.clone()) for keys, values in known.layers)
            self._kept[ids] = Prefix(ids, layers)
        self._kept.move_to_end(ids)
        self._shrink()
        return self._kept[ids]

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()

    def __len__(self) -> int:
        return len(self._kept)

    def _most_alike(self, ids: Ids) -> Prefix | None:
        shared = {kept: shared_length(kept, ids) for kept in self._kept}
        best = max(shared, key=shared.__getitem__, default=None)
        if best is None or shared[best] == 0:
            return None
        return self._kept[best].shortened(shared[best])

    def _shrink(self) -> None:
        total = sum(prefix.n_bytes for prefix in self._kept.values())
        while len(self._kept) > 1 and (len(self._kept) > MOST_PREFIXES or total > MOST_BYTES):
            _, dropped = self._kept.popitem(last=False)
            total -= dropped.n_bytes
