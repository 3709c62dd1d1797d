"""Every fault that the mock can commit ends in the documented status, on both ways to it."""

import pytest

from neuroscribe.llm.clients.openai import OpenAIClient
from neuroscribe.llm.mock import Misbehaviour, MockLLM, serve
from neuroscribe.llm.settings import ClientSettings
from neuroscribe.notation import UNKNOWN

SCHEMA = {"type": "object", "properties": {"activations": {"type": "array"}}}


@pytest.fixture(params=["in process", "loopback"])
def faulty(request, mock_client):
    """Opens clients of a mock with faults."""
    open_servers = []

    def build(**settings):
        quick = {"max_retries": 0} | {
            name: settings.pop(name)
            for name in ("max_retries", "timeout_seconds")
            if name in settings
        }
        misbehaviour = Misbehaviour(**settings)
        if request.param == "in process":
            return mock_client(misbehaviour=misbehaviour, **quick)
        server = serve(MockLLM(misbehaviour=misbehaviour))
        base_url = server.__enter__()
        open_servers.append(server)
        spec = f"openai:mock@{base_url}"
        return OpenAIClient(spec, "mock", base_url, settings=ClientSettings(**quick))

    yield build
    for server in open_servers:
        server.__exit__(None, None, None)


@pytest.fixture
def table_chat(simulate, chat):
    """Asks for the table of `simulate` in a chat."""

    def build(**settings):
        return chat(simulate.prompt, **settings)

    return build


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (
            {"rate_limit": 1.0, "retry_after_seconds": 0.01, "max_retries": 1},
            "HTTP 429 after 2 attempts: Rate limit reached.",
        ),
        ({"server_error": 1.0}, "HTTP 500 after 1 attempts: The mock had an error"),
        ({"timeout": 1.0, "timeout_seconds": 0.1}, "no answer in time, after 1 attempts"),
        ({"drop": 1.0}, "the connection broke, after 1 attempts"),
        ({"truncated_json": 1.0}, "the answer is no JSON object: {"),
        ({"malformed": 1.0}, "the answer is no JSON object: <html>"),
    ],
)
def test_no_usable_answer_is_failed(faulty, ask, simulate, table_chat, settings, reason):
    for reply in ask(faulty(**settings), table_chat(), simulate):
        assert reply.status == "failed"
        assert reply.reason.startswith(reason)
        assert (reply.text, reply.slots, reply.generated) == ("", None, None)


@pytest.mark.parametrize("fault", ["rate_limit", "server_error", "drop"])
def test_a_fault_that_passes_is_retried_and_forgotten(faulty, ask, table_chat, fault):
    client = faulty(**{fault: 1.0}, first_attempts=1, retry_after_seconds=0.01, max_retries=1)
    (reply,) = ask(client, table_chat())
    assert (reply.status, reply.reason) == ("ok", None)
    assert client.tally.http_requests == 2


def test_a_refusal_is_refused(faulty, ask, simulate, table_chat):
    for reply in ask(faulty(refusal=1.0), table_chat(), simulate):
        assert reply.status == "refused"
        assert reply.reason.startswith("the model refused: ")


def test_missing_log_probabilities_are_failed_and_never_zeros(faulty, ask, simulate, table_chat):
    replies = ask(faulty(missing_logprobs=1.0), table_chat(top_logprobs=20), simulate)
    for reply in replies:
        assert reply.status == "failed"
        assert "were asked for and none were given" in reply.reason
        assert (reply.slots, reply.generated) == (None, None)


def test_a_missing_slot_is_none(faulty, ask, simulate):
    (reply,) = ask(faulty(missing_slots=1.0), simulate)
    assert reply.status == "ok"
    assert [slot is None for slot in reply.slots] == [False, False, True, False]
    assert reply.reason == "1 of 4 slots have no log-probabilities"


def test_a_wrong_length_shows_or_fails(faulty, ask, simulate, table_chat):
    client = faulty(wrong_length=1.0)
    table, array, slots = ask(client, table_chat(), table_chat(schema=SCHEMA), simulate)
    # How many lines there should be is the simulator's to know.
    assert (table.status, table.text) == ("ok", "the\t0\n raw\t9\n data\t0")
    assert (array.status, array.text) == ("ok", '{"activations": [0, 9, 0]}')
    assert slots.status == "failed"
    assert "these must be as many" in slots.reason


def test_an_ignored_schema_is_unparsed(faulty, ask, table_chat):
    (reply,) = ask(faulty(ignored_schema=1.0), table_chat(schema=SCHEMA))
    assert reply.status == "unparsed"
    assert reply.text == 'I would say that it fires on the tokens "raw".'


def test_without_faults_everything_is_ok(faulty, ask, simulate, table_chat):
    replies = ask(faulty(), table_chat(top_logprobs=20), table_chat(schema=SCHEMA), simulate)
    assert [reply.status for reply in replies] == ["ok", "ok", "ok"]
    assert replies[0].text == "the\t0\n raw\t9\n data\t0\n\\n\t0"
    assert replies[1].text == '{"activations": [0, 9, 0, 0]}'
    assert all(UNKNOWN in slot for slot in replies[2].slots)
