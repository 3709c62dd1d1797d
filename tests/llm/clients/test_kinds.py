"""Continuations, typed questions and levels through the OpenAI client, on both ways to the mock."""

import time

import pytest

from neuroscribe.errors import LLMError
from neuroscribe.llm.canonical import Identity, request_key
from neuroscribe.llm.clients.openai import OpenAIClient
from neuroscribe.llm.mock import Abilities, Misbehaviour, MockLLM, serve
from neuroscribe.llm.protocol import ContinuationRequest, DecideRequest, DirectRequest, Question
from neuroscribe.llm.settings import ClientSettings

WITH = 'Explanation: the token "raw"\nText:\n'
WITHOUT = "Explanation: nothing in particular\nText:\n"
FITTING = "some raw data and raw text"
OTHER = "a cat sat on the mat"
LEVELS = tuple(map(str, range(11)))
INPUT = 'Explanation: the token "raw"\n<start>\n1\tthe\n2\t raw\n3\t data\n<end>\n'


def questions(n_questions):
    return tuple(
        Question(text=f"How active at token {1 + index % 3}?", options=LEVELS)
        for index in range(n_questions)
    )


@pytest.fixture(params=["in process", "loopback"])
def client(request, mock_client):
    """Opens clients of a mock."""
    open_servers = []

    def build(*, abilities=None, **faults):
        misbehaviour = Misbehaviour(**faults)
        if request.param == "in process":
            return mock_client(misbehaviour=misbehaviour, abilities=abilities)
        mock = MockLLM(misbehaviour=misbehaviour, abilities=abilities)
        server = serve(mock)
        base_url = server.__enter__()
        open_servers.append(server)
        built = OpenAIClient(
            f"openai:mock@{base_url}", "mock", base_url, settings=ClientSettings(max_retries=0)
        )
        built.mock = mock
        return built

    yield build
    for server in open_servers:
        server.__exit__(None, None, None)


def test_a_text_that_fits_surprises_less_after_its_explanation(client, ask):
    asked = [
        ContinuationRequest(context=context, continuation=text)
        for text in (FITTING, OTHER)
        for context in (WITHOUT, WITH)
    ]
    replies = ask(client(), *asked)
    assert {reply.status for reply in replies} == {"ok"}
    before, after, other_before, other_after = (reply.loss for reply in replies)
    assert before - after > 0.8
    assert other_before - other_after < 0.5
    assert all(reply.loss > 0 for reply in replies)
    assert (replies[0].slots, replies[0].decisions, replies[0].generated) == (None, None, None)


@pytest.mark.parametrize("form", ["decisions", "systemone", "both"])
def test_questions_are_answered_in_whichever_form_the_endpoint_speaks(client, ask, form):
    opened = client(abilities=Abilities(decisions=form))
    (reply,) = ask(opened, DecideRequest(input=INPUT, questions=questions(3)))
    assert (reply.status, reply.reason) == ("ok", None)
    means = [sum(int(o) * p for o, p in shares.items()) for shares in reply.decisions]
    assert means[1] == pytest.approx(9.0, abs=0.2)
    assert max(means[0], means[2]) < 1.5
    assert all(sum(shares.values()) == pytest.approx(1.0, abs=1e-4) for shares in reply.decisions)


def test_the_form_is_found_out_once_for_all(client, ask):
    opened = client(abilities=Abilities(decisions="systemone"))
    asked = [DecideRequest(input=f"{INPUT}{index}", questions=questions(1)) for index in range(20)]
    assert {reply.status for reply in ask(opened, *asked)} == {"ok"}
    # Twenty answers and one 404, although all were asked at once.
    assert opened.tally.http_requests == 21


def test_finding_out_holds_nobody_up_for_long(client, ask):
    opened = client(abilities=Abilities(decisions="systemone"), latency_seconds=0.15)
    asked = [DecideRequest(input=f"{INPUT}{index}", questions=questions(1)) for index in range(20)]
    start = time.monotonic()
    assert {reply.status for reply in ask(opened, *asked)} == {"ok"}
    # One after the other they would take 3 s.
    assert time.monotonic() - start < 2


def test_no_questions_have_no_answers_and_teach_nothing(client, ask):
    opened = client(abilities=Abilities(decisions="systemone"))
    (reply,) = ask(opened, DecideRequest(input=INPUT, questions=()))
    assert (reply.status, reply.decisions, opened.mock.requests_seen) == ("ok", (), 0)
    (reply,) = ask(opened, DecideRequest(input=INPUT, questions=questions(1)))
    assert reply.status == "ok"


