"""Damage of every kind is found, and named with its place."""

import json
import re
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neuroscribe.datasets.rows import explanation_of
from neuroscribe.datasets.schema import FORMAT_VERSION
from neuroscribe.study.verifying import MOST_FINDINGS
from tests.study.verifying.conftest import forge, part_of, tamper, verify


def only(report, *checks):
    """The findings, which are of these checks alone."""
    found = {check.name for check in report.checks if check.n_findings}
    assert found == set(checks), "\n".join(map(str, report.findings))
    return "\n".join(map(str, report.findings))


def test_a_sound_study_is_clean_and_every_check_looks_at_something(sound):
    report = verify(sound, spot_check=20)
    assert report.findings == ()
    assert report.clean
    assert [check.name for check in report.checks if not check.passed] == []
    assert {reason for check in report.checks for reason in check.not_checked} == set()
    covered = {check.name: dict(check.covered) for check in report.checks}
    assert covered["units"] == {"units": 128}
    assert covered["spot check"] == {"tokenizer": 1, "exemplars": 20}


def test_verifying_changes_nothing(study):
    before = {path: path.read_bytes() for path in study.rglob("*") if path.is_file()}
    verify(study)
    assert {path: path.read_bytes() for path in study.rglob("*") if path.is_file()} == before


# Files


def test_a_truncated_part_is_found(study):
    part = part_of(study, "exemplars", "mlp.1")
    part.write_bytes(part.read_bytes()[:-1000])
    report = verify(study)
    said = only(report, "files")
    assert f"exemplars/mlp.1/{part.name}: cannot be read" in said
    (check,) = (check for check in report.checks if check.name == "exemplars")
    assert check.not_checked == ("whether all units of mlp.1 have exemplars: a part is unreadable",)


def test_what_depends_on_a_lost_part_is_not_accused(study):
    part = part_of(study, "sequences")
    part.write_bytes(b"")
    report = verify(study)
    only(report, "files")
    (references,) = (check for check in report.checks if check.name == "foreign keys")
    assert "sequences: a part of `sequences` cannot be read" in references.not_checked


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_flipped_byte_is_found(study, share):
    part = part_of(study, "exemplars", "mlp.0")
    data = bytearray(part.read_bytes())
    data[int(len(data) * share)] ^= 0xFF
    part.write_bytes(data)
    report = verify(study)
    assert not report.clean
    said = "\n".join(map(str, (*report.of("files"), *report.of("hashes"))))
    assert f"exemplars/mlp.0/{part.name}" in said


def test_a_renamed_part_is_found(study):
    part = part_of(study, "scores", "mlp.0")
    part.rename(part.with_name("part-0123456789abcdef.parquet"))
    said = only(verify(study), "hashes")
    assert "scores/mlp.0/part-0123456789abcdef.parquet: the content has the hash" in said


def test_a_part_without_its_name_is_found_and_still_looked_at(study):
    part = part_of(study, "units", "mlp.0")
    part.rename(part.with_name("copy.parquet"))
    report = verify(study)
    assert "units/mlp.0/copy.parquet: is no part" in only(report, "files")
    assert dict(report.checks[7].covered) == {"units": 128}


def test_a_part_that_is_there_twice_is_found(study):
    part = part_of(study, "units", "mlp.0")
    shutil.copy(part, part.with_name("copy.parquet"))
    said = only(verify(study), "files", "units")
    assert "mlp.0/0: is there more than once" in said


def test_leftovers_and_stray_files_are_found(study):
    (study / "scores" / ".tmp-part-1.parquet@host@1").write_bytes(b"")
    (study / "scores" / "notes.txt").write_bytes(b"")
    said = only(verify(study), "files")
    assert "scores/.tmp-part-1.parquet@host@1: is what a killed writer left behind" in said
    assert "scores/notes.txt: is no part" in said


def test_a_stopped_compaction_is_found_and_no_row_counts_twice(study):
    part = part_of(study, "units", "mlp.0")
    staged = part.with_name(f"_{part.name}.compacted")
    shutil.copy(part, staged)
    marker = {"parts": [part.name], "replaced": []}
    (part.parent / "_compaction.json").write_text(json.dumps(marker))
    said = only(verify(study), "files")
    assert "_compaction.json: is left by a compaction" in said


def test_a_part_in_the_wrong_table_is_found(study):
    part = part_of(study, "explanations", "mlp.0")
    shutil.move(part, study / "scores" / "mlp.0" / part.name)
    report = verify(study)
    assert f"scores/mlp.0/{part.name}: has a column 'text'" in "\n".join(
        map(str, report.of("schema"))
    )


