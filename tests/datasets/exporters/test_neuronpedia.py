"""A study as the folder that Neuronpedia imports."""

import gzip
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings, strategies as st

from neuroscribe.datasets import store
from neuroscribe.datasets.exporters.neuronpedia import export
from neuroscribe.datasets.interchange.imported_study import StudyBuilder
from neuroscribe.datasets.interchange.neuronpedia_format import model_name
from neuroscribe.errors import InputError
from neuroscribe.records import Exemplar, Explanation, UnitId
from neuroscribe.study import Study

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CREATOR = {"creator": "A Lab", "creator_id": "user-1"}


def study_at(path, *, units, sites=(("mlp.5", "mlp", 5),)):
    """A study of given units: id, statistics, exemplars (tokens, values, ...), explanations."""
    with StudyBuilder(
        path, format="test", source="test", subject="lab/Tiny.LM", corpus="weather"
    ) as builder:
        for name, kind, layer in sites:
            builder.site(name, kind=kind, layer=layer, width=8)
        for unit, statistics, exemplars, explanations in units:
            built = [
                Exemplar(
                    sequence=builder.sequence(tokens, split=split),
                    activations=values,
                    kind=kind,
                    rank=rank,
                    quantile=band,
                )
                for rank, (tokens, values, kind, band, split) in enumerate(exemplars)
            ]
            builder.unit(unit, statistics, built)
            for candidate, (text, selected) in enumerate(explanations):
                builder.explanation(
                    Explanation(
                        unit=unit,
                        text=text,
                        status="ok" if text else "failed",
                        reason=None if text else "no answer",
                        explainer="token_activation_pairs",
                        llm="openai:some-model",
                        prompt_sha256="",
                        created_at=NOON,
                        candidate=candidate,
                        selected=selected,
                    )
                )
        builder.finish()
    return path


def rain(**statistics):
    """Unit 3, which fires on rain."""
    known = {
        "max": 4.0,
        "min": -0.25,
        "density": 0.125,
        "quantile_boundaries": [0.5, 1.0, 2.0, 3.0],
        "histogram_edges": [-0.25, 0.0, 2.0, 4.0],
        "histogram_counts": [5, 90, 3],
    }
    exemplars = [
        ([" rain", " fell"], (4.0, -0.25), "top", None, "train"),
        ([" a", " drop"], (0.5, 0.75), "quantile", 1, "valid"),
        ([" the", " sun"], (0.0, 0.25), "random", None, "test"),
    ]
    return UnitId("mlp.5", 3), known | statistics, exemplars, [("rain", True), ("wet", False)]


def lines(path):
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def exported(tmp_path):
    study = study_at(tmp_path / "study", units=[rain()])
    transfer = export(study, tmp_path / "out", **CREATOR)
    return tmp_path / "out", transfer


def test_one_command_writes_the_whole_folder(exported):
    folder, transfer = exported
    source = "tiny-lm/5-mlp"
    assert files(folder) == [
        "config/explanation_model_type.jsonl",
        "config/explanation_type.jsonl",
        f"{source}/activations/batch-0.jsonl.gz",
        f"{source}/explanations/batch-0.jsonl.gz",
        f"{source}/features/batch-0.jsonl.gz",
        f"{source}/model.jsonl",
        f"{source}/release.jsonl",
        f"{source}/source.jsonl",
        f"{source}/sourceset.jsonl",
    ]
    assert transfer.written == {"features": 1, "activations": 3, "explanations": 1}


def test_a_unit_is_a_feature(exported):
    folder, _ = exported
    (feature,) = lines(folder / "tiny-lm/5-mlp/features/batch-0.jsonl.gz")
    assert feature == {
        "modelId": "tiny-lm",
        "layer": "5-mlp",
        "index": "3",
        "sourceSetName": "mlp",
        "creatorId": "user-1",
        "maxActApprox": 4.0,
        "frac_nonzero": 0.125,
        "freq_hist_data_bar_heights": [],
        "freq_hist_data_bar_values": [],
        "logits_hist_data_bar_heights": [],
        "logits_hist_data_bar_values": [],
        "pos_str": [],
        "pos_values": [],
        "neg_str": [],
        "neg_values": [],
        "hasVector": False,
    } | {"freq_hist_data_bar_heights": [3], "freq_hist_data_bar_values": [3.0]}


