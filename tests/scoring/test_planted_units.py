"""Every judge scorer on units whose rules are known."""

import hashlib

import numpy as np
import pytest

from neuroscribe.scoring.detection import Detection
from neuroscribe.scoring.embedding import Embedding
from neuroscribe.scoring.fuzzing import Fuzzing
from neuroscribe.scoring.generation import Generation
from neuroscribe.scoring.intruder import Intruder
from neuroscribe.scoring.surprisal import Surprisal
from tests.planted import (
    PLANTED,
    RULES,
    PlantedSubject,
    SilentTexts,
    claims,
    planted_units,
    tokenise,
)
from tests.scoring.oracle import CAPABLE, case_of, coin, finish, oracle, value_of
from tests.services import Encoder

SILENT = SilentTexts()
N_SEEDS = 20


@Encoder
def knowing(texts):
    """Embeds by what rules a text follows; an explanation by the rule that it states."""
    rows = []
    for text in texts:
        stated = [float(text == rule) for rule in RULES]
        follows = [float(any(claims(rule, tokenise(text)))) for rule in RULES]
        row = np.array([*(stated if text in RULES else follows), 0.1])
        rows.append(row / np.linalg.norm(row))
    return np.array(rows, dtype=np.float32)


def blind(seed):
    """Embeds by a hash."""

    @Encoder
    def embed(texts):
        digests = [hashlib.blake2b(f"{seed} {text}".encode()).digest() for text in texts]
        rows = np.array([np.frombuffer(digest, dtype=np.uint8) for digest in digests]) - 127.5
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    return embed


HEADLINES = {
    "detection": "balanced_accuracy",
    "fuzzing": "balanced_accuracy",
    "intruder": "accuracy",
    "surprisal": "auc",
    "embedding": "auc",
    "generation": "firing_rate",
}
ASKING = {
    "detection": Detection(negatives=SILENT, capabilities=CAPABLE),
    "fuzzing": Fuzzing(capabilities=CAPABLE),
    "intruder": Intruder(negatives=SILENT, capabilities=CAPABLE),
    "surprisal": Surprisal(negatives=SILENT, capabilities=CAPABLE),
}
KNOWING = ASKING | {
    "embedding": Embedding(negatives=SILENT, embed=knowing),
    "generation": Generation(subject=PlantedSubject(), capabilities=CAPABLE),
}
CHANCE = {"intruder": 0.2}


@pytest.mark.parametrize("explanation", PLANTED)
@pytest.mark.parametrize("name", KNOWING)
def test_an_oracle_gives_the_right_explanation_at_least_95_percent(name, explanation):
    (unit,) = [unit for unit in planted_units() if unit.explanation == explanation]
    result, _ = finish(KNOWING[name](case_of(unit.record, explanation)), oracle)
    assert value_of(result, HEADLINES[name]) >= 0.95
    for score in result.scores:
        assert score.value >= 0.95
        assert (score.coverage, score.reliable) == (1.0, True)
        assert score.value >= score.low >= score.chance


@pytest.mark.parametrize("name", sorted(KNOWING.keys() - {"fuzzing"}))
def test_an_oracle_gives_every_wrong_explanation_less(name):
    for unit in planted_units():
        right, *wrong = values_of(name, unit)
        assert max(wrong) < right


def test_marks_cannot_tell_a_wider_rule_from_the_right_one_but_all_else():
    for unit in planted_units():
        right, *wrong = values_of("fuzzing", unit)
        assert max(wrong) <= right
        assert sorted(wrong)[-3] < 0.95


def values_of(name, unit):
    """What an oracle gives the right explanation, and every wrong one."""
    return [
        value_of(finish(KNOWING[name](case_of(unit.record, text)), oracle)[0], HEADLINES[name])
        for text in (unit.explanation, *unit.wrong)
    ]


@pytest.mark.parametrize("name", [*ASKING, "embedding"])
def test_a_coin_gives_half_and_of_five_a_fifth(name):
    values = []
    for seed in range(N_SEEDS):
        blindly = ASKING | {"embedding": Embedding(negatives=SILENT, embed=blind(seed))}
        for unit in planted_units():
            case = case_of(unit.record, unit.explanation, seed=seed)
            result, _ = finish(blindly[name](case), coin(seed))
            values.append(value_of(result, HEADLINES[name]))
    assert np.mean(values) == pytest.approx(CHANCE.get(name, 0.5), abs=0.05)