def test_a_moved_site_folder_is_found(study):
    (study / "exemplars" / "mlp.1").rename(study / "exemplars" / "mlp.7")
    said = only(verify(study), "folders", "exemplars")
    assert re.search(r"exemplars/mlp\.7/part-\w+\.parquet: is of a site 'mlp\.7'", said)
    assert "exemplars/mlp.1: 64 units have no exemplar, the first of them mlp.1/0" not in said
    assert "exemplars/mlp.1: 32 units have no exemplar, the first of them mlp.1/0" in said


def test_two_site_folders_that_changed_places_are_found(study):
    folder = study / "exemplars"
    (folder / "mlp.0").rename(folder / "x")
    (folder / "mlp.1").rename(folder / "mlp.0")
    (folder / "x").rename(folder / "mlp.1")
    report = verify(study)
    assert "is of site 'mlp.1', in the folder of 'mlp.0'" in str(report.of("folders")[0])


def test_a_site_folder_outside_of_its_table_is_found(study):
    (study / "units" / "mlp.1").rename(study / "mlp.1")
    report = verify(study)
    assert "mlp.1: holds parts, but there is no table 'mlp.1'" in str(report.of("files")[0])


# Schema and manifest


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda table: table.set_column(1, "unit", table["unit"].cast(pa.int64())),
            "column 'unit' is int64, not int32",
        ),
        (lambda table: table.drop_columns(["mean"]), "lacks the column 'mean'"),
        (
            lambda table: table.append_column("new", table["unit"]),
            f"has a column 'new' that format {FORMAT_VERSION} does not know",
        ),
    ],
)
def test_a_column_of_another_type_and_one_too_many_or_too_few_are_found(study, change, said):
    part = part_of(study, "units", "mlp.0")
    pq.write_table(change(pq.ParquetFile(part).read()), part)
    report = verify(study)
    assert f"units/mlp.0/{part.name}: {said}" in only(report, "schema")


def test_a_study_of_an_older_format_may_lack_a_column(study):
    part = part_of(study, "units", "mlp.0")
    pq.write_table(pq.ParquetFile(part).read().drop_columns(["skewness"]), part)
    # The hash is of the columns that are there.
    assert only(verify(study, format_version=2), "hashes")


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (30, r"units/mlp\.0/part-\w+\.parquet, row 60, mlp\.0/30: mlp\.0 has 30 units by"),
        (40, r"units/mlp\.0: 8 of 40 units are missing: mlp\.0/32, mlp\.0/33, mlp\.0/34, \.\.\."),
    ],
)
def test_a_wrong_width_in_the_manifest_is_found(study, width, said):
    path = study / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["subject"]["sites"][0]["width"] = width
    path.write_text(json.dumps(manifest))
    assert re.search(said, "\n".join(map(str, verify(study).findings)))


def test_a_site_that_the_manifest_forgot_is_found(study):
    path = study / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["subject"]["sites"][1]
    path.write_text(json.dumps(manifest))
    assert "is of a site 'mlp.1' that the manifest does not name" in str(
        verify(study).of("folders")[0]
    )


@pytest.mark.parametrize("sites", [None, [], [{"name": "mlp.0"}], ["mlp.0"]])
def test_a_manifest_that_says_too_little_is_found(study, sites):
    path = study / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["subject"]["sites"] = sites
    path.write_text(json.dumps(manifest))
    assert verify(study, spot_check=2).of("manifest")


def test_the_journal_does_not_matter(study):
    (study / "journal.sqlite").write_bytes(b"what is this")
    assert verify(study).clean


# References


def test_a_deleted_site_is_found(study):
    shutil.rmtree(study / "units" / "mlp.1")
    report = verify(study)
    assert "the manifest names the site mlp.1 with 32 units, of which none is there" in str(
        report.of("units")[0]
    )
    assert "mlp.1/0: is no unit of the table `units`" in str(report.of("foreign keys")[0])


def test_a_deleted_part_of_explanations_is_found_by_what_refers_to_it(study):
    part_of(study, "explanations", "mlp.1").unlink()
    said = only(verify(study), "foreign keys")
    assert re.search(
        r"scores/mlp.1/part-\w+\.parquet, row 0, mlp.1/0: explanation_id '\w{16}'", said
    )


def test_a_sequence_that_does_not_exist_is_found(study):
    part = forge(
        part_of(study, "exemplars", "mlp.0"), lambda rows: rows[9].update(sequence_id=10**6)
    )
    report = verify(study)
    said = str(report.of("foreign keys")[0])
    assert f"exemplars/mlp.0/{part.name}, row 9, mlp.0/" in said
    assert "sequence_id 1000000 is no row of the table `sequences`" in said
    assert not report.of("hashes")


