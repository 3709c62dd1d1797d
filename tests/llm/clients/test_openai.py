import asyncio
import json
import logging
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from neuroscribe.errors import InputError, LLMError
from neuroscribe.llm.clients.openai import OpenAIClient
from neuroscribe.llm.mock import Abilities, Misbehaviour
from neuroscribe.llm.settings import ClientSettings

KEY = "sk-secret-4711"


def chat_answer(content, **usage):
    message = {"role": "assistant", "content": content}
    return {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}


def refusing(parameter, code="unsupported_parameter"):
    message = f"Unsupported parameter: '{parameter}' is not supported with this model."
    return 400, {"error": {"message": message, "param": parameter, "code": code}}


def test_replies_come_in_the_order_of_the_requests(endpoint, chat, ask):
    def answer(request):
        return 200, chat_answer(json.loads(request.content)["messages"][0]["content"].upper())

    replies = ask(endpoint(answer), *(chat(letter) for letter in "abcdef"))
    assert [reply.text for reply in replies] == list("ABCDEF")
    assert {reply.llm for reply in replies} == {"openai:m@http://host.test/v1"}


def test_the_key_is_sent_and_nothing_where_there_is_none(endpoint, chat, ask, monkeypatch):
    seen = []

    def answer(request):
        seen.append(request.headers["authorization"])
        return 200, chat_answer("yes")

    ask(endpoint(answer), chat())
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    ask(endpoint(answer), chat())
    assert seen == ["Bearer none", f"Bearer {KEY}"]


def test_openai_itself_needs_a_key():
    with pytest.raises(InputError, match="set the environment variable OPENAI_API_KEY"):
        OpenAIClient("openai:gpt-5-mini", "gpt-5-mini", None)


