"""Questions see current rows, nothing but the study, and errors are sentences."""

import sys

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from neuroscribe.datasets import sql, store
from neuroscribe.datasets.manifest import write_manifest
from neuroscribe.datasets.schema import SCHEMAS
from neuroscribe.errors import InputError, StoreError, StudyError
from tests.datasets.stated_rows import stated
from tests.datasets.test_compaction import ROWS

pytest.importorskip("duckdb")


@pytest.fixture
def study(tmp_path):
    write_manifest(tmp_path, {})
    for i in range(3):
        row = {"explanation_id": str(i), "site": f"mlp.{i}", "metric": "pearson", "value": i / 4}
        store.write_part(tmp_path, "scores", stated("scores", row), site=row["site"])
    return tmp_path


def test_every_table_is_there_with_its_columns_also_where_it_has_no_rows(study):
    with sql.connect(study) as connection:
        for table, schema in SCHEMAS.items():
            found = sql.ask(connection, f"SELECT * FROM {table}")
            assert found.schema.names == schema.names
            assert found.cast(schema).schema.equals(schema)
            assert found.num_rows == (3 if table == "scores" else 0)


def test_all_sites_are_read(study):
    found = sql.query(
        study, "SELECT site, value FROM scores WHERE metric = 'pearson' ORDER BY site"
    )
    assert found.to_pylist() == [
        {"site": "mlp.0", "value": 0.0},
        {"site": "mlp.1", "value": 0.25},
        {"site": "mlp.2", "value": 0.5},
    ]


@pytest.mark.parametrize("table", sorted(ROWS))
@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_views_hold_what_the_store_calls_current(table, data, tmp_path_factory):
    root = tmp_path_factory.mktemp("study")
    write_manifest(root, {})
    for rows in data.draw(st.lists(st.lists(ROWS[table], min_size=1, max_size=4), max_size=3)):
        store.write_part(root, table, stated(table, *rows), site="mlp.0")
    found = sql.query(root, f"FROM {table}").cast(SCHEMAS[table])
    assert comparable(found) == comparable(store.load(root, table))


def comparable(rows):
    return sorted(repr([str(value) for value in row.values()]) for row in rows.to_pylist())


def test_a_column_that_an_older_part_lacks_is_null(study):
    import pyarrow.parquet as pq

    for number, part in enumerate(sorted((study / "scores").rglob("*.parquet"))):
        if number != 1:
            pq.write_table(pq.read_table(part).drop_columns(["n_failed", "baseline_mean"]), part)
    found = sql.query(study, "SELECT n_failed, baseline_mean FROM scores").to_pylist()
    assert found == [{"n_failed": None, "baseline_mean": None}] * 3
    for part in (study / "scores").rglob("*.parquet"):
        pq.write_table(pq.read_table(part).drop_columns(["reason"]), part)
    assert sql.query(study, "SELECT reason FROM scores").to_pylist() == [{"reason": None}] * 3


def test_a_folder_may_have_any_name(study, tmp_path_factory):
    odd = tmp_path_factory.mktemp("odd") / "it's [1]*? {a,b}"
    study.rename(odd)
    assert sql.query(odd, "SELECT count(*) AS n FROM scores").to_pylist() == [{"n": 3}]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("SELECT valu FROM scores", 'Candidate bindings: "value"'),
        ("SELECT * FROM score", 'Did you mean "scores"'),
        ("SELEC 1", "syntax error"),
        ("SELECT 'a'::INT", "Could not convert"),
        ("", "only SELECT"),
        ("SELECT 1; SELECT 2", "one question at a time"),
        ("DROP VIEW scores", "only SELECT"),
        ("CREATE TABLE a AS SELECT 1", "only SELECT"),
        ("INSERT INTO scores SELECT * FROM scores", "only SELECT"),
        ("COPY (SELECT 1) TO 'out.csv'", "only SELECT"),
        ("SET threads = 1", "only SELECT"),
        ("ATTACH 'other.db'", "only SELECT"),
        ("INSTALL httpfs", "only SELECT"),
        ("SELECT * FROM read_text('/etc/hostname')", "disabled by configuration"),
        ("SELECT * FROM '/etc/hostname.csv'", "disabled by configuration"),
        ("SELECT * FROM read_csv('https://example.invalid/a.csv')", "disabled by configuration"),
    ],
)
def test_what_cannot_be_answered_is_one_sentence(study, question, said):
    with pytest.raises(InputError, match=said) as error:
        sql.query(study, question)
    assert "\n" not in str(error.value)


def test_other_files_of_the_study_cannot_be_read(study):
    (study / "journal.sqlite").write_text("private")
    with pytest.raises(InputError, match="disabled by configuration"):
        sql.query(study, f"SELECT * FROM read_text('{study}/journal.sqlite')")


def test_variables_of_the_caller_are_no_tables(study):
    secret = store.read(study, "scores")
    assert secret.num_rows == 3
    with pytest.raises(InputError, match="Table with name secret does not exist"):
        sql.query(study, "SELECT * FROM secret")


def test_a_damaged_part_is_named(study):
    part = next(iter(study.rglob("*.parquet")))
    part.write_bytes(b"PAR1")
    with pytest.raises(StoreError, match=f"table 'scores' .* cannot be read: .*{part.name}"):
        sql.query(study, "SELECT 1")


def test_a_question_that_a_compaction_overtakes_is_asked_again(study, monkeypatch):
    asked = []

    def overtaken(connection, question):
        asked.append(question)
        if len(asked) == 1:
            for number, part in enumerate(study.rglob("*.parquet")):
                part.rename(part.with_name(f"part-{number}.parquet"))
        return ask(connection, question)

    ask = sql.ask
    monkeypatch.setattr(sql, "ask", overtaken)
    assert sql.query(study, "SELECT sum(value) AS s FROM scores").to_pylist() == [{"s": 0.75}]
    assert len(asked) == 2


def test_without_a_study_it_says_so(tmp_path):
    with pytest.raises(StudyError, match="is not a study"):
        sql.query(tmp_path, "SELECT 1")


def test_without_duckdb_the_extra_is_named(study, monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(InputError, match=r"neuroscribe\[sql\]"):
        sql.query(study, "SELECT 1")
