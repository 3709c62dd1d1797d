"""JSON schemas of answers: an object with one key, and arrays of a known length.

All that explainers, simulators and judges ask for has this form, which every endpoint that follows
schemas takes.
"""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]


def object_with(key: str, value: Schema) -> Schema:
    """An object with this key and no other."""
    return {
        "type": "object",
        "properties": {key: dict(value)},
        "required": [key],
        "additionalProperties": False,
    }


def array_of(items: Schema, count: int) -> Schema:
    """An array of exactly so many items."""
    return {"type": "array", "items": dict(items), "minItems": count, "maxItems": count}
