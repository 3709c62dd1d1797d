import json
from pathlib import Path

import puzzles
import pytest

from neuroscribe.records import Prediction

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT.parent / "shared/data/openai-puzzles/puzzles.json"
PUZZLE = {
    "name": "rain",
    "explanation": "rain",
    "false_explanations": ["snow", "the"],
    "sentences": [
        [["rain", 9], " falls", " on", " snow"],
        ["the", " snow", " and", [" rain", 10]],
        ["more", [" rain", 9], " falls"],
        ["after", [" rain", 8], " snow"],
    ],
}


def oracle(explanation, tokens, **_):
    """Predicts the word that an explanation is."""
    yield from ()
    return Prediction(
        status="ok",
        expected=tuple(10.0 * (token.strip() == explanation) for token in tokens),
        simulator="oracle",
        llm="oracle",
    )


def solved(puzzle, said):
    class Explainer:
        def __call__(self, record, shown=None, *, sample=0):
            yield from ()
            from datetime import UTC, datetime

            from neuroscribe.records import Explanation

            return Explanation(
                unit=record.unit, text=said, status="ok", explainer="e", llm="l",
                prompt_sha256="0", created_at=datetime(2026, 1, 1, tzinfo=UTC),
            )  # fmt: skip

    with pytest.raises(StopIteration) as stop:
        next(puzzles.solve(puzzle, Explainer(), oracle))
    return stop.value.value


@pytest.fixture
def rain(tmp_path):
    file = tmp_path / "puzzles.json"
    file.write_text(json.dumps({"rain": PUZZLE}), encoding="utf-8")
    (puzzle,) = puzzles.read_puzzles(file)
    return puzzle


def test_half_of_the_sentences_explain_and_the_others_are_simulated(rain):
    assert rain.split
    train, test = rain.record.select("train"), rain.record.select("test")
    assert [each.sequence.text for each in train] == ["rain falls on snow", "more rain falls"]
    assert [each.sequence.text for each in test] == ["the snow and rain", "after rain snow"]
    assert rain.record.max_activation == 9.0


def test_the_truth_is_ranked_first_and_a_right_explanation_found(rain):
    result = solved(rain, "rain")
    assert result.truth_score == pytest.approx(result.found_score)
    assert result.truth_score > 0.9
    assert result.best_false_score < 0
    assert (result.ranked_first, result.found) == (True, True)


def test_a_false_explanation_is_not_counted_as_found(rain):
    assert not solved(rain, "snow").found


@pytest.mark.skipif(not PUBLISHED.exists(), reason=f"{PUBLISHED.name} of OpenAI is not beside us")
def test_all_published_puzzles_are_read():
    found = list(puzzles.read_puzzles(PUBLISHED))
    assert len(found) == 19
    assert {puzzle.name for puzzle in found} >= {"colors", "similes", "python"}
    for puzzle in found:
        assert puzzle.false
        assert puzzle.record.max_activation > 0
        assert puzzle.record.select("test")
