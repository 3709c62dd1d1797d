"""One pass of a batch through the model, from which only what is wanted is projected and kept.

The rows of a batch begin with one prefix whose keys and values are at hand; they are padded on the
right, where a causal model does not look. Branches need a mask of their own and positions of their
own; without branches no mask is given, which every family understands. The hidden states are
narrowed to the wanted places on their way into the head, so the model's own scaling of its logits
(Gemma, Cohere, Granite) stays in force and the matrix of all logits is never made.
"""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel

from neuroscribe.llm.local.cache import Layers, Prefix
from neuroscribe.llm.local.rows import Ids, Row
from neuroscribe.shapes import Bool, Float, Int64


class Forward:
    """Passes through one model."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.model = model
        self.narrows = isinstance(model.get_output_embeddings(), nn.Module)
        """Whether only wanted places are projected; else all, and then picked."""
        self.passes = 0
        """Passes so far."""
        parameters = inspect.signature(model.forward).parameters
        self.takes_positions = "position_ids" in parameters
        """Whether the model is told where tokens stand; else it counts, branches wrongly."""
        # Older versions of transformers call it past_key_values.
        self._cache_name = "cache" if "cache" in parameters else "past_key_values"

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.device

    def logprobs(self, rows: Sequence[Row], prefix: Prefix | None) -> list[list[float]]:
        """The natural-log probabilities of every row's targets.

        Args:
            rows: their trunks begin with the prefix, and nothing is wanted before its end.
            prefix: None for none.
        """
        n_known = 0 if prefix is None else len(prefix.ids)
        places = [
            (row, after - n_known)
            for row, each in enumerate(rows)
            for after in sorted({target.after for target in each.targets})
        ]
        if not places:
            return [[] for _ in rows]
        logits = self._logits(rows, prefix, places).float()
        normaliser = logits.logsumexp(1)
        line_of = {place: line for line, place in enumerate(places)}
        wanted = [
            (line_of[row, target.after - n_known], target.token)
            for row, each in enumerate(rows)
            for target in each.targets
        ]
        lines, tokens = torch.tensor(wanted, device=logits.device).unbind(1)
        found = iter((logits[lines, tokens] - normaliser[lines]).tolist())
        return [[next(found) for _ in row.targets] for row in rows]

    def layers(self, known: Prefix | None, ids: Ids) -> Layers:
        """Keys and values of a beginning and what goes on from it."""
        cache = DynamicCache() if known is None else known.cache(1)
        nothing = torch.zeros((1, 1), dtype=torch.int64, device=self.device)
        with self._narrowed(nothing[0], nothing[0]):
            self._run(
                torch.tensor([ids], device=self.device),
                _positions(0 if known is None else len(known.ids), 1, len(ids), self.device),
                None,
                cache,
            )
        # Other layers than those of keys and values cannot be shared: `scoring` finds out.
        layers: Any = cache.layers
        return tuple((layer.keys, layer.values) for layer in layers)

    def next_logits(
        self, ids: Ids, cache: DynamicCache | None, n_known: int
    ) -> Float[Tensor, " vocabulary"]:
        """The logits behind one text of which a cache holds the beginning; the cache grows."""
        zero = torch.zeros(1, dtype=torch.int64, device=self.device)
        with self._narrowed(zero, zero + len(ids) - 1):
            logits = self._run(
                torch.tensor([ids], device=self.device),
                _positions(n_known, 1, len(ids), self.device),
                None,
                cache,
            )
        return logits[0, -1].float()

    def _logits(
        self, rows: Sequence[Row], prefix: Prefix | None, places: Sequence[tuple[int, int]]
    ) -> Float[Tensor, "places vocabulary"]:
        n_known = 0 if prefix is None else len(prefix.ids)
        longest = max(map(len, rows)) - n_known
        token_ids = torch.zeros((len(rows), longest), dtype=torch.int64)
        positions = _positions(n_known, len(rows), longest, torch.device("cpu"))
        for number, row in enumerate(rows):
            own = row.trunk[n_known:] + row.branches
            token_ids[number, : len(own)] = torch.tensor(own)
        mask = None
        if any(row.branches for row in rows):
            seen = torch.stack([_seen(row, n_known, longest) for row in rows])
            positions = seen.sum(2) - 1
            for number, row in enumerate(rows):
                # Beyond a row's end the count may pass the model's last position.
                positions[number, len(row) - n_known :] = 0
            hidden = torch.finfo(self.model.dtype).min
            mask = torch.zeros(seen.shape, dtype=self.model.dtype).masked_fill_(~seen, hidden)
            mask = mask[:, None].to(self.device)
        row_places, own_places = torch.tensor(places, device=self.device).unbind(1)
        with self._narrowed(row_places, own_places):
            logits = self._run(
                token_ids.to(self.device),
                positions.to(self.device),
                mask,
                None if prefix is None else prefix.cache(len(rows)),
            )
        return logits[0] if self.narrows else logits[row_places, own_places]

    def _run(
        self,
        token_ids: Int64[Tensor, "batch sequence"],
        positions: Int64[Tensor, "batch sequence"],
        mask: Tensor | None,
        cache: DynamicCache | None,
    ) -> Tensor:
        self.passes += 1
        options: dict[str, Any] = {"use_cache": cache is not None}
        if cache is not None:
            options[self._cache_name] = cache
        if mask is not None:
            options["attention_mask"] = mask
        if self.takes_positions:
            options["position_ids"] = positions
        with torch.inference_mode():
            output = self.model(input_ids=token_ids, **options)
        logits: Tensor = output.logits
        return logits

    @contextmanager
    def _narrowed(
        self, rows: Int64[Tensor, " places"], places: Int64[Tensor, " places"]
    ) -> Iterator[None]:
        """Let only some hidden states into the head: as one row of a batch of one."""
        if not self.narrows:
            yield
            return

        def narrow(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            return (inputs[0][rows, places][None], *inputs[1:])

        hook = self.model.get_output_embeddings().register_forward_pre_hook(narrow)
        try:
            yield
        finally:
            hook.remove()


def _positions(n_known: int, n_rows: int, n_tokens: int, device: torch.device) -> Tensor:
    return torch.arange(n_known, n_known + n_tokens, device=device).expand(n_rows, -1)


def _seen(row: Row, n_known: int, longest: int) -> Bool[Tensor, "sequence known"]:
    """Which tokens each token of a padded row sees; padding sees what a trunk token there would."""
    seen = torch.ones((longest, n_known + longest), dtype=torch.bool).tril_(n_known)
    n_trunk = len(row.trunk)
    for place, parent in enumerate(row.parents):
        line = seen[n_trunk - n_known + place]
        if parent < n_trunk:
            line[parent + 1 :] = False
        else:
            line.copy_(seen[parent - n_known])
        line[n_trunk + place] = True
    return seen
