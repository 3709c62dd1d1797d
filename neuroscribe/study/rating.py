"""How well a text explains a unit, by simulation on `valid`: what candidates are chosen by.

The split is neither the one that explanations are made from nor the one on which they are reported,
so choosing the best of many does not flatter the score.
"""

from collections.abc import Callable

from neuroscribe.llm.dialogue import together
from neuroscribe.llm.protocol import Dialogue
from neuroscribe.records import Exemplar, UnitRecord
from neuroscribe.scoring.pooled import pooled_value
from neuroscribe.services import Simulate

Rate = Callable[[UnitRecord, str], Dialogue[float | None]]
"""From a unit and a text to a score; None where it is undefined."""

N_VALID = 5
"""Top and as many random exemplars of `valid` that are simulated."""


def rate_on_valid(simulate: Simulate, *, count: int = N_VALID) -> Rate:
    """Rate texts by the correlation of simulated with true activations on `valid`."""

    def rate(record: UnitRecord, text: str) -> Dialogue[float | None]:
        exemplars = _valid(record, count)
        predictions = yield from together(
            [
                simulate(
                    text,
                    exemplar.sequence.tokens,
                    token_ids=exemplar.sequence.token_ids,
                    record=record,
                )
                for exemplar in exemplars
            ]
        )
        return pooled_value(
            "pearson",
            [exemplar.activations for exemplar in exemplars],
            [prediction.expected for prediction in predictions],
        )

    return rate


def _valid(record: UnitRecord, count: int) -> list[Exemplar]:
    found: dict[int, Exemplar] = {}
    for kind in ("top", "random"):
        for exemplar in record.select("valid", kind)[:count]:
            found.setdefault(exemplar.sequence.sequence_id, exemplar)
    return list(found.values())
