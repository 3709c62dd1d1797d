"""What the field's libraries wrote, and what went wrong on the way."""

import shutil
from pathlib import Path

import pytest

# Runs only where the libraries are installed, by hand.
collect_ignore = ["make_fixtures.py"]

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def copy_of(tmp_path):
    """A copy of a fixture that a test may damage."""

    def copy(name: str) -> Path:
        folder = tmp_path / name
        shutil.copytree(FIXTURES / name, folder)
        (folder / "expected.safetensors").unlink()
        return folder

    return copy
