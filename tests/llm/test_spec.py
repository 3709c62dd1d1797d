import pytest

from neuroscribe.errors import InputError
from neuroscribe.llm.settings import ClientSettings
from neuroscribe.llm.spec import open_client


def test_specs_open_clients_that_keep_their_name(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    specs = [
        "mock",
        "mock:7",
        "openai:gpt-5-mini",
        "openai:meta-llama/Llama-3.1-8B@http://127.0.0.1:8000/v1",
    ]
    assert [open_client(spec).spec for spec in specs] == specs


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("", "mock, mock:SEED, openai:MODEL, openai:MODEL@BASE_URL"),
        ("gpt 5", "no LLM is named 'gpt 5'"),
        ("claude", "no client is called 'claude'; there are: local, mock, openai"),
        ("mock:x", "'mock:x' names no LLM; write mock or mock:SEED"),
        ("mock:-1", "names no LLM"),
        ("openai", "names no LLM; write openai:MODEL or openai:MODEL@BASE_URL"),
        ("openai:", "names no LLM"),
        ("openai:m@host", "names no LLM"),
        ("openai:m@ftp://host/", "names no LLM"),
        ("openai:a b", "names no LLM"),
    ],
)
def test_a_malformed_spec_lists_the_forms_there_are(spec, said):
    with pytest.raises(InputError, match=said):
        open_client(spec)


@pytest.mark.parametrize(
    "settings",
    [
        {"max_in_flight": 0},
        {"requests_per_second": 0.0},
        {"tokens_per_minute": -1},
        {"max_retries": -1},
        {"timeout_seconds": 0.0},
    ],
)
def test_settings_out_of_range_are_named(settings):
    with pytest.raises(InputError, match=next(iter(settings))):
        ClientSettings(**settings)


def test_opening_a_client_loads_no_torch():
    import subprocess
    import sys

    program = (
        "import sys; from neuroscribe.llm.spec import open_client; open_client('mock'); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'pyarrow')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
