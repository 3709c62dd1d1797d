"""A built site holds what the study holds, and every address in it leads somewhere."""

import math
import shutil
from datetime import UTC, datetime

import numpy as np
import pyarrow.compute as pc
import pytest

from neuroscribe.datasets import store
from neuroscribe.errors import InputError, StudyError
from neuroscribe.records import UnitId
from neuroscribe.viewer import build, build_site
from neuroscribe.viewer.blocks import read_block
from neuroscribe.viewer.search_index import shard_of, terms_of
from tests.viewer import conftest as made
from tests.viewer.sites import BuiltSite


@pytest.fixture
def site(study, tmp_path):
    build_site(study, tmp_path / "site", embedder="words", weights=False)
    return BuiltSite(tmp_path / "site")


def test_every_unit_resolves_in_all_its_blocks(site):
    names = list(site.names())
    assert len(names) == len(set(names)) == site.index["totals"]["units"] == len(site.rows) == 52
    assert list(site.units) == list(site.exemplars) == names
    for name, row in zip(names, site.rows, strict=True):
        unit = site.units[name]
        assert (unit["index"], unit["polarity"]) == (row["unit"], row["polarity"])
    firsts = [(each["first_row"], each["count"]) for each in site.index["sites"]]
    assert firsts == [(0, 6), (6, 40), (46, 6)]


def test_every_link_is_valid(site):
    names = set(site.names())
    rows = dict(zip(site.names(), site.rows, strict=True))
    for name, unit in site.units.items():
        for neighbours in unit["neighbours"].values():
            assert neighbours is None or len(neighbours) <= 8
            for other, similarity, text in neighbours or ():
                assert other in names - {name}
                assert text == rows[other]["text"]
                assert 0 < similarity <= 1
    assert site.units[f"{made.ODD}/7"]["opposite"] == f"{made.ODD}/7-"
    assert site.units[f"{made.ODD}/7-"]["opposite"] == f"{made.ODD}/7"
    assert site.units["mlp.0/1"]["opposite"] is None


def test_every_sequence_that_is_named_is_there_and_as_long_as_its_values(site):
    for name, unit in site.exemplars.items():
        sequences = site.sequences[name]
        for group in unit["groups"]:
            for item in group["items"]:
                assert sequences[item["s"]]["split"] == group["split"]
                assert len(sequences[item["s"]]["tokens"]) == len(item["v"])
                assert 0 <= item["peak"] < len(item["v"])
        for group in unit["simulations"]:
            for item in group["items"]:
                assert len(sequences[item["s"]]["tokens"]) == len(item["truth"])


def test_search_finds_exactly_the_rows_whose_text_holds_the_word(site):
    texts = [row["text"] for row in site.rows]
    words = {term for text in texts if text for term in terms_of(text)}
    assert {"rain", "fall", "é2", "roofs", "b", "ends"} <= words
    shards = site.index["search"]["shards"]
    found = {}
    for shard in range(shards):
        for term, deltas in read_block(site.folder / "data" / "search" / f"{shard}.json.gz")[
            "terms"
        ].items():
            assert shard_of(term, shards) == shard
            found[term] = np.cumsum(deltas).tolist()
    assert found == {
        word: [row for row, text in enumerate(texts) if text and word in terms_of(text)]
        for word in words
    }


def test_the_map_has_a_point_for_every_explained_unit(site):
    points = read_block(site.folder / "data" / "map.json.gz")
    explained = [row for row, each in enumerate(site.rows) if each["text"] is not None]
    assert points["row"] == explained
    assert site.index["map"] == {"points": 7, "by": "words"}
    assert all(0 <= value <= 65535 for value in points["x"] + points["y"])
    assert points["score"] == [site.rows[row]["score"] for row in explained]


