"""The mock reads the prompts that our own explainer and simulators write."""

import asyncio
from collections.abc import Sequence

import pytest

from neuroscribe import registry
from neuroscribe.explainer.token_activation_pairs import TokenActivationPairs
from neuroscribe.llm import driver
from neuroscribe.llm.mock import Abilities
from neuroscribe.records import (
    Exemplar,
    Sequence as Text,
    TokenLookup,
    UnitId,
    UnitRecord,
    UnitStatistics,
)

STATISTICS = UnitStatistics(
    n_tokens=8,
    mean=0.5,
    variance=1.0,
    skewness=None,
    kurtosis=None,
    min=0.0,
    max=4.0,
    density=0.25,
    density_1pct=0.25,
    quantile_boundaries=(0.0, 0.0, 0.0, 0.0),
    histogram_edges=(),
    histogram_counts=(0,),
    lookup=TokenLookup(token_ids=(), means=(), counts=()),
)


def exemplar(rank: int, tokens: Sequence[str], activations: Sequence[float]) -> Exemplar:
    offsets = [0]
    for token in tokens:
        offsets.append(offsets[-1] + len(token.encode()))
    text = Text(
        sequence_id=rank,
        document_id=str(rank),
        split="train",
        token_ids=tuple(range(len(tokens))),
        tokens=tuple(tokens),
        text="".join(tokens),
        token_bytes_offsets=tuple(offsets),
    )
    return Exemplar(sequence=text, activations=tuple(activations), kind="top", rank=rank)


@pytest.fixture
def finish():
    def run(dialogue, client):
        results = []

        async def whole():
            try:
                await driver.run(
                    [(0, dialogue)], client, on_result=lambda _, result: results.append(result)
                )
            finally:
                await client.aclose()

        asyncio.run(whole())
        return results[0]

    return run


def test_it_explains_the_unit_and_not_the_solved_ones(mock_client, finish):
    record = UnitRecord(
        unit=UnitId("mlp.4", 7),
        statistics=STATISTICS,
        exemplars=(
            exemplar(0, ["the", " raw", " data", " <start>"], [0.0, 4.0, 0.3, 0.0]),
            exemplar(1, [" some", "\n", " Raw", "\t"], [0.1, 0.0, 3.0, 0.0]),
        ),
    )
    explanation = finish(TokenActivationPairs()(record), mock_client())
    assert (explanation.status, explanation.text) == ("ok", 'the token "raw"')
    assert explanation.llm == "mock"
    assert explanation.input_tokens > 100


TOKENS = (" the", " raw", "\t", "Rawdata", "⟨f0 9f⟩", "<end>", 'say"so', "\n", "unknown")


SIMULATORS = (
    "prompt_logprobs",
    "generated_logprobs",
    "structured",
    "decisions",
    "token_by_token",
)


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_every_simulator_finds_the_words_of_the_explanation(mock_client, finish, simulator):
    simulate = registry.load("simulator", simulator)()
    explanation = 'the tokens "raw", "say\\"so"'
    prediction = finish(simulate(explanation, TOKENS), mock_client())
    assert (prediction.status, prediction.reason) == ("ok", None)
    high = [index for index, value in enumerate(prediction.expected) if value > 6]
    assert high == [1, 6]
    assert prediction.expected[1] > prediction.expected[6]
    assert 3 < prediction.expected[3] < 6
    rest = [prediction.expected[index] for index in (0, 2, 4, 5, 7, 8)]
    assert max(rest) < 1.5


def test_values_of_a_splitting_tokenizer_are_the_same_or_missing(mock_client, finish):
    simulate = registry.load("simulator", "generated_logprobs")()
    whole, split = (
        finish(
            simulate('the token "raw"', TOKENS),
            mock_client(abilities=Abilities(splits_ten=splits)),
        )
        for splits in (False, True)
    )
    assert split.status == "ok"
    pairs = [
        (one, two)
        for one, two in zip(whole.expected, split.expected, strict=True)
        if two is not None
    ]
    # Where no 1 was written nobody knows whether an alternative "1" would have become a 10.
    assert 0 < len(pairs) < len(TOKENS)
    for one, two in pairs:
        assert two == pytest.approx(one, abs=0.05)
