"""One lookup for all that has a name: explainers, simulators, scorers, corpora, engines, ...

A plug-in is one file. Its name is the registered name, and its module-level `PLUGIN` is what is
registered (a class or a function; each kind's package says which). Third parties register under the
entry-point group `neuroscribe.KIND`. Nothing is imported before it is asked for by name, so a
command that needs no torch never loads it.
"""

import importlib
import pkgutil
from importlib.metadata import entry_points
from typing import Any, Literal

from neuroscribe.errors import RegistryError

Kind = Literal[
    "explainer",
    "selection",
    "negatives",
    "simulator",
    "scorer",
    "source",
    "corpus",
    "client",
    "engine",
    "exporter",
    "importer",
    "sae_format",
]

PACKAGES: dict[Kind, str] = {
    "explainer": "neuroscribe.explainer",
    "selection": "neuroscribe.selection",
    "negatives": "neuroscribe.selection.negatives",
    "simulator": "neuroscribe.simulator",
    "scorer": "neuroscribe.scoring",
    "source": "neuroscribe.subjects.sources",
    "corpus": "neuroscribe.datasets.corpora",
    "client": "neuroscribe.llm.clients",
    "engine": "neuroscribe.study.engines",
    "exporter": "neuroscribe.datasets.exporters",
    "importer": "neuroscribe.datasets.importers",
    "sae_format": "neuroscribe.sae.formats",
}


def load(kind: Kind, name: str) -> Any:
    """The plug-in of `kind` called `name`.

    Raises:
        RegistryError: there is none; the message lists the names there are.
    """
    module_name = f"{PACKAGES[kind]}.{name}"
    if name in _module_names(kind):
        plugin = getattr(importlib.import_module(module_name), "PLUGIN", None)
        if plugin is not None:
            return plugin
    for entry in entry_points(group=f"neuroscribe.{kind}"):
        if entry.name == name:
            return entry.load()
    known = ", ".join(names(kind))
    raise RegistryError(f"no {kind} is called {name!r}; there are: {known}")


def names(kind: Kind) -> list[str]:
    """All registered names of `kind`, sorted."""
    own = [
        name
        for name in _module_names(kind)
        if hasattr(importlib.import_module(f"{PACKAGES[kind]}.{name}"), "PLUGIN")
    ]
    foreign = [entry.name for entry in entry_points(group=f"neuroscribe.{kind}")]
    return sorted({*own, *foreign})


def _module_names(kind: Kind) -> list[str]:
    package = importlib.import_module(PACKAGES[kind])
    return [module.name for module in pkgutil.iter_modules(package.__path__)]
