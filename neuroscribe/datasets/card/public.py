"""What of a study's strings may be published: no credentials, and no paths of anyone's machine.

Specs of LLMs, names of corpora and subjects are stored as they were given. Published they keep what
tells which model or corpus it was: of a path the last component, of an address no user, password or
query. Texts of the corpus and answers of LLMs are the dataset itself and pass as they are.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

_CREDENTIALS: Final = re.compile(r"(\w+://)\S*@|(@)[^\s@/:]+:[^\s@/]+@")
_QUERY: Final = re.compile(r"(\w+://[^\s?#]*)[?#]\S*")
_NAMED_PATH: Final = re.compile(r"^(local|embed|text|jsonl|parquet|hf):(.+)$", re.DOTALL)
_PATH: Final = re.compile(r"^([/\\~]|\.{1,2}[/\\]|[A-Za-z]:[/\\])")
_INNER_PATH: Final = re.compile(r"\b(local|embed|text|jsonl|parquet|hf):(\S+)")
_FILES: Final = ("text", "jsonl", "parquet")
_KEY: Final = re.compile(r"\b(?:sk|hf|gsk|xai)[-_][\w-]{6,}")
_ANY_PATH: Final = re.compile(r"(?<![\w:/])(?:~|/|[A-Za-z]:\\)[\w.@+-]+(?:[/\\][\w.@+-]+)+")


def public(text: str) -> str:
    """A spec, name or message as it may be published.

    >>> public("openai:m@https://me:key@host/v1?token=x")
    'openai:m@https://host/v1'
    >>> public("text:/home/me/corpus")
    'text:corpus'
    >>> public("gpt2"), public("owner/model"), public("local:/home/me/model")
    ('gpt2', 'owner/model', 'local:model')
    """
    text = _without_secrets(text)
    named = _NAMED_PATH.match(text)
    if named is not None:
        return _named(named)
    return _last_component(text)


def public_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest as it may be published."""
    return {name: _public(value) for name, value in manifest.items()}


def public_rows(rows: pa.Table) -> pa.Table:
    """Rows of any table as they may be published."""
    for name, clean in _COLUMNS.items():
        if name not in rows.column_names:
            continue
        column = rows[name]
        distinct = pc.unique(column).drop_null()
        cleaned = [clean(text) for text in distinct.to_pylist()]
        if cleaned == distinct.to_pylist():
            continue
        # Null finds no place, and taking no place gives null.
        places = pc.index_in(column, distinct)
        values = pa.array(cleaned, pa.string()).take(places.combine_chunks())
        rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), values)
    return rows


def _public_message(text: str) -> str:
    """A message that may quote a spec, and an answer, which stays as it is."""
    text = _INNER_PATH.sub(_named, _KEY.sub("KEY", _without_secrets(text)))
    return _ANY_PATH.sub(lambda path: _file_name(path[0]), text)


def _without_secrets(text: str) -> str:
    """Addresses without user, password and query."""
    return _QUERY.sub(r"\1", _CREDENTIALS.sub(r"\1\2", text))


def _named(spec: re.Match[str]) -> str:
    """A spec with what it names cut to its name; a file is never a name on the hub."""
    kind, name = spec[1], spec[2]
    if kind in _FILES:
        return f"{kind}:{_file_name(name)}"
    return f"{kind}:{_last_component(name)}"


_COLUMNS: Final[dict[str, Callable[[str], str]]] = {
    "llm": public,
    "rated_by": _public_message,
    "reason": _public_message,
}
"""Columns that hold specs, or messages that may quote them."""


def _public(value: Any) -> Any:
    if isinstance(value, str):
        return public(value)
    if isinstance(value, Mapping):
        return {key: _public(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_public(member) for member in value]
    return value


def _last_component(text: str) -> str:
    """A local path cut to its name; a name on the hub (`owner/name`) as it is."""
    nested = "://" not in text and text.count("/") > 1 and not re.search(r"\s", text)
    if _PATH.match(text) or nested:
        return _file_name(text)
    return text


def _file_name(path: str) -> str:
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]
