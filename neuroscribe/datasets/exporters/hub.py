"""Write a study as a dataset for the Hugging Face hub: `datasets.load_dataset(OUT, "scores")`.

The folder is a study too, so what reads a study reads what was published. It holds the current rows
alone, in one file per table and site, a card (`README.md`), a description for machines
(`croissant.json`) and the manifest. Credentials and paths of this machine are taken out of specs,
names and the manifest; the journal stays where it is.
"""

import shutil
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from neuroscribe import progress
from neuroscribe.datasets import store
from neuroscribe.datasets.card import croissant, dataset_card
from neuroscribe.datasets.card.public import public_manifest, public_rows
from neuroscribe.datasets.card.publication import Publication
from neuroscribe.datasets.card.published_tables import WITHOUT_SITES
from neuroscribe.datasets.interchange.transfer import Transfer, require_absent
from neuroscribe.datasets.manifest import read_manifest, write_manifest
from neuroscribe.datasets.parts import live_parts
from neuroscribe.datasets.placed_folder import placed_whole
from neuroscribe.datasets.row_order import ordered
from neuroscribe.datasets.schema import IDENTITY, SCHEMAS
from neuroscribe.errors import StoreError
from neuroscribe.records import UnitId

_OF_WHOLE_SITES: Final = ("vectors", "bits")
"""Tables whose rows hold all units of a site."""
_OLDER: Final[dict[str, Any]] = {"exemplars": "top", "form": "phrase", "inputs": []}
"""What explanations hold that were made before there were these columns."""


def export(
    study: Path,
    out: Path,
    *,
    units: Sequence[UnitId] | None = None,
    licence: str = "",
    pretty_name: str = "",
    repository: str = "",
    author: str = "",
    language: str = "",
) -> Transfer:
    """Write the folder that is uploaded.

    Args:
        study: its directory.
        out: the folder to make.
        units: which ones, with all that is about them; None writes all.
        licence: of the dataset, such as `cc-by-4.0`.
        pretty_name: title of the card.
        repository: `OWNER/NAME` on the hub.
        author: `First Last and First Last`.
        language: ISO codes of the corpus's languages, joined by commas.

    Raises:
        InputError: `out` is there already, or an option has another form.
        StoreError: a part is damaged, or the disk is full.
    """
    require_absent(out)
    publication = Publication(
        pretty_name=pretty_name,
        licence=licence,
        repository=repository,
        author=author,
        language=language,
    )
    manifest = read_manifest(study)
    specs = store.read(study, "explanations", columns=["llm"])
    left_out = ["the journal of requests and answers, which is private"]
    with placed_whole(out) as folder:
        written, whole = _write_tables(study, folder, None if units is None else set(units))
        left_out += [f"{table}, whose rows hold all units of a site" for table in whole]
        content = {k: v for k, v in public_manifest(manifest).items() if k != "format_version"}
        if units is not None:
            content["selected_units"] = len(units)
        if public_rows(specs) != specs:
            content["shortened_specs"] = True
        write_manifest(folder, content)
        for name, text in (
            (dataset_card.NAME, dataset_card.card(folder, publication)),
            (croissant.NAME, croissant.croissant(folder, publication)),
        ):
            (folder / name).write_text(text, encoding="utf-8")
    return Transfer(written=written, left_out=tuple(left_out))