def test_activations_are_off_by_at_most_half_a_step(site, study):
    table = store.read(study, "exemplars").to_pylist()
    truth = {
        (f"{row['site']}/{row['unit']}{'-' if row['polarity'] < 0 else ''}", row["split"],
         row["kind"], row["sequence_id"]): row
        for row in table
    }  # fmt: skip
    seen = 0
    for name, unit in site.exemplars.items():
        for group in unit["groups"]:
            for item in group["items"]:
                row = truth[name, group["split"], group["kind"], int(item["s"])]
                assert row["peak_position"] == item["peak"]
                for shown, exact in zip(item["v"], row["activations"], strict=True):
                    if math.isfinite(exact):
                        assert abs(shown * unit["step"] - exact) <= unit["step"] * 0.5001
                        assert abs(shown) <= 501
                        seen += 1
                    else:
                        assert shown is None
    assert seen > 4000


def test_the_strongest_are_shown_and_only_so_many(study, tmp_path):
    build_site(study, tmp_path / "site", exemplars=2, map=False, weights=False)
    site = BuiltSite(tmp_path / "site")
    counts = {
        (group["split"], group["kind"], group["quantile"]): len(group["items"])
        for group in site.exemplars["mlp.1/0"]["groups"]
    }
    assert counts == {
        (split, kind, quantile): count
        for split in made.SPLITS
        for kind, quantile, count in (("top", None, 2), ("random", None, 5), ("quantile", 2, 2))
    }
    (top,) = [
        group["items"]
        for group in site.exemplars["mlp.1/0"]["groups"]
        if (group["split"], group["kind"]) == ("train", "top")
    ]
    assert [item["s"] for item in top] == ["100", "104"]
    assert site.index["map"] is None
    assert site.units["mlp.0/0"]["neighbours"]["explanation"] is None


def test_the_full_colour_is_the_largest_activation_on_train(site, study):
    rows = store.read(study, "exemplars", site="mlp.1").to_pandas()
    largest = rows[(rows.unit == 3) & (rows.split == "train")].peak_activation.max()
    assert site.exemplars["mlp.1/3"]["largest"] == pytest.approx(largest, rel=1e-3)


def test_a_unit_that_never_fires_and_statistics_that_are_not_numbers_are_null(site):
    silent = site.units["mlp.0/5"]
    assert silent["statistics"]["max"] is None
    assert silent["histogram"] == {"edges": [], "counts": []}
    assert silent["quantiles"] == {"levels": [], "boundaries": []}
    assert site.exemplars["mlp.0/5"]["largest"] == 0
    assert site.units["mlp.0/4"]["statistics"]["kurtosis"] is None
    assert silent["statistics"]["n_tokens"] == 123_456


def test_tokens_are_kept_as_they_are(site):
    tokens = {
        token
        for sequences in site.sequences.values()
        for sequence in sequences.values()
        for token in sequence["tokens"]
    }
    assert tokens == set(made.TOKENS)
    assert site.units["mlp.0/0"]["lookup"] == [
        ["<img onerror=alert(1)>", 2, 3],
        ["שלום", 1, 10_001],
        ["⟨token 999⟩", 0.1235, 1],
    ]


def test_the_newest_selected_explanation_stands_for_the_unit(site):
    assert site.rows[0]["text"] == "Rain, and snow"
    said = site.units["mlp.0/0"]["explanations"]
    assert [(each["text"], each["status"]) for each in said] == [
        ("Rain, and snow", "ok"),
        ("an older one", "ok"),
        (None, "failed"),
    ]
    assert said[2]["reason"] == "timed out"
    assert said[0]["created_at"] == "2025-01-02T00:00:00+00:00"
    assert said[0]["cost_usd"] == 0.0001235
    assert (said[0]["input_tokens"], said[0]["candidate"]) == (900, 0)


