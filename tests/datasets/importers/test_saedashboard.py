"""Batches of SAEDashboard as a study."""

import gzip
import json
import math

import pytest

from neuroscribe.datasets import store
from neuroscribe.datasets.importers.saedashboard import load
from neuroscribe.datasets.manifest import read_manifest
from neuroscribe.errors import InputError
from neuroscribe.study import Study

# "it's cold", with a curly apostrophe in GPT-2's alphabet, cut between its bytes.
COLD = ["it", "\u00e2\u0122", "\u013b", "s", " cold"]
RAIN = [" rain", " fell", "\n"]


def window(tokens, values, *, low=-1, high=4.0, share=-1, **more):
    return {
        "bin_min": low,
        "bin_max": high,
        "bin_contains": share,
        "tokens": tokens,
        "values": values,
        "qualifying_token_index": 0,
    } | more


def latent(index=7, **more):
    return {
        "feature_index": index,
        "pos_str": [" wet"],
        "pos_values": [1.5],
        "logits_hist_data_bar_values": [],
        "frac_nonzero": 0.125,
        "freq_hist_data_bar_values": [1.0, 2.0, 3.0],
        "freq_hist_data_bar_heights": [5, 2, 1],
        "n_prompts_total": 10,
        "n_tokens_in_prompt": 4,
        "dataset": "weather",
        "activations": [
            window(RAIN, [4.0, 0.5, 0.0]),
            window(COLD, [0.0, 0.0, 0.25, 0.0, 2.0]),
            # The same text for its second strong token.
            window(RAIN, [4.0, 0.5, 0.0]),
            window(RAIN, [4.0, 0.5, 0.0], low=3.2, high=4.0, share=0.001),
            window(COLD, [0.0, 0.0, 0.25, 0.0, 2.0], low=0.0, high=0.8, share=0.9),
        ],
    } | more


def batch(*latents, **more):
    return {"model_id": "tiny", "layer": 3, "sae_set": "res-own", "features": list(latents)} | more


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def lines(path):
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


@pytest.fixture
def imported(tmp_path):
    source = write(tmp_path / "batch-0.json", batch(latent()))
    transfer = load(source, tmp_path / "study", split="train")
    return Study.open(tmp_path / "study"), transfer


def test_a_latent_is_a_unit_of_a_site_named_by_layer_and_set(imported):
    study, transfer = imported
    assert study.widths == {"sae.3.res-own": 8}
    assert study.manifest["subject"]["name"] == "tiny"
    assert study.manifest["corpus"]["name"] == "weather"
    assert transfer.written == {"sequences": 2, "units": 1, "exemplars": 4}
    statistics = study.unit("sae.3.res-own/7").record.statistics
    assert (statistics.density, statistics.max, statistics.n_tokens) == (0.125, 4.0, 40)
    assert (statistics.mean, statistics.min) == (None, None)


def test_top_texts_and_intervals_are_exemplars(imported):
    study, transfer = imported
    exemplars = study.unit("sae.3.res-own/7").record.exemplars
    assert [(e.kind, e.quantile, e.rank, e.activations) for e in exemplars] == [
        ("top", None, 0, (4.0, 0.5, 0.0)),
        ("top", None, 1, (0.0, 0.0, 0.25, 0.0, 2.0)),
        ("quantile", 0, 0, (0.0, 0.0, 0.25, 0.0, 2.0)),
        ("quantile", 4, 0, (4.0, 0.5, 0.0)),
    ]
    assert "1 repeats of a text within its group, one for each strong token" in transfer.left_out


def test_byte_fragments_are_shown_as_a_recording_shows_them(imported):
    study, transfer = imported
    exemplar = study.unit("sae.3.res-own/7").record.exemplars[1]
    assert exemplar.sequence.tokens == ("it", "⟨e2 80⟩", "⟨99⟩", "s", " cold")
    assert exemplar.sequence.text == "it\u2019s cold"
    assert exemplar.sequence.token_bytes_offsets == (0, 2, 4, 5, 6, 11)
    (said,) = [sentence for sentence in transfer.left_out if "byte_level" in sentence]
    assert said.startswith("4 tokens that were read as byte_level")


def test_the_histogram_has_edges_between_the_bars(imported):
    study, _ = imported
    statistics = study.unit("sae.3.res-own/7").record.statistics
    assert statistics.histogram_edges == (0.5, 1.5, 2.5, 3.5)
    assert statistics.histogram_counts == (5, 2, 1)


def test_what_has_no_column_is_said(imported):
    study, transfer = imported
    assert "1 latents' promoted and suppressed tokens with their logits" in transfer.left_out
    assert not any("histograms of logits" in sentence for sentence in transfer.left_out)
    notes = study.manifest["imported"]["notes"]
    assert all(f"Left out: {sentence}." in notes for sentence in transfer.left_out)
    assert any("rounded to three decimals" in note for note in notes)


