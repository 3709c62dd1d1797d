"""The manifest is read before anything else."""

import json

import pytest

from neuroscribe.datasets.manifest import read_manifest, write_manifest
from neuroscribe.datasets.schema import FORMAT_VERSION
from neuroscribe.errors import StudyError


def test_a_manifest_comes_back_with_the_format_it_was_written_in(tmp_path):
    write_manifest(tmp_path, {"subject": {"name": "minilm"}})
    assert read_manifest(tmp_path) == {
        "format_version": FORMAT_VERSION,
        "subject": {"name": "minilm"},
    }


def test_a_directory_without_one_is_no_study(tmp_path):
    with pytest.raises(StudyError, match=r"is not a study: it has no manifest\.json"):
        read_manifest(tmp_path)
    with pytest.raises(StudyError, match="is not a study"):
        read_manifest(tmp_path / "absent")


def test_a_newer_format_is_refused_with_the_way_out(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps({"format_version": FORMAT_VERSION + 1}))
    with pytest.raises(StudyError, match="upgrade with `pip install --upgrade neuroscribe`"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format_version": "new"}', "{"])
def test_a_damaged_manifest_is_named(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(StudyError, match="damaged"):
        read_manifest(tmp_path)
