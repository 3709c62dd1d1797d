"""Shards of one recording are the recording: the same tables, to the bit."""

import itertools
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from neuroscribe.errors import InputError, StudyError
from neuroscribe.recorder.checkpoint import open_checkpoint
from neuroscribe.study import Study

SETTINGS = {
    "sequence_length": 16,
    "top_k": 4,
    "n_random": 4,
    "n_quantile": 1,
    "batch_size": 5,
    "keep_bits": True,
    "keep_vectors": 5,
}
TABLES = ["bits", "exemplars", "sequences", "units", "vectors"]


@pytest.fixture(scope="module")
def new_study(decoder, corpus):
    def create(path: Path) -> Study:
        return Study.create(path, subject=str(decoder), corpus=corpus)

    return create


@pytest.fixture(scope="module")
def whole(tmp_path_factory, new_study) -> Path:
    """The study as one run makes it."""
    path = tmp_path_factory.mktemp("whole") / "study"
    new_study(path).record(**SETTINGS)
    return path


@pytest.fixture(scope="module")
def shards(tmp_path_factory, new_study) -> list[Path]:
    """The same in three shards; the second one had no memory for rows."""
    folder = tmp_path_factory.mktemp("shards")
    for number, megabytes in enumerate((None, 0, None), 1):
        study = new_study(folder / f"{number}")
        study.record(shard=f"{number}/3", rows_memory_mb=megabytes, **SETTINGS)
    return [folder / f"{number}" for number in (1, 2, 3)]


def parts(study: Path) -> set[str]:
    """Paths of all parts but those of `bits`; a part is named after its content."""
    found = {str(path.relative_to(study)) for path in study.rglob("*.parquet")}
    assert {path.split("/")[0] for path in found} == set(TABLES)
    return {path for path in found if not path.startswith("bits/")}


def bits(study: Path) -> pa.Table:
    order = [(column, "ascending") for column in ("site", "polarity", "sequence_id")]
    return Study.open(study).table("bits").to_arrow().sort_by(order)


def recorded(study: Path) -> dict:
    return json.loads((study / "manifest.json").read_text())["recorded"]


def assert_same(study: Path, other: Path) -> None:
    assert parts(study) == parts(other)
    assert bits(study).equals(bits(other))
    assert recorded(study) == recorded(other)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_shards_merged_in_any_order_are_the_study_of_one_run(tmp_path, whole, shards, order):
    study = Study.merge(tmp_path / "merged", [shards[index] for index in order])
    assert_same(study.path, whole)
    assert {entry.name for entry in study.path.iterdir()} == {"README.md", "manifest.json", *TABLES}
    manifests = [json.loads((path / "manifest.json").read_text()) for path in (study.path, whole)]
    assert manifests[0] == manifests[1]


def test_every_sequence_is_in_one_shard_and_each_shard_has_its_batches(whole, shards):
    # 95 sequences are 19 batches of 5: seven for the first shard and six for the others.
    assert [recorded(shard)["sequences"] for shard in shards] == [35, 30, 30]
    assert recorded(whole)["sequences"] == 95
    digests = {recorded(shard)["sequences_sha256"] for shard in shards}
    assert len(digests) == 3


def test_a_merged_study_is_explained_and_scored_like_any_other(tmp_path, shards):
    study = Study.merge(tmp_path / "merged", shards)
    assert study.explain(llm="mock", units="mlp.0[:3]").exit_code == 0
    assert study.score(llm="mock").exit_code == 0
    assert study.table("scores").to_arrow().num_rows > 0


def test_merging_leaves_the_shards_as_they_are(tmp_path, shards):
    def content() -> dict[Path, bytes]:
        files = (path for shard in shards for path in shard.rglob("*") if path.is_file())
        return {path: path.read_bytes() for path in files}

    before = content()
    Study.merge(tmp_path / "merged", shards)
    assert content() == before


def test_a_shard_keeps_its_state_with_rows_even_where_they_came_from_a_replay(shards):
    for shard in shards:
        with open_checkpoint(shard / "recording.safetensors") as checkpoint:
            assert checkpoint.has_rows
            assert checkpoint.progress.finished
        assert sorted(entry.name for entry in shard.iterdir()) == [
            "bits",
            "manifest.json",
            "recording.safetensors",
            "sequences",
        ]


@pytest.mark.slow
def test_no_memory_for_rows_gives_the_same_tables_from_a_second_pass(
    tmp_path, whole, new_study, caplog
):
    new_study(tmp_path / "replayed").record(rows_memory_mb=0, **SETTINGS)
    assert "are run a second time at the end" in caplog.text
    assert_same(tmp_path / "replayed", whole)


