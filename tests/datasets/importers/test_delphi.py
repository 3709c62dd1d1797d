"""A results folder of delphi as a study."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from safetensors.numpy import save_file

from neuroscribe.datasets import store
from neuroscribe.datasets.importers.delphi import load
from neuroscribe.datasets.interchange.delphi_cache import CachedLatent, Windows, read_cache
from neuroscribe.datasets.interchange.delphi_results import Judged, auc, balanced_accuracy
from neuroscribe.errors import InputError
from neuroscribe.study import Study

HOOK = "layers.5.mlp"
SITE = "sae.5.layers.5.mlp"
# Two rows of six tokens.
TOKENS = np.array([[10, 11, 12, 13, 14, 15], [20, 21, 22, 10, 24, 25]], dtype=np.int64)


def cache(folder, entries, *, first=0, last=9, tokens=TOKENS, hook=HOOK):
    """A file of cached latents from `row, position, latent: activation`."""
    path = folder / "latents" / hook / f"{first}_{last}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    locations = np.array([[r, p, n - first] for r, p, n in entries], dtype=np.uint16)
    data = {
        "locations": locations.reshape(-1, 3),
        "activations": np.array(list(entries.values()), dtype=np.float16),
    }
    save_file(data if tokens is None else data | {"tokens": tokens}, path)
    return path


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def item(text, fires, says, **more):
    return {
        "str_tokens": text.split("|"),
        "activations": [],
        "distance": 1 if fires else -1,
        "activating": fires,
        "prediction": says,
        "probability": None,
        "correct": says == fires,
    } | more


@pytest.fixture
def results(tmp_path):
    """A small results folder with all three parts."""
    folder = tmp_path / "results"
    cache(folder, {(0, 1, 3): 2.0, (0, 4, 3): 0.5, (1, 3, 3): 1.0, (1, 0, 7): 4.0})
    config = {"dataset_repo": "org/texts", "ctx_len": 6, "model_name": "org/model"}
    write(folder / "latents" / HOOK / "config.json", config)
    write(
        folder / "run_config.json",
        {"model": "org/model", "explainer_model": "judge-7b", "hf_token": "hf_very_secret"},
    )
    write(folder / "explanations" / f"{HOOK}_latent3.txt", "words for rain")
    write(
        folder / "scores/detection" / f"{HOOK}_latent3.txt",
        [
            item("it| rained", True, True),
            item("a| drop", True, False),
            item("the| sun", False, False),
            item("no| answer", False, None),
        ],
    )
    return folder


def imported(folder, **options):
    options = {"split": "train", "context": 3, "n_random": 0} | options
    transfer = load(folder, folder.parent / "study", **options)
    return Study.open(folder.parent / "study"), transfer


def test_all_three_parts_become_one_study(results):
    study, transfer = imported(results)
    assert study.widths == {SITE: 10}
    assert [unit.index for unit in study.units()] == [3, 7]
    assert transfer.written == {
        "sequences": 4,
        "units": 2,
        "exemplars": 4,
        "explanations": 1,
        "scores": 1,
        "judgements": 4,
    }
    assert study.manifest["subject"]["name"] == "org/model"
    assert study.manifest["subject"]["sites"][0]["layer"] == 5
    assert study.manifest["subject"]["sites"][0]["module"] == HOOK
    assert study.manifest["corpus"]["name"] == "org/texts"


def test_rows_are_cut_into_windows_with_a_value_for_every_token(results):
    study, _ = imported(results)
    exemplars = study.unit(f"{SITE}/3").record.exemplars
    assert [(e.sequence.token_ids, e.activations, e.rank) for e in exemplars] == [
        ((10, 11, 12), (0.0, 2.0, 0.0), 0),
        ((10, 24, 25), (1.0, 0.0, 0.0), 1),
        ((13, 14, 15), (0.0, 0.5, 0.0), 2),
    ]
    assert [e.sequence.document_id for e in exemplars] == ["row-0", "row-1", "row-0"]


def test_tokens_without_a_tokenizer_show_their_ids_and_this_is_said(results):
    study, transfer = imported(results)
    sequence = study.unit(f"{SITE}/3").record.exemplars[0].sequence
    assert sequence.tokens == ("⟨id 10⟩", "⟨id 11⟩", "⟨id 12⟩")
    assert "strings of tokens, which are shown by their ids; set tokenizer=..." in transfer.left_out


def test_statistics_count_what_is_not_in_the_cache_as_zero(results):
    study, _ = imported(results)
    statistics = study.unit(f"{SITE}/3").record.statistics
    values = np.zeros(12)
    values[:3] = [2.0, 0.5, 1.0]
    assert statistics.n_tokens == 12
    assert statistics.mean == pytest.approx(values.mean())
    assert statistics.variance == pytest.approx(values.var())
    deviations = (values - values.mean()) / values.std()
    assert statistics.skewness == pytest.approx((deviations**3).mean())
    assert statistics.kurtosis == pytest.approx((deviations**4).mean() - 3)
    assert (statistics.min, statistics.max, statistics.density) == (0.0, 2.0, 0.25)
    # The windows' largest activations are 0, 0.5, 1 and 2.
    assert statistics.quantile_boundaries == (1.0, 2.0, 2.0, 2.0)
    assert sum(statistics.histogram_counts) == 12
    assert statistics.histogram_counts[0] == 9
    # Token 10 is there twice and fires once.
    assert statistics.lookup.token_ids == (11, 10, 14)
    assert statistics.lookup.means == (2.0, 0.5, 0.5)
    assert statistics.lookup.counts == (1, 2, 1)


def test_random_exemplars_are_the_same_windows_for_every_latent(results):
    study, _ = imported(results, n_random=2, top_k=1)
    random = [
        [e for e in study.unit(f"{SITE}/{index}").record.exemplars if e.kind == "random"]
        for index in (3, 7)
    ]
    ids = [[e.sequence.sequence_id for e in exemplars] for exemplars in random]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


def test_rows_are_drawn_into_splits_whole(tmp_path):
    tokens = np.arange(240, dtype=np.int64).reshape(40, 6)
    entries = {(row, place, 0): 1.0 + row for row in range(40) for place in (0, 5)}
    cache(tmp_path / "results", entries, tokens=tokens)
    study, _ = imported(tmp_path / "results", split="by_row")
    rows = store.read(study.path, "sequences").to_pylist()
    assert {row["split"] for row in rows} == {"train", "calibration", "valid", "test"}
    for document in {row["document_id"] for row in rows}:
        assert len({row["split"] for row in rows if row["document_id"] == document}) == 1


def test_equal_texts_are_one_exemplar_and_in_one_split(tmp_path):
    tokens = np.array([[1, 2, 3, row, row, row] for row in range(4, 24)], dtype=np.int64)
    cache(tmp_path / "results", {(row, 0, 0): 1.0 for row in range(20)}, tokens=tokens)
    study, transfer = imported(tmp_path / "results", split="by_row")
    (exemplar,) = study.unit(f"{SITE}/0").record.exemplars
    assert exemplar.sequence.token_ids == (1, 2, 3)
    assert any("texts that are in another split too" in line for line in transfer.left_out)


def test_an_explanation_carries_who_made_it(results):
    study, _ = imported(results)
    (explanation,) = study.unit(f"{SITE}/3").explanations
    assert (explanation.text, explanation.status) == ("words for rain", "ok")
    assert (explanation.explainer, explanation.llm) == ("delphi", "judge-7b")


def test_answers_become_judgements_and_their_balanced_accuracy(results):
    study, _ = imported(results)
    (score,) = study.unit(f"{SITE}/3").scores
    assert (score["scorer"], score["metric"], score["report_set"]) == (
        "detection",
        "balanced_accuracy",
        "quantile_and_random",
    )
    assert (score["value"], score["chance"]) == (0.75, 0.5)
    assert (score["n_items"], score["coverage"], score["n_failed"]) == (4, 0.75, 1)
    assert score["reliable"] is False
    rows = store.read(study.path, "judgements").to_pylist()
    assert [(row["text"], row["kind"], row["truth"], row["verdict"]) for row in rows] == [
        ("it rained", "quantile", True, True),
        ("a drop", "quantile", True, False),
        ("the sun", "random", False, False),
        ("no answer", "random", False, None),
    ]
    assert [row["status"] for row in rows] == ["ok", "ok", "ok", "unparsed"]
    assert {row["llm"] for row in rows} == {"judge-7b"}


def test_probabilities_give_an_area_under_the_curve(results):
    write(
        results / "scores/fuzz" / f"{HOOK}_latent3.txt",
        [
            item("a", True, True, probability=0.9),
            item("b", False, True, probability=0.6),
            item("c", False, False, probability=0.1),
        ],
    )
    study, transfer = imported(results)
    scores = {
        (score["scorer"], score["metric"]): score["value"]
        for score in study.unit(f"{SITE}/3").scores
    }
    assert scores["fuzzing", "auc"] == 1.0
    assert scores["fuzzing", "balanced_accuracy"] == 0.75
    assert "3 texts of fuzzing: which of their tokens were marked" in transfer.left_out


def test_names_of_older_versions_are_read(tmp_path):
    folder = tmp_path / "results"
    write(folder / "explanations" / f"{HOOK}_feature3.txt", "rain")
    old = {"text": "it rained", "ground_truth": True, "prediction": 1, "distance": 3}
    silent = {"text": "sun", "ground_truth": False, "prediction": 0, "distance": -1}
    write(folder / "scores/detection" / f"{HOOK}_feature3.txt", [old, silent])
    embedded = [{"text": "wet", "distance": 2, "similarity": 0.5}]
    embedded.append({"text": "dry", "distance": -1, "similarity": 0.25})
    write(folder / "scores/embedding" / f"{HOOK}_feature3.txt", embedded)
    study, _ = imported(folder)
    scores = {(s["scorer"], s["metric"]): s["value"] for s in study.unit(f"{SITE}/3").scores}
    assert scores == {("detection", "balanced_accuracy"): 1.0, ("embedding", "auc"): 1.0}


def test_a_field_that_may_hold_a_default_is_no_answer(tmp_path):
    folder = tmp_path / "results"
    write(folder / "explanations" / f"{HOOK}_feature3.txt", "rain")
    old = [{"ground_truth": truth, "predicted": False} for truth in (True, False)]
    write(folder / "scores/detection" / f"{HOOK}_feature3.txt", old)
    study, _ = imported(folder)
    assert study.unit(f"{SITE}/3").scores == []
    rows = store.read(study.path, "judgements").to_pylist()
    assert [(row["status"], row["verdict"]) for row in rows] == [("unparsed", None)] * 2


def test_hook_points_with_slashes_are_found_under_both_spellings(tmp_path):
    folder = tmp_path / "results"
    hook = "blocks/2/mlp"
    cache(folder, {(0, 0, 1): 1.0}, hook=hook)
    write(folder / "explanations/default/blocks/2/mlp_latent1.txt", "rain")
    write(folder / "scores/detection/blocks--2--mlp_latent1.txt", [item("a", True, True)])
    study, _ = imported(folder)
    assert list(study.widths) == ["sae.2.blocks-2-mlp"]
    report = study.unit("sae.2.blocks-2-mlp/1")
    assert [each.text for each in report.explanations] == ["rain"]
    (score,) = report.scores
    assert (score["value"], score["reason"]) == (None, "only one kind of text has answers")


def test_each_part_may_be_missing(results):
    study, _ = imported(results)
    explained = study.unit(f"{SITE}/3")
    for missing in ("latents", "explanations", "scores"):
        copy = results.parent / f"without {missing}" / "results"
        shutil.copytree(results, copy)
        shutil.rmtree(copy / missing)
        study, transfer = imported(copy)
        report = study.unit(f"{SITE}/3")
        assert bool(report.record.exemplars) == (missing != "latents")
        assert bool(report.scores) == (missing != "scores")
        (explanation,) = report.explanations
        if missing == "explanations":
            assert (explanation.text, explanation.status) == (None, "skipped")
            assert "1 scores of explanations that are not there: their texts" in transfer.left_out
        else:
            assert explanation.explanation_id == explained.explanations[0].explanation_id


def test_an_answer_that_delphi_could_not_parse_is_no_explanation(tmp_path):
    write(tmp_path / f"results/explanations/{HOOK}_latent1.txt", "Explanation could not be parsed.")
    study, _ = imported(tmp_path / "results")
    (explanation,) = study.unit(f"{SITE}/1").explanations
    assert (explanation.text, explanation.status) == (None, "unparsed")


def test_several_explanations_are_candidates(tmp_path):
    write(tmp_path / f"results/explanations/{HOOK}_latent1.txt", ["rain", "wet words"])
    study, _ = imported(tmp_path / "results")
    explanations = study.unit(f"{SITE}/1").explanations
    assert [(e.text, e.candidate, e.selected) for e in explanations] == [
        ("rain", 0, True),
        ("wet words", 1, False),
    ]


def test_only_explained_latents_are_taken_on_demand(results):
    study, transfer = imported(results, explained_only=True)
    assert [unit.index for unit in study.units()] == [3]
    assert "1 latents without an explanation or a score" in transfer.left_out


def test_a_cache_without_tokens_has_units_without_texts(tmp_path):
    cache(tmp_path / "results", {(0, 1, 3): 2.0}, tokens=None)
    study, transfer = imported(tmp_path / "results")
    record = study.unit(f"{SITE}/3").record
    assert (record.statistics.max, record.statistics.mean, record.exemplars) == (2.0, None, ())
    assert f"1 texts of {HOOK}/0_9.safetensors, which has no tokens" in transfer.left_out


def test_latents_of_several_files_are_numbered_from_their_starts(tmp_path):
    folder = tmp_path / "results"
    cache(folder, {(0, 1, 3): 2.0}, first=0, last=9)
    cache(folder, {(0, 2, 12): 1.0}, first=10, last=19)
    study, _ = imported(folder)
    assert study.widths == {SITE: 20}
    assert [unit.index for unit in study.units()] == [3, 12]


def test_a_token_for_the_hub_is_never_carried(results):
    study, transfer = imported(results)
    everything = b"".join(p.read_bytes() for p in study.path.rglob("*") if p.is_file())
    assert b"hf_very_secret" not in everything
    assert "hf_very_secret" not in str(transfer)


def test_what_is_not_read_is_said(results):
    write(results / "scores/surprisal" / f"{HOOK}_latent3.txt", {})
    write(results / "neighbours/x.json", {})
    write(results / "log/hookpoint_firing_counts.pt", {})
    _, transfer = imported(results)
    assert "1 files of scorer surprisal" in transfer.left_out
    assert "what else is there: log, neighbours" in transfer.left_out


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (f"latents/{HOOK}/0_9.safetensors", b"no tensors", r"0_9\.safetensors is damaged"),
        (f"explanations/{HOOK}_latent3.txt", b"plain words", r"latent3\.txt is damaged"),
        (f"explanations/{HOOK}_latent3.txt", b"{}", "should hold the text of an explanation"),
        (f"scores/detection/{HOOK}_latent3.txt", b"__import__('os')", r"latent3\.txt is damaged"),
        (f"scores/detection/{HOOK}_latent3.txt", b'{"a": 1}', "should hold a list of judged texts"),
        (
            f"scores/detection/{HOOK}_latent3.txt",
            b'[{"activating": "yes"}]',
            "item 0 is damaged: activating should be true or false, not 'yes'",
        ),
        ("run_config.json", b"[", r"run_config\.json is damaged"),
    ],
)
def test_a_damaged_file_is_named_and_nothing_is_left_behind(results, name, content, message):
    (results / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        imported(results)
    assert [path.name for path in results.parent.iterdir()] == ["results"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"activations": np.zeros(1)}, "it holds no locations and activations"),
        (
            {"locations": np.zeros((2, 3)), "activations": np.zeros(1)},
            r"\(1,\) activations at \(2, 3\) locations",
        ),
        (
            {"locations": np.array([[0, 0, 10]]), "activations": np.ones(1)},
            r"row, position or latent \(0, 0, 10\) of a location is outside",
        ),
        (
            {
                "locations": np.array([[2, 0, 0]]),
                "activations": np.ones(1),
                "tokens": np.zeros((2, 6)),
            },
            r"\(2, 0, 0\) of a location is outside of \(2, 6, 10\)",
        ),
        (
            {
                "locations": np.zeros((1, 3)),
                "activations": np.ones(1),
                "tokens": np.zeros(6),
            },
            r"its tokens have the shape \(6,\)",
        ),
    ],
)
def test_a_cache_that_contradicts_itself_is_damaged(tmp_path, data, message):
    save_file(data, tmp_path / "0_9.safetensors")
    with pytest.raises(InputError, match=message):
        read_cache(tmp_path / "0_9.safetensors")


def test_a_place_without_results_is_refused(tmp_path):
    (tmp_path / "results").mkdir()
    with pytest.raises(InputError, match=r"holds no latents, explanations or scores of delphi"):
        imported(tmp_path / "results")
    for options in ({"split": "dev"}, {"context": 0}, {"top_k": 0}, {"n_random": -1}):
        with pytest.raises(InputError, match=r"no split|must be at least"):
            imported(tmp_path / "results", **options)


def test_a_tokenizer_that_is_not_there_is_named(results):
    with pytest.raises(InputError, match=r"cannot load tokenizer '.*nowhere'"):
        imported(results, tokenizer=str(results / "nowhere"))
    assert [path.name for path in results.parent.iterdir()] == ["results"]


def test_a_tokenizer_gives_tokens_their_strings(tmp_path, byte_level):
    byte_level.save_pretrained(tmp_path / "tokenizer")
    ids = byte_level("the caf\u00e9 of rain")["input_ids"]
    cache(tmp_path / "results", {(0, 0, 1): 1.0}, tokens=np.array([[*ids, 9_999]]))
    study, transfer = imported(
        tmp_path / "results", tokenizer=str(tmp_path / "tokenizer"), context=100
    )
    (exemplar,) = study.unit(f"{SITE}/1").record.exemplars
    shown = "".join(exemplar.sequence.tokens)
    assert shown.endswith("⟨id 9999⟩")
    assert shown.startswith("the caf")
    assert not any("strings of tokens" in sentence for sentence in transfer.left_out)


def test_words_of_a_word_piece_vocabulary_have_their_spaces_back(tmp_path, word_piece):
    word_piece.save_pretrained(tmp_path / "tokenizer")
    ids = word_piece("rain and sun", add_special_tokens=False)["input_ids"]
    cache(tmp_path / "results", {(0, 0, 1): 1.0}, tokens=np.array([ids]))
    study, _ = imported(tmp_path / "results", tokenizer=str(tmp_path / "tokenizer"), context=100)
    (exemplar,) = study.unit(f"{SITE}/1").record.exemplars
    assert "".join(exemplar.sequence.tokens) == " rain and sun"


def test_gpt2s_vocabulary(tmp_path, shared_data):
    folder = tmp_path / "gpt2"
    folder.mkdir()
    shutil.copy(shared_data / "gpt2-bpe/encoder.json", folder / "vocab.json")
    shutil.copy(shared_data / "gpt2-bpe/vocab.bpe", folder / "merges.txt")
    write(folder / "tokenizer_config.json", {"tokenizer_class": "GPT2Tokenizer"})
    # "It", a curly apostrophe in two tokens, "s", " rain".
    tokens = np.array([[1026, 447, 247, 82, 6290, 50256]])
    cache(tmp_path / "results", {(0, 0, 1): 1.0}, tokens=tokens)
    study, _ = imported(tmp_path / "results", tokenizer=str(folder), context=100)
    (exemplar,) = study.unit(f"{SITE}/1").record.exemplars
    assert exemplar.sequence.tokens == (
        "It",
        "⟨e2 80⟩",
        "⟨99⟩",
        "s",
        " rain",
        "<|endoftext|>",
    )


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 6), st.floats(-2, 4, width=16)),
        min_size=1,
        max_size=12,
        unique_by=lambda entry: entry[:2],
    ),
    st.integers(1, 7),
)
@settings(deadline=None, max_examples=60)
def test_windows_hold_what_a_dense_array_would(entries, length):
    dense = np.zeros((4, 7))
    for row, position, value in entries:
        dense[row, position] = value
    entries.sort()
    latent = CachedLatent(
        index=0,
        rows=np.array([row for row, _, _ in entries]),
        positions=np.array([position for _, position, _ in entries]),
        activations=np.array([value for _, _, value in entries]),
    )
    windows = Windows(np.arange(28).reshape(4, 7), length=length, split="train")
    cut = [row[start : start + length] for row in dense for start in range(0, 7, length)]
    for window, values in enumerate(cut):
        assert windows.values(latent, window) == tuple(values.tolist())
    peaks = [values.max() for values in cut]
    firing = sorted((-peak, window) for window, peak in enumerate(peaks) if peak > 0)
    assert windows.top(latent, 3)["train"] == [window for _, window in firing[:3]]
    statistics = windows.statistics(latent)
    assert statistics["mean"] == pytest.approx(dense.mean())
    assert statistics["variance"] == pytest.approx(dense.var(), abs=1e-12)
    assert statistics["density"] == (dense > 0).mean()
    assert sum(statistics["histogram_counts"]) == dense.size


def said(fires, says=None, ranks=None):
    return Judged(text="", fires=fires, says=says, ranks=ranks)


def test_balanced_accuracy_weighs_both_kinds_alike():
    judged = [said(True, True), *[said(False, False)] * 8, said(False, True)]
    assert balanced_accuracy(judged) == pytest.approx((1 + 8 / 9) / 2)
    assert balanced_accuracy([said(True, True)]) is None
    assert balanced_accuracy([said(True, True), said(False)]) is None


def test_ties_count_half_in_the_area_under_the_curve():
    assert auc([said(True, ranks=0.5), said(False, ranks=0.5), said(False, ranks=0.1)]) == 0.75
    assert auc([said(True, ranks=0.5), said(None, ranks=0.1)]) is None
