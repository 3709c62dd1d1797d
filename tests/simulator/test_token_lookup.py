"""The simulator that asks nobody."""

import pytest

from neuroscribe.errors import InputError
from neuroscribe.records import (
    Exemplar,
    Sequence,
    TokenLookup as Table,
    UnitId,
    UnitRecord,
    UnitStatistics,
)
from neuroscribe.simulator.token_lookup import TokenLookup


def record(largest: float) -> UnitRecord:
    sequence = Sequence(
        sequence_id=0,
        document_id="0",
        split="train",
        token_ids=(7,),
        tokens=("a",),
        text="a",
        token_bytes_offsets=(0, 1),
    )
    statistics = UnitStatistics(
        n_tokens=1,
        mean=0.5,
        variance=0.0,
        skewness=None,
        kurtosis=None,
        min=0.0,
        max=largest,
        density=1.0,
        density_1pct=1.0,
        quantile_boundaries=(0.0, 0.0, 0.0, 0.0),
        histogram_edges=(),
        histogram_counts=(1,),
        lookup=Table(token_ids=(7, 8, 9), means=(4.0, -1.0, 9.0), counts=(1, 1, 1)),
    )
    exemplar = Exemplar(sequence=sequence, activations=(largest,), kind="top", rank=0)
    return UnitRecord(unit=UnitId("mlp.0", 0), statistics=statistics, exemplars=(exemplar,))


def predict(largest: float):
    dialogue = TokenLookup()("rain", list("abcd"), token_ids=(7, 8, 9, 1), record=record(largest))
    with pytest.raises(StopIteration) as stop:
        next(dialogue)
    return stop.value.value


def test_means_are_scaled_by_the_largest_activation_and_kept_within_the_scale():
    prediction = predict(8.0)
    # A token outside the table gets the unit's mean; nothing is below 0 or above 10.
    assert prediction.expected == (5.0, 0.0, 10.0, 0.625)
    assert (prediction.status, prediction.llm) == ("ok", "none")
    assert prediction.simulator == "token_lookup"


def test_a_unit_that_never_fires_is_predicted_silent():
    assert predict(0.0).expected == (0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    "given", [{}, {"token_ids": (1, 2)}, {"record": record(1.0)}, {"token_ids": (1,)}]
)
def test_it_needs_a_record_and_an_id_for_every_token(given):
    with pytest.raises(InputError, match="needs the unit's record and one token id for each of 2"):
        TokenLookup()("rain", ["a", "b"], **given)
