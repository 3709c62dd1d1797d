"""Which latents fired on which tokens, and how strongly: the sparse form of [tokens x latents].

Rows of tokens lie one after the other (compressed sparse rows), because tokens fire different
numbers of latents under most architectures, because that is what `embedding_bag` decodes from
directly, and because the recorder consumes exactly this stream. 64 tokens at 131,072 latents and
k=32 are 33 KB where the dense matrix takes 34 MB.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from neuroscribe.shapes import Float, Int64


@dataclass(frozen=True, kw_only=True)
class SparseLatents:
    """The latents that fire on each of some tokens.

    Within a token latents ascend. Only values above 0 are kept.
    """

    offsets: Int64[Tensor, " boundaries"]
    """Where each token's entries begin, and where the last one's end: tokens + 1."""
    latents: Int64[Tensor, " entries"]
    values: Float[Tensor, " entries"]
    n_latents: int
    """Of the autoencoder, fired or not."""

    @property
    def n_tokens(self) -> int:
        """Number of tokens, with those on which nothing fires."""
        return len(self.offsets) - 1

    @property
    def fired(self) -> Int64[Tensor, " tokens"]:
        """How many latents fire on each token."""
        return self.offsets.diff()

    @property
    def tokens(self) -> Int64[Tensor, " entries"]:
        """The token of each entry."""
        each = torch.arange(self.n_tokens, device=self.offsets.device)
        return each.repeat_interleave(self.fired)

    def dense(self) -> Float[Tensor, "tokens latents"]:
        """The whole matrix; for small cases."""
        matrix = self.values.new_zeros(self.n_tokens, self.n_latents)
        return matrix.index_put((self.tokens, self.latents), self.values)

    @classmethod
    def from_dense(cls, matrix: Float[Tensor, "tokens latents"]) -> "SparseLatents":
        """The entries of `matrix` above 0."""
        tokens, latents = (matrix > 0).nonzero(as_tuple=True)
        return cls._from_rows(tokens, latents, matrix[tokens, latents], shape=matrix.shape)

    @classmethod
    def from_slots(
        cls,
        values: Float[Tensor, "tokens k"],
        latents: Int64[Tensor, "tokens k"],
        *,
        n_latents: int,
    ) -> "SparseLatents":
        """From `k` different latents a token, in any order; values up to 0 have not fired."""
        latents, order = latents.sort(dim=1)
        values = values.gather(1, order)
        fired = values > 0
        tokens = fired.nonzero(as_tuple=True)[0]
        shape = torch.Size((len(values), n_latents))
        return cls._from_rows(tokens, latents[fired], values[fired], shape=shape)

    @classmethod
    def _from_rows(
        cls, tokens: Tensor, latents: Tensor, values: Tensor, *, shape: torch.Size
    ) -> "SparseLatents":
        """From entries that are ordered by token."""
        n_tokens, n_latents = shape
        offsets = torch.zeros(n_tokens + 1, dtype=torch.int64, device=tokens.device)
        offsets[1:] = torch.bincount(tokens, minlength=n_tokens).cumsum(0)
        return cls(offsets=offsets, latents=latents, values=values, n_latents=n_latents)

    @classmethod
    def concatenate(cls, parts: Sequence["SparseLatents"]) -> "SparseLatents":
        """The tokens of all parts, in their order.

        Args:
            parts: at least one, all of the same autoencoder.
        """
        if len(parts) == 1:
            return parts[0]
        fired = torch.cat([part.fired for part in parts])
        return cls(
            offsets=torch.cat([fired.new_zeros(1), fired.cumsum(0)]),
            latents=torch.cat([part.latents for part in parts]),
            values=torch.cat([part.values for part in parts]),
            n_latents=parts[0].n_latents,
        )
