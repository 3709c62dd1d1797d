"""How parts are read: by the hash that named them, in runs of whole units."""

import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st

from neuroscribe.datasets import store
from neuroscribe.datasets.compaction import compact
from neuroscribe.datasets.manifest import read_manifest
from neuroscribe.datasets.part_hash import hash_of_columns
from neuroscribe.datasets.schema import SCHEMAS
from neuroscribe.recorder.calibration import QUANTILES
from neuroscribe.study import Study
from neuroscribe.study.verifying.parts import Part
from neuroscribe.study.verifying.report import Inspection
from neuroscribe.study.verifying.rows import Lists
from neuroscribe.study.verifying.runs import rounding_of, whole_units
from neuroscribe.study.verifying.units import N_BOUNDARIES
from tests.study.verifying.conftest import changed, forge, part_of, verify

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "explanation_id": st.text(max_size=3),
            "scorer": st.text(max_size=3),
            "report_set": st.just("r"),
            "item": st.integers(0, 9),
            "kind": st.just("top"),
            "truth": st.none() | st.booleans(),
            "llm": st.just("mock"),
            "status": st.just("ok"),
            "reason": st.none() | st.text(max_size=3),
            "sequence_id": st.none() | st.integers(0, 9),
            "text": st.none() | st.text(max_size=3),
            "marked": st.lists(st.integers(0, 9), max_size=3),
            "verdict": st.none() | st.booleans(),
            "probability": st.none() | st.floats(allow_nan=True),
        }
    ),
    max_size=20,
)


@settings(max_examples=40)
@given(rows=ROWS)
def test_the_hash_of_a_file_is_the_one_that_named_it(tmp_path_factory, rows):
    table = pa.Table.from_pylist(rows, schema=SCHEMAS["judgements"])
    part = store.write_part(tmp_path_factory.mktemp("s"), "judgements", table)
    there = pq.ParquetFile(part).read().cast(SCHEMAS["judgements"])
    assert part.stem == f"part-{hash_of_columns(there.columns)}"


def test_the_hash_does_not_depend_on_chunks_or_on_what_is_behind_nulls():
    whole = pa.array([1.0, None, 3.0])
    chunked = pa.chunked_array([whole[:1], whole[1:]])
    behind = pa.array(np.array([1.0, math.nan, 3.0]), mask=np.array([False, True, False]))
    hashes = {
        hash_of_columns([column])
        for column in (pa.chunked_array([whole]), chunked, pa.chunked_array([behind]))
    }
    assert len(hashes) == 1


@pytest.mark.parametrize("rows_at_once", [7, 100, 10**6])
def test_runs_end_where_units_end_and_together_are_the_part(sound, rows_at_once):
    path = part_of(sound, "exemplars", "mlp.0")
    names = frozenset(SCHEMAS["exemplars"].names)
    part = Part(table="exemplars", site="mlp.0", path=path, file="f", columns=names, n_rows=0)
    runs = list(whole_units(part, rows_at_once=rows_at_once))
    units = [set(run.numbers("unit").tolist()) for run in runs]
    assert sum(map(len, units)) == len(set().union(*units)) == 32
    firsts = np.cumsum([0, *map(len, runs)])[:-1]
    assert [run.first for run in runs] == firsts.tolist()
    together = pa.Table.from_batches([run.batch for run in runs])
    assert together.to_pylist() == pq.ParquetFile(path).read().to_pylist()


def test_activations_are_to_be_as_exact_as_the_manifest_says(study):
    assert read_manifest(study)["stored"] == {"activation_bits": 11}
    assert rounding_of({"stored": {"activation_bits": 11}}) == 2**-10
    assert rounding_of({}) == 0
    report = verify(study, stored={})
    assert "of ties the lower id comes first" in "\n".join(map(str, report.of("exemplars")))


def test_the_largest_of_each_list_passes_nan_over_and_is_minus_infinity_for_none():
    lists = Lists(np.array([2, 0, 1, 1]), np.array([math.nan, -3.0, 5.0, math.nan]))
    assert lists.largest().tolist() == [-3.0, -math.inf, 5.0, -math.inf]
    assert lists.descends().tolist() == [False] * 4
    assert lists.first(lists.values < 10).tolist() == [1, -1, 0, -1]


def test_an_altered_table_is_what_the_helpers_write(study):
    part = part_of(study, "scores", "mlp.0")
    assert changed(part, lambda rows: None).equals(pq.ParquetFile(part).read())
    assert forge(part, lambda rows: None) == part


def test_there_are_as_many_boundaries_as_the_recorder_has():
    assert len(QUANTILES) == N_BOUNDARIES


def test_an_imported_study_is_not_run(study):
    report = verify(study, spot_check=5, imported={"format": "openai"})
    (check,) = (check for check in report.checks if check.name == "spot check")
    assert not check.ran
    assert check.not_checked == ("the study was imported: which weights made it is not known",)


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        ({"name": "/absent/model"}, "there is no folder /absent/model"),
        ({"weights_sha256": "0" * 64}, "are not those that were recorded"),
    ],
)
def test_a_subject_that_is_not_at_hand_is_a_reason_and_no_finding(study, stated, reason):
    manifest = read_manifest(study)["subject"]
    report = verify(study, spot_check=5, subject=manifest | stated)
    assert report.clean
    (check,) = (check for check in report.checks if check.name == "spot check")
    assert reason in check.not_checked[0]


def test_another_tokenizer_is_found(study):
    manifest = read_manifest(study)["subject"]
    report = verify(study, spot_check=2, subject=manifest | {"tokenizer_sha256": "0" * 64})
    assert "the tokenizer at hand has the sha256" in str(report.findings[0])


def test_one_seed_draws_the_same_exemplars(study):
    forge(part_of(study, "exemplars", "mlp.0"), lambda rows: [*map(_zero, rows)])
    first, second = (verify(study, spot_check=6).of("spot check") for _ in range(2))
    assert len(first) == 3
    assert first == second


def _zero(row):
    place = row["activations"].index(min(row["activations"]))
    row["activations"][place] -= 5.0


def test_a_check_counts_what_it_has_no_room_for():
    check = Inspection(["units"])["units"]
    for turn in range(25):
        check.find(f"finding {turn}")
    check.count(5)
    closed = check.closed()
    assert (closed.n_findings, len(check.findings), closed.passed) == (30, 20, False)


def test_a_compacted_study_is_sound(study):
    compact(study)
    report = verify(study)
    assert report.clean, "\n".join(map(str, report.findings))


def test_bounds_that_rows_are_not_within_are_found(study):
    part = part_of(study, "units", "mlp.0")
    data = part.read_bytes()
    footer = int.from_bytes(data[-8:-4], "little") + 8
    # The largest index, 31, as the footer states it: twice, for two kinds of readers.
    stated = (31).to_bytes(4, "little")
    assert data[-footer:].count(stated) == 2
    lowered = data[-footer:].replace(stated, (30).to_bytes(4, "little"))
    part.write_bytes(data[:-footer] + lowered)
    report = verify(study)
    (finding,) = report.findings
    assert finding.what == (
        "row group 0 states bounds of 'unit' that its rows are not within: readers that filter "
        "would miss rows"
    )


def test_units_that_were_published_alone_are_sound(study, tmp_path):
    Study.open(study).export("hub", tmp_path / "out", units="mlp.0/1")
    report = verify(tmp_path / "out")
    assert report.findings == ()
    reasons = [reason for check in report.checks for reason in check.not_checked]
    assert any("only some were published" in reason for reason in reasons)
