"""Explanations and scores as a CSV file, and back."""

import csv
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from neuroscribe.datasets import store
from neuroscribe.datasets.interchange.csv_format import COLUMNS
from neuroscribe.datasets.rows import explanations_table, scores_table
from neuroscribe.errors import InputError
from neuroscribe.records import UnitId
from neuroscribe.study import Study
from tests.datasets.small_study import NOON, explanation, score, weather_study

RAIN = UnitId("mlp.0", 0)


@pytest.fixture(scope="module")
def weather(tmp_path_factory):
    return weather_study(tmp_path_factory.mktemp("weather") / "study")


@pytest.fixture
def study(weather, tmp_path):
    return shutil.copytree(weather, tmp_path / "study")


def fill(study: Path, explanations, scores) -> None:
    for site in {each.unit.site for each in explanations}:
        members = [each for each in explanations if each.unit.site == site]
        store.write_part(study, "explanations", explanations_table(members), site=site)
        members = [each for each in scores if each.unit.site == site]
        if members:
            store.write_part(study, "scores", scores_table(members), site=site)


def lines_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def rows(study: Path, table: str) -> list[dict]:
    found = store.load(study, table).to_pylist()
    return sorted(found, key=lambda row: [str(value) for value in row.values()])


def test_there_is_a_line_for_each_score_of_an_explanation(study, tmp_path):
    first = explanation(RAIN, 'words, "like" rain', cost_usd=0.1, inputs=("exemplars",))
    second = explanation(UnitId("mlp.0", 0, -1), None, reason="refused to answer")
    scores = [
        score(first, value=0.1 + 0.2),
        score(first, metric="r2_uncentred", value=None, reason="constant"),
    ]
    fill(study, [first, second], scores)
    transfer = Study.open(study).export("csv", tmp_path / "out.csv")
    assert transfer.written == {"explanations": 2, "scores": 2}
    lines = lines_of(tmp_path / "out.csv")
    assert list(lines[0]) == list(COLUMNS)
    assert [line["unit"] for line in lines] == ["mlp.0/0", "mlp.0/0", "mlp.0/0-"]
    assert [line["metric"] for line in lines] == ["pearson", "r2_uncentred", ""]
    assert lines[0]["text"] == 'words, "like" rain'
    assert lines[0]["value"] == "0.30000000000000004"
    assert (lines[0]["llm"], lines[0]["score_llm"]) == ("mock", "mock")
    assert lines[0]["inputs"] == '["exemplars"]'
    assert lines[0]["created_at"] == "2026-01-01T12:00:00+00:00"
    assert lines[1]["score_reason"] == "constant"
    assert (lines[2]["status"], lines[2]["text"], lines[2]["reason"]) == (
        "failed",
        "",
        "refused to answer",
    )


def test_only_the_headline_or_some_units_can_be_written(study, tmp_path):
    first, second = explanation(RAIN), explanation(UnitId("mlp.1", 2), "frost")
    fill(study, [first, second], [score(first), score(first, report_set="random_only")])
    Study.open(study).export("csv", tmp_path / "headline.csv", headline="true")
    lines = lines_of(tmp_path / "headline.csv")
    assert [line["report_set"] for line in lines] == ["top_and_random", ""]
    Study.open(study).export("csv", tmp_path / "some.csv", units="mlp.1")
    assert [line["text"] for line in lines_of(tmp_path / "some.csv")] == ["frost"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_formulas_are_exact_unless_the_file_is_for_a_spreadsheet(study, tmp_path, text):
    fill(study, [explanation(RAIN, text)], [score(explanation(RAIN, text), value=-0.5)])
    Study.open(study).export("csv", tmp_path / "exact.csv")
    (line,) = lines_of(tmp_path / "exact.csv")
    assert (line["text"], line["value"]) == (text, "-0.5")
    Study.open(study).export("csv", tmp_path / "shown.csv", spreadsheet=True)
    (line,) = lines_of(tmp_path / "shown.csv")
    assert (line["text"], line["value"]) == (f"'{text}", "-0.5")


def test_nothing_is_overwritten_and_an_empty_study_makes_no_file(study, tmp_path):
    with pytest.raises(InputError, match="there is no explanation to write"):
        Study.open(study).export("csv", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()
    (tmp_path / "out.csv").write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        Study.open(study).export("csv", tmp_path / "out.csv")


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def explained(draw):
    """Explanations of distinct identity, with scores of distinct identity."""
    found = []
    for index in draw(st.lists(st.integers(0, 2), unique=True, max_size=3)):
        text = draw(st.none() | texts)
        found.append(
            explanation(
                UnitId(draw(st.sampled_from(["mlp.0", "mlp.1"])), index),
                text,
                reason=None if text is not None else draw(texts.filter(bool)),
                inputs=tuple(draw(st.lists(texts, max_size=2))),
                explainer=draw(texts.filter(bool)),
                llm=draw(texts.filter(bool)),
                candidate=draw(st.integers(0, 9)),
                selection_score=draw(numbers),
                rated_at=draw(st.none() | st.just(NOON)),
                cost_usd=draw(numbers),
            )
        )
    scores = [
        score(
            each,
            metric=metric,
            value=value,
            low=draw(numbers),
            reason=draw(texts.filter(bool)),
            simulator=draw(st.none() | texts.filter(bool)),
            n_failed=draw(st.integers(0, 3)),
        )
        for each in found
        for metric in draw(st.sets(st.sampled_from(["pearson", "auc"])))
        for value in [draw(numbers)]
    ]
    return found, scores


@given(content=explained())
@settings(max_examples=12, deadline=None)
def test_what_was_written_comes_back_as_it_was(weather, tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("round")
    first = shutil.copytree(weather, folder / "first")
    second = shutil.copytree(weather, folder / "second")
    fill(first, *content)
    if not content[0]:
        return
    Study.open(first).export("csv", folder / "out.csv")
    transfer = Study.import_from(folder / "out.csv", second, format="csv")
    assert transfer.written == {"explanations": len(content[0]), "scores": len(content[1])}
    assert rows(second, "explanations") == rows(first, "explanations")
    assert rows(second, "scores") == rows(first, "scores")
    again = Study.import_from(folder / "out.csv", second, format="csv")
    assert again.written == {"explanations": 0, "scores": 0}
    Study.open(second).export("csv", folder / "again.csv")
    assert (folder / "again.csv").read_bytes() == (folder / "out.csv").read_bytes()
