import random
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from neuroscribe.errors import StoreError
from neuroscribe.llm.journal import Journal, from_entry, to_entry
from neuroscribe.llm.outcome import Outcome, rounded
from neuroscribe.llm.protocol import GeneratedToken

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
TOPS = st.dictionaries(st.text(), st.floats(max_value=0, min_value=-30).map(lambda v: round(v, 4)))
# Plain values only: the records are made in the test, where the types of calls are checked.
FIELDS = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["ok", "refused", "unparsed"]),
        "text": st.text(),
        "generated": st.none() | st.lists(st.tuples(st.text(), TOPS)),
        "slots": st.none() | st.lists(st.none() | TOPS).map(tuple),
        "loss": st.none() | st.floats(0, 1e6),
        "decisions": st.none() | st.lists(st.none() | TOPS).map(tuple),
        "reason": st.none() | st.text(min_size=1),
        "input_tokens": st.integers(0, 10**6),
        "output_tokens": st.integers(0, 10**6),
    }
)


@given(FIELDS, st.none() | st.floats(0, 10))
def test_what_is_stored_comes_back_whole(fields, cost):
    if fields["generated"] is not None:
        fields["generated"] = tuple(
            GeneratedToken(text=text, top=top) for text, top in fields["generated"]
        )
    with Journal(":memory:") as journal:
        journal.put(b"key", to_entry(Outcome(**fields), NOON, cost))
        reply = from_entry(journal.get(b"key"), "mock")
    assert {name: getattr(reply, name) for name in fields} == fields
    assert (reply.llm, reply.created_at, reply.cost_usd) == ("mock", NOON, cost)
    assert reply.journalled


def test_log_probabilities_are_rounded_on_arrival_so_that_both_runs_see_the_same():
    assert rounded({"1": -0.000049999, "2": -1 / 3}) == {"1": -0.0, "2": -0.3333}


def test_an_unknown_key_has_no_answer(journal):
    assert journal.get(b"nothing") is None


def test_an_answer_survives_closing_and_a_newer_one_replaces_it(tmp_path):
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        journal.put(b"key", {"status": "ok"})
        journal.put(b"key", {"status": "refused"})
    with Journal(path) as journal:
        assert journal.get(b"key") == {"status": "refused"}
        assert len(journal) == 1


def test_an_answer_is_committed_when_put_returns(tmp_path):
    path = tmp_path / "journal.sqlite"
    program = (
        "import os, sys, signal; from neuroscribe.llm.journal import Journal; "
        "Journal(sys.argv[1]).put(b'key', {'status': 'ok'}); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert done.returncode == -9
    with Journal(path) as journal:
        assert journal.get(b"key") == {"status": "ok"}


def test_several_processes_share_one_file(tmp_path):
    path = tmp_path / "journal.sqlite"
    program = (
        "import sys; from neuroscribe.llm.journal import Journal; journal = Journal(sys.argv[1])\n"
        "for n in range(200): journal.put(f'{sys.argv[2]}-{n}'.encode(), {'n': n})"
    )
    # All four find no file and make it.
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(path), name]) for name in "abcd"
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]
    with Journal(path) as journal:
        assert len(journal) == 800
        assert journal.get(b"b-199") == {"n": 199}


@pytest.mark.parametrize(
    "content", [b"not a database" * 100, b"SQLite format 3\0" + b"\xff" * 4000]
)
def test_a_damaged_file_is_named_and_left_alone(tmp_path, content):
    path = tmp_path / "journal.sqlite"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"the journal .*journal\.sqlite cannot be used"):
        Journal(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_named_and_left_alone(tmp_path):
    path = tmp_path / "bookmarks.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE places (url TEXT)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="a database of another program, not a journal"):
        Journal(path)
    assert path.read_bytes() == before


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StoreError, match="cannot be opened: unable to open database file"):
        Journal(tmp_path / "nowhere" / "journal.sqlite")


def test_a_damaged_entry_is_an_error_and_not_an_answer(tmp_path):
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        journal.put(b"key", {"status": "ok"})
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("UPDATE answers SET answer = X'00'")
        connection.close()
        with pytest.raises(StoreError, match="is damaged"):
            journal.get(b"key")


def test_an_entry_of_another_form_is_an_error():
    with pytest.raises(StoreError, match="another form"):
        from_entry({"status": "ok"}, "mock")


def test_a_full_disk_is_told_and_what_was_stored_stays(tmp_path):
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        journal.put(b"first", {"status": "ok"})
        pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
        journal._connection.execute(f"PRAGMA max_page_count = {pages}")
        incompressible = random.Random(0).randbytes(60_000).hex()
        with pytest.raises(StoreError, match="cannot be written: database or disk is full"):
            journal.put(b"second", {"text": incompressible})
        assert journal.get(b"first") == {"status": "ok"}


def test_a_simulated_sequence_takes_about_six_and_a_half_kilobytes():
    generator = random.Random(1)

    def slot():
        words = [str(level) for level in range(11)] + [
            f"word{generator.randrange(400)}" for _ in range(9)
        ]
        return rounded({word: -abs(generator.gauss(0, 6)) for word in words})

    outcome = Outcome(status="ok", slots=tuple(slot() for _ in range(64)))
    with Journal(":memory:") as journal:
        journal.put(b"key", to_entry(outcome, NOON, 0.0))
        (size,) = journal._connection.execute("SELECT length(answer) FROM answers").fetchone()
    assert 6000 < size < 7000
