"""What went over between a study and another format."""

import pytest

from neuroscribe import registry
from neuroscribe.datasets.interchange.transfer import Transfer, options_of, require_absent
from neuroscribe.errors import InputError


def _export(study, out, *, units, split="train", limit=3, plain=False):
    """A format with an option of each type."""


@pytest.fixture
def _registered(monkeypatch):
    monkeypatch.setattr(registry, "load", lambda kind, name: _export)


def test_a_transfer_says_what_was_written_and_what_was_not():
    transfer = Transfer(written={"units": 1200, "files": 2}, left_out=("costs have no place",))
    assert str(transfer) == "wrote 1,200 units, 2 files\nleft out: costs have no place"


@pytest.mark.usefixtures("_registered")
def test_texts_are_read_as_the_type_of_the_default():
    stated = {"split": "test", "limit": "7", "plain": "True"}
    assert options_of("exporter", "any", stated) == {"split": "test", "limit": 7, "plain": True}


@pytest.mark.usefixtures("_registered")
@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"splits": "test"}, r"no option 'splits'; there are: split, limit, plain"),
        ({"limit": "many"}, r"'limit' is a number, not 'many'"),
        ({"plain": "1"}, r"'plain' is true or false, not '1'"),
    ],
)
def test_a_wrong_option_is_named(stated, message):
    with pytest.raises(InputError, match=message):
        options_of("exporter", "any", stated)


def test_nothing_is_written_over(tmp_path):
    require_absent(tmp_path / "new")
    require_absent(tmp_path)
    (tmp_path / "file").write_text("")
    for taken in (tmp_path, tmp_path / "file"):
        with pytest.raises(InputError, match="is there already"):
            require_absent(taken)


def test_nothing_is_written_into_a_study(tmp_path):
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(InputError, match="lies inside the study"):
        require_absent(tmp_path / "scores" / "new")