def test_exemplars_are_activations_in_the_bins_that_neuronpedia_shows(exported):
    folder, _ = exported
    top, band, random = lines(folder / "tiny-lm/5-mlp/activations/batch-0.jsonl.gz")
    assert top == {
        "id": top["id"],
        "tokens": [" rain", " fell"],
        "dataIndex": "train/0",
        "index": "3",
        "layer": "5-mlp",
        "modelId": "tiny-lm",
        "dataSource": "weather",
        "maxValue": 4.0,
        "maxValueTokenIndex": 0,
        "minValue": -0.25,
        "values": [4.0, -0.25],
        "creatorId": "user-1",
        "binMin": -1,
        "binMax": 4.0,
        "binContains": -1,
        "qualifyingTokenIndex": 0,
    }
    assert (band["binMin"], band["binMax"], band["binContains"]) == (0.5, 1.0, 0.4)
    assert (random["binMin"], random["binMax"], random["binContains"]) == (None, None, None)
    assert top.keys() == band.keys() == random.keys()
    assert all(len(row["id"]) == 25 and row["id"].startswith("c") for row in (top, band, random))
    assert len({top["id"], band["id"], random["id"]}) == 3


def test_the_outermost_bands_reach_to_the_extremes(tmp_path):
    unit, statistics, _, _ = rain()
    exemplars = [
        ([" a"], (0.25,), "quantile", 0, "train"),
        ([" b"], (3.5,), "quantile", 4, "train"),
    ]
    export(
        study_at(tmp_path / "study", units=[(unit, statistics, exemplars, [])]), tmp_path / "out"
    )
    strongest, weakest = lines(tmp_path / "out/tiny-lm/5-mlp/activations/batch-0.jsonl.gz")
    assert (strongest["binMin"], strongest["binMax"], strongest["binContains"]) == (3.0, 4.0, 0.001)
    assert (weakest["binMin"], weakest["binMax"], weakest["binContains"]) == (-0.25, 0.5, 0.5)


def test_explanations_name_their_type_and_model_and_both_are_written(exported):
    folder, transfer = exported
    (explanation,) = lines(folder / "tiny-lm/5-mlp/explanations/batch-0.jsonl.gz")
    assert explanation == {
        "id": explanation["id"],
        "modelId": "tiny-lm",
        "layer": "5-mlp",
        "index": "3",
        "description": "rain",
        "authorId": "user-1",
        "typeName": "neuroscribe_token_activation_pairs",
        "explanationModelName": "some-model",
        "createdAt": "2026-01-01T12:00:00+00:00",
    }
    (kind,) = (folder / "config/explanation_type.jsonl").read_text().splitlines()
    assert json.loads(kind)["name"] == "neuroscribe_token_activation_pairs"
    (model,) = (folder / "config/explanation_model_type.jsonl").read_text().splitlines()
    assert json.loads(model)["name"] == "some-model"
    assert "1 explanations that were not selected; set candidates=true" in transfer.left_out


def test_candidates_are_written_on_demand(tmp_path):
    study = study_at(tmp_path / "study", units=[rain()])
    export(study, tmp_path / "out", candidates=True)
    rows = lines(tmp_path / "out/tiny-lm/5-mlp/explanations/batch-0.jsonl.gz")
    assert [row["description"] for row in rows] == ["rain", "wet"]


def test_the_source_refers_to_its_set_model_and_release(tmp_path):
    study = study_at(tmp_path / "study", units=[rain()])
    export(study, tmp_path / "out", model="tiny", set_name="lab-mlp", release="first", **CREATOR)
    folder = tmp_path / "out/tiny/5-lab-mlp"
    about = {
        name: json.loads((folder / f"{name}.jsonl").read_text())
        for name in ("release", "model", "sourceset", "source")
    }
    assert about["release"]["name"] == about["sourceset"]["releaseName"] == "first"
    assert about["model"]["id"] == about["sourceset"]["modelId"] == about["source"]["modelId"]
    assert about["sourceset"]["name"] == about["source"]["setName"] == "lab-mlp"
    assert about["source"]["id"] == "5-lab-mlp"
    assert about["source"]["dataset"] == "weather"
    assert about["source"]["num_prompts"] == 3
    assert (about["model"]["layers"], about["model"]["neuronsPerLayer"]) == (6, 8)
    assert about["model"]["displayName"] == "lab/Tiny.LM"
    assert {row["creatorId"] for row in about.values()} == {"user-1"}
    assert {about[name]["creatorName"] for name in ("release", "sourceset")} == {"A Lab"}


def test_what_is_invented_is_said(tmp_path):
    study = study_at(tmp_path / "study", units=[rain()])
    left = export(study, tmp_path / "out").left_out
    assert left[0].startswith("the creator: creatorId and authorId are clkht01d40000jv08hvalcvly")
    assert left[1] == "the creator's name, which is 'unknown'; set creator=..."
    assert any("promoted and suppressed tokens" in sentence for sentence in left)
    assert any("scores, simulations and judgements" in sentence for sentence in left)