def _write_tables(
    study: Path, out: Path, units: Collection[UnitId] | None
) -> tuple[dict[str, int], list[str]]:
    """Rows written by table, and tables that were left out."""
    written: dict[str, int] = {}
    whole: list[str] = []
    used: set[int] = set()
    explanations: set[str] = set()
    # Sequences last: which ones are needed shows only then.
    order = sorted(SCHEMAS, key=lambda table: (table == "sequences", table in WITHOUT_SITES))
    with progress.bar("exporting", total=len(order), unit="tables") as bar:
        for table in order:
            for site in _sites(study, table):
                if units is not None and table in _OF_WHOLE_SITES:
                    whole.append(table)
                    break
                where = _where(table, site, units)
                if units is None and (part := _single_part(study, table, site)) is not None:
                    written[table] = written.get(table, 0) + _copy(part, study, out)
                    continue
                rows = store.current(table, store.read(study, table, site=site, where=where))
                if units is not None:
                    rows = _chosen(table, rows, units, explanations, used)
                if rows.num_rows:
                    rows = ordered(table, public_rows(_complete(table, rows)))
                    store.write_part(out, table, rows, site=site)
                    written[table] = written.get(table, 0) + rows.num_rows
            bar.advance()
    return {table: written[table] for table in SCHEMAS if table in written}, whole


def _sites(study: Path, table: str) -> list[str | None]:
    """The sites that have a folder; None for a table without."""
    if table in WITHOUT_SITES:
        return [None]
    folders = (study / table).iterdir() if (study / table).is_dir() else ()
    return [unquote(name) for name in sorted(f.name for f in folders if f.is_dir())]


def _where(table: str, site: str | None, units: Collection[UnitId] | None) -> pc.Expression | None:
    """What the files are asked for; of both sides of a unit."""
    if units is None or "unit" not in SCHEMAS[table].names:
        return None
    return pc.field("unit").isin(sorted({unit.index for unit in units if unit.site == site}))


def _single_part(study: Path, table: str, site: str | None) -> Path | None:
    """The file to copy where it is all there is, as it would be written."""
    # Reasons may quote specs.
    if table in IDENTITY or "reason" in SCHEMAS[table].names:
        return None
    parts = live_parts(*store.folder_of(study.absolute(), table, site))
    if len(parts) != 1 or not parts[0].endswith(".parquet"):
        return None
    path = Path(parts[0])
    return path if pq.read_schema(path).names == SCHEMAS[table].names else None


def _copy(part: Path, study: Path, out: Path) -> int:
    target = out / part.relative_to(study.absolute())
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(part, target)
    n_rows: int = pq.read_metadata(target).num_rows
    return n_rows


def _chosen(
    table: str,
    rows: pa.Table,
    units: Collection[UnitId],
    explanations: set[str],
    used: set[int],
) -> pa.Table:
    """Rows about the units; notes the explanations and sequences that they name."""
    if table == "sequences":
        return rows.filter(pc.is_in(rows["sequence_id"], pa.array(sorted(used), pa.int64())))
    if "unit" in rows.column_names:
        keys = zip(*(rows[n].to_pylist() for n in ("site", "unit", "polarity")), strict=True)
        rows = rows.filter(pa.array([UnitId(*key) in units for key in keys], pa.bool_()))
    else:
        kept = pa.array(sorted(explanations), pa.string())
        rows = rows.filter(pc.is_in(rows["explanation_id"], kept))
    if table == "explanations":
        explanations.update(rows["explanation_id"].to_pylist())
    for name in ("sequence_id", "sequence_ids"):
        if name in rows.column_names:
            ids = rows[name] if name == "sequence_id" else pc.list_flatten(rows[name])
            used.update(pc.unique(ids).drop_null().to_pylist())
    return rows


def _complete(table: str, rows: pa.Table) -> pa.Table:
    """Rows of an older format with the columns it lacked.

    Raises:
        StoreError: there is no telling what they would hold.
    """
    for field in SCHEMAS[table]:
        column = rows[field.name]
        if field.nullable or column.null_count == 0:
            continue
        if table != "explanations" or field.name not in _OLDER:
            raise StoreError(
                f"table {table!r} was written by an older version and lacks {field.name!r}; "
                "record the study again to publish it"
            )
        values = [_OLDER[field.name] if v is None else v for v in column.to_pylist()]
        place = rows.schema.get_field_index(field.name)
        rows = rows.set_column(place, field, pa.array(values, field.type))
    return rows


PLUGIN = export
