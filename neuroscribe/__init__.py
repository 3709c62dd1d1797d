"""Explains the units of neural networks automatically and measures how good each explanation is.

Names are imported when they are first used, so that importing the package is quick and loads
neither torch nor transformers.
"""

import importlib
from typing import TYPE_CHECKING, Any

from neuroscribe._version import __version__

if TYPE_CHECKING:
    from neuroscribe import sae
    from neuroscribe.datasets.store import load
    from neuroscribe.llm.settings import ClientSettings
    from neuroscribe.llm.spec import open_client
    from neuroscribe.plain import explain, simulate
    from neuroscribe.recorder.recorder import Recorder
    from neuroscribe.recorder.run import record
    from neuroscribe.recorder.settings import RecorderSettings
    from neuroscribe.scoring import score
    from neuroscribe.study import LLMOptions, Study
    from neuroscribe.subjects import Subject, load_subject
    from neuroscribe.viewer import build_site

_HOMES = {
    "ClientSettings": "neuroscribe.llm.settings",
    "LLMOptions": "neuroscribe.study",
    "Recorder": "neuroscribe.recorder.recorder",
    "RecorderSettings": "neuroscribe.recorder.settings",
    "Study": "neuroscribe.study",
    "Subject": "neuroscribe.subjects",
    "build_site": "neuroscribe.viewer",
    "explain": "neuroscribe.plain",
    "load": "neuroscribe.datasets.store",
    "load_subject": "neuroscribe.subjects",
    "open_client": "neuroscribe.llm.spec",
    "record": "neuroscribe.recorder.run",
    "score": "neuroscribe.scoring",
    "simulate": "neuroscribe.plain",
}

__all__ = [
    "ClientSettings",
    "LLMOptions",
    "Recorder",
    "RecorderSettings",
    "Study",
    "Subject",
    "__version__",
    "build_site",
    "explain",
    "load",
    "load_subject",
    "open_client",
    "record",
    "sae",
    "score",
    "simulate",
]


def __getattr__(name: str) -> Any:
    if name == "sae":
        return importlib.import_module("neuroscribe.sae")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
