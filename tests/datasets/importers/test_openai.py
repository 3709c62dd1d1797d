"""OpenAI's public neuron files become a study."""

import json
import math
from pathlib import Path

import fsspec
import pytest

from neuroscribe.datasets import store
from neuroscribe.datasets.importers.openai import load as load_openai
from neuroscribe.datasets.manifest import read_manifest
from neuroscribe.errors import InputError
from neuroscribe.study import Study


def record(*texts: str, first: float = 1.0) -> dict:
    """An activation record as the published files have it."""
    return {
        "dataclass_name": "ActivationRecord",
        "tokens": list(texts),
        "activations": [first, *[0.0] * (len(texts) - 1)],
    }


def neuron(**fields) -> dict:
    return {
        "dataclass_name": "NeuronRecord",
        "neuron_id": {"dataclass_name": "NeuronId", "layer_index": 5, "neuron_index": 131},
        **fields,
    }


def simulated(tokens, expected, truth, **fields) -> dict:
    return {
        "dataclass_name": "ScoredSequenceSimulation",
        "simulation": {
            "dataclass_name": "SequenceSimulation",
            "tokens": tokens,
            "expected_activations": expected,
            **fields,
        },
        "true_activations": truth,
        "ev_correlation_score": 0.5,
    }


def results(*explanations) -> dict:
    return {
        "dataclass_name": "NeuronSimulationResults",
        "neuron_id": {"dataclass_name": "NeuronId", "layer_index": 5, "neuron_index": 131},
        "scored_explanations": [
            {
                "dataclass_name": "ScoredExplanation",
                "explanation": text,
                "scored_simulation": {"scored_sequence_simulations": sequences, **scores},
            }
            for text, sequences, scores in explanations
        ],
    }


@pytest.fixture
def load(tmp_path):
    """Import a neuron's files, given as JSON or as text, and open the study."""

    def run(activations=None, explanations=None, **options) -> Study:
        for content, name in (
            (activations, "collated-activations/5/131.json"),
            (explanations, "explanations/5/131.jsonl"),
        ):
            if content is not None:
                path = tmp_path / "source" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content if isinstance(content, str) else json.dumps(content))
        Study.import_from(tmp_path / "source", tmp_path / "study", format="openai", **options)
        return Study.open(tmp_path / "study")

    return run


def told(exemplars) -> list[tuple]:
    return [
        (each.sequence.split, each.kind, each.quantile, each.rank, "".join(each.sequence.tokens))
        for each in exemplars
    ]


def test_records_go_to_the_splits_that_the_project_itself_would_use(load):
    # Its own functions give t0, t4, t8 to train, and t1, t5, r0, r3 to calibration (METHODS 1).
    study = load(
        neuron(
            most_positive_activation_records=[record(f"t{i}") for i in range(9)],
            random_sample=[record(f"r{i}") for i in range(4)],
            random_sample_by_quantile=[[record("q0")], [], [record("q2"), record("q3")]],
        )
    )
    assert told(study.unit("mlp.5/131").record.exemplars) == [
        ("train", "top", None, 0, "t0"),
        ("train", "top", None, 1, "t4"),
        ("train", "top", None, 2, "t8"),
        ("train", "quantile", 0, 0, "q0"),
        ("train", "quantile", 2, 0, "q2"),
        ("train", "quantile", 2, 1, "q3"),
        ("calibration", "top", None, 0, "t1"),
        ("calibration", "top", None, 1, "t5"),
        ("calibration", "random", None, 0, "r0"),
        ("calibration", "random", None, 1, "r3"),
        ("valid", "top", None, 0, "t2"),
        ("valid", "top", None, 1, "t6"),
        ("valid", "random", None, 0, "r1"),
        ("test", "top", None, 0, "t3"),
        ("test", "top", None, 1, "t7"),
        ("test", "random", None, 0, "r2"),
    ]


