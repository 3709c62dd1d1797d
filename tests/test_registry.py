"""One lookup for everything that has a name."""

import sys
from types import ModuleType

import pytest

from neuroscribe import registry
from neuroscribe.errors import RegistryError


def test_an_unknown_name_lists_the_names_there_are():
    with pytest.raises(RegistryError, match=r"no corpus is called 'web'; there are: .*stdlib"):
        registry.load("corpus", "web")


def test_a_module_without_plugin_is_no_plugin():
    assert "calibration" not in registry.names("simulator")
    with pytest.raises(RegistryError):
        registry.load("simulator", "calibration")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("explainer", "token_activation_pairs"),
        ("simulator", "prompt_logprobs"),
        ("simulator", "generated_logprobs"),
        ("simulator", "structured"),
        ("scorer", "simulation"),
        ("source", "mlp"),
        ("corpus", "stdlib"),
        ("client", "openai"),
        ("client", "mock"),
    ],
)
def test_what_the_package_brings_is_registered(kind, name):
    assert name in registry.names(kind)
    assert callable(registry.load(kind, name))


def test_a_third_party_registers_through_an_entry_point(monkeypatch):
    module = ModuleType("third_party")
    module.plugin = object()
    monkeypatch.setitem(sys.modules, "third_party", module)
    entry = registry.entry_points.__globals__["EntryPoint"](
        name="weather", value="third_party:plugin", group="neuroscribe.explainer"
    )
    monkeypatch.setattr(registry, "entry_points", lambda group: [entry])
    assert registry.load("explainer", "weather") is module.plugin
    assert "weather" in registry.names("explainer")
