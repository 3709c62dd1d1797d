"""Log-probabilities of many rows: prefixes shared, rows batched by length.

What a family of models can be trusted with is tried once on a short text against a plain pass, not
looked up: reuse of keys and values, branches under a mask, and projecting only wanted places. What
fails is done the plain way, slower and as right. Results depend on neither batch nor order, up to
the rounding of the arithmetic (float32: within 1e-4 of a log-probability).
"""

import itertools
import math
from collections import deque
from collections.abc import Iterator, Sequence

import torch
from transformers import PreTrainedModel

from neuroscribe.llm.local.cache import PrefixStore
from neuroscribe.llm.local.forward import Forward
from neuroscribe.llm.local.prefixes import Group, group_by_prefix
from neuroscribe.llm.local.rows import Ids, Row, Target

TOKENS_AT_ONCE = {"cpu": 1024, "cuda": 32_768}
"""Of a batch, padding included; on a CPU larger ones are no faster, and answers come later."""
LOGITS_AT_ONCE = {"cpu": 2**26, "cuda": 2**28}
"""Numbers that the head makes at once: 256 MB or 1 GB in float32."""
RECENT_ROWS = 16
"""Beginnings of earlier rows that are compared with new ones."""

# What the families raise for an argument or a cache that they do not know.
_UNFIT = (TypeError, ValueError, RuntimeError, AttributeError, IndexError, KeyError)
_WINDOWS = ("sliding_window", "attention_chunk_size")
"""What configurations call the most tokens that a token looks back on."""
_SURE = 1e-4
_SURE_IN_HALF_PRECISION = 0.1
_TRIAL_TOKENS = 12
_TRIAL_DISTANCE = 24
"""Tokens between a branch and where it belongs: as many as tell a wrong position from rounding."""


