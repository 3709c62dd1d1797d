"""How the tables of a study are best stored, how large they are, and how fast they are read.

    python benchmarks/dataset.py --study runs/demo --units 307200

`--study` is a recorded study whose exemplars are the sample: random numbers would compress like
nothing that a model computes. Its units, drawn again and again, make the exemplars of as many units
as are asked for; other tables and the timings of reading are of `synthetic_study`. One JSON file a
neuron, in the layout of OpenAI's public dataset, is written of the same rows in the same run.

Rates are by process time, on one thread: other work on the machine does not count. Opening a unit
is timed by the clock too, after the system was asked to drop the files from its memory.
"""

import argparse
import dataclasses
import gzip
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import reporting
from dataset_reading import opening, processor_seconds, questions
from synthetic_study import write_synthetic_study

from neuroscribe.datasets.layout import writing
from neuroscribe.datasets.precision import rounded_exemplars
from neuroscribe.datasets.store import read, write_part
from neuroscribe.records import UnitId
from neuroscribe.study.reading import Reader

UNITS_A_SITE = 6400
"""Neurons of one layer of GPT-2 XL; 48 layers make the 307,200."""
SEQUENCES = 60_000
"""Sequences of 64 tokens that OpenAI recorded for GPT-2 XL."""
SAMPLE_ROWS = 60_000
JSON_UNITS = 100

Rows = pa.Table

_ACTIVATIONS = "activations.list.element"


