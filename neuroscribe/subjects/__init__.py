"""The model under study: loading, sites, hooks, and the sources of its units.

`load_subject` and `Subject` live here by name but are imported when first used, so that what only
reads selectors (`neuroscribe.subjects.selectors`) never loads torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neuroscribe.subjects.loading import load_subject
    from neuroscribe.subjects.subject import Subject

__all__ = ["Subject", "load_subject"]

_HOMES = {
    "Subject": "neuroscribe.subjects.subject",
    "load_subject": "neuroscribe.subjects.loading",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
