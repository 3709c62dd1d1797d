"""Explain a unit from the tokens on which its mean activation is highest.

The look-up table was fitted on all `train` tokens, so it says what the unit does on average, which
a handful of exemplars cannot; of the context it says nothing. The whole prompt is a fifth as long
as one with texts. The record knows token ids; their strings are taken from its own `train`
exemplars, as they stood in texts, and else from the vocabulary of the subject, if it is at hand.
Ids whose strings are not known are left out. Means are shown relative to the highest.

Source: Bills et al., 2023 (token space representations).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from neuroscribe.explainer.asking import Asking, Evidence, Example
from neuroscribe.explainer.few_shot_tokens import SOLVED_BY_INPUTS
from neuroscribe.explainer.forms import Wording
from neuroscribe.explainer.token_lists import list_shown, on_scale
from neuroscribe.records import Exemplar, UnitRecord

_HEADING = "Tokens with the highest mean value:"


@dataclass(frozen=True, kw_only=True)
class TokenLookup(Asking):
    """The look-up table explainer."""

    n_tokens: int = 20
    """Tokens that the LLM is shown at most."""
    vocabulary: Callable[[int], str] | None = field(default=None, compare=False)
    """From a token id to what the token shows; None leaves out what no exemplar shows."""

    name: ClassVar[str] = "token_lookup"
    needs: ClassVar[tuple[str, ...]] = ("vocabulary",)
    shows_exemplars: ClassVar[bool] = False

    def evidence(
        self,
        record: UnitRecord,
        shown: Sequence[Exemplar] | None = None,  # noqa: ARG002
    ) -> Evidence:
        """The largest means of the look-up table; no exemplar is shown."""
        rows = on_scale(self._means(record))
        silence = None if rows else self._silence(record)
        return Evidence(list_shown(_HEADING, rows), ("token_lookup",), silence)

    def examples(self) -> Iterator[Example]:
        """The solved units' input lists."""
        for unit in SOLVED_BY_INPUTS:
            yield Example(list_shown(_HEADING, unit.inputs), unit.answers)

    def instructions(self, wording: Wording) -> str:
        """What the list is, and what is wanted."""
        return f"""\
You find out what single units of a neural network respond to. For every token of a text a unit \
has a value. Below you see the tokens on which one unit is strongest on average, over many texts: \
one per line, the token, a tab, and its mean, where the highest mean is 10. Spaces belong to the \
tokens; special characters are written with a backslash.

Say in {wording.described} what the tokens have in common, the strong ones above all; a few may be \
there by chance. Be as specific as the list allows; quote tokens where they are the point. Give \
the {wording.noun} alone: no numbers, no remarks about the list."""

    def _means(self, record: UnitRecord) -> list[tuple[str, float]]:
        lookup = record.statistics.lookup
        seen = _strings(record)
        means: list[tuple[str, float]] = []
        for token_id, mean in zip(lookup.token_ids, lookup.means, strict=True):
            token = seen.get(token_id)
            if token is None and self.vocabulary is not None:
                token = self.vocabulary(token_id)
            if token is not None and mean > 0:
                means.append((token, mean))
        return sorted(means, key=lambda pair: -pair[1])[: self.n_tokens]

    def _silence(self, record: UnitRecord) -> str:
        lookup = record.statistics.lookup
        if not lookup.token_ids:
            return f"{record.unit} has no token look-up table"
        if max(lookup.means) <= 0:
            return (
                f"no token fires {record.unit} on average: the largest mean of its look-up table "
                f"is {max(lookup.means):g}"
            )
        return f"what the tokens in the look-up table of {record.unit} show is not known"


def _strings(record: UnitRecord) -> dict[int, str]:
    """What tokens show in the unit's `train` exemplars, the first time they occur."""
    strings: dict[int, str] = {}
    for exemplar in record.select("train"):
        sequence = exemplar.sequence
        for token_id, token in zip(sequence.token_ids, sequence.tokens, strict=True):
            strings.setdefault(token_id, token)
    return strings


PLUGIN = TokenLookup
