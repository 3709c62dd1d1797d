"""Simulate with a model that was trained to: one forward pass, logits of 0..10 at every position.

A simulator model reads the explanation and then the subject's own token ids, whose tokenizer it
shares, so no token has to be spelled or escaped. There is no prompt of ours. Only models in process
(`local:PATH`) answer so; served ones give no logits of all positions.

Source: Choi et al., 2024.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from neuroscribe.errors import InputError
from neuroscribe.llm.protocol import Capabilities, Dialogue, DirectRequest, Reply
from neuroscribe.records import Prediction
from neuroscribe.simulator.distribution import expectation
from neuroscribe.simulator.reading import Reading, ask


@dataclass(frozen=True, kw_only=True)
class Direct:
    """The simulator for fine-tuned simulator models."""

    name: ClassVar[str] = "direct"
    needs: ClassVar[str] = "a simulator model in process, such as local:PATH"
    preference: ClassVar[int | None] = 5
    asks: ClassVar[bool] = True

    @classmethod
    def suits(cls, capabilities: Capabilities) -> bool:
        """Whether the model is a simulator model."""
        return capabilities.direct

    def __call__(
        self,
        explanation: str,
        tokens: Sequence[str],
        *,
        token_ids: Sequence[int] | None = None,
        **_: object,
    ) -> Dialogue[Prediction]:
        """Predict one value per token with one request.

        Raises:
            InputError: no token ids, or not one per token.
        """
        if token_ids is None or len(token_ids) != len(tokens):
            given = "none" if token_ids is None else str(len(token_ids))
            raise InputError(
                f"the simulator `direct` reads the subject's token ids, one for each of "
                f"{len(tokens)} tokens, and was given {given}"
            )
        return ask(
            DirectRequest(explanation=explanation, token_ids=tuple(token_ids)),
            lambda reply: _read(reply, len(tokens)),
            simulator=self.name,
            n_tokens=len(tokens),
            attempts=1,
        )


def _read(reply: Reply, n_tokens: int) -> Reading:
    slots = reply.slots or ()
    if len(slots) != n_tokens:
        return Reading(problem=f"levels came for {len(slots)} of {n_tokens} tokens")
    return Reading(expected=tuple(expectation(slot or {}).value for slot in slots))


PLUGIN = Direct