@pytest.mark.parametrize(
    ("table", "site", "column", "said"),
    [
        ("simulations", None, "sequence_id", "sequence_id 999999 is no row"),
        ("judgements", None, "sequence_id", "sequence_id 999999 is no row"),
        ("lessons", "mlp.0", "sequence_ids", "not all are rows of the table `sequences`"),
        ("simulations", None, "explanation_id", "'nothing' is no row of the table `explanations`"),
        ("judgements", None, "explanation_id", "'nothing' is no row of the table `explanations`"),
        ("scores", "mlp.0", "explanation_id", "'nothing' is no row of the table `explanations`"),
        ("explanations", "mlp.0", "parent_id", "parent_id 'nothing' is no row of the table"),
    ],
)
def test_a_reference_to_nothing_is_found_in_every_table(study, table, site, column, said):
    value = {"sequence_id": 999999, "sequence_ids": [999999]}.get(column, "nothing")
    forge(part_of(study, table, site), lambda rows: rows[-1].update({column: value}))
    assert said in only(verify(study), "foreign keys")


def test_a_score_of_another_units_explanation_is_found(study):
    def swap(rows):
        other = next(r for r in rows if r["unit"] != rows[0]["unit"])
        rows[0]["explanation_id"] = other["explanation_id"]

    forge(part_of(study, "scores", "mlp.0"), swap)
    assert "is of another unit" in only(verify(study), "foreign keys")


# Splits


def train_and_test(rows):
    return (next(row for row in rows if row["split"] == split) for split in ("train", "test"))


def test_a_train_document_that_was_copied_into_test_is_found(study):
    def copy(rows):
        train, _ = train_and_test(rows)
        last = rows[-1]["sequence_id"]
        rows.append(train | {"sequence_id": last + 1, "document_id": "copy", "split": "test"})

    forge(part_of(study, "sequences"), copy)
    said = only(verify(study, recorded={}), "splits")
    assert "of test, has the same tokens as sequence" in said


def test_the_same_text_in_another_form_is_found(study):
    def copy(rows):
        train, _ = train_and_test(rows)
        members = [row for row in rows if row["document_id"] == train["document_id"]]
        for place, row in enumerate(members):
            text = row["text"].swapcase()
            rows.append(
                row
                | {
                    "sequence_id": 10_000 + place,
                    "document_id": "copy",
                    "split": "test",
                    "text": text,
                    "token_ids": [each + 1 for each in row["token_ids"]],
                    "tokens": [each.swapcase() for each in row["tokens"]],
                }
            )

    forge(part_of(study, "sequences"), copy)
    said = only(verify(study, recorded={}), "splits")
    assert "sequence 10000: of test, begins a document of the same text as the one of" in said


def test_a_document_in_two_splits_is_found(study):
    def move(rows):
        train, test = train_and_test(rows)
        train["document_id"] = test["document_id"]

    forge(part_of(study, "sequences"), move)
    assert "is of the same document" in only(verify(study), "splits")


def test_exemplars_and_simulations_of_another_split_than_their_sequence_are_found(study):
    forge(part_of(study, "simulations"), lambda rows: rows[0].update(split="valid"))
    assert "is of valid, but its sequence" in only(verify(study), "simulations")
    forge(part_of(study, "exemplars", "mlp.0"), lambda rows: rows[0].update(split="test"))
    assert "is of test, but its sequence" in "\n".join(map(str, verify(study).of("exemplars")))


@pytest.mark.parametrize("table", ["simulations", "judgements"])
def test_what_rests_on_a_train_sequence_is_not_held_out(study, table):
    sequences = pq.ParquetFile(part_of(study, "sequences")).read().to_pylist()
    train, _ = train_and_test(sequences)
    change = {"sequence_id": train["sequence_id"]}
    if table == "simulations":
        change["split"] = "train"
    forge(part_of(study, table), lambda rows: rows[0].update(change))
    said = only(verify(study), "held out")
    assert f"rests on sequence {train['sequence_id']} of train" in said


def test_a_lesson_on_what_is_scored_is_found(study):
    sequences = pq.ParquetFile(part_of(study, "sequences")).read().to_pylist()
    _, test = train_and_test(sequences)
    change = {"sequence_ids": [test["sequence_id"]]}
    forge(part_of(study, "lessons", "mlp.0"), lambda rows: rows[0].update(change))
    assert "a student was taught on what is scored" in only(verify(study), "held out")


# Values


