"""The sentence encoder: texts to vectors whose dot products say how alike they are.

Any model that `load_subject` loads serves; the embedded `minilm` is one that was trained for it. A
text's vector is the mean of the last hidden states of its tokens, special ones included, scaled to
length 1: what the makers of all-MiniLM-L6-v2 document. Texts go through the model by length, so
little is padded, and the vectors are kept: the same random sequences come back with every unit.

Source: Reimers and Gurevych, 2019 (mean pooling); the model card of all-MiniLM-L6-v2.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence as Seq

import torch
from torch import Tensor
from torch.nn.functional import normalize

from neuroscribe.services import Array
from neuroscribe.shapes import Bool, Float, Int64
from neuroscribe.subjects.capture import pad_with_special_tokens
from neuroscribe.subjects.loading import load_subject, quiet
from neuroscribe.subjects.subject import Subject

TOKENS_AT_ONCE = 4096
"""Of a batch, padding included."""
KEPT_TEXTS = 50_000
"""Vectors in memory: 77 MB for the 384 dimensions of `minilm`."""


def open_embedder(spec: str = "minilm", *, device: str = "auto") -> "Embedder":
    """Load a sentence encoder.

    Args:
        spec: as `load_subject` reads it: `minilm`, a folder, or a name on the hub.
        device: as `load_subject` reads it.

    Raises:
        SubjectError: there is no such model, or it cannot be used.
    """
    return Embedder(load_subject(spec, device=device))


class Embedder:
    """A `services.Embed` that runs a model and remembers what it was asked."""

    def __init__(self, subject: Subject, *, kept_texts: int = KEPT_TEXTS) -> None:
        self.name = subject.name
        """As the user gave it."""
        self._subject = subject
        self._kept_texts = kept_texts
        self._kept: OrderedDict[str, Tensor] = OrderedDict()

    def __call__(self, texts: Seq[str]) -> Array:
        """One row of length 1 per text, `[texts, dimensions]`.

        A text longer than the model reads is cut. A text of which a model without special tokens
        sees no token has a row of zeros: it is like no other.
        """
        rows = {text: self._kept[text] for text in texts if text in self._kept}
        rows.update(self._embedded([text for text in dict.fromkeys(texts) if text not in rows]))
        self._keep({text: rows[text] for text in texts})
        if not texts:
            return torch.zeros((0, self._dimensions), dtype=torch.float32).numpy()
        return torch.stack([rows[text] for text in texts]).numpy()

    @property
    def _dimensions(self) -> int:
        return int(self._subject.model.config.get_text_config().hidden_size)

    def _keep(self, rows: dict[str, Tensor]) -> None:
        for text, row in rows.items():
            self._kept[text] = row
            self._kept.move_to_end(text)
        while len(self._kept) > self._kept_texts:
            self._kept.popitem(last=False)

    def _embedded(self, texts: Seq[str]) -> Iterator[tuple[str, Tensor]]:
        """The vectors of distinct texts, the longest first."""
        token_ids = self._token_ids(texts)
        order = sorted(range(len(texts)), key=lambda place: -len(token_ids[place]))
        start = 0
        while start < len(order):
            longest = len(token_ids[order[start]]) + self._n_special
            places = order[start : start + max(1, TOKENS_AT_ONCE // max(1, longest))]
            vectors = self._vectors([token_ids[place] for place in places])
            for place, vector in zip(places, vectors, strict=True):
                # A row of its own, or the batch would stay in memory for as long as one row does.
                yield texts[place], vector.clone()
            start += len(places)

    @property
    def _n_special(self) -> int:
        return len(self._subject.prefix_ids) + len(self._subject.suffix_ids)

    def _token_ids(self, texts: Seq[str]) -> list[list[int]]:
        if not texts:
            return []
        with quiet():
            encoded = self._subject.tokenizer(
                list(texts), add_special_tokens=False, truncation=False, padding=False
            )
        return [ids[: self._subject.longest_sequence] for ids in encoded["input_ids"]]

    def _vectors(self, token_ids: Seq[Seq[int]]) -> Float[Tensor, "batch dimensions"]:
        lengths = torch.tensor([len(ids) for ids in token_ids])
        content = torch.zeros((len(token_ids), int(lengths.max())), dtype=torch.int64)
        for row, ids in enumerate(token_ids):
            content[row, : len(ids)] = torch.tensor(ids, dtype=torch.int64)
        subject = self._subject
        pad_id = subject.tokenizer.pad_token_id
        padded, mask = pad_with_special_tokens(
            content.to(subject.device),
            lengths.to(subject.device),
            prefix_ids=subject.prefix_ids,
            suffix_ids=subject.suffix_ids,
            pad_id=0 if pad_id is None else pad_id,
        )
        if padded.shape[1] == 0:
            return torch.zeros((len(token_ids), self._dimensions))
        return _mean_pooled(self._last_hidden_state(padded, mask), mask).cpu()

    def _last_hidden_state(
        self, padded: Int64[Tensor, "batch positions"], mask: Bool[Tensor, "batch positions"]
    ) -> Float[Tensor, "batch positions dimensions"]:
        with torch.inference_mode():
            output = self._subject.model(input_ids=padded, attention_mask=mask.long())
        states: Tensor = output.last_hidden_state
        return states


def _mean_pooled(
    states: Float[Tensor, "batch positions dimensions"], mask: Bool[Tensor, "batch positions"]
) -> Float[Tensor, "batch dimensions"]:
    """Mean over the tokens that the mask shows, scaled to length 1; zeros where it shows none."""
    present = mask[:, :, None]
    total = states.float().masked_fill(~present, 0.0).sum(1)
    return normalize(total / present.sum(1).clamp(min=1), dim=1)
