"""How well a text explains a unit, by simulation on `valid`: what candidates are chosen by.

The split is neither the one that explanations are made from nor the one on which they are reported,
so choosing the best of many does not flatter the score. A rating of which a prediction failed is
none: candidates would be compared on different texts.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from neuroscribe.llm.protocol import Dialogue
from neuroscribe.records import Exemplar, UnitRecord
from neuroscribe.scoring.held_out import each_once
from neuroscribe.scoring.pooled import pooled_value
from neuroscribe.scoring.simulating import predict
from neuroscribe.services import Rate, Rating, Simulate

N_VALID = 5
"""Top and as many random exemplars of `valid` that are simulated."""


def rate_on_valid(
    simulate: Simulate,
    *,
    by: str,
    count: int = N_VALID,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Rate:
    """Rate texts by the correlation of simulated with true activations on `valid`.

    Args:
        simulate: the simulator.
        by: its name and the LLM's.
        count: exemplars of each kind.
        clock: dates the ratings.
    """

    def rate(record: UnitRecord, text: str) -> Dialogue[Rating]:
        exemplars = _valid(record, count)
        (predictions,) = yield from predict([text], record, exemplars, simulate)
        if any(prediction.status == "failed" for prediction in predictions):
            return Rating(None, None, None)
        score = pooled_value(
            "pearson",
            [exemplar.activations for exemplar in exemplars],
            [prediction.expected for prediction in predictions],
        )
        return Rating(score, by, clock())

    return rate


def _valid(record: UnitRecord, count: int) -> list[Exemplar]:
    return each_once(
        [
            *record.select("valid", "top")[:count],
            *record.select("valid", "random")[:count],
        ]
    )
