"""Explain a unit from its own weights: tokens that excite it, and tokens that it makes likelier.

No text is needed, so the explanation owes nothing to a corpus; but weights know only the direct
path from one token, and what attention brings from elsewhere is missing. It serves units near the
embedding best. Where a model has no unembedding (encoders) the input list stands alone; a unit for
which the weights are not defined is skipped with the reason. On the negative side of a unit all
weights count with their sign flipped; the service knows the side from the unit's id.

Source: Bills et al., 2023 (token space representations).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from neuroscribe.explainer.asking import Asking, Evidence, Example
from neuroscribe.explainer.few_shot_tokens import SOLVED_BY_INPUTS
from neuroscribe.explainer.forms import Wording
from neuroscribe.explainer.token_lists import Rows, list_shown, on_scale
from neuroscribe.records import Exemplar, UnitId, UnitRecord
from neuroscribe.services import WeightTokens

_INPUTS = "Tokens that excite the unit:"
_OUTPUTS = "Tokens that the unit makes likelier to come next:"


@dataclass(frozen=True, kw_only=True)
class TokenWeights(Asking):
    """The explainer of input and output weights."""

    weights: Callable[[UnitId], WeightTokens] = field(compare=False)
    """The tokens that a unit's weights name."""
    n_tokens: int = 20
    """Tokens of each list that the LLM is shown at most."""

    name: ClassVar[str] = "token_weights"
    needs: ClassVar[tuple[str, ...]] = ("weights",)
    shows_exemplars: ClassVar[bool] = False

    def evidence(
        self,
        record: UnitRecord,
        shown: Sequence[Exemplar] | None = None,  # noqa: ARG002
    ) -> Evidence:
        """The largest input and output weights; no exemplar is shown."""
        found = self.weights(record.unit)
        inputs = on_scale(found.inputs[: self.n_tokens])
        promoted = on_scale(found.promoted[: self.n_tokens])
        sources = (("input_weights", inputs), ("output_weights", promoted))
        return Evidence(
            _lists(inputs, promoted),
            tuple(name for name, rows in sources if rows),
            None if inputs else found.reason or f"no token excites {record.unit} by its weights",
        )

    def examples(self) -> Iterator[Example]:
        """The solved units' lists."""
        for unit in SOLVED_BY_INPUTS:
            yield Example(_lists(unit.inputs, unit.promoted), unit.answers)

    def instructions(self, wording: Wording) -> str:
        """What the lists are, and what is wanted."""
        return f"""\
You find out what single units of a neural network respond to. Below you see tokens that one \
unit's weights name: those that excite it most and, for some units, those that it makes likelier \
to come next. There is one token per line: the token, a tab, and the weight, where the largest is \
10. Spaces belong to the tokens; special characters are written with a backslash.

Say in {wording.described} what the unit fires on: what the tokens that excite it have in common. \
What it makes likelier may tell between several answers. A few tokens may be there by chance. Be \
as specific as the lists allow; quote tokens where they are the point. Give the {wording.noun} \
alone: no numbers, no remarks about the lists."""


def _lists(inputs: Rows, promoted: Rows) -> str:
    return list_shown(_INPUTS, inputs) + list_shown(_OUTPUTS, promoted)


PLUGIN = TokenWeights