def test_a_key_that_cannot_be_one_is_not_repeated(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-☃")
    with pytest.raises(InputError) as error:
        OpenAIClient("openai:m", "m", None)
    assert "☃" not in str(error.value)


@pytest.mark.parametrize(
    "address", ["http://", "http://h:port/v1", "http://u:p@h/v1", "http://h/v1?key=1", "http://h#a"]
)
def test_an_address_that_is_none_or_holds_secrets_is_refused(address):
    with pytest.raises(InputError, match="address") as error:
        OpenAIClient("openai:m", "m", address)
    assert "u:p" not in str(error.value)


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_key_ends_the_run_without_showing_it(endpoint, chat, ask, monkeypatch, status):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    body = {"error": {"message": f"Incorrect API key provided: {KEY}"}}
    with pytest.raises(LLMError, match=r"did not accept the key for openai:m@http") as error:
        ask(endpoint(lambda _: (status, body)), chat())
    assert KEY not in str(error.value)


def test_an_unknown_model_ends_the_run(endpoint, chat, ask):
    body = {"error": {"message": "The model `m` does not exist.", "code": "model_not_found"}}
    with pytest.raises(LLMError, match=r"knows no such model .* The model `m` does not exist"):
        ask(endpoint(lambda _: (404, body)), chat())


def test_a_limit_that_lasts_for_hours_ends_the_run_and_says_for_how_long(mock_client, chat):
    day = Misbehaviour(rate_limit=1.0, retry_after_seconds=86_400.0)
    client = mock_client(misbehaviour=day, max_retries=4)
    said = (
        r"takes no request for mock before 86,400 s have passed: Rate limit reached.*run the same"
    )

    async def whole():
        try:
            # Nobody waits for the end of the hold.
            requests = [chat(str(index)) for index in range(100)]
            await asyncio.wait_for(client.complete(requests), 3)
        finally:
            await client.aclose()

    with pytest.raises(LLMError, match=said):
        asyncio.run(whole())
    assert client.mock.requests_seen <= 64


def test_an_empty_account_ends_the_run(endpoint, chat, ask):
    body = {"error": {"message": "You exceeded your quota.", "code": "insufficient_quota"}}
    with pytest.raises(LLMError, match="no credit left"):
        ask(endpoint(lambda _: (429, body)), chat())


def test_a_host_that_is_not_there_ends_the_run(chat, ask):
    client = OpenAIClient(
        "openai:m@http://127.0.0.1:9/v1",
        "m",
        "http://127.0.0.1:9/v1",
        settings=ClientSettings(max_retries=0),
    )
    with pytest.raises(LLMError, match=r"no LLM can be reached at http://127\.0\.0\.1:9/v1"):
        ask(client, chat())


def test_a_connection_that_is_lost_after_an_answer_is_a_failed_reply(endpoint, chat, ask):
    n_seen = Counter()

    def answer(request):
        n_seen["requests"] += 1
        if n_seen["requests"] > 1:
            raise httpx2.ConnectError("Connection refused", request=request)
        return 200, chat_answer("yes")

    client = endpoint(answer)
    assert ask(client, chat("a"))[0].status == "ok"
    (reply,) = ask(client, chat("b"))
    assert reply.status == "failed"
    assert reply.reason == "the connection broke, after 1 attempts: Connection refused"


def test_the_endpoints_words_are_redacted_and_never_logged(
    endpoint, chat, ask, monkeypatch, caplog
):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    body = {"error": {"message": f"You sent {KEY}, and I am broken."}}
    (reply,) = ask(endpoint(lambda _: (500, body)), chat())
    assert reply.reason == "HTTP 500 after 1 attempts: You sent [key], and I am broken."
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"error": {"message": f"{KEY} is over its quota"}}, "[key] is over its quota"),
        (f"<html>Authorization: Bearer {KEY}".encode(), "<html>Authorization: Bearer [key]"),
        (
            {"choices": [{"message": {"refusal": f"not for {KEY}"}, "finish_reason": "stop"}]},
            "the model refused: not for [key]",
        ),
    ],
)
def test_a_key_that_an_answer_repeats_shows_in_no_reason_and_is_not_kept(
    endpoint, chat, ask, monkeypatch, journal, body, reason
):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    client = endpoint(lambda _: (200, body), journal=journal)
    first, second = (ask(client, chat())[0] for _ in range(2))
    assert second.journalled == (first.status == "refused")
    for reply in (first, second):
        assert reason in reply.reason
        assert KEY not in reply.reason + reply.text


def test_the_key_is_in_no_file_of_the_journal(endpoint, chat, ask, monkeypatch, journal, tmp_path):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    ask(endpoint(lambda _: (200, chat_answer("yes")), journal=journal), chat())
    assert len(journal) == 1
    files = [path for path in tmp_path.iterdir() if path.name.startswith("journal")]
    assert files
    for path in files:
        assert KEY.encode() not in path.read_bytes()


def test_a_request_that_is_too_long_is_a_failed_reply(endpoint, chat, ask):
    body = {"error": {"message": "This model's maximum context length is 10 tokens."}}
    (reply,) = ask(endpoint(lambda _: (400, body)), chat())
    assert reply.status == "failed"
    assert reply.reason == "HTTP 400: This model's maximum context length is 10 tokens."


@pytest.mark.parametrize("parameter", ["temperature", "seed", "reasoning_effort", "max_tokens"])
def test_a_refused_parameter_is_learnt_once_for_all(endpoint, chat, ask, parameter):
    seen = Counter()

    def answer(request):
        refused = parameter in json.loads(request.content)
        seen["refused" if refused else "taken"] += 1
        return refusing(parameter) if refused else (200, chat_answer("yes"))

    client = endpoint(answer, reasoning_effort="low", max_in_flight=2)
    requests = [chat(str(index), temperature=0.0, sample=1) for index in range(6)]
    replies = ask(client, *requests)
    replies += ask(client, *requests)
    assert {reply.status for reply in replies} == {"ok"}
    assert seen["taken"] == 12
    assert 1 <= seen["refused"] <= 2