def test_scores_stand_beside_their_baselines(site):
    row = site.rows[1]
    assert {name: row[name] for name in ("score", "low", "high", "random", "lookup")} == {
        "score": 0.4123,
        "low": 0.1,
        "high": 0.9,
        "random": 0,
        "lookup": 0.7,
    }
    assert site.index["headline"] == {
        "scorer": "simulation",
        "metric": "pearson",
        "report_set": "top_and_random",
    }
    (undefined,) = [
        score
        for score in site.units["mlp.0/1"]["explanations"][0]["scores"]
        if score["metric"] == "r2_centred"
    ]
    assert (undefined["value"], undefined["reason"], undefined["reliable"]) == (
        None,
        "constant",
        False,
    )
    assert (undefined["random"], undefined["lookup"], undefined["mean"]) == (0.02, 0.7, None)
    assert site.index["sites"][0]["score"]["n"] == 5
    assert site.index["sites"][1]["score"] is None


def test_simulations_of_the_test_split_come_with_the_truth(site, study):
    (group,) = [
        each for each in site.exemplars["mlp.0/0"]["simulations"] if each["split"] == "test"
    ]
    assert [item["s"] for item in group["items"]] == ["103", "107", "111", "115"]
    first = group["items"][0]
    assert first["expected"] == [0.1235, 10, None, 5]
    assert first["calibrated"] == [0.1, -0.2, None, 0.3]
    step = site.exemplars["mlp.0/0"]["step"]
    rows = store.read(study, "exemplars", site="mlp.0").to_pandas()
    of_unit = rows[(rows.unit == 0) & (rows.sequence_id == 103)]
    assert any(
        np.allclose(np.array(first["truth"]) * step, values, atol=step)
        for values in of_unit.activations
    )
    failed = site.exemplars["mlp.0/0"]["simulations"][1]["items"][0]
    assert (failed["status"], failed["reason"], failed["expected"]) == ("failed", "timed out", [])


def test_simulations_come_in_the_order_of_the_explanations(study, tmp_path):
    older = made.explanation(("mlp.0", 0, 1), 0, text="older", day=1, explainer="contrastive")
    older |= {"explanation_id": "a"}
    made.write(study, "explanations", [older], "mlp.0")
    made.write(study, "simulations", made.simulations(older))
    build_site(study, tmp_path / "site", map=False, weights=False)
    site = BuiltSite(tmp_path / "site")
    said = [each["id"] for each in site.units["mlp.0/0"]["explanations"]]
    groups = [each["explanation"] for each in site.exemplars["mlp.0/0"]["simulations"]]
    assert list(dict.fromkeys(groups)) == [each for each in said if each in groups]
    assert groups[0] == "mlp.0-0-2"
    assert groups[-1] == "a"


def test_units_that_fire_on_the_same_sequences_are_found(site, study):
    fires = {}
    for row in store.read(study, "bits").to_pylist():
        bits = np.unpackbits(np.frombuffer(row["fires"], np.uint8))
        for index, polarity in made.UNITS[row["site"]]:
            if polarity == row["polarity"]:
                name = f"{row['site']}/{index}{'-' if polarity < 0 else ''}"
                fires.setdefault(name, {})[row["sequence_id"]] = int(bits[index])
    vectors = {name: [of[key] for key in sorted(of)] for name, of in fires.items()}
    mine = "mlp.1/3"
    phi = {
        other: np.corrcoef(vectors[mine], vectors[other])[0, 1]
        for other in vectors
        if other != mine
    }
    shown = site.units[mine]["neighbours"]["firing"]
    best = sorted(phi.values(), reverse=True)[:8]
    assert [similarity for _, similarity, _ in shown] == pytest.approx(best, abs=1e-4)
    for other, similarity, _ in shown:
        assert phi[other] == pytest.approx(similarity, abs=1e-4)


@pytest.mark.slow
def test_two_builds_are_the_same_to_the_byte_however_many_processes_write(study, tmp_path):
    first = build_site(study, tmp_path / "one", embedder="words", weights=False)
    build_site(study, tmp_path / "two", embedder="words", weights=False, processes=2)
    one, two = BuiltSite(tmp_path / "one").content(), BuiltSite(tmp_path / "two").content()
    assert one == two
    assert (first.files, first.bytes) == (len(one), sum(map(len, one.values())))


def test_gzip_holds_no_time(site):
    for path in site.folder.rglob("*.gz"):
        assert path.read_bytes()[4:8] == b"\0\0\0\0"