def test_statistics_are_kept_and_not_a_number_is_missing(load):
    study = load(
        '{"neuron_id": {"layer_index": 5, "neuron_index": 131}, "mean": -0.25, "variance": NaN, '
        '"skewness": null, "quantile_boundaries": [0.5, 1, 2, 4], '
        '"most_positive_activation_records": '
        '[{"tokens": ["a", "b", "c"], "activations": [NaN, 2.5, -1]}]}'
    )
    (row,) = store.read(study.path, "units").to_pylist()
    assert (row["mean"], row["variance"], row["skewness"], row["kurtosis"]) == (
        *(-0.25, None),
        *(None, None),
    )
    assert row["quantile_boundaries"] == [0.5, 1.0, 2.0, 4.0]
    assert (row["max"], row["min"], row["density"]) == (2.5, None, None)
    (exemplar,) = store.read(study.path, "exemplars").to_pylist()
    assert math.isnan(exemplar["activations"][0])
    assert (exemplar["peak_position"], exemplar["peak_activation"]) == (1, 2.5)


def test_an_old_file_without_most_fields_and_tags_is_read(load):
    study = load(
        {"most_positive_activation_records": [{"tokens": ["\ufffd", "x"], "activations": [1, 2]}]},
        '{"scored_explanations": [{"explanation": " pairs", "scored_simulation": null}]}\n',
    )
    report = study.unit("mlp.5/131")
    assert report.record.exemplars[0].sequence.tokens == ("\ufffd", "x")
    assert [each.text for each in report.explanations] == [" pairs"]
    assert report.scores == []


def test_a_text_that_a_neuron_has_twice_stays_in_one_split(load, tmp_path):
    study = load(
        neuron(
            most_positive_activation_records=[record("same"), record("b"), record("b")],
            random_sample=[record("same"), record("c")],
        )
    )
    assert told(study.unit("mlp.5/131").record.exemplars) == [
        ("train", "top", None, 0, "same"),
        ("train", "random", None, 0, "same"),
        ("calibration", "top", None, 0, "b"),
        ("valid", "random", None, 0, "c"),
    ]
    notes = "\n".join(read_manifest(tmp_path / "study")["imported"]["notes"])
    assert "2 records of texts that the neuron has in another split" in notes
    assert "1 records that repeat a text of the same kind" in notes


def test_all_records_can_be_put_in_one_split(load):
    study = load(neuron(most_positive_activation_records=[record("a"), record("b")]), split="train")
    assert told(study.unit("mlp.5/131").record.exemplars) == [
        ("train", "top", None, 0, "a"),
        ("train", "top", None, 1, "b"),
    ]


def test_simulations_keep_both_scales(load):
    texts = [record("t0"), record("t1"), record("x", "y"), record("t3")]
    plain = simulated(["t3"], [7.5], [1.0])
    normalised = simulated(
        ["t1"], [2.0], [1.0], activation_scale="simulated_normalized_activations"
    )
    calibrated = simulated(
        ["x", "y"],
        [0.75, None],
        [1.0, 0.0],
        activation_scale="neuron_activations",
        uncalibrated_simulation={"tokens": ["x", "y"], "expected_activations": [8.0, None]},
    )
    only_calibrated = simulated(
        ["new"], [0.25], [3.0], activation_scale="neuron_activations", distribution_values=[[0]]
    )
    study = load(
        neuron(most_positive_activation_records=texts),
        results(
            (
                " rain",
                [plain, normalised, calibrated, only_calibrated],
                {"ev_correlation_score": 0.5, "rsquared_score": -80.0},
            )
        ),
        llm="gpt-4",
        explainer="token_activation_pairs",
        simulator="prompt_logprobs",
    )
    sequences = {
        row["sequence_id"]: "".join(row["tokens"])
        for row in store.read(study.path, "sequences").to_pylist()
    }
    rows = store.load(study.path, "simulations").to_pylist()
    assert [
        (
            *(sequences[row["sequence_id"]], row["split"], row["kind"]),
            *(row["expected"], row["calibrated"]),
        )
        for row in rows
    ] == [
        ("t3", "test", "top", [7.5], None),
        ("t1", "calibration", "top", [2.0], None),
        ("xy", "valid", "top", [8.0, None], [0.75, None]),
        ("new", "test", "random", [None], [0.25]),
    ]
    assert {(row["simulator"], row["llm"]) for row in rows} == {("prompt_logprobs", "gpt-4")}

    report = study.unit("mlp.5/131")
    (explanation,) = report.explanations
    assert (explanation.text, explanation.explainer, explanation.llm) == (
        " rain",
        "token_activation_pairs",
        "gpt-4",
    )
    assert {row["metric"]: row["value"] for row in report.scores} == {
        "pearson": 0.5,
        "r2_uncentred": -80.0,
        "abs_dev_explained": None,
    }
    (pearson,) = [row for row in report.scores if row["metric"] == "pearson"]
    assert (pearson["report_set"], pearson["n_sequences"], pearson["n_items"]) == (
        "top_and_random",
        4,
        5,
    )
    assert pearson["coverage"] == pytest.approx(0.8)