def test_log_probabilities_that_a_model_refuses_are_asked_for_once(endpoint, chat, ask):
    seen = Counter()

    def answer(request):
        seen["requests"] += 1
        return refusing("logprobs", "unsupported_value")

    client = endpoint(answer)
    first, second = (ask(client, chat(text, top_logprobs=20))[0] for text in "ab")
    assert (first.status, second.status) == ("failed", "failed")
    assert second.reason == "the model refuses to give log-probabilities of its answers"
    assert seen["requests"] == 1


def test_a_model_that_reasons_is_given_more_tokens_and_the_first_try_is_counted(
    endpoint, chat, ask
):
    limits = []

    def answer(request):
        limits.append(json.loads(request.content)["max_tokens"])
        usage = {"prompt_tokens": 7, "completion_tokens": 100}
        choice = {"message": {"content": ""}, "finish_reason": "length"}
        if limits[-1] > 100:
            choice = {"message": {"content": "because"}, "finish_reason": "stop"}
        return 200, {"choices": [choice], "usage": usage}

    client = endpoint(answer, reasoning_allowance=900)
    (reply,) = ask(client, chat("a"))
    assert (reply.status, reply.text) == ("ok", "because")
    assert (reply.input_tokens, reply.output_tokens) == (14, 200)
    ask(client, chat("b"))
    assert limits == [100, 1000, 1000]


def test_a_limit_by_another_name_that_was_learnt_meanwhile_is_read_by_its_own(chat):
    learnt = asyncio.Event()

    async def handle(request):
        body = json.loads(await request.aread())
        said = body["messages"][0]["content"]
        if "max_completion_tokens" in body:
            return httpx2.Response(200, json=chat_answer(said))
        if said == "quick":
            status, refusal = refusing("max_tokens")
            asyncio.get_running_loop().call_later(0.05, learnt.set)
            return httpx2.Response(status, json=refusal)
        # Answered when another request has learnt that the limit has another name.
        await asyncio.wait_for(learnt.wait(), 2)
        choice = {"message": {"content": ""}, "finish_reason": "length"}
        usage = {"prompt_tokens": 7, "completion_tokens": 100}
        return httpx2.Response(200, json={"choices": [choice], "usage": usage})

    client = OpenAIClient(
        "openai:m@http://host.test/v1",
        "m",
        "http://host.test/v1",
        settings=ClientSettings(max_retries=0),
        transport=httpx2.MockTransport(handle),
    )

    async def whole():
        try:
            return await asyncio.wait_for(client.complete([chat("slow"), chat("quick")]), 5)
        finally:
            await client.aclose()

    replies = asyncio.run(whole())
    assert [(reply.status, reply.text) for reply in replies] == [("ok", "slow"), ("ok", "quick")]


