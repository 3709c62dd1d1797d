"""What is published holds no credentials, and no paths of anyone's machine."""

import pyarrow as pa
import pytest

from neuroscribe.datasets.card.public import public, public_rows


@pytest.mark.parametrize(
    ("spec", "published"),
    [
        ("openai:m@user:password@host:8000", "openai:m@host:8000"),
        ("openai:m@https://me:key@host/v1?token=x", "openai:m@https://host/v1"),
        ("openai:gpt@http://localhost:8000/v1", "openai:gpt@http://localhost:8000/v1"),
        ("jsonl:data/private.jsonl", "jsonl:private.jsonl"),
        ("text:me/corpus/", "text:corpus"),
        ("hf:/home/me/d:cfg", "hf:d:cfg"),
        ("hf:owner/name:cfg", "hf:owner/name:cfg"),
        ("local:owner/name", "local:owner/name"),
    ],
)
def test_specs(spec, published):
    assert public(spec) == published


@pytest.mark.parametrize(
    ("reason", "published"),
    [
        ("failed: https://h/v1?api_key=abc gave 500", "failed: https://h/v1 gave 500"),
        ("No such file /home/me/secret/model", "No such file model"),
        ("Incorrect API key sk-proj-abcdef", "Incorrect API key KEY"),
        ("simulator with text:/home/me/c", "simulator with text:c"),
        ("the answer is 3/4, and/or <b>", "the answer is 3/4, and/or <b>"),
    ],
)
def test_messages(reason, published):
    rows = public_rows(pa.table({"reason": [reason, None]}))
    assert rows["reason"].to_pylist() == [published, None]
