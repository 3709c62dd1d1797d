"""A study as OpenAI's public neuron files, and back."""

import filecmp
import json
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from neuroscribe.datasets import store
from neuroscribe.errors import InputError
from neuroscribe.records import KINDS, SPLITS, Exemplar, UnitId
from neuroscribe.study import Study
from tests.datasets.small_study import (
    builder_at,
    explanation,
    score,
    simulation,
    weather_study,
)

FORMAT_METRICS = ("pearson", "r2_uncentred", "abs_dev_explained")
RAIN = UnitId("mlp.0", 0)


@pytest.fixture(scope="module")
def weather(tmp_path_factory):
    return weather_study(tmp_path_factory.mktemp("weather") / "study")


def exported(study: Path, out: Path, **options) -> dict:
    """The activations file of the first neuron."""
    Study.open(study).export("openai", out, **options)
    return json.loads((out / "collated-activations/0/0.json").read_text())


def firsts(records) -> list[str]:
    return [record["tokens"][0] + record["tokens"][-1] for record in records]


def test_records_are_dealt_out_as_that_project_slices_them(weather, tmp_path):
    record = exported(weather, tmp_path / "out")
    assert firsts(record["most_positive_activation_records"]) == [
        *(" train 0", " calibration 0", " valid 0", " test 0"),
        *(" train 1", " calibration 1", " valid 1", " test 1"),
    ]
    assert firsts(record["random_sample"]) == [
        *(" calibration 0", " valid 0", " test 0"),
        *(" calibration 1", " valid 1", " test 1"),
    ]


def test_every_object_is_tagged_as_that_project_tags_it(weather, tmp_path):
    record = exported(weather, tmp_path / "out")
    first = record["most_positive_activation_records"].pop(0)
    assert first == {
        "dataclass_name": "ActivationRecord",
        "tokens": [" train", " rain", " top", " 0"],
        "activations": [0.0, 2.0, 0.0, 0.0],
    }
    assert record.pop("most_positive_activation_records")
    assert record.pop("random_sample")
    assert record == {
        "dataclass_name": "NeuronRecord",
        "neuron_id": {"dataclass_name": "NeuronId", "layer_index": 0, "neuron_index": 0},
        "random_sample_by_quantile": None,
        "quantile_boundaries": None,
        "mean": 0.1,
        "variance": None,
        "skewness": None,
        "kurtosis": None,
    }


def test_one_split_can_be_written_whole(weather, tmp_path):
    record = exported(weather, tmp_path / "out", split="train")
    assert firsts(record["most_positive_activation_records"]) == [" train 0", " train 1"]
    assert firsts(record["random_sample"]) == [" train 0", " train 1"]


def test_what_has_no_place_is_said(weather, tmp_path):
    transfer = Study.open(weather).export("openai", tmp_path / "out")
    assert transfer.written == {"collated-activations files": 6}
    said = "\n".join(transfer.left_out)
    assert "1 negative sides of units" in said
    assert "12 random exemplars, of splits without a place" in said
    assert "look-up tables" in said
    some = Study.open(weather).export("openai", tmp_path / "some", units="mlp.1/2")
    assert "the units of mlp.0" in "\n".join(some.left_out)
    assert [path.name for path in (tmp_path / "some").rglob("*.json")] == ["2.json"]