def test_tokens_that_are_not_their_text_are_found(study):
    def edit(rows):
        rows[3]["text"] = "x" + rows[3]["text"][1:]

    forge(part_of(study, "sequences"), edit)
    assert "row 3, sequence 3: its tokens are not its text" in only(verify(study), "sequences")


def test_activations_that_were_altered_are_found_by_their_hash(study):
    part = tamper(part_of(study, "exemplars", "mlp.0"), lower_the_lowest)
    assert f"exemplars/mlp.0/{part.name}: the content has the hash" in only(verify(study), "hashes")


def test_activations_that_were_forged_are_found_by_the_spot_check(study):
    part = forge(part_of(study, "exemplars", "mlp.0"), lambda rows: [*map(lower, rows)])
    assert verify(study).clean
    report = verify(study, spot_check=8)
    said = only(report, "spot check")
    assert f"exemplars/mlp.0/{part.name}, row " in said
    assert "but the subject gives" in said
    (check,) = (check for check in report.checks if check.name == "spot check")
    assert check.n_findings == 4


def lower(row):
    """Lower all but the largest activation of an exemplar."""
    activations = row["activations"]
    place = activations.index(min(activations))
    activations[place] -= 1.0


def lower_the_lowest(rows):
    lower(rows[5])


def swapped_ranks(rows):
    rows[0]["rank"], rows[1]["rank"] = 1, 0


def swapped_rows(rows):
    rows[0], rows[1] = rows[1], rows[0]


def repeated(rows):
    rows.insert(1, dict(rows[0]))


def same_sequence(rows):
    for name in ("sequence_id", "activations", "peak_position", "peak_activation"):
        rows[1][name] = rows[0][name]


def without_the_strongest(rows):
    top = [row for row in rows if row["unit"] == 4 and row["kind"] == "top"]
    top = [row for row in top if row["polarity"] == 1]
    rows.remove(max(top, key=lambda row: row["peak_activation"]))


def other_random(rows):
    chosen = [row for row in rows if row["unit"] == 9 and row["kind"] == "random"][:2]
    chosen[0]["sequence_id"], chosen[1]["sequence_id"] = (
        chosen[1]["sequence_id"],
        chosen[0]["sequence_id"],
    )


def other_band(rows):
    row = next(row for row in rows if row["kind"] == "quantile" and row["quantile"] == 0)
    row["quantile"] = 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (swapped_ranks, "row 0, mlp.0/0: rank is 1, where 0 is due"),
        (swapped_rows, "row 1, mlp.0/0: is out of order"),
        (repeated, "row 1, mlp.0/0: rank is 0, where 1 is due"),
        (same_sequence, "is there twice among the top exemplars of train"),
        (other_random, "mlp.0/9: random sequence"),
        (other_band, "is not in quantile band 3"),
        (lambda rows: rows[2].update(peak_activation=0.5), "peak_activation is 0.5, but"),
        (lambda rows: rows[2].update(peak_position=16), "peak_position is 16, outside of 16"),
        (lambda rows: rows[2].update(kind="best"), "kind 'best' is none of top, random, quantile"),
        (lambda rows: rows[2].update(quantile=1), "kind is top and quantile is 1"),
        (lambda rows: rows[2]["activations"].pop(), "15 activations for the 16 tokens of"),
        (lambda rows: rows[2]["activations"].__setitem__(0, float("nan")), "holds NaN"),
        (lambda rows: rows[2].update(unit=77), "is no unit of the table `units`"),
        (lambda rows: rows.__delitem__(slice(6)), "0 top exemplars of train; other units"),
        (lambda rows: rows.pop(17), "mlp.0/0: 11 random exemplars of train"),
        (without_the_strongest, "mlp.0/4: the strongest exemplar peaks at"),
    ],
)
def test_damaged_exemplars_are_found(study, change, said):
    forge(part_of(study, "exemplars", "mlp.0"), change)
    report = verify(study)
    assert said in "\n".join(map(str, report.findings)), "\n".join(map(str, report.findings))
    assert not report.of("hashes")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mean": 1e6}, "mean is 1e+06, not between min"),
        ({"mean": float("nan")}, "mean is NaN, where null is due"),
        ({"variance": -1.0}, "variance is -1, below 0"),
        ({"density": 1.5}, "density is 1.5, not in 0..1"),
        ({"n_tokens": 5}, "saw 5 tokens; the recording has"),
        ({"unit": 1}, "1 of 32 units are missing: mlp.0/0"),
        ({"polarity": -1}, "is there more than once"),
        ({"histogram_counts": [1]}, "edges for 1 bins of the histogram"),
        ({"histogram_edges": [1.0, 0.0], "histogram_counts": [1]}, "do not ascend"),
        ({"quantile_boundaries": [4.0, 3.0, 2.0, 1.0]}, "the quantile boundaries do not ascend"),
        ({"lookup_means": [1.0]}, "means and"),
        ({"lookup_token_ids": [1], "lookup_counts": [1], "lookup_means": []}, "1 tokens, 0 means"),
    ],
)
def test_damaged_units_are_found(study, change, said):
    forge(part_of(study, "units", "mlp.0"), lambda rows: rows[0].update(change))
    assert said in "\n".join(map(str, verify(study).of("units")))


