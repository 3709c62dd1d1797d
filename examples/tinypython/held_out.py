"""How well `tinypython` predicts documents that it never saw, next to counting.

The model reads each document in windows that lie end to end, as a recorder cuts them, and predicts
every token once; the first of a window from the end-of-text token alone. The bigram model is given
more: it knows the token before even at a window's start. It is interpolated Kneser-Ney, the usual
choice where counting should do its best: a discount D = n1 / (n1 + 2 n2), estimated from the pairs
seen once and twice, goes to the lower order, which counts in how many contexts a token was seen
rather than how often. Source: Chen and Goodman 1999, An empirical study of smoothing techniques.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import GPT2LMHeadModel

_TOKENS_AT_ONCE = 8192


def losses(
    model: GPT2LMHeadModel,
    train: Sequence[Tensor],
    test: Sequence[Tensor],
    *,
    n_bytes: int,
    end_of_text: int,
    sequence_length: int,
) -> dict[str, dict[str, float]]:
    """Losses of `model`, `bigram` and `unigram`, as `nats_per_token` and `bits_per_byte`.

    Args:
        model: with its head.
        train: token ids of the documents that the counts are taken from.
        test: token ids of the documents to predict.
        n_bytes: size of their text in UTF-8.
        end_of_text: id of the token before every document and window.
        sequence_length: tokens of a window, without the one in front.
    """
    counts = Bigrams(train, vocabulary_size=model.config.vocab_size, end_of_text=end_of_text)
    nats = {
        "model": model_nats(model, test, end_of_text=end_of_text, sequence_length=sequence_length),
        "bigram": sum(float(-counts.log_probabilities(ids).sum()) for ids in test),
        "unigram": sum(float(-counts.unigram.log()[ids].sum()) for ids in test),
    }
    n_tokens = sum(len(ids) for ids in test)
    return {
        name: {
            "nats_per_token": round(total / n_tokens, 4),
            "bits_per_byte": round(total / math.log(2) / n_bytes, 4),
        }
        for name, total in nats.items()
    }


def model_nats(
    model: GPT2LMHeadModel, documents: Sequence[Tensor], *, end_of_text: int, sequence_length: int
) -> float:
    """Summed loss of every token of the documents, in nats."""
    windows = [window for ids in documents for window in ids.split(sequence_length)]
    windows.sort(key=len)
    total = 0.0
    at_once = max(1, _TOKENS_AT_ONCE // sequence_length)
    for start in range(0, len(windows), at_once):
        batch = windows[start : start + at_once]
        # Padding stands behind, where a causal model does not look; -100 is not counted.
        targets = torch.nn.utils.rnn.pad_sequence(batch, batch_first=True, padding_value=-100)
        inputs = targets.roll(1, dims=1).clamp(min=0)
        inputs[:, 0] = end_of_text
        with torch.inference_mode():
            logits = model(
                input_ids=inputs, attention_mask=torch.ones_like(inputs), use_cache=False
            ).logits
            total += float(
                torch.nn.functional.cross_entropy(
                    logits.flatten(0, 1).float(), targets.flatten(), reduction="sum"
                )
            )
    return total


class Bigrams:
    """Counts of tokens and pairs, smoothed so that every token has a probability everywhere."""

    def __init__(
        self, documents: Sequence[Tensor], *, vocabulary_size: int, end_of_text: int
    ) -> None:
        self._vocabulary_size = vocabulary_size
        self._end_of_text = end_of_text
        tokens = torch.cat(list(documents))
        counted = torch.bincount(tokens, minlength=vocabulary_size).double() + 1
        self.unigram = counted / counted.sum()
        """Share of each token, every one counted once more than it was seen."""
        keys = torch.cat([self._keys(ids) for ids in documents])
        self._pairs, counts = keys.unique(return_counts=True)
        self._counts = counts.double()
        once, twice = max(1, int((counts == 1).sum())), int((counts == 2).sum())
        self.discount = once / (once + 2 * twice)
        """What is taken from each pair's count; never 0, so nothing is impossible."""
        before, behind = self._pairs // vocabulary_size, self._pairs % vocabulary_size
        self._seen = torch.zeros(vocabulary_size, dtype=torch.float64)
        self._seen.index_add_(0, before, self._counts)
        self._successors = torch.bincount(before, minlength=vocabulary_size).double()
        contexts = torch.bincount(behind, minlength=vocabulary_size).double() + 1
        self._continuation = contexts / contexts.sum()

    def log_probabilities(self, ids: Tensor) -> Tensor:
        """Natural logarithm of the probability of each token behind the one before it."""
        keys = self._keys(ids)
        places = torch.searchsorted(self._pairs, keys).clamp(max=len(self._pairs) - 1)
        found = self._counts[places] * (self._pairs[places] == keys)
        before = keys // self._vocabulary_size
        seen = self._seen[before]
        kept = (found - self.discount).clamp(min=0)
        freed = self.discount * self._successors[before]
        # A context that was never seen leaves everything to the lower order.
        freed = torch.where(seen > 0, freed, 1.0)
        shares: Tensor = (kept + freed * self._continuation[ids]) / seen.clamp(min=1)
        return shares.log()

    def _keys(self, ids: Tensor) -> Tensor:
        before = torch.cat([torch.tensor([self._end_of_text]), ids[:-1]])
        return before * self._vocabulary_size + ids