def main() -> None:
    """Run what was asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", type=Path, required=True, help="a recorded study")
    parser.add_argument("--units", type=int, default=2 * UNITS_A_SITE)
    parser.add_argument("--opened-units", type=int, help="of the study that is read; as --units")
    parser.add_argument("--only", nargs="*", help="parts to measure; other figures stay as stored")
    parser.add_argument("--scratch", type=Path, help="a folder with space for it all")
    given = parser.parse_args()
    stored = reporting.RESULTS / "dataset.json"
    result: dict[str, Any] = json.loads(stored.read_text("utf-8")) if given.only else {}
    result |= reporting.provenance() | {"processor": reporting.processor()}
    sample = a_hundred_each(read(given.study, "exemplars"))
    with tempfile.TemporaryDirectory(dir=given.scratch) as folder:
        scratch = Path(folder)
        result["sample"] = {"study": given.study.name, "exemplars": sample.num_rows}
        for name, measure in (
            ("variants", lambda: variants(sample.slice(0, SAMPLE_ROWS))),
            ("json", lambda: json_files(scratch / "json", sample, given.study)),
            ("exemplars", lambda: resampled(scratch / "exemplars", sample, given.units)),
            ("study", lambda: synthetic(scratch / "study", given.opened_units or given.units)),
        ):
            if given.only and name not in given.only:
                continue
            result[name] = measure()
            print(f"\n{name}\n{as_text(result[name])}", flush=True)
            reporting.store("dataset", result)


def a_hundred_each(exemplars: Rows) -> Rows:
    """Per unit the 20 strongest of each split and 5 random ones: 20 + 20 x 4."""
    top = (pc.field("kind") == "top") & (pc.field("rank") < 20)
    random = (pc.field("kind") == "random") & (pc.field("rank") < 5)
    return exemplars.filter(top | random).combine_chunks()


def variants(exact: Rows) -> list[dict[str, Any]]:
    """Bytes and speed of one thing changed at a time; the first is what a study is written with."""
    chosen = writing("exemplars")
    names = [name for name in chosen["use_dictionary"] if name != _ACTIVATIONS]
    dictionary = {"use_dictionary": [*names, _ACTIVATIONS], "column_encoding": {}}
    plain = {"use_dictionary": names, "column_encoding": {}}
    rounded = rounded_exemplars(exact)
    half = _with_activations(exact, np.float16)
    by_sequence = rounded.sort_by("sequence_id")
    shuffled = rounded.take(np.random.default_rng(0).permutation(rounded.num_rows))
    tried: list[tuple[str, Rows, dict[str, Any]]] = [
        ("as written", rounded, {}),
        ("12 significant bits", _rounded_to(exact, 12), {}),
        ("exact float32", exact, {}),
        ("exact float32, plain", exact, plain),
        ("exact float32, dictionary, page index (before)", exact,
         {**dictionary, "write_page_index": True}),
        ("11 bits, plain", rounded, plain),
        ("11 bits, dictionary", rounded, dictionary),
        ("float16, plain", half, plain),
        ("float16, byte-stream-split (DuckDB cannot read it)", half, {}),
        ("page index", rounded, {"write_page_index": True}),
        ("statistics of all columns", rounded, {"write_statistics": True}),
        ("sorted by sequence", by_sequence, {}),
        ("not sorted", shuffled, {}),
        *((f"zstd level {level}", rounded, {"compression_level": level}) for level in (3, 9)),
        *((f"row groups of {rows}", rounded, {"row_group_size": rows})
          for rows in (256, 1024, 2048, 8192, 32768)),
        ("pages of 64 kB", rounded, {"data_page_size": 2**16}),
    ]  # fmt: skip
    return [{"variant": name, **_measured(rows, chosen | changed)} for name, rows, changed in tried]


def json_files(folder: Path, sample: Rows, study: Path) -> dict[str, float]:
    """One JSON file per neuron of the same content, plain and gzip."""
    folder.mkdir()
    units = pc.unique(sample["unit"]).slice(0, JSON_UNITS)
    site = sample["site"][0].as_py()
    of_units = (pc.field("site") == site) & pc.field("unit").isin(units)
    records = list(Reader(study).unit_records([UnitId(site, u) for u in units.to_pylist()]))
    wanted = {(row["unit"], row["split"], row["kind"], row["rank"])
              for row in sample.filter(of_units).drop(["activations"]).to_pylist()}  # fmt: skip
    plain = packed = count = 0
    began = time.process_time()
    for record in records:
        kept: dict[str, list[Any]] = {}
        for each in record.exemplars:
            key = (record.unit.index, each.sequence.split, each.kind, each.rank)
            if key in wanted:
                row = {"tokens": each.sequence.tokens, "activations": each.activations}
                kept.setdefault(f"{each.sequence.split}_{each.kind}", []).append(row)
                count += 1
        about = dataclasses.asdict(record.statistics)
        text = json.dumps({"neuron_id": str(record.unit), **kept, **about}).encode()
        (folder / f"{record.unit.index}.json").write_bytes(text)
        plain += len(text)
        packed += len(gzip.compress(text, 6))
    seconds = time.process_time() - began
    return {
        "neurons": len(records),
        "exemplars": count,
        "bytes_a_unit": plain / len(records),
        "bytes_a_unit_gzip": packed / len(records),
        "bytes_an_exemplar": plain / count,
        "bytes_an_exemplar_gzip": packed / count,
        "exemplars_a_second_with_gzip": count / seconds,
    }


def resampled(root: Path, sample: Rows, units: int) -> dict[str, float]:
    """Write the exemplars of many units, rounded, and read them once."""
    began_at = _starts(sample)
    draw = np.random.default_rng(0)
    seconds = rows = 0.0
    for index, count in enumerate(_sites(units)):
        chosen = draw.integers(0, len(began_at) - 1, count)
        sizes = began_at[chosen + 1] - began_at[chosen]
        within = np.arange(sizes.sum()) - np.repeat(sizes.cumsum() - sizes, sizes)
        site = sample.take(np.repeat(began_at[chosen], sizes) + within)
        unit = pa.array(np.repeat(np.arange(count, dtype=np.int32), sizes))
        site = site.set_column(site.schema.get_field_index("unit"), site.schema.field("unit"), unit)
        began = time.process_time()
        write_part(root, "exemplars", rounded_exemplars(site), site=f"mlp.{index}")
        seconds += time.process_time() - began
        rows += site.num_rows
    size = sum(path.stat().st_size for path in root.rglob("*.parquet"))
    began, seen = time.process_time(), 0
    for index in range(len(_sites(units))):
        seen += read(root, "exemplars", site=f"mlp.{index}").num_rows
    reading = time.process_time() - began
    if seen != rows:
        raise SystemExit(f"{rows} rows were written and {seen} read")
    shutil.rmtree(root)
    return {
        "units": units,
        "rows": rows,
        "bytes": size,
        "rows_a_second_written": rows / seconds,
        "rows_a_second_read": rows / reading,
        "bytes_a_unit": size / units,
        "bytes_an_exemplar": size / rows,
    }


def synthetic(root: Path, units: int) -> dict[str, Any]:
    """Open units of a whole study cold, here and from elsewhere, and ask it three questions."""
    sites = _sites(units)
    began = time.perf_counter()
    write_synthetic_study(root, sites=len(sites), units_per_site=sites[0], sequences=SEQUENCES)
    seconds = time.perf_counter() - began
    sizes = {
        folder.name: sum(path.stat().st_size for path in folder.rglob("*.parquet"))
        for folder in sorted(root.iterdir())
        if folder.is_dir()
    }
    result = {
        "units": sum(sites),
        "generated_and_written_seconds": seconds,
        "bytes_a_unit_of": {name: size / sum(sites) for name, size in sizes.items()},
        "open_a_unit": opening(root, len(sites), sites[0]),
        "questions_seconds": questions(root),
    }
    shutil.rmtree(root)
    return result


def as_text(result: Any) -> str:
    """Rows of one part of the result, aligned."""
    rows = result if isinstance(result, list) else [result]
    lines = []
    for row in rows:
        cells = row.items()
        lines.extend(f"  {name:52} {_shown(value)}" for name, value in cells if name != "variant")
        if "variant" in row:
            numbers = "  ".join(f"{n} {_shown(v)}" for n, v in cells if n != "variant")
            lines[-len(cells) + 1 :] = [f"  {row['variant']:52} {numbers}"]
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(each)}" for name, each in value.items())
    return f"{value:,.4g}" if isinstance(value, float) and value < 100 else f"{value:,.0f}"


def _measured(rows: Rows, options: dict[str, Any]) -> dict[str, float]:
    writing_seconds = []
    for _ in range(3):
        sink = pa.BufferOutputStream()
        writing_seconds.append(
            processor_seconds(lambda sink=sink: pq.write_table(rows, sink, **options))
        )
    content = sink.getvalue()
    metadata = pq.read_metadata(pa.BufferReader(content))
    reading = [
        processor_seconds(lambda: pq.read_table(pa.BufferReader(content), use_threads=False))
        for _ in range(3)
    ]
    file = pq.ParquetFile(pa.BufferReader(content), metadata=metadata)
    group = [processor_seconds(lambda: file.read_row_group(0, use_threads=False)) for _ in range(9)]
    return {
        "bytes_an_exemplar": content.size / rows.num_rows,
        "rows_a_second_written": rows.num_rows / min(writing_seconds),
        "rows_a_second_read": rows.num_rows / min(reading),
        "footer_bytes_a_row": metadata.serialized_size / rows.num_rows,
        "row_group_kb": content.size / metadata.num_row_groups / 1000,
        "row_group_ms": 1000 * statistics.median(group),
    }


def _with_activations(rows: Rows, kind: type[np.generic]) -> Rows:
    lists = rows["activations"].combine_chunks()
    values = lists.flatten().to_numpy().astype(kind)
    column = pa.ListArray.from_arrays(lists.offsets, pa.array(values))
    return rows.set_column(rows.schema.get_field_index("activations"), "activations", column)


def _rounded_to(rows: Rows, significant_bits: int) -> Rows:
    lists = rows["activations"].combine_chunks()
    fraction, exponent = np.frexp(lists.flatten().to_numpy())
    scale = np.float32(2**significant_bits)
    values = np.ldexp(np.rint(fraction * scale) / scale, exponent)
    column = pa.ListArray.from_arrays(lists.offsets, pa.array(values))
    return rows.set_column(rows.schema.get_field_index("activations"), "activations", column)


def _starts(sample: Rows) -> Any:
    """Where each unit's rows begin, and the end."""
    unit = sample["unit"].to_numpy()
    changes = np.flatnonzero(unit[1:] != unit[:-1]) + 1
    return np.concatenate([[0], changes, [len(unit)]])


def _sites(units: int) -> list[int]:
    """Units of each site."""
    whole = max(units // UNITS_A_SITE, 1)
    return [min(units, UNITS_A_SITE)] * whole


if __name__ == "__main__":
    main()