@pytest.mark.slow
def test_a_shard_that_was_killed_goes_on_to_the_same_state(
    tmp_path, whole, shards, new_study, monkeypatch
):
    from neuroscribe.recorder import recorder as module

    finish, calls = module.Recorder.finish_batch, []

    def finish_or_die(self, batch):
        finish(self, batch)
        calls.append(batch)
        if len(calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(module.Recorder, "finish_batch", finish_or_die)
    with pytest.raises(KeyboardInterrupt):
        new_study(tmp_path / "2").record(shard="2/3", checkpoint_seconds=0.0, **SETTINGS)
    with open_checkpoint(tmp_path / "2" / "recording.safetensors") as checkpoint:
        # Batches 1 and 4 are this shard's; the others up to 6 were passed over.
        assert (checkpoint.progress.position, checkpoint.progress.finished) == (7, False)
    new_study(tmp_path / "2").record(shard="2/3", checkpoint_seconds=0.0, **SETTINGS)
    Study.merge(tmp_path / "merged", [shards[0], tmp_path / "2", shards[2]])
    assert_same(tmp_path / "merged", whole)


def test_a_finished_shard_that_is_recorded_again_is_left_as_it_is(shards, new_study):
    before = (shards[0] / "recording.safetensors").stat().st_mtime_ns
    new_study(shards[0]).record(shard="1/3", **SETTINGS)
    assert (shards[0] / "recording.safetensors").stat().st_mtime_ns == before
    with pytest.raises(StudyError, match="shard is 1/3, asked for 2/3"):
        new_study(shards[0]).record(shard="2/3", **SETTINGS)


@pytest.fixture(scope="module")
def shard_of_other_settings(tmp_path_factory, new_study) -> Path:
    path = tmp_path_factory.mktemp("other") / "2"
    new_study(path).record(shard="2/3", **{**SETTINGS, "max_tokens": 160})
    return path


@pytest.fixture(scope="module")
def shard_of_thirty(tmp_path_factory, new_study) -> Path:
    path = tmp_path_factory.mktemp("thirty") / "30"
    new_study(path).record(shard="30/30", **SETTINGS)
    return path


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (lambda s, _: s[:1], "shards 2, 3 of 3 are missing"),
        (lambda s, _: [s[0], s[2]], "shards 2 of 3 are missing"),
        (lambda s, _: [*s, s[1]], "shard 2 was given twice"),
        (lambda s, get: [s[0], get("shard_of_other_settings"), s[2]], "different recorder sett"),
        (lambda s, get: [s[0], get("shard_of_thirty")], "were cut into different numbers"),
        (lambda s, get: [*s, get("whole")], "is a whole study, not a shard of one"),
        (lambda s, _: [*s[:2], s[2].parent / "absent"], "is not a study: it has no manifest"),
    ],
    ids=["two", "one", "twice", "settings", "count", "whole", "absent"],
)
def test_what_is_not_all_the_shards_of_one_recording_is_refused_and_nothing_is_written(
    tmp_path, shards, request, chosen, message
):
    with pytest.raises(StudyError, match=message):
        Study.merge(tmp_path / "merged", chosen(shards, request.getfixturevalue))
    assert not (tmp_path / "merged").exists()


def test_a_shard_without_its_state_is_refused_by_its_path(tmp_path, shards):
    shutil.copytree(shards[2], tmp_path / "3")
    (tmp_path / "3" / "recording.safetensors").unlink()
    with pytest.raises(StudyError, match=r"3/recording\.safetensors is missing"):
        Study.merge(tmp_path / "merged", [*shards[:2], tmp_path / "3"])
    assert not (tmp_path / "merged").exists()


def test_merging_into_a_study_or_a_folder_of_other_things_is_refused(tmp_path, whole, shards):
    before = recorded(whole)
    with pytest.raises(StudyError, match="is a study already; merge into a new directory"):
        Study.merge(whole, shards)
    assert recorded(whole) == before
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(StudyError, match=r"holds other files \(thesis\.tex\)"):
        Study.merge(tmp_path, shards)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


def test_no_shards_are_refused(tmp_path):
    with pytest.raises(InputError, match="there are no shards to merge"):
        Study.merge(tmp_path / "merged", [])
    assert not (tmp_path / "merged").exists()


def test_a_shard_is_no_study_to_explain_and_the_message_names_the_command(shards):
    with pytest.raises(StudyError, match=r"is shard 2 of 3 of a recording; .*`neuroscribe merge"):
        Study.open(shards[1])


@pytest.mark.parametrize(
    ("shard", "message"),
    [
        ("5/4", "there is no shard 5/4; write I/N with 1 <= I <= N"),
        ("0/4", "there is no shard 0/4"),
        ("1/0", "there is no shard 1/0"),
        ("x", "'x' is no shard; write I/N, such as 3/16"),
        ("1/", "'1/' is no shard"),
        ("-1/4", "'-1/4' is no shard"),
        ("1/4/2", "'1/4/2' is no shard"),
        ("\u00b2/4", "'\u00b2/4' is no shard"),
    ],
)
def test_a_shard_that_cannot_be_is_refused_and_nothing_is_written(
    tmp_path, new_study, shard, message
):
    with pytest.raises(InputError, match=message):
        new_study(tmp_path / "shard").record(shard=shard, **SETTINGS)
    assert not (tmp_path / "shard").exists()


def test_a_shard_in_several_processes_is_refused(tmp_path, new_study):
    with pytest.raises(StudyError, match="a shard is recorded by one process"):
        new_study(tmp_path / "shard").record(shard="1/2", processes=2, **SETTINGS)
    assert not (tmp_path / "shard").exists()


def test_more_shards_than_batches_leave_some_empty_and_merge_all_the_same(tmp_path, new_study):
    short = {**SETTINGS, "max_tokens": 160}
    new_study(tmp_path / "whole").record(**short)
    paths = [tmp_path / f"{number}" for number in (1, 2, 3)]
    for number, path in enumerate(paths, 1):
        new_study(path).record(shard=f"{number}/3", **short)
    assert [recorded(path)["sequences"] for path in paths] == [5, 5, 0]
    Study.merge(tmp_path / "last", paths)
    Study.merge(tmp_path / "first", paths[::-1])
    assert_same(tmp_path / "last", tmp_path / "whole")
    assert_same(tmp_path / "first", tmp_path / "whole")


def test_the_only_shard_of_one_is_a_shard_like_any_other(tmp_path, new_study):
    short = {**SETTINGS, "max_tokens": 160}
    new_study(tmp_path / "whole").record(**short)
    new_study(tmp_path / "1").record(shard="1/1", **short)
    Study.merge(tmp_path / "merged", [tmp_path / "1"])
    assert_same(tmp_path / "merged", tmp_path / "whole")