def test_a_limit_that_is_never_enough_is_unparsed(endpoint, chat, ask):
    choice = {"message": {"content": ""}, "finish_reason": "length"}
    body = {"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
    (reply,) = ask(endpoint(lambda _: (200, body)), chat())
    assert reply.status == "unparsed"


def test_retry_after_is_honoured(mock_client, chat, ask):
    misbehaviour = Misbehaviour(rate_limit=1.0, first_attempts=1, retry_after_seconds=0.3)
    client = mock_client(misbehaviour=misbehaviour, max_retries=1)
    times = []
    handle = client.mock.handle

    def timed(*request):
        times.append(time.monotonic())
        return handle(*request)

    client.mock.handle = timed
    (reply,) = ask(client, chat())
    assert reply.status == "ok"
    # The SDK's own delay would be 0.375 s at least.
    assert 0.3 <= times[1] - times[0] < 0.37
    assert client.tally.http_requests == 2


def test_the_throttle_counts_retries_too(mock_client, chat, ask):
    misbehaviour = Misbehaviour(rate_limit=1.0, first_attempts=1, retry_after_seconds=0.01)
    client = mock_client(misbehaviour=misbehaviour, max_retries=1, requests_per_second=10.0)
    times = []
    handle = client.mock.handle

    def timed(*request):
        times.append(time.monotonic())
        return handle(*request)

    client.mock.handle = timed
    ask(client, *(chat(str(index)) for index in range(10)))
    assert len(times) == 20
    # Ten at once, and the eleventh only when a second has passed.
    assert times[10] - times[0] >= 0.95


def test_no_more_requests_are_in_flight_than_the_settings_allow(endpoint, chat, ask):
    import asyncio

    now = Counter()

    class Slow(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request):
            now["in_flight"] += 1
            now["most"] = max(now["most"], now["in_flight"])
            await asyncio.sleep(0.01)
            now["in_flight"] -= 1
            return httpx2.Response(200, json=chat_answer("yes"))

    client = OpenAIClient(
        "openai:m@http://host.test/v1",
        "m",
        "http://host.test/v1",
        settings=ClientSettings(max_in_flight=3),
        transport=Slow(),
    )
    ask(client, *(chat(str(index)) for index in range(12)))
    assert now["most"] == 3


def test_a_client_outlives_its_event_loop(endpoint, chat, ask):
    client = endpoint(lambda _: (200, chat_answer("yes")))
    assert [ask(client, chat(letter))[0].text for letter in "ab"] == ["yes", "yes"]


def test_loops_that_ask_the_same_at_once_do_not_wait_for_each_other(endpoint, chat, journal):
    sent, begun, go_on = [], threading.Event(), threading.Event()

    def answer(request):
        sent.append(request)
        if len(sent) == 1:
            begun.set()
            assert go_on.wait(5)
        return 200, chat_answer("yes")

    client = endpoint(answer, journal=journal)

    def complete():
        return asyncio.run(asyncio.wait_for(client.complete([chat()]), 2))

    with ThreadPoolExecutor() as pool:
        first = pool.submit(complete)
        try:
            assert begun.wait(5)
            # The other loop stands still meanwhile.
            second = complete()
        finally:
            go_on.set()
        assert [reply.text for reply in first.result() + second] == ["yes", "yes"]
    assert len(sent) == 2


def test_a_host_that_wants_one_token_is_asked_for_one(mock_client, simulate, ask):
    client = mock_client(abilities=Abilities(zero_tokens=False))
    (reply,) = ask(client, simulate)
    assert reply.status == "ok"
    assert len(reply.slots) == 4
    plain = ask(mock_client(), simulate)[0]
    assert reply.slots == plain.slots


def test_a_token_before_the_prompt_and_a_merging_tokenizer_are_recognised(
    mock_client, simulate, ask
):
    plain = ask(mock_client(), simulate)[0]
    shifted = ask(mock_client(abilities=Abilities(begins_with="<s>")), simulate)[0]
    assert shifted.slots == plain.slots
    merged = ask(mock_client(abilities=Abilities(merges_placeholders=True)), simulate)[0]
    assert merged.status == "failed"
    assert "the tokenizer merges the placeholder" in merged.reason
    deaf = ask(mock_client(abilities=Abilities(echoes=False)), simulate)[0]
    assert deaf.status == "failed"


def test_the_tally_counts_what_was_done(endpoint, chat, ask):
    usage = {"prompt_tokens": 10, "completion_tokens": 2}
    client = endpoint(lambda _: (200, chat_answer("yes", **usage)))
    ask(client, chat("a"), chat("b"))
    tally = client.tally
    assert (tally.replies, tally.http_requests, tally.by_status["ok"]) == (2, 2, 2)
    assert (tally.input_tokens, tally.output_tokens) == (20, 4)
    assert tally.cost_usd is None


def test_openais_own_models_have_a_price(endpoint, chat, ask, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(
            200, json=chat_answer("yes", prompt_tokens=1000, completion_tokens=100)
        )
    )
    client = OpenAIClient("openai:gpt-5-mini", "gpt-5-mini", None, transport=transport)
    (reply,) = ask(client, chat())
    assert reply.cost_usd == pytest.approx(0.00025 + 0.0002)
    assert client.tally.cost_usd == reply.cost_usd
