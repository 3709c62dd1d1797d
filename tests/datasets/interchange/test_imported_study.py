"""A study that another tool's results are made into."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings, strategies as st

from neuroscribe.datasets import store
from neuroscribe.datasets.interchange.imported_rows import RowBuffer, exemplar_row
from neuroscribe.datasets.interchange.imported_study import StudyBuilder
from neuroscribe.datasets.manifest import read_manifest
from neuroscribe.errors import InputError, RecordError
from neuroscribe.records import (
    Exemplar,
    Explanation,
    Prediction,
    Score,
    Simulation,
    UnitId,
)
from neuroscribe.study import Study

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
UNIT = UnitId("mlp.5", 3)


def builder_at(path) -> StudyBuilder:
    return StudyBuilder(
        path, format="elsewhere", source="results.json", subject="gpt2", imported_at=NOON
    )


def test_what_was_added_is_a_study(tmp_path):
    with builder_at(tmp_path / "new") as builder:
        builder.site("mlp.5", kind="mlp", layer=5)
        sequence = builder.sequence([" caf", "\u00e9"], token_ids=[7, 9], split="train")
        builder.unit(
            UNIT,
            {"mean": 0.25, "quantile_boundaries": [0.5, 1.0]},
            [Exemplar(sequence=sequence, activations=(0.5, 2.0), kind="top", rank=0)],
        )
        assert not (tmp_path / "new").exists()
        assert builder.finish() == {"sequences": 1, "units": 1, "exemplars": 1}

    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    report = Study.open(tmp_path / "new").unit("mlp.5/3")
    (exemplar,) = report.record.exemplars
    assert exemplar.sequence.tokens == (" caf", "\u00e9")
    assert exemplar.sequence.token_ids == (7, 9)
    assert exemplar.sequence.text == " caf\u00e9"
    assert exemplar.sequence.token_bytes_offsets == (0, 4, 6)
    assert exemplar.activations == (0.5, 2.0)
    assert report.record.statistics.mean == 0.25
    assert report.record.statistics.variance is None
    assert report.record.statistics.quantile_boundaries == (0.5, 1.0)
    (row,) = store.read(tmp_path / "new", "exemplars").to_pylist()
    assert (row["peak_position"], row["peak_activation"]) == (1, 2.0)


def test_the_manifest_says_where_the_study_came_from(tmp_path):
    with builder_at(tmp_path / "new") as builder:
        builder.site("mlp.5", kind="mlp", layer=5, two_signed=True)
        builder.site("mlp.0", kind="mlp", layer=0, width=100)
        builder.sequence(["a", "b"])
        builder.unit(UNIT, {})
        builder.note("Once.")
        builder.note("Once.")
        builder.finish()
    manifest = read_manifest(tmp_path / "new")
    assert manifest["subject"]["name"] == "gpt2"
    assert manifest["subject"]["weights_sha256"] is None
    sites = [(site["name"], site["width"]) for site in manifest["subject"]["sites"]]
    assert sites == [("mlp.0", 100), ("mlp.5", 4)]
    assert manifest["recorded"] == {"sequences": 1, "tokens": 2}
    assert manifest["imported"] == {
        "format": "elsewhere",
        "source": "results.json",
        "at": "2026-01-01T12:00:00+00:00",
        "notes": [
            "Once.",
            "token ids are invented (numbers of the token strings): the source has strings only",
        ],
    }


def test_explanations_simulations_and_scores_are_kept(tmp_path):
    with builder_at(tmp_path / "new") as builder:
        builder.site("mlp.5", kind="mlp", layer=5)
        sequence = builder.sequence(["a"], split="test")
        exemplar = Exemplar(sequence=sequence, activations=(1.0,), kind="top", rank=0)
        builder.unit(UNIT, {}, [exemplar])
        explanation = Explanation(
            unit=UNIT,
            text="rain",
            status="ok",
            explainer="imported",
            llm="none",
            prompt_sha256="",
            created_at=builder.imported_at,
        )
        explanation_id = builder.explanation(explanation)
        prediction = Prediction(status="ok", expected=(3.0,), simulator="imported", llm="none")
        builder.simulation(
            Simulation(explanation_id=explanation_id, exemplar=exemplar, prediction=prediction)
        )
        builder.score(
            Score(
                explanation_id=explanation_id,
                unit=UNIT,
                scorer="simulation",
                metric="pearson",
                report_set="top_and_random",
                value=0.5,
                low=None,
                high=None,
                chance=None,
                n_sequences=1,
                n_items=1,
                coverage=1.0,
            )
        )
        written = builder.finish()
    assert written["explanations"] == written["simulations"] == written["scores"] == 1
    report = Study.open(tmp_path / "new").unit(UNIT)
    assert report.explanations == [explanation]
    assert [score["value"] for score in report.scores] == [0.5]
    (simulation,) = store.load(tmp_path / "new", "simulations").to_pylist()
    assert (simulation["split"], simulation["expected"]) == ("test", [3.0])


@given(
    texts=st.lists(
        st.lists(st.sampled_from(["a", "b", "ab", "", "\ufffd"]), min_size=1, max_size=4),
        max_size=12,
    )
)
@settings(max_examples=50)
def test_equal_tokens_in_one_split_are_one_sequence(tmp_path_factory, texts):
    builder = builder_at(tmp_path_factory.mktemp("study"))
    found = {tuple(tokens): builder.sequence(tokens, split="test") for tokens in texts}
    assert sorted(each.sequence_id for each in found.values()) == list(range(len(found)))
    for tokens in texts:
        again = builder.sequence(tokens, split="test")
        assert again == found[tuple(tokens)]
        assert again.tokens == tuple(tokens)
        # Invented ids tell equal strings from others.
        ids = dict(zip(again.tokens, again.token_ids, strict=True))
        assert [ids[token] for token in again.tokens] == list(again.token_ids)


def test_the_same_tokens_in_two_splits_are_two_sequences(tmp_path):
    builder = builder_at(tmp_path)
    first = builder.sequence(["a"], split="train")
    second = builder.sequence(["a"], split="test")
    assert (first.sequence_id, second.sequence_id) == (0, 1)


def test_without_a_split_the_text_decides(tmp_path):
    builder = builder_at(tmp_path)
    assert builder.sequence(["One", "  Text"]).split == builder.sequence(["one text"]).split


def test_half_a_surrogate_pair_is_replaced(tmp_path):
    tokens = builder_at(tmp_path).sequence(["\ud83d\ude42", "\ud83d", "a"]).tokens
    assert tokens == ("\U0001f642", "\ufffd", "a")


@pytest.mark.parametrize(
    ("unit", "statistics", "message"),
    [
        (UNIT, {}, "unit mlp.5/3 comes twice"),
        (UnitId("mlp.6", 0), {}, "mlp.6/0 is of a site that was not described"),
        (UnitId("mlp.5", 4), {"average": 1.0}, "the table of units has no column average"),
    ],
)
def test_contradictions_are_refused_and_leave_nothing(tmp_path, unit, statistics, message):
    with builder_at(tmp_path / "new") as builder:
        builder.site("mlp.5", kind="mlp", layer=5)
        builder.unit(UNIT, {})
        with pytest.raises(RecordError, match=message):
            builder.unit(unit, statistics)
    assert list(tmp_path.iterdir()) == []


def test_a_source_without_units_makes_no_study(tmp_path):
    with builder_at(tmp_path / "new") as builder:
        builder.sequence(["a"])
        with pytest.raises(RecordError, match="holds no unit"):
            builder.finish()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(InputError, match="is there already"):
        builder_at(tmp_path)


def test_not_a_number_is_never_the_peak(make_sequence):
    exemplar = Exemplar(
        sequence=make_sequence("a", "b", "c"), activations=(math.nan, 1.0, 2.0), kind="top", rank=0
    )
    row = exemplar_row(UNIT, exemplar)
    assert (row["peak_position"], row["peak_activation"]) == (2, 2.0)


def test_rows_are_written_in_parts_that_are_sorted_by_unit(tmp_path):
    with StudyBuilder(tmp_path / "new", format="elsewhere", source="x") as builder:
        builder._rows = RowBuffer(builder._work, rows_at_once=4)
        builder.site("mlp.0", kind="mlp", layer=0)
        builder.site("mlp.1", kind="mlp", layer=1)
        for index in (2, 1, 0):
            for site in ("mlp.1", "mlp.0"):
                builder.unit(UnitId(site, index), {})
        written = builder.finish()
    assert written == {"units": 6}
    parts = sorted(path.parent.name for path in (tmp_path / "new" / "units").rglob("*.parquet"))
    assert parts == ["mlp.0", "mlp.0", "mlp.1", "mlp.1"]
    for site in ("mlp.0", "mlp.1"):
        units = store.read(tmp_path / "new", "units", site=site)["unit"].to_pylist()
        assert sorted(units) == [0, 1, 2]