def test_explanations_alone_make_a_study(load):
    sequences = [simulated([text], [1.0], [9.0]) for text in ("a", "b", "c", "d")]
    study = load(None, results((" rain", sequences, {}), (" snow", sequences[:1], {})))
    report = study.unit("mlp.5/131")
    assert told(report.record.exemplars) == [
        ("test", "top", None, 0, "a"),
        ("test", "top", None, 1, "b"),
        ("test", "random", None, 0, "c"),
        ("test", "random", None, 1, "d"),
    ]
    assert [(each.text, each.selected) for each in report.explanations] == [
        (" rain", True),
        (" snow", False),
    ]
    assert {row["value"] for row in report.scores} == {None}


def test_the_manifest_says_what_is_known_of_the_source(load, tmp_path):
    load(neuron(), subject="gpt2-xl", corpus="WebText")
    manifest = read_manifest(tmp_path / "study")
    assert (manifest["subject"]["name"], manifest["corpus"]["name"]) == ("gpt2-xl", "WebText")
    (site,) = manifest["subject"]["sites"]
    assert (site["name"], site["layer"], site["width"]) == ("mlp.5", 5, 132)
    assert manifest["imported"]["source"] == str(tmp_path / "source")
    assert "made with another GELU" in manifest["imported"]["notes"][0]


@pytest.mark.parametrize(
    ("activations", "explanations", "message"),
    [
        ('{"neuron_id"', None, "collated-activations/5/131.json is no NeuronRecord: Expecting"),
        ("[]", None, "131.json is no NeuronRecord: it is no JSON object"),
        (
            neuron(most_positive_activation_records=[{"tokens": ["a"], "activations": []}]),
            None,
            "131.json is no NeuronRecord: 0 values \\(activations\\) for 1",
        ),
        (
            neuron(random_sample=[{"activations": [1.0]}]),
            None,
            "131.json is no NeuronRecord: it has no 'tokens'",
        ),
        (
            {"neuron_id": {"layer_index": 5, "neuron_index": 7}},
            None,
            "131.json is no NeuronRecord: it is of neuron 7 of layer 5",
        ),
        (
            neuron(),
            results(("x", [simulated(["a"], [1.0, 2.0], [1.0])], {})),
            "131.jsonl is no NeuronSimulationResults: 2 values \\(expected\\) for 1 tokens",
        ),
        (
            neuron(),
            results(("x", [simulated(["a"], ["high"], [1.0])], {})),
            "131.jsonl is no NeuronSimulationResults: could not convert string",
        ),
        (
            neuron(random_sample=[record()]),
            None,
            "131.json is no NeuronRecord: a text has no token",
        ),
    ],
)
def test_a_damaged_file_is_named_and_leaves_no_study(
    load, tmp_path, activations, explanations, message
):
    with pytest.raises(InputError, match=message):
        load(activations, explanations)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_files_behind_a_url_are_read(tmp_path):
    files = fsspec.filesystem("memory")
    files.pipe_file(
        "/neurons/explanations/5/131.jsonl", json.dumps(results(("x", [], {}))).encode()
    )
    files.pipe_file("/neurons/explanations/5/README.jsonl", b"no neuron")
    load_openai("memory://neurons", tmp_path / "study")
    assert [
        each.text for each in Study.open(tmp_path / "study").unit("mlp.5/131").explanations
    ] == ["x"]


def test_a_folder_without_neurons_is_refused(tmp_path):
    (tmp_path / "collated-activations" / "notes").mkdir(parents=True)
    with pytest.raises(InputError, match="holds no collated-activations/LAYER/NEURON"):
        Study.import_from(tmp_path, tmp_path / "study", format="openai")


def test_a_study_that_is_there_is_not_written_over(load, tmp_path):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "thesis.txt").write_text("x")
    with pytest.raises(InputError, match="is there already"):
        load(neuron())
    assert Path(tmp_path / "study" / "thesis.txt").exists()
