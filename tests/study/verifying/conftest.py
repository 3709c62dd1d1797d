"""A study with every table filled, and ways to damage copies of it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neuroscribe.datasets import store
from neuroscribe.datasets.manifest import read_manifest
from neuroscribe.datasets.rows import lessons_table
from neuroscribe.datasets.schema import SCHEMAS
from neuroscribe.records import Lesson, UnitId
from neuroscribe.study import Study
from neuroscribe.study.verifying import Report, verify_study

WORDS = ["rain", "snow", "sun", "wind", "<script>", "a\tb", "<start>", "🙂", "שלום", "cloud"]


@pytest.fixture(scope="session")
def sound(tmp_path_factory, sharp_decoder) -> Path:
    """Recorded, explained and scored; nobody changes it."""
    folder = tmp_path_factory.mktemp("texts")
    for i in range(80):
        words = [WORDS[(i + (i * j) % 3) % len(WORDS)] for j in range(40)]
        (folder / f"{i:02}.txt").write_text(" ".join(words), encoding="utf-8")
    root = tmp_path_factory.mktemp("sound") / "study"
    study = Study.create(root, subject=str(sharp_decoder), corpus=f"text:{folder}")
    study.record(
        sequence_length=16,
        top_k=6,
        n_random=12,
        n_quantile=1,
        batch_size=8,
        polarity="both",
        keep_bits=True,
        keep_vectors=10,
    )
    study.explain(llm="mock", units="mlp.*[:4]", candidates=2)
    study.score("simulation", "detection", llm="mock", units="mlp.*[:4]")
    trained = study.table("sequences").to_arrow().to_pylist()
    taught = tuple(row["sequence_id"] for row in trained if row["split"] == "train")[:3]
    lesson = Lesson(
        unit=UnitId("mlp.0", 3), student="s", sequence_ids=taught, curve=(0.0, 0.5), complexity=1
    )
    store.write_part(root, "lessons", lessons_table([lesson]), site="mlp.0")
    return root


@pytest.fixture
def study(sound, tmp_path) -> Path:
    """A copy that a test may damage."""
    root = tmp_path / "study"
    shutil.copytree(sound, root)
    return root


def verify(root: Path, *, spot_check: int = 0, **manifest) -> Report:
    """Verify, without running the subject unless told so."""
    return verify_study(root, read_manifest(root) | manifest, spot_check=spot_check)


def part_of(root: Path, table: str, site: str | None = None) -> Path:
    """The largest part of a table (of a site)."""
    folder = root / table if site is None else root / table / site
    return max(folder.rglob("*.parquet"), key=lambda part: (part.stat().st_size, part.name))


Change = Callable[[list[dict]], object]


def changed(part: Path, change: Change) -> pa.Table:
    """The rows of a part after a change to them as dictionaries, in place."""
    rows = pq.ParquetFile(part).read().to_pylist()
    change(rows)
    return pa.Table.from_pylist(rows, schema=SCHEMAS[_table(part)])


def tamper(part: Path, change: Change) -> Path:
    """Change rows and keep the part's name, as an editor would."""
    pq.write_table(changed(part, change), part, compression="zstd")
    return part


def forge(part: Path, change: Change) -> Path:
    """Change rows and give the part the name that its new content earns."""
    rows = changed(part, change)
    table = _table(part)
    root, site = part.parent.parent, None
    if "site" in SCHEMAS[table].names:
        root, site = root.parent, unquote(part.parent.name)
    part.unlink()
    return store.write_part(root, table, rows, site=site)


def _table(part: Path) -> str:
    return next(name for name in reversed(part.parts) if name in SCHEMAS)
