"""Several processes of this machine make the study that one makes."""

import os
from pathlib import Path

import pytest

from neuroscribe.datasets.manifest import read_manifest
from neuroscribe.errors import CorpusError, RegistryError, StudyError
from neuroscribe.study import Study
from neuroscribe.study.engines import local

TABLES = ["bits", "exemplars", "sequences", "units", "vectors"]


def parts(study: Study) -> set[str]:
    """Paths of all parts; a part is named after its content."""
    return {str(path.relative_to(study.path)) for path in study.path.rglob("*.parquet")}


class Fatal:
    """Ends the process that receives it, as if it had been killed."""

    def __reduce__(self):
        return (os._exit, (9,))


@pytest.mark.slow
def test_two_processes_make_the_study_of_one_and_leave_nothing_beside_it(
    tmp_path, plan, whole, settings
):
    study = Study.create(tmp_path / "study", **plan)
    study.record(processes=2, **settings)
    assert parts(study) == parts(whole)
    assert read_manifest(study.path) == read_manifest(whole.path)
    assert {entry.name for entry in study.path.iterdir()} == {"README.md", "manifest.json", *TABLES}
    assert study.explain(llm="mock", units="mlp.0[:2]").exit_code == 0


@pytest.mark.slow
def test_a_run_that_was_stopped_before_the_merge_goes_on_from_its_shards(
    tmp_path, plan, whole, monkeypatch, settings
):
    saved = []

    def stop_or_merge(root: Path, shards: list[Path]):
        assert [shard.name for shard in shards] == ["1-of-2", "2-of-2"]
        saved.append([(shard / "manifest.json").stat().st_mtime_ns for shard in shards])
        if len(saved) == 1:
            raise KeyboardInterrupt
        return merge_shards(root, shards)

    merge_shards = local.merge_shards
    monkeypatch.setattr(local, "merge_shards", stop_or_merge)
    study = Study.create(tmp_path / "study", **plan)
    with pytest.raises(KeyboardInterrupt):
        study.record(processes=2, **settings)
    with pytest.raises(StudyError, match="is not a study"):
        Study.open(tmp_path / "study")
    study.record(processes=2, **settings)
    assert saved[0] == saved[1]
    assert parts(study) == parts(whole)


@pytest.mark.slow
def test_what_a_process_raises_is_raised_here_with_its_class_and_its_sentence(tmp_path, plan):
    # `Study.record` opens the corpus here first, so this one vanishes before the processes do.
    vanished = plan | {"corpus": f"text:{tmp_path / 'vanished'}"}
    with pytest.raises(CorpusError, match="vanished"):
        local.PLUGIN(tmp_path / "study", vanished, {"sequence_length": 16}, processes=2)
    assert not (tmp_path / "study" / "manifest.json").exists()


@pytest.mark.slow
def test_a_process_that_is_killed_is_told_with_what_to_do(tmp_path, plan, settings):
    with pytest.raises(StudyError, match=r"was killed .*run the same command again to go on"):
        local.PLUGIN(tmp_path / "study", plan | {"subject": Fatal()}, settings, processes=2)


def test_an_engine_that_is_not_there_is_refused_with_those_there_are(tmp_path, plan, settings):
    study = Study.create(tmp_path / "study", **plan)
    with pytest.raises(RegistryError, match=r"no engine is called 'slurm'; .*local, ray"):
        study.record(processes=2, engine="slurm", **settings)
    assert not (tmp_path / "study").exists()


def test_a_finished_study_is_not_recorded_again_in_parts(plan, whole, settings):
    before = (whole.path / "manifest.json").stat().st_mtime_ns
    Study.create(whole.path, **plan).record(processes=2, **settings)
    assert (whole.path / "manifest.json").stat().st_mtime_ns == before