def test_a_dead_latent_is_a_unit_that_never_fires(tmp_path):
    dead = latent(
        0,
        frac_nonzero=0,
        freq_hist_data_bar_values=[],
        freq_hist_data_bar_heights=[],
        activations=[
            window(RAIN, [0.0, 0.0, 0.0], high=0.0),
            window(RAIN, [0.0, 0.0, 0.0], low=0.0, high=0.0, share=1.0),
        ],
    )
    load(write(tmp_path / "batch-0.json", batch(dead)), tmp_path / "study", split="train")
    record = Study.open(tmp_path / "study").unit("sae.3.res-own/0").record
    assert (record.statistics.density, record.statistics.max) == (0.0, 0.0)
    assert record.statistics.histogram_edges == ()
    assert [(e.kind, e.quantile) for e in record.exemplars] == [("top", None), ("quantile", 0)]


def test_missing_fields_stay_missing(tmp_path):
    bare = {"feature_index": 2}
    load(write(tmp_path / "batch-0.json", batch(bare)), tmp_path / "study")
    (row,) = store.read(tmp_path / "study", "units").to_pylist()
    assert (row["density"], row["max"], row["n_tokens"]) == (None, None, 0)
    assert (row["histogram_edges"], row["histogram_counts"]) == ([], [])
    assert read_manifest(tmp_path / "study")["corpus"]["name"] == "unknown"


def test_nan_is_missing_and_never_a_peak(tmp_path):
    odd = latent(
        frac_nonzero=math.nan,
        freq_hist_data_bar_heights=[math.nan, 1, 2],
        activations=[window(RAIN, [math.nan, 0.5, 0.0])],
    )
    transfer = load(write(tmp_path / "batch-0.json", batch(odd)), tmp_path / "study")
    (row,) = store.read(tmp_path / "study", "units").to_pylist()
    assert (row["density"], row["max"], row["histogram_edges"]) == (None, 0.5, [])
    (exemplar,) = store.read(tmp_path / "study", "exemplars").to_pylist()
    assert (exemplar["peak_position"], exemplar["peak_activation"]) == (1, 0.5)
    assert "1 histograms of activations that cannot be read" in transfer.left_out


def test_a_group_without_a_label_is_left_out_and_counted(tmp_path):
    odd = latent(activations=[window(RAIN, [1.0, 0.0, 0.0], low=0, high=0, share=0)])
    transfer = load(write(tmp_path / "batch-0.json", batch(odd)), tmp_path / "study")
    assert "exemplars" not in transfer.written
    assert "1 texts of a group that is neither top nor an interval" in transfer.left_out


def test_a_folder_is_one_study_of_all_its_batches_in_order(tmp_path):
    for number, index in ((0, 1), (2, 5), (10, 9)):
        write(tmp_path / f"run/batch-{number}.json", batch(latent(index)))
    write(tmp_path / "run/skipped_indexes.json", {"layer": "3", "skipped_indexes": [0, 2, 11]})
    load(tmp_path / "run", tmp_path / "study")
    study = Study.open(tmp_path / "study")
    assert [unit.index for unit in study.units()] == [1, 5, 9]
    assert study.widths == {"sae.3.res-own": 12}


def test_what_a_batch_does_not_say_is_in_the_settings_beside_it(tmp_path):
    bare = batch(latent(), model_id="", layer=None, sae_set="", sae_id_suffix="l0-40")
    write(tmp_path / "run/batch-0.json", bare)
    settings = {"model_id": "tiny", "layer": 4, "sae_set": "long/name", "np_set_name": "short one"}
    write(tmp_path / "run/run_settings.json", settings)
    load(tmp_path / "run", tmp_path / "study")
    assert list(Study.open(tmp_path / "study").widths) == ["sae.4.short-one__l0-40"]


def test_the_user_may_name_everything(tmp_path):
    bare = batch(latent(dataset=None), model_id=None, layer=None, sae_set=None)
    source = write(tmp_path / "batch-0.json", bare)
    with pytest.raises(InputError, match=r"does not say its layer; name the site with site="):
        load(source, tmp_path / "study")
    load(source, tmp_path / "study", site="sae.0.mine", subject="gpt", corpus="books")
    study = Study.open(tmp_path / "study")
    assert list(study.widths) == ["sae.0.mine"]
    assert (study.manifest["subject"]["name"], study.manifest["corpus"]["name"]) == ("gpt", "books")


def test_splits_are_drawn_by_text_unless_one_is_named(tmp_path):
    windows = [window([f" word{number}", " fell"], [1.0, 0.0]) for number in range(40)]
    source = write(tmp_path / "batch-0.json", batch(latent(activations=windows)))
    load(source, tmp_path / "drawn")
    load(source, tmp_path / "test", split="test")
    drawn = store.read(tmp_path / "drawn", "exemplars").to_pylist()
    assert {row["split"] for row in drawn} == {"train", "calibration", "valid", "test"}
    for split in ("train", "test"):
        ranks = [row["rank"] for row in drawn if row["split"] == split]
        assert ranks == list(range(len(ranks)))
    assert {row["split"] for row in store.read(tmp_path / "test", "exemplars").to_pylist()} == {
        "test"
    }


