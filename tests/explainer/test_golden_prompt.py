"""The whole prompt of the token-activation explainer, compared with a file."""

from pathlib import Path

import pytest

from neuroscribe.explainer.few_shot import SOLVED_UNITS
from neuroscribe.explainer.token_activation_pairs import SPARSE_SHARE, TokenActivationPairs
from neuroscribe.records import Exemplar, UnitId, UnitRecord

GOLDEN = Path(__file__).parent / "golden" / "token_activation_pairs.txt"


@pytest.fixture
def negative_unit(make_sequence, make_statistics) -> UnitRecord:
    """The negative side of a unit: its activations come with their sign flipped already."""
    texts = [
        (("The", " storm", "\n", " broke", "⟨f0 9f⟩"), (-0.5, 3.0, 0.1, 0.2, 0.0)),
        (("No", " wind", "\t", "<end>", " now"), (0.0, 1.6, 0.0, -2.0, 0.0)),
    ]
    exemplars = tuple(
        Exemplar(
            sequence=make_sequence(*tokens, sequence_id=rank),
            activations=activations,
            kind="top",
            rank=rank,
        )
        for rank, (tokens, activations) in enumerate(texts)
    )
    elsewhere = Exemplar(
        sequence=make_sequence("never", " shown", sequence_id=9, split="test"),
        activations=(9.0, 9.0),
        kind="top",
        rank=0,
    )
    statistics = make_statistics(min=-2.0, max=9.0)
    return UnitRecord(
        unit=UnitId("mlp.0", 1, -1), statistics=statistics, exemplars=(*exemplars, elsewhere)
    )


def test_the_whole_prompt_is_the_golden_one(negative_unit):
    messages = TokenActivationPairs().prompt(negative_unit)
    shown = "".join(f"[{message.role}]\n{message.content}\n\n" for message in messages)
    assert shown == GOLDEN.read_text(encoding="utf-8")


def test_nothing_of_another_split_is_shown(negative_unit):
    assert "never" not in TokenActivationPairs().prompt(negative_unit)[-1].content


def test_only_as_many_exemplars_are_shown_as_are_set(negative_unit):
    (shown,) = [
        message.content
        for message in TokenActivationPairs(n_exemplars=1).prompt(negative_unit)[-1:]
    ]
    assert "storm" in shown
    assert "wind" not in shown


def test_at_least_three_units_are_solved_and_both_forms_are_among_them():
    shares = [
        sum(level > 0 for text in unit.texts for _, level in text) / sum(map(len, unit.texts))
        for unit in SOLVED_UNITS
    ]
    assert len(shares) >= 3
    assert min(shares) < SPARSE_SHARE <= max(shares)


def test_the_hash_of_the_prompt_changes_with_the_prompt_alone(negative_unit):
    def sha256(n_exemplars: int) -> str:
        silent = UnitRecord(
            unit=negative_unit.unit,
            statistics=negative_unit.statistics,
            exemplars=tuple(
                Exemplar(
                    sequence=exemplar.sequence,
                    activations=(0.0,) * len(exemplar.sequence),
                    kind="top",
                    rank=exemplar.rank,
                )
                for exemplar in negative_unit.exemplars
            ),
        )
        with pytest.raises(StopIteration) as stop:
            next(TokenActivationPairs(n_exemplars=n_exemplars)(silent))
        return stop.value.value.prompt_sha256

    assert sha256(1) == sha256(1)
    assert sha256(1) != sha256(2)
    assert len(sha256(1)) == 64
