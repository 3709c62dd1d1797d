"""Simulate without an LLM and without the explanation: each token's mean activation on `train`.

What a table of tokens alone predicts is the level that an explanation has to beat (about .53 for
the neurons of GPT-2 XL, more than most explanations reach). As a simulator it goes through the same
calibration, metrics and tables as the others. It is never chosen on its own: it says nothing of the
explanation.

Source: Bills et al., 2023.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from neuroscribe.errors import InputError
from neuroscribe.llm.protocol import Capabilities, Dialogue
from neuroscribe.notation import MAX_LEVEL
from neuroscribe.records import NO_LLM, Prediction, UnitRecord


@dataclass(frozen=True, kw_only=True)
class TokenLookup:
    """The simulator that knows a unit's mean activation on each token."""

    name: ClassVar[str] = "token_lookup"
    needs: ClassVar[str] = "the unit's record, and no LLM"
    preference: ClassVar[int | None] = None
    asks: ClassVar[bool] = False

    @classmethod
    def suits(cls, capabilities: Capabilities) -> bool:  # noqa: ARG003
        """Any endpoint, because none is asked."""
        return True

    def __call__(
        self,
        explanation: str,  # noqa: ARG002
        tokens: Sequence[str],
        *,
        token_ids: Sequence[int] | None = None,
        record: UnitRecord | None = None,
    ) -> Dialogue[Prediction]:
        """Predict one value per token without any request; tokens outside the table get the mean.

        Raises:
            InputError: no record, no token ids, or not one per token.
        """
        if record is None or token_ids is None or len(token_ids) != len(tokens):
            raise InputError(
                "the simulator `token_lookup` needs the unit's record and one token id for each of "
                f"{len(tokens)} tokens"
            )
        return _predict(record, token_ids)


def _predict(record: UnitRecord, token_ids: Sequence[int]) -> Dialogue[Prediction]:
    statistics = record.statistics
    means = statistics.lookup.predict(token_ids, default=statistics.mean)
    largest = record.max_activation
    yield from ()
    return Prediction(
        status="ok",
        expected=tuple(None if mean is None else _scaled(mean, largest) for mean in means),
        simulator=TokenLookup.name,
        llm=NO_LLM,
    )


def _scaled(activation: float, largest: float) -> float:
    if largest <= 0:
        return 0.0
    return min(float(MAX_LEVEL), MAX_LEVEL * max(0.0, activation) / largest)


PLUGIN = TokenLookup