def test_an_explanation_that_was_edited_is_found(study):
    part = forge(
        part_of(study, "explanations", "mlp.0"), lambda rows: rows[1].update(text="something else")
    )
    report = verify(study)
    said = only(report, "explanations")
    assert f"explanations/mlp.0/{part.name}, row 1, mlp.0/" in said
    assert "but the hash of its content is" in said


def test_an_explanation_may_be_rated_again(study):
    def rate(rows):
        rows.insert(1, rows[0] | {"selection_score": 0.1, "rated_by": "another"})
        assert explanation_of(rows[1]).explanation_id == rows[0]["explanation_id"]

    forge(part_of(study, "explanations", "mlp.0"), rate)
    assert verify(study).clean


@pytest.mark.parametrize(
    ("table", "site", "change", "said"),
    [
        ("explanations", "mlp.0", {"text": None}, "status is ok and text is null"),
        ("explanations", "mlp.0", {"status": "failed"}, "status is failed and text is there"),
        ("explanations", "mlp.0", {"status": "fine"}, "status 'fine' is none of ok, refused"),
        ("explanations", "mlp.0", {"input_tokens": -1}, "input_tokens is -1, below 0"),
        ("scores", "mlp.0", {"value": None}, "has neither value nor reason"),
        ("scores", "mlp.0", {"reason": "none"}, "and yet has a reason"),
        ("scores", "mlp.0", {"value": float("nan")}, "value is NaN, where null is due"),
        ("scores", "mlp.0", {"low": 1.0, "high": 0.5}, "the interval goes from 1 to 0.5"),
        ("scores", "mlp.0", {"low": None, "high": 0.5}, "has one end of an interval"),
        ("scores", "mlp.0", {"coverage": 1.5}, "coverage is 1.5, not in 0..1"),
        ("scores", "mlp.0", {"coverage": 0.5}, "reliable is True with a coverage of 0.5"),
        ("scores", "mlp.0", {"n_failed": -1}, "n_failed is -1, below 0"),
        ("simulations", None, {"expected": [11.0] * 16}, "outside of 0..10: 11"),
        ("simulations", None, {"expected": [1.0] * 3}, "3 expected and 16 calibrated values"),
        ("simulations", None, {"expected": [None] * 16}, "has no value, though its status is ok"),
        (
            "simulations",
            None,
            {"expected": [float("nan")] + [1.0] * 15},
            "expected holds NaN, where null is due",
        ),
        ("simulations", None, {"status": "failed"}, "status is failed, without a reason"),
        ("judgements", None, {"status": "failed", "reason": "no"}, "has a verdict, though"),
        ("judgements", None, {"text": "a text"}, "has both a sequence_id and a text"),
        ("judgements", None, {"marked": [99]}, "marks [99], not all of which are tokens"),
        ("lessons", "mlp.0", {"complexity": None}, "has neither a complexity nor a reason"),
        ("vectors", "mlp.0", {"activations": [1.0]}, "has 1 numbers; the site's width makes 32"),
        ("bits", "mlp.0", {"fires": b"1"}, "has 1 bytes; the site's width makes 4"),
    ],
)
def test_damaged_answers_and_scores_are_found(study, table, site, change, said):
    part = forge(part_of(study, table, site), lambda rows: with_value(rows).update(change))
    report = verify(study)
    found = "\n".join(map(str, report.of(table)))
    assert said in found, "\n".join(map(str, report.findings))
    assert f"{part.relative_to(study).as_posix()}, row " in found


def with_value(rows):
    """The first row that holds what it is there for."""
    return next(row for row in rows if row.get("reason") is None)


def test_of_many_findings_the_first_are_kept_and_all_are_counted(study):
    def ruin(rows):
        for row in rows:
            row["coverage"] = -1.0

    forge(part_of(study, "scores", "mlp.0"), ruin)
    report = verify(study)
    (check,) = (check for check in report.checks if check.name == "scores")
    assert len(report.of("scores")) == MOST_FINDINGS
    assert check.n_findings > MOST_FINDINGS
    assert report.n_findings == sum(each.n_findings for each in report.checks)