def test_two_exports_are_the_same_bytes(tmp_path):
    study = study_at(tmp_path / "study", units=[rain()])
    for name in ("one", "two"):
        export(study, tmp_path / name)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    for name in files(tmp_path / "one"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_batch_holds_so_many_units_and_no_file_is_empty(tmp_path):
    _, statistics, exemplars, explanations = rain()
    units = [(UnitId("mlp.5", index), statistics, exemplars, []) for index in (0, 1)]
    units.append((UnitId("mlp.5", 2), statistics, [], explanations))
    export(study_at(tmp_path / "study", units=units), tmp_path / "out", batch_size=2)
    folder = tmp_path / "out/tiny-lm/5-mlp"
    assert [row["index"] for row in lines(folder / "features/batch-0.jsonl.gz")] == ["0", "1"]
    assert [row["index"] for row in lines(folder / "features/batch-1.jsonl.gz")] == ["2"]
    assert [name for name in files(folder) if "batch" in name] == [
        "activations/batch-0.jsonl.gz",
        "explanations/batch-1.jsonl.gz",
        "features/batch-0.jsonl.gz",
        "features/batch-1.jsonl.gz",
    ]


def test_what_has_no_place_is_counted(tmp_path):
    unit, statistics, exemplars, _ = rain(density=None, max=None)
    broken = ([" hot"], (float("nan"),), "top", None, "train")
    study = study_at(
        tmp_path / "study",
        units=[
            (unit, statistics, [*exemplars, broken], [(None, False)]),
            (UnitId("mlp.5", 3, -1), statistics, exemplars, []),
        ],
    )
    transfer = export(study, tmp_path / "out", **CREATOR)
    assert transfer.written == {"features": 1, "activations": 3}
    assert {
        "1 negative sides of units: a unit has one side there",
        "1 exemplars with missing or infinite activations",
        "1 units of unknown density, which is written as 0",
        "1 failed attempts to explain",
    } < set(transfer.left_out)
    (feature,) = lines(tmp_path / "out/tiny-lm/5-mlp/features/batch-0.jsonl.gz")
    assert (feature["frac_nonzero"], feature["maxActApprox"]) == (0, 4.0)


def test_one_split_and_some_units_can_be_chosen(tmp_path):
    _, statistics, exemplars, _ = rain()
    units = [(UnitId("mlp.5", index), statistics, exemplars, []) for index in (1, 4)]
    study = study_at(tmp_path / "study", units=units)
    export(study, tmp_path / "out", units=[UnitId("mlp.5", 4)], split="train")
    (activation,) = lines(tmp_path / "out/tiny-lm/5-mlp/activations/batch-0.jsonl.gz")
    assert (activation["index"], activation["dataIndex"]) == ("4", "train/0")


def test_sites_are_sources_of_their_own(tmp_path):
    _, statistics, exemplars, _ = rain()
    sites = (("mlp.0", "mlp", 0), ("sae.2.res-jb", "sae", 2), ("module:odd", "module", None))
    units = [(UnitId(site, 0), statistics, exemplars, []) for site, _, _ in sites]
    transfer = export(study_at(tmp_path / "study", units=units, sites=sites), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out/tiny-lm").iterdir()) == [
        "0-mlp",
        "2-res-jb",
    ]
    assert "8 units of module:odd, which names no layer" in transfer.left_out


def test_two_sites_that_would_be_one_source_are_refused(tmp_path):
    _, statistics, exemplars, _ = rain()
    sites = (("mlp.0", "mlp", 0), ("attn.0", "attn", 0))
    units = [(UnitId(site, 0), statistics, exemplars, []) for site, _, _ in sites]
    study = study_at(tmp_path / "study", units=units, sites=sites)
    with pytest.raises(InputError, match=r"attn\.0 and mlp\.0 would both be source 0-mine"):
        export(study, tmp_path / "out", set_name="mine")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "Tiny LM"}, "such as 'tiny-lm'"),
        ({"set_name": "a/b"}, "set_name is 'a/b'"),
        ({"split": "dev"}, "no split is called 'dev'"),
        ({"batch_size": 0}, "batch_size is 0"),
    ],
)
def test_options_that_cannot_be_are_refused(tmp_path, options, message):
    study = study_at(tmp_path / "study", units=[rain()])
    with pytest.raises(InputError, match=message):
        export(study, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_an_export_that_fails_leaves_nothing_behind(tmp_path):
    _, statistics, exemplars, _ = rain()
    study = study_at(
        tmp_path / "study", units=[(UnitId("mlp.5", 3, -1), statistics, exemplars, [])]
    )
    with pytest.raises(InputError, match="no unit to write"):
        export(study, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


def test_it_is_registered(tmp_path):
    study_at(tmp_path / "study", units=[rain()])
    transfer = Study.open(tmp_path / "study").export(
        "neuronpedia", tmp_path / "out", units="mlp.5/3", batch_size="7"
    )
    assert transfer.written["features"] == 1
    assert store.read(tmp_path / "study", "units").num_rows == 1


@given(st.text())
@settings(deadline=None)
def test_any_name_becomes_a_model_id(name):
    assert model_name(name)
    assert model_name(model_name(name)) == model_name(name)
    assert set(model_name(name)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")
