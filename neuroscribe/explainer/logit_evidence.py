"""Explain a unit from what it does to the next token: what it promotes and what it suppresses.

Units near the output are often clearer from what they say than from what they hear. The question
stays the same as everywhere, what the unit fires on, so that the explanation can be simulated and
judged like any other: a unit that promotes months fires where a date is about to come. Suppressed
tokens have values below 0. On the negative side of a unit the two lists change places; the service
knows the side from the unit's id. Models without an unembedding have no such lists: skipped.

Source: the promoted and suppressed logits that Neuronpedia shows for each unit.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from neuroscribe.explainer.asking import Asking, Evidence, Example
from neuroscribe.explainer.few_shot_tokens import SOLVED_BY_OUTPUTS
from neuroscribe.explainer.forms import Wording
from neuroscribe.explainer.token_lists import Rows, list_shown, on_scale
from neuroscribe.records import Exemplar, UnitId, UnitRecord
from neuroscribe.services import WeightTokens

_PROMOTED = "Tokens that the unit makes likelier:"
_SUPPRESSED = "Tokens that the unit makes less likely:"


@dataclass(frozen=True, kw_only=True)
class LogitEvidence(Asking):
    """The explainer of promoted and suppressed tokens."""

    weights: Callable[[UnitId], WeightTokens] = field(compare=False)
    """The tokens that a unit's weights name."""
    n_tokens: int = 15
    """Tokens of each list that the LLM is shown at most."""

    name: ClassVar[str] = "logit_evidence"
    needs: ClassVar[tuple[str, ...]] = ("weights",)
    shows_exemplars: ClassVar[bool] = False

    def evidence(
        self,
        record: UnitRecord,
        shown: Sequence[Exemplar] | None = None,  # noqa: ARG002
    ) -> Evidence:
        """The largest and smallest output weights; no exemplar is shown."""
        found = self.weights(record.unit)
        promoted = on_scale(found.promoted[: self.n_tokens])
        suppressed = on_scale(found.suppressed[: self.n_tokens])
        silence = None
        if not promoted and not suppressed:
            silence = found.reason or f"the weights of {record.unit} move no logit"
        return Evidence(_lists(promoted, suppressed), ("output_weights",), silence)

    def examples(self) -> Iterator[Example]:
        """The solved units' lists."""
        for unit in SOLVED_BY_OUTPUTS:
            yield Example(_lists(unit.promoted, unit.suppressed), unit.answers)

    def instructions(self, wording: Wording) -> str:
        """What the lists are, and what is wanted."""
        return f"""\
You find out what single units of a language model respond to. Below you see what one unit does to \
the model's next token when it fires: the tokens that it makes likelier, with values up to 10, and \
those that it makes less likely, with values down to -10. There is one token per line: the token, \
a tab, and the value. Spaces belong to the tokens; special characters are written with a backslash.

A unit usually fires where the tokens that it makes likelier are about to come. Say in \
{wording.described} on what text it fires, judging from what it promotes. A few tokens may be \
there by chance. Be as specific as the lists allow; quote tokens where they are the point. Give \
the {wording.noun} alone: no numbers, no remarks about the lists."""


def _lists(promoted: Rows, suppressed: Rows) -> str:
    return list_shown(_PROMOTED, promoted) + list_shown(_SUPPRESSED, suppressed)


PLUGIN = LogitEvidence