def test_weights_are_left_out_with_a_reason_where_the_subject_is_not_at_hand(study, tmp_path):
    built = build_site(study, tmp_path / "site", map=False)
    assert len(built.notes) == 1
    assert "weights are left out" in built.notes[0]
    assert BuiltSite(tmp_path / "site").units["mlp.0/0"]["weights"] is None


def test_a_site_is_replaced_and_anything_else_is_refused(study, tmp_path):
    out = tmp_path / "site"
    build_site(study, out, map=False, weights=False, title="old")
    build_site(study, out, map=False, weights=False, title="<new>")
    assert BuiltSite(out).index["title"] == "<new>"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site", "study"]
    for wrong in (study, tmp_path / "study" / "manifest.json"):
        with pytest.raises(InputError, match="is not a site"):
            build_site(study, wrong)
    with pytest.raises(StudyError, match="is not a study"):
        build_site(tmp_path, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_study_that_is_only_recorded_has_a_site(study, tmp_path):
    for table in ("explanations", "scores", "simulations", "bits"):
        shutil.rmtree(study / table)
    build_site(study, tmp_path / "site")
    site = BuiltSite(tmp_path / "site")
    assert (site.index["headline"], site.index["map"]) == (None, None)
    assert site.units["mlp.0/0"]["neighbours"] == {"explanation": None, "firing": None}
    assert site.rows[0]["text"] is None


def test_a_study_with_one_split_and_few_units_has_a_site(study, tmp_path):
    """As an imported one may be."""
    rows = store.read(study, "exemplars", site="mlp.0")
    shutil.rmtree(study / "exemplars")
    keep = pc.equal(rows["split"], "valid")
    store.write_part(study, "exemplars", rows.filter(keep), site="mlp.0")
    (study / "manifest.json").write_text('{"format_version": 3}')
    build_site(study, tmp_path / "site", embedder="words")
    site = BuiltSite(tmp_path / "site")
    assert site.exemplars["mlp.0/0"]["largest"] > 0
    assert site.exemplars["mlp.1/0"]["groups"] == []
    assert [each["name"] for each in site.index["sites"]] == ["mlp.0", "mlp.1", made.ODD]


def test_other_scores_are_the_headline_where_nothing_was_simulated(study, tmp_path):
    shutil.rmtree(study / "scores")
    rows = [
        row | {"scorer": scorer, "metric": "auc", "simulator": None}
        for scorer in ("fuzzing", "detection")
        for row in list(made.scores(made.explanation(("mlp.0", 0, 1), 0)))[:1]
    ]
    made.write(study, "scores", rows, "mlp.0")
    build_site(study, tmp_path / "site", map=False, weights=False)
    headline = BuiltSite(tmp_path / "site").index["headline"]
    assert headline == {"scorer": "detection", "metric": "auc", "report_set": "top_and_random"}


def test_a_score_that_nobody_has_is_no_headline(study, tmp_path):
    shutil.rmtree(study / "scores")
    (simulated, *_) = made.scores(made.explanation(("mlp.0", 0, 1), 0))
    undefined = [
        simulated | {"reliable": False},
        simulated | {"metric": "auc", "value": None},
        simulated | {"metric": "bce", "value": float("nan")},
    ]
    made.write(study, "scores", undefined, "mlp.0")
    build_site(study, tmp_path / "site", map=False, weights=False)
    assert BuiltSite(tmp_path / "site").index["headline"] is None
    made.write(study, "scores", [simulated | {"scorer": "sorting", "metric": "hits"}], "mlp.0")
    build_site(study, tmp_path / "site", map=False, weights=False)
    site = BuiltSite(tmp_path / "site")
    assert site.index["headline"]["metric"] == "hits"
    assert site.rows[0]["score"] == 0.4123


def test_scores_that_arrive_while_the_site_is_built_are_left_to_the_next(
    study, tmp_path, monkeypatch
):
    choose_headline = build.choose_headline

    def then_scored(root):
        headline = choose_headline(root)
        (row, *_) = made.scores(made.explanation(("mlp.0", 0, 1), 0))
        made.write(study, "scores", [row | {"llm": "another", "value": 0.9}], "mlp.0")
        return headline

    monkeypatch.setattr(build, "choose_headline", then_scored)
    build_site(study, tmp_path / "site", map=False, weights=False)
    assert BuiltSite(tmp_path / "site").rows[0]["score"] == 0.4123


def test_the_cost_is_that_of_the_units_that_are_shown(study, site, tmp_path):
    assert site.index["totals"]["cost_usd"] == 0.001358
    assert site.index["totals"]["explanations"] == 9
    some = (UnitId("mlp.0", 1), UnitId("mlp.0", 2), UnitId("mlp.1", 0))
    build_site(study, tmp_path / "some", units=some, map=False, weights=False)
    totals = BuiltSite(tmp_path / "some").index["totals"]
    assert (totals["explanations"], totals["cost_usd"]) == (2, 0.0002469)


def test_the_cost_is_unknown_where_a_price_is(study, tmp_path):
    free = made.explanation(("mlp.0", 1, 1), 7, day=3) | {"cost_usd": None}
    made.write(study, "explanations", [free], "mlp.0")
    build_site(study, tmp_path / "site", map=False, weights=False)
    assert BuiltSite(tmp_path / "site").index["totals"]["cost_usd"] is None


def test_boundaries_that_are_not_ours_have_no_levels(study, tmp_path):
    rows = store.read(study, "units", site="mlp.0").to_pylist()
    shutil.rmtree(study / "units" / "mlp.0")
    rows = [row | {"quantile_boundaries": [0.1, 0.2, 0.3]} for row in rows]
    made.write(study, "units", rows, "mlp.0")
    build_site(study, tmp_path / "site", map=False, weights=False)
    shown = BuiltSite(tmp_path / "site").units["mlp.0/0"]["quantiles"]
    assert shown == {"levels": [], "boundaries": [0.1, 0.2, 0.3]}


def test_of_a_few_units_only_their_exemplars_are_read(study, tmp_path, monkeypatch):
    read, counts = store.read, []

    def counted(root, table, **options):
        rows = read(root, table, **options)
        if table == "exemplars":
            counts.append(rows.num_rows)
        return rows

    monkeypatch.setattr(store, "read", counted)
    chosen = (UnitId("mlp.1", 1), UnitId("mlp.1", 38))
    build_site(study, tmp_path / "site", units=chosen, map=False, weights=False)
    assert counts == [2 * 60]


def test_the_simulator_that_scored_most_gives_the_score_of_the_line(study, tmp_path):
    (row, *_) = made.scores(made.explanation(("mlp.0", 0, 1), 0))
    made.write(study, "scores", [row | {"simulator": "a_first", "value": 0.9}], "mlp.0")
    build_site(study, tmp_path / "site", map=False, weights=False)
    assert BuiltSite(tmp_path / "site").rows[0]["score"] == 0.4123


def test_a_site_can_show_some_units(study, tmp_path):
    chosen = (UnitId("mlp.1", 7), UnitId(made.ODD, 7, -1))
    build_site(study, tmp_path / "site", units=chosen, map=False, weights=False)
    site = BuiltSite(tmp_path / "site")
    assert list(site.names()) == ["mlp.1/7", f"{made.ODD}/7-"]
    assert site.units[f"{made.ODD}/7-"]["opposite"] is None


def test_a_newer_explanation_takes_the_place_of_an_older_one(study, tmp_path):
    newer = made.explanation(("mlp.0", 0, 1), 7, text="newest", day=3, explainer="contrastive")
    assert newer["created_at"] == datetime(2025, 1, 3, tzinfo=UTC)
    made.write(study, "explanations", [newer], "mlp.0")
    build_site(study, tmp_path / "site", map=False, weights=False)
    row = BuiltSite(tmp_path / "site").rows[0]
    assert (row["text"], row["explainer"], row["score"]) == ("newest", "contrastive", None)
