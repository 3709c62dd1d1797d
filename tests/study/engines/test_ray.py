"""Actors of a Ray cluster make the study that one process makes, even when some are lost."""

import os
import secrets
from pathlib import Path

import pytest
import ray

from neuroscribe.datasets.manifest import read_manifest
from neuroscribe.errors import CorpusError, StudyError
from neuroscribe.study import Study
from neuroscribe.study.engines import ray as engine

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster():
    """Ray on two CPUs of this machine."""
    with pytest.MonkeyPatch.context() as patch:
        # Without a token Ray makes one and writes it into the home directory.
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex())
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield
        ray.shutdown()


def parts(study: Study) -> set[str]:
    """Paths of all parts; a part is named after its content."""
    return {str(path.relative_to(study.path)) for path in study.path.rglob("*.parquet")}


def assert_same(study: Study, whole: Study) -> None:
    assert parts(study) == parts(whole)
    assert read_manifest(study.path) == read_manifest(whole.path)
    tables = {"bits", "exemplars", "sequences", "units", "vectors"}
    assert {entry.name for entry in study.path.iterdir()} == {"README.md", "manifest.json", *tables}


def lose(monkeypatch, tmp_path: Path, *, shard: int, times: int) -> None:
    """Let the actor of a shard be killed so many times; each death leaves a file."""

    class Mortal:
        def record(self, plan, arguments, index, count):
            deaths = len(list(tmp_path.glob("death-*")))
            if index == shard and deaths < times:
                (tmp_path / f"death-{deaths + 1}").touch()
                os._exit(1)
            return engine.ShardRecorder().record(plan, arguments, index, count)

    monkeypatch.setattr(engine, "ShardRecorder", Mortal)


def test_one_actor_makes_the_study_of_one_process(tmp_path, plan, whole, cluster, settings):
    study = Study.create(tmp_path / "study", **plan)
    study.record(engine="ray", processes=1, **settings)
    assert_same(study, whole)
    # The cluster was the caller's, so it is left running.
    assert ray.is_initialized()


def test_more_actors_than_cpus_of_which_one_is_lost_make_the_study_of_one_process(
    tmp_path, plan, whole, cluster, monkeypatch, settings
):
    lose(monkeypatch, tmp_path, shard=1, times=1)
    study = Study.create(tmp_path / "study", **plan)
    study.record(engine="ray", processes=3, **settings)
    assert [path.name for path in tmp_path.glob("death-*")] == ["death-1"]
    assert_same(study, whole)


def test_an_actor_that_is_lost_for_good_is_told_with_where_to_look(
    tmp_path, plan, cluster, monkeypatch, settings
):
    monkeypatch.setattr(engine, "_RESTARTS", 1)
    lose(monkeypatch, tmp_path, shard=0, times=9)
    study = Study.create(tmp_path / "study", **plan)
    with pytest.raises(StudyError, match="was lost 2 times; look into Ray's logs"):
        study.record(engine="ray", processes=2, **settings)
    assert {path.name for path in tmp_path.glob("death-*")} == {"death-1", "death-2"}
    assert not (tmp_path / "study").exists()


def test_what_an_actor_raises_is_raised_here_with_its_class_and_its_sentence(
    tmp_path, plan, cluster
):
    # `Study.record` opens the corpus here first, so this one vanishes before the actors do.
    vanished = plan | {"corpus": f"text:{tmp_path / 'vanished'}"}
    with pytest.raises(CorpusError, match="vanished") as raised:
        engine.PLUGIN(tmp_path / "study", vanished, {"sequence_length": 16}, processes=2)
    assert type(raised.value) is CorpusError
    assert not (tmp_path / "study").exists()
