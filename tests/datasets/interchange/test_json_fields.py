"""Fields of another tool's JSON."""

import math

import pytest

from neuroscribe.datasets.interchange.json_fields import Fields, read_json
from neuroscribe.errors import InputError


def fields(**data):
    return Fields(data, "a.json")


def test_missing_null_and_nan_are_missing():
    for data in ({}, {"x": None}, {"x": math.nan}):
        assert fields(**data).number("x") is None
        assert fields(**data).integer("x") is None
    assert fields().numbers("x") == fields().texts("x") == fields().objects("x") == []
    assert fields().text("x") is fields().truth("x") is None
    first, second = fields(x=[None, 1]).numbers("x")
    assert math.isnan(first)
    assert second == 1.0


def test_values_have_their_type():
    assert fields(x=2.0).integer("x") == 2
    assert fields(x=2).number("x") == 2.0
    assert fields(x=1).truth("x") is True
    assert fields(x=False).truth("x") is False
    assert fields(x=["a"]).texts("x") == ["a"]
    assert fields(x=[{"y": 1}]).objects("x")[0].integer("y") == 1
    assert fields(x={"y": 1}).inner("x").integer("y") == 1
    assert fields(x=math.inf).number("x") is None


@pytest.mark.parametrize(
    ("value", "read", "message"),
    [
        ("7", "number", r"a\.json is damaged: x should be a number, not '7'"),
        (True, "number", "x should be a number, not True"),
        (1.5, "integer", r"x should be a whole number, not 1\.5"),
        (math.inf, "integer", "x should be a whole number, not inf"),
        (10**400, "number", "x should be a number"),
        ({}, "numbers", "x should be a list"),
        (["a", 1], "texts", "x should be a list of texts, not 1"),
        (3, "text", "x should be a text, not 3"),
        (2, "truth", "x should be true or false, not 2"),
        ([[]], "objects", r"a\.json, x 0 is damaged: it holds a list, not an object"),
        ("no", "inner", "a.json, x is damaged: it holds a text"),
    ],
)
def test_another_type_is_damage_and_named(value, read, message):
    with pytest.raises(InputError, match=message):
        getattr(fields(x=value), read)("x")


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "batch-0.json"
    with pytest.raises(InputError, match=r"cannot read .*batch-0\.json"):
        read_json(path)
    for content in (b'{"x": ', b"\xff\xfe\x00", b"[" * 100_000):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"batch-0\.json is damaged"):
            read_json(path)
    path.write_text('{"x": NaN}')
    assert math.isnan(read_json(path)["x"])
