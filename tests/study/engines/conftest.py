"""One small recording that every engine must make."""

import pytest

from neuroscribe.study import Study


@pytest.fixture(scope="session")
def settings() -> dict[str, int | bool]:
    return {
        "sequence_length": 16,
        "top_k": 4,
        "n_random": 4,
        "n_quantile": 1,
        "batch_size": 8,
        "keep_bits": True,
        "keep_vectors": 5,
    }


@pytest.fixture(scope="session")
def plan(decoder, corpus) -> dict[str, str | None]:
    return {
        "subject": str(decoder),
        "corpus": corpus,
        "device": "cpu",
        "dtype": None,
        "revision": None,
    }


@pytest.fixture(scope="session")
def whole(tmp_path_factory, plan, settings) -> Study:
    """The study as one process makes it."""
    study = Study.create(tmp_path_factory.mktemp("whole") / "study", **plan)
    study.record(**settings)
    return study
