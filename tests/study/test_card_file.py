"""A study's card is kept up to date until a person edits it."""

import pytest

from neuroscribe.study.card_file import refresh_card
from tests.viewer.conftest import write_study


@pytest.fixture
def study(tmp_path):
    return write_study(tmp_path / "study")


def test_a_card_is_written_and_written_again(study):
    assert refresh_card(study)
    first = (study / "README.md").read_text(encoding="utf-8")
    assert first.startswith("---\n")
    assert "52 units" in first
    assert refresh_card(study)
    assert (study / "README.md").read_text(encoding="utf-8") == first


@pytest.mark.parametrize("edit", ["my own words", "{} and more", "x{}"])
def test_a_card_that_a_person_edited_is_left_alone(study, edit):
    refresh_card(study)
    path = study / "README.md"
    edited = edit.format(path.read_text(encoding="utf-8"))
    path.write_text(edited, encoding="utf-8")
    assert not refresh_card(study)
    assert path.read_text(encoding="utf-8") == edited
