"""Corpora: the same documents each time, and one sentence for what cannot be read."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neuroscribe.datasets.corpus import open_corpus
from neuroscribe.errors import CorpusError


def read(spec: str) -> list[tuple[str, str]]:
    return [(d.document_id, d.text) for d in open_corpus(spec).documents()]


def test_the_standard_library_is_read_in_one_order():
    first = read("stdlib")
    assert first == read("stdlib")
    assert len(first) > 300
    assert len({name for name, _ in first}) == len(first)


def test_a_text_file_and_a_folder_of_them(tmp_path):
    (tmp_path / "b.txt").write_text("two", encoding="utf-8")
    (tmp_path / "a.txt").write_text("one\n\nmore", encoding="utf-8")
    assert [text for _, text in read(f"text:{tmp_path}")] == ["one\n\nmore", "two"]
    assert [text for _, text in read(f"text:{tmp_path / 'b.txt'}")] == ["two"]


def test_json_lines_and_a_bad_line(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_text('{"text": "one", "id": "x"}\n{"text": "tw\\ud83do"}\n')
    assert [text for _, text in read(f"jsonl:{path}")] == ["one", "tw�o"]
    path.write_text('{"text": "one"}\n{"text"\n')
    with pytest.raises(CorpusError, match="2"):
        read(f"jsonl:{path}")


def test_parquet(tmp_path):
    path = tmp_path / "c.parquet"
    pq.write_table(pa.table({"text": ["one", "two"]}), path)
    assert [text for _, text in read(f"parquet:{path}")] == ["one", "two"]
    pq.write_table(pa.table({"body": ["one"]}), path)
    with pytest.raises(CorpusError, match="text"):
        read(f"parquet:{path}")


def test_text_that_is_not_utf8_names_file_and_byte(tmp_path):
    path = tmp_path / "latin.txt"
    path.write_bytes(b"caf\xe9")
    with pytest.raises(CorpusError, match=r"latin\.txt is not UTF-8 text: byte 3 is 0xe9"):
        read(f"text:{path}")


@pytest.mark.parametrize("spec", ["text:absent", "jsonl:", "parquet:absent", "web:x", "text:{}"])
def test_what_is_missing_or_empty_is_refused(tmp_path, spec):
    with pytest.raises(CorpusError):
        read(spec.format(tmp_path))