class Scorer:
    """Scores rows with one model.

    Args:
        model: a causal language model in evaluation mode.
        shares_prefixes: False sends every row whole, to compare.
    """

    def __init__(self, model: PreTrainedModel, *, shares_prefixes: bool = True) -> None:
        self.forward = Forward(model)
        self.prefixes = PrefixStore(self.forward.layers)
        self._recent: deque[Ids] = deque(maxlen=RECENT_ROWS)
        self._vocabulary_size = int(model.config.get_text_config().vocab_size)
        device = self.forward.device.type
        self._tokens_at_once = TOKENS_AT_ONCE.get(device, TOKENS_AT_ONCE["cpu"])
        self._logits_at_once = LOGITS_AT_ONCE.get(device, LOGITS_AT_ONCE["cpu"])
        config = model.config.get_text_config()
        windows = (getattr(config, name, None) for name in _WINDOWS)
        self._window = min((window for window in windows if window), default=None)
        self.caches = True
        """Whether the model goes on from keys and values that were computed before."""
        self.branches = True
        """Whether branches go with their trunk; else every one is a row of its own."""
        self._try_out()
        self.shares_prefixes = shares_prefixes and self.caches
        """Whether a common beginning is computed once."""

    def logprobs(self, rows: Sequence[Row]) -> list[list[float]]:
        """The natural-log probabilities of every row's targets, in the rows' order.

        A row for which the memory does not suffice even alone has NaN in their place.
        """
        found: dict[int, list[float]] = {}
        for done in self.batches(rows):
            found |= done
        return [found[place] for place in range(len(rows))]

    def batches(self, rows: Sequence[Row]) -> Iterator[dict[int, list[float]]]:
        """The same, as the batches come: place of a row to its targets' log-probabilities."""
        split = [not self._can_branch(row) for row in rows]
        whole = [place for place, apart in enumerate(split) if not apart]
        for done in self._in_groups([rows[place] for place in whole]):
            yield {whole[place]: values for place, values in done.items()}
        for place in itertools.compress(range(len(rows)), split):
            yield {place: self._unbranched(rows[place])}

    def groups(self, rows: Sequence[Row]) -> list[Group]:
        """The rows by common beginnings, those of the rows before these included."""
        groups = group_by_prefix(rows, tuple(self._recent))
        self._recent.extend(row.trunk[: row.first_needed] for row in rows[-RECENT_ROWS:])
        return groups

    def _in_groups(self, rows: Sequence[Row]) -> Iterator[dict[int, list[float]]]:
        if not rows:
            return
        groups = [Group((), tuple(range(len(rows))))]
        if self.shares_prefixes:
            groups = self.groups(rows)
        for prefix, places in groups:
            for batch in self._cut(rows, len(prefix), places):
                values = self._scored([rows[place] for place in batch], prefix)
                yield dict(zip(batch, values, strict=True))

    def _cut(self, rows: Sequence[Row], n_known: int, places: Sequence[int]) -> Iterator[list[int]]:
        """Batches of similar length, the longest first, within the limits."""
        batch: list[int] = []
        n_tokens, n_logits = 0, 0
        for place in sorted(places, key=lambda place: (-len(rows[place]), place)):
            size = len(rows[place]) - n_known
            places_wanted = len({target.after for target in rows[place].targets})
            logits = (places_wanted if self.forward.narrows else size) * self._vocabulary_size
            if batch and (
                n_tokens + size > self._tokens_at_once or n_logits + logits > self._logits_at_once
            ):
                yield batch
                batch, n_tokens, n_logits = [], 0, 0
            batch.append(place)
            # Every row of a batch is as long as its first.
            n_tokens += len(rows[batch[0]]) - n_known
            n_logits += logits
        if batch:
            yield batch

    def _scored(self, rows: Sequence[Row], prefix: Ids) -> list[list[float]]:
        """One batch; halved, and the limit with it, where it does not fit into the memory."""
        try:
            known = self.prefixes.get(prefix) if prefix else None
            return self.forward.logprobs(rows, known)
        except torch.OutOfMemoryError:
            if len(rows) == 1:
                return [[math.nan] * len(row.targets) for row in rows]
        self._tokens_at_once //= 2
        half = len(rows) // 2
        return self._scored(rows[:half], prefix) + self._scored(rows[half:], prefix)

    def _can_branch(self, row: Row) -> bool:
        """A mask of ours would overrule the window of a model that looks back only so far."""
        if not row.branches:
            return True
        return self.branches and (self._window is None or len(row) <= self._window)

    def _unbranched(self, row: Row) -> list[float]:
        """A row's log-probabilities with every branch as a row of its own."""
        trunk = tuple(target for target in row.targets if target.after < len(row.trunk))
        rows = [Row(trunk=row.trunk, targets=trunk)]
        wanted = [*trunk]
        for target in row.targets:
            if target.after >= len(row.trunk):
                path = row.path(target.after)
                moved = Target(after=len(path) - 1, token=target.token)
                rows.append(Row(trunk=path, targets=(moved,)))
                wanted.append(target)
        values = [value for each in self.logprobs(rows) for value in each]
        found = dict(zip(wanted, values, strict=True))
        return [found[target] for target in row.targets]

    def _try_out(self) -> None:
        """Find out what the model can be trusted with."""
        ids = tuple(range(1, _TRIAL_TOKENS + 1))
        last = Target(after=len(ids) - 1, token=2)
        plain = Row(trunk=ids, targets=(last,))
        branch = len(ids) - 1 + _TRIAL_DISTANCE
        branched = Row(
            trunk=(*ids[:-1], *range(20, 20 + _TRIAL_DISTANCE)),
            branches=(ids[-1], 3),
            parents=(len(ids) - 2, branch),
            targets=(Target(after=branch, token=2), Target(after=branch + 1, token=2)),
        )
        followed = Row(trunk=(*ids, 3), targets=(Target(after=len(ids), token=2),))
        wanted = [self._plain(plain), self._plain(followed)]
        for narrows in (self.forward.narrows, False):
            self.forward.narrows = narrows
            if self._agrees([plain, followed], (), wanted):
                break
        half = ids[: len(ids) // 2]
        self.caches = self._agrees([plain, followed], half, wanted)
        self.branches = self.forward.takes_positions and self._agrees(
            [branched], half if self.caches else (), wanted
        )
        self.prefixes.clear()

    def _agrees(self, rows: Sequence[Row], prefix: Ids, wanted: Sequence[float]) -> bool:
        half_precision = self.forward.model.dtype != torch.float32
        try:
            found = [value for each in self._scored(rows, prefix) for value in each]
        except _UNFIT:
            return False
        differences = [abs(one - other) for one, other in zip(found, wanted, strict=True)]
        return max(differences) <= (_SURE_IN_HALF_PRECISION if half_precision else _SURE)

    def _plain(self, row: Row) -> float:
        """The one target of a row as anybody would compute it."""
        token_ids = torch.tensor([row.trunk], device=self.forward.device)
        with torch.inference_mode():
            logits = self.forward.model(input_ids=token_ids, use_cache=False).logits
        (target,) = row.targets
        return float(logits[0, target.after].float().log_softmax(0)[target.token])