def test_a_calibrated_simulation_holds_what_it_was_before(tmp_path):
    with builder_at(tmp_path / "study") as builder:
        builder.site("mlp.0", kind="mlp", layer=0)
        exemplar = Exemplar(
            sequence=builder.sequence(["a", "b"], split="test"),
            activations=(1.0, 3.0),
            kind="top",
            rank=0,
        )
        builder.unit(RAIN, {}, [exemplar])
        told = explanation(RAIN, " rain ")
        builder.explanation(told)
        builder.simulation(simulation(told, exemplar, [2.0, None], [1.0, None]))
        builder.simulation(simulation(told, exemplar, [5.0, 10.0], simulator="direct"))
        builder.score(score(told, value=0.25))
        builder.finish()
    Study.open(tmp_path / "study").export("openai", tmp_path / "out")
    text = (tmp_path / "out/explanations/0/0.jsonl").read_text()
    assert text.count("\n") == 1
    first, second = json.loads(text)["scored_explanations"]
    assert first["explanation"] == second["explanation"] == " rain "
    (plain,) = first["scored_simulation"]["scored_sequence_simulations"]
    assert plain["simulation"] == {
        "dataclass_name": "SequenceSimulation",
        "tokens": ["a", "b"],
        "expected_activations": [5.0, 10.0],
        "activation_scale": "simulated_normalized_activations",
        "distribution_values": [],
        "distribution_probabilities": [],
        "uncalibrated_simulation": None,
    }
    assert plain["true_activations"] == [1.0, 3.0]
    assert plain["ev_correlation_score"] == pytest.approx(1.0)
    assert plain["rsquared_score"] == pytest.approx(1 - (16 + 49) / (1 + 9))
    assert plain["absolute_dev_explained_score"] == pytest.approx(1 - (4 + 7) / (1 + 3))
    assert first["scored_simulation"]["ev_correlation_score"] is None
    assert second["scored_simulation"]["ev_correlation_score"] == 0.25
    (calibrated,) = second["scored_simulation"]["scored_sequence_simulations"]
    assert calibrated["simulation"]["expected_activations"] == [1.0, None]
    assert calibrated["simulation"]["activation_scale"] == "neuron_activations"
    before = calibrated["simulation"]["uncalibrated_simulation"]
    assert before["expected_activations"] == [2.0, None]
    assert before["activation_scale"] == "simulated_normalized_activations"
    assert calibrated["ev_correlation_score"] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "dev"}, "no split is called 'dev'; there are: interleaved, train"),
        ({"kind": "sae"}, "there is no layer of kind 'sae' to write; the study has: mlp"),
        ({"units": "mlp.0/0-"}, "none of the units to write is the positive side"),
        ({"layers": "3"}, "has no option 'layers'; there are: split, kind"),
    ],
)
def test_wrong_input_leaves_nothing_behind(weather, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        Study.open(weather).export("openai", tmp_path / "out", **options)
    assert list(tmp_path.iterdir()) == []


float32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
number = st.none() | st.floats(allow_nan=False, allow_infinity=False)
token = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)


@st.composite
def studies(draw, *, even: bool):
    """What is added to a builder; with `even`, every split has as many exemplars of a kind."""
    number_of = {kind: draw(st.integers(0, 2)) for kind in KINDS}
    content = []
    for index in draw(st.lists(st.integers(0, 40), min_size=1, max_size=3, unique=True)):
        statistics = {
            "quantile_boundaries": draw(st.lists(float32, min_size=4, max_size=4)),
            **{name: draw(number) for name in ("mean", "variance", "skewness", "kurtosis")},
        }
        members = []
        for kind in KINDS:
            for split in SPLITS:
                for band in range(5) if kind == "quantile" else (None,):
                    n = number_of[kind] if even else draw(st.integers(0, 2))
                    for rank in range(n):
                        # The first token makes every text of a unit another one.
                        words = [f"{kind}{split}{band}{rank}", *draw(st.lists(token, max_size=2))]
                        values = draw(st.lists(float32, min_size=len(words), max_size=len(words)))
                        members.append((kind, split, band, rank, words, values))
        explained = [
            (
                draw(token),
                draw(st.booleans()),
                {metric: draw(number) for metric in FORMAT_METRICS},
            )
            for _ in range(draw(st.integers(0, 2)))
        ]
        content.append((draw(st.integers(0, 1)), index, statistics, members, explained))
    return content


def build(path: Path, content) -> Path:
    with builder_at(path) as builder:
        builder.site("mlp.0", kind="mlp", layer=0)
        builder.site("mlp.1", kind="mlp", layer=1)
        for layer, index, statistics, members, explained in content:
            unit = UnitId(f"mlp.{layer}", index)
            found = [
                Exemplar(
                    sequence=builder.sequence(words, split=split),
                    activations=tuple(values),
                    kind=kind,
                    rank=rank,
                    quantile=band,
                )
                for kind, split, band, rank, words, values in members
            ]
            builder.unit(unit, statistics, found)
            for candidate, (text, calibrate, values) in enumerate(explained):
                told = explanation(unit, text, candidate=candidate, selected=candidate == 0)
                builder.explanation(told)
                for metric, value in values.items():
                    builder.score(score(told, metric=metric, value=value, reason="undefined"))
                for each in found:
                    if each.kind == "quantile":
                        continue
                    expected = [None if i == 1 else i / 2 for i in range(len(each.activations))]
                    calibrated = [None if v is None else 1 / (v + 3) for v in expected]
                    builder.simulation(
                        simulation(told, each, expected, calibrated if calibrate else None)
                    )
        builder.finish()
    return path


def tokens_by_id(study: Path) -> dict[int, tuple[str, ...]]:
    rows = store.load(study, "sequences").to_pylist()
    return {row["sequence_id"]: tuple(row["tokens"]) for row in rows}


