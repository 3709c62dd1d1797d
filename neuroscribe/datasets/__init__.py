"""Corpora, splits, schemas and the store: the only code that touches files."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neuroscribe.datasets.store import load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    if name != "load":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Most modules here are imported without a study to read.
    from neuroscribe.datasets.store import load  # noqa: PLC0415

    return load