@pytest.mark.parametrize(("form", "n_requests"), [("decisions", 2), ("systemone", 8)])
def test_more_questions_than_an_endpoint_takes_are_asked_in_parts(client, ask, form, n_requests):
    opened = client(abilities=Abilities(decisions=form))
    ask(opened, DecideRequest(input=INPUT, questions=questions(1)))
    before = opened.mock.requests_seen
    (reply,) = ask(opened, DecideRequest(input=INPUT, questions=questions(500)))
    assert opened.mock.requests_seen - before == n_requests
    assert len(reply.decisions) == 500
    assert reply.decisions[:3] * 100 == reply.decisions[:300]


def test_an_endpoint_without_typed_questions_ends_the_run_and_says_what_to_do(client, ask):
    opened = client(abilities=Abilities(decisions="none"))
    with pytest.raises(LLMError, match=r"answers no typed questions .*choose another simulator"):
        ask(opened, DecideRequest(input=INPUT, questions=questions(1)))


@pytest.mark.parametrize("form", ["decisions", "systemone"])
@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        ("refusal", "refused", "declined to answer any of 3 questions"),
        ("missing_logprobs", "failed", "3 of 3 questions have no probability for every option"),
        ("wrong_length", "failed", "2 answers for 3 questions"),
        ("missing_slots", "ok", "1 of 3 questions have no probability"),
        ("server_error", "failed", "HTTP 500"),
        ("truncated_json", "failed", "no JSON object"),
    ],
)
def test_every_fault_ends_in_its_status(client, ask, form, fault, status, said):
    opened = client(abilities=Abilities(decisions=form), **{fault: 1.0})
    (reply,) = ask(opened, DecideRequest(input=INPUT, questions=questions(3)))
    assert reply.status == status
    assert said in reply.reason
    if fault == "missing_slots":
        assert [shares is None for shares in reply.decisions] == [False, False, True]
    else:
        assert reply.decisions is None


@pytest.mark.parametrize("fault", ["missing_logprobs", "wrong_length"])
def test_a_continuation_without_every_log_probability_fails(client, ask, fault):
    (reply,) = ask(client(**{fault: 1.0}), ContinuationRequest(context=WITH, continuation=OTHER))
    assert (reply.status, reply.loss) == ("failed", None)


def test_no_server_gives_levels_directly(client, ask):
    (reply,) = ask(client(), DirectRequest(explanation="rain", token_ids=(1, 2)))
    assert (reply.status, reply.slots) == ("failed", None)
    assert "local:PATH" in reply.reason


def test_what_cannot_travel_in_json_is_replaced_and_still_read(client, ask):
    odd = Question(text="token 1 \ud800?", options=("\ud800", "b"))
    (reply,) = ask(client(), DecideRequest(input="\ud800", questions=(odd,)))
    assert reply.status == "ok"
    assert set(reply.decisions[0]) == {"\ud800", "b"}


def test_questions_count_in_estimates(mock_client):
    one, many = (DecideRequest(input="", questions=questions(n)) for n in (1, 100))
    uses = [mock_client().estimate(request) for request in (one, many)]
    assert uses[1].input_tokens > 90 * uses[0].input_tokens
    direct = DirectRequest(explanation="", token_ids=tuple(range(50)))
    assert mock_client().estimate(direct).input_tokens == 50
    asked = ContinuationRequest(context="abcd", continuation="efgh")
    assert mock_client().estimate(asked).input_tokens == 2


def test_the_same_words_in_another_kind_of_request_are_another_request():
    who = Identity(base_url="x", model="m")
    asked = [
        ContinuationRequest(context="a", continuation="b"),
        ContinuationRequest(context="ab", continuation=""),
        ContinuationRequest(context="a", continuation="b", sample=1),
        DecideRequest(input="a", questions=()),
        DecideRequest(input="a", questions=questions(1)),
        DirectRequest(explanation="a", token_ids=(1,)),
        DirectRequest(explanation="a", token_ids=(2,)),
    ]
    assert len({request_key(who, request) for request in asked}) == len(asked)


def test_properties_in_another_order_are_another_schema(chat):
    first, second = {"reason": {"type": "string"}}, {"answer": {"type": "string"}}
    who = Identity(base_url="x", model="m")
    one, other, same = (
        request_key(who, chat(schema={"type": "object", "properties": properties}))
        for properties in (first | second, second | first, first | second)
    )
    assert one != other
    assert one == same