def exemplars_of(study: Path) -> set[tuple]:
    tokens = tokens_by_id(study)
    return {
        (
            *(row["site"], row["unit"], row["split"], row["kind"], row["quantile"], row["rank"]),
            tokens[row["sequence_id"]],
            tuple(row["activations"]),
        )
        for row in store.load(study, "exemplars").to_pylist()
    }


def statistics_of(study: Path) -> set[tuple]:
    names = ("site", "unit", "mean", "variance", "skewness", "kurtosis")
    return {
        (*(row[name] for name in names), tuple(row["quantile_boundaries"]))
        for row in store.load(study, "units").to_pylist()
    }


def explained_in(study: Path) -> set[tuple]:
    """What the explanations, their scores and their held-out simulations say."""
    tokens = tokens_by_id(study)
    truth = {
        (row["site"], row["unit"], row["sequence_id"]): tuple(row["activations"])
        for row in store.load(study, "exemplars").to_pylist()
    }
    scores, simulated = defaultdict(set), defaultdict(set)
    for row in store.load(study, "scores").to_pylist():
        # Without simulations the format does not tell an undefined score from none.
        if row["value"] is not None:
            scores[row["explanation_id"]].add((row["metric"], row["value"]))
    explanations = store.load(study, "explanations").to_pylist()
    place = {row["explanation_id"]: (row["site"], row["unit"]) for row in explanations}
    for row in store.load(study, "simulations").to_pylist():
        if row["split"] in ("valid", "test"):
            simulated[row["explanation_id"]].add(
                (
                    tokens[row["sequence_id"]],
                    tuple(row["expected"]),
                    row["calibrated"] and tuple(row["calibrated"]),
                    truth[*place[row["explanation_id"]], row["sequence_id"]],
                )
            )
    return {
        (
            *(row["site"], row["unit"], row["candidate"], row["text"], row["selected"]),
            frozenset(scores[row["explanation_id"]]),
            frozenset(simulated[row["explanation_id"]]),
        )
        for row in explanations
    }


def round_trip(folder: Path, content, split: str) -> tuple[Path, Path]:
    """A study and what becomes of it; asserts that both are written as the same files."""
    first = build(folder / "first", content)
    Study.open(first).export("openai", folder / "out", split=split)
    second = folder / "second"
    Study.import_from(folder / "out", second, format="openai", split=split)
    Study.open(second).export("openai", folder / "again", split=split)
    names = sorted(
        str(path.relative_to(folder / "out")) for path in (folder / "out").rglob("*.json*")
    )
    same, different, odd = filecmp.cmpfiles(folder / "out", folder / "again", names, shallow=False)
    assert (sorted(same), different, odd) == (names, [], [])
    assert len(list((folder / "again").rglob("*.json*"))) == len(names)
    return first, second


@given(content=studies(even=False))
@settings(max_examples=6, deadline=None)
def test_one_split_of_any_study_comes_back_whole(tmp_path_factory, content):
    first, second = round_trip(tmp_path_factory.mktemp("round"), content, "train")
    of_train = {row for row in exemplars_of(first) if row[2] == "train"}
    assert {row for row in exemplars_of(second) if row[2] == "train"} == of_train
    with_band = {row[:2] for row in exemplars_of(first) if row[3] == "quantile"}
    assert {row[:2] for row in exemplars_of(second) if row[3] == "quantile"} <= with_band
    assert statistics_of(second) == statistics_of(first)
    assert explained_in(second) == explained_in(first)


@given(content=studies(even=True))
@settings(max_examples=6, deadline=None)
def test_all_splits_come_back_where_they_have_equally_many(tmp_path_factory, content):
    first, second = round_trip(tmp_path_factory.mktemp("round"), content, "interleaved")
    with_place = {
        row
        for row in exemplars_of(first)
        if row[3] == "top"
        or (row[3] == "random" and row[2] != "train")
        or (row[3] == "quantile" and row[2] == "train")
    }
    assert exemplars_of(second) == with_place
    assert statistics_of(second) == statistics_of(first)
    assert explained_in(second) == explained_in(first)


@given(content=studies(even=False))
@settings(max_examples=4, deadline=None)
def test_explanations_come_back_however_uneven_the_splits_are(tmp_path_factory, content):
    first, second = round_trip(tmp_path_factory.mktemp("round"), content, "interleaved")
    assert statistics_of(second) == statistics_of(first)
    assert explained_in(second) == explained_in(first)