def test_tokens_that_could_be_either_are_kept_and_counted(tmp_path):
    tokens = ["caf\u00e9", " \u96e8", " \u00e2\u20ac\u2122"]
    source = write(
        tmp_path / "batch-0.json", batch(latent(activations=[window(tokens, [1.0, 0.0, 0.0])]))
    )
    transfer = load(source, tmp_path / "study")
    (row,) = store.read(tmp_path / "study", "sequences").to_pylist()
    assert row["tokens"] == tokens
    assert any(
        sentence.startswith("1 tokens that may be bytes of another encoding")
        for sentence in transfer.left_out
    )


def test_the_user_may_say_how_tokens_are_written(tmp_path):
    source = write(
        tmp_path / "batch-0.json", batch(latent(activations=[window(["\u013b", "s"], [1.0, 0.0])]))
    )
    for tokens, shown in (("auto", "\u013b"), ("byte_level", "⟨99⟩")):
        load(source, tmp_path / tokens, tokens=tokens)
        (row,) = store.read(tmp_path / tokens, "sequences").to_pylist()
        assert row["tokens"] == [shown, "s"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"features": [', r"batch-0\.json is damaged"),
        ("[]", r"batch-0\.json is damaged: it holds a list, not an object"),
        ({"model_id": "tiny"}, r"batch-0\.json is no batch of SAEDashboard: it has no features"),
        (batch({"frac_nonzero": 0.5}), "features 0 does not say which latent it is"),
        (batch(latent(), latent()), "unit sae.3.res-own/7 comes twice"),
        (
            batch(latent(activations=[window(RAIN, [1.0])])),
            r"batch-0\.json, features 0, activations 0 is damaged: 1 values for 3 tokens",
        ),
        (
            batch(latent(activations=[window(RAIN, ["a", "b", "c"])])),
            "activations 0 is damaged: values should be a number, not 'a'",
        ),
        (batch(latent(frac_nonzero="rare")), "frac_nonzero should be a number, not 'rare'"),
    ],
)
def test_a_damaged_file_is_named_and_nothing_is_left_behind(tmp_path, content, message):
    source = write(tmp_path / "run/batch-0.json", content)
    with pytest.raises(InputError, match=message):
        load(source, tmp_path / "study")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_batches_of_two_models_are_refused(tmp_path):
    write(tmp_path / "run/batch-0.json", batch(latent(0)))
    write(tmp_path / "run/batch-1.json", batch(latent(1), model_id="other"))
    with pytest.raises(
        InputError, match=r"batch-1\.json is of model other, .*batch-0\.json of tiny"
    ):
        load(tmp_path / "run", tmp_path / "study")


def test_a_place_without_batches_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"holds no batch-N\.json"):
        load(tmp_path / "empty", tmp_path / "study")
    with pytest.raises(InputError, match="there is no file or folder"):
        load(tmp_path / "nowhere", tmp_path / "study")
    with pytest.raises(InputError, match="no split is called 'dev'"):
        load(tmp_path / "empty", tmp_path / "study", split="dev")


def test_a_real_batch(tmp_path, shared_data):
    (source,) = (shared_data / "saedashboard").glob("*.json")
    transfer = Study.import_from(source, tmp_path / "study", format="saedashboard")
    assert transfer.written == {"sequences": 35, "units": 2, "exemplars": 38}
    study = Study.open(tmp_path / "study")
    assert study.widths == {"sae.0.res-jb": 2}
    live, dead = (study.unit(f"sae.0.res-jb/{index}").record for index in (0, 1))
    assert (live.statistics.density, live.statistics.max) == (0.0002, 2.214)
    assert sum(live.statistics.histogram_counts) == 126
    assert (dead.statistics.density, dead.statistics.max) == (0.0, 0.0)
    strongest = live.select("train", "top")[0]
    assert strongest.sequence.tokens[strongest.peak_position] == " brigade"
    shown = [
        token
        for row in store.read(tmp_path / "study", "sequences").to_pylist()
        for token in row["tokens"]
    ]
    assert shown.count("⟨e2 80⟩") == 36
    # No letter of the byte alphabet is left.
    assert not any("\u0100" <= letter <= "\u0143" for token in shown for letter in token)


def test_a_study_of_latents_goes_on_to_neuronpedia(tmp_path):
    load(write(tmp_path / "batch-0.json", batch(latent())), tmp_path / "study", split="train")
    Study.open(tmp_path / "study").export("neuronpedia", tmp_path / "out")
    folder = tmp_path / "out/tiny/3-res-own"
    (feature,) = lines(folder / "features/batch-0.jsonl.gz")
    assert (feature["index"], feature["frac_nonzero"], feature["maxActApprox"]) == ("7", 0.125, 4.0)
    assert feature["freq_hist_data_bar_values"] == [1.0, 2.0, 3.0]
    assert feature["freq_hist_data_bar_heights"] == [5, 2, 1]
    activations = lines(folder / "activations/batch-0.jsonl.gz")
    assert [row["values"] for row in activations if row["binMin"] == -1] == [
        [4.0, 0.5, 0.0],
        [0.0, 0.0, 0.25, 0.0, 2.0],
    ]
