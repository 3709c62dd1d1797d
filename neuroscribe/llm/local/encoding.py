r"""From texts to tokens, and where in them an answer would stand.

A slot is a character offset; a model knows tokens. What stands at the slot now (`unknown`) may be
cut otherwise than an answer would be, and a tokenizer may join the tab before the slot with either.
So the line of the slot is tokenized once with what stands there and once with every answer, and the
cut is made at the last place at or before the slot where all of them have a boundary. Where that is
before the slot, tokens that all answers share are given, not predicted; if answers are joined with
the tab, their log-probabilities are those of tab and number together, so they still compare among
themselves. Lines are cut alike wherever they stand, so they are remembered.
"""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from transformers import PreTrainedTokenizerBase

from neuroscribe.llm.local.rows import Ids, Slot, shared_length
from neuroscribe.llm.wire.body import encodable

_KEPT_LINES = 20_000


class Encoded(NamedTuple):
    """The tokens of a text."""

    ids: Ids
    ends: tuple[int, ...]
    """For each token the characters of the text that are covered once it is read; never falling."""


class _Cut(NamedTuple):
    back: int
    """Characters before the slot at which the tokens of the answers begin."""
    answers: dict[str, Ids]
    given: int


class Encoder:
    """The tokenizer of a model.

    Args:
        tokenizer: a fast one.
        prefix_ids: what the model expects before a text.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, prefix_ids: Ids) -> None:
        self.tokenizer = tokenizer
        self.prefix_ids = prefix_ids
        self._texts: dict[int, str] = {}
        self._lines: OrderedDict[tuple[str, str | None, tuple[str, ...]], _Cut | None] = (
            OrderedDict()
        )

    def encode(self, texts: Sequence[str], *, with_prefix: bool = True) -> list[Encoded]:
        """The tokens of texts.

        Args:
            texts: any; special tokens that they spell out are read as such.
            with_prefix: whether the model's special tokens stand before them.
        """
        encoding: Any = self.tokenizer(
            [encodable(text) for text in texts],
            add_special_tokens=False,
            return_offsets_mapping=True,
            return_attention_mask=False,
            truncation=False,
            padding=False,
            verbose=False,
        )
        before = self.prefix_ids if with_prefix else ()
        return [
            Encoded(
                (*before, *ids),
                (*(0 for _ in before), *accumulate((end for _, end in spans), max)),
            )
            for ids, spans in zip(encoding["input_ids"], encoding["offset_mapping"], strict=True)
        ]

    def slot(self, text: str, encoded: Encoded, offset: int, answers: Sequence[str]) -> Slot | None:
        """Where answers would stand in a text that has been encoded.

        Args:
            text: the whole.
            encoded: its tokens.
            offset: character at which the answers would begin.
            answers: different ones, none of them empty.

        Returns:
            None where nothing stands before the slot, or the tokenizer cuts the line otherwise in
            the text than on its own.
        """
        start = text.rfind("\n", 0, offset) + 1
        # At the end of a text nothing stands at the slot that could be cut otherwise.
        rest = text[offset:].partition("\n")[0] if offset < len(text) else None
        cut = self._line(text[start:offset], rest, tuple(answers))
        if cut is None:
            return None
        begin = offset - cut.back
        before = bisect_right(encoded.ends, begin)
        if before == 0 or encoded.ends[before - 1] != begin:
            return None
        return Slot(cut=before, answers=cut.answers, given=cut.given)

    def text(self, ids: Ids) -> str:
        """What tokens say, special ones left out."""
        return str(
            self.tokenizer.decode(
                list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        )

    def token_text(self, token: int) -> str:
        """What one token adds to a text; a fragment of a character shows as U+FFFD."""
        if token not in self._texts:
            # Behind another token, because some tokenizers drop a space at the start.
            anchor = self.encode(["a"], with_prefix=False)[0].ids
            both = self.tokenizer.decode([*anchor, token], clean_up_tokenization_spaces=False)
            alone = self.tokenizer.decode(list(anchor), clean_up_tokenization_spaces=False)
            self._texts[token] = str(both)[len(alone) :]
        return self._texts[token]

    def _line(self, before: str, rest: str | None, answers: tuple[str, ...]) -> _Cut | None:
        key = (before, rest, answers)
        if key not in self._lines:
            self._lines[key] = self._cut(*key)
            if len(self._lines) > _KEPT_LINES:
                self._lines.popitem(last=False)
        return self._lines[key]

    def _cut(self, before: str, rest: str | None, answers: tuple[str, ...]) -> _Cut | None:
        offset = len(before) + 1
        fillings = answers if rest is None else (*answers, rest)
        written = [f"\n{before}{filling}\n" for filling in fillings]
        all_encoded = self.encode(written, with_prefix=False)
        shared = set.intersection(*({0, *encoded.ends} for encoded in all_encoded))
        begin = max(place for place in shared if place <= offset)
        if begin == 0 and before:
            return None
        found = {
            answer: encoded.ids[
                bisect_right(encoded.ends, begin) : bisect_left(encoded.ends, offset + len(answer))
                + 1
            ]
            for answer, encoded in zip(answers, all_encoded, strict=False)
        }
        alike = shared_length(min(found.values()), max(found.values()))
        shortest = min(map(len, found.values()))
        given = min(alike, shortest - 1) if begin < offset else 0
        return _Cut(offset - begin, found, given)
