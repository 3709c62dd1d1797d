"""Typed questions as the mock answers them, in the shapes of the two protocols."""

import json

import pytest
from openai.types import Decision

from neuroscribe.llm.mock import Abilities, Misbehaviour, MockLLM

INPUT = 'Explanation: the token "raw"\n<start>\n1\tthe\n2\t raw\n<end>\n'
LEVELS = [str(level) for level in range(11)]
ASKED = {"type": "choice", "instructions": "How active at token 2?"}


def post(path, mock=None, **body):
    answer = (mock or MockLLM()).handle("POST", path, json.dumps({"model": "m"} | body).encode())
    return answer.status, json.loads(answer.body)


def decide(mock=None, question=ASKED, **body):
    choices = {"choices": [{"value": level} for level in LEVELS]}
    body = {"input": INPUT, "questions": [{"name": "n"} | choices | question]} | body
    return post("/v1/decisions", mock, **body)


def systemone(mock=None, question=ASKED, **body):
    criteria = {"criteria": dict.fromkeys(LEVELS)}
    return post(
        "/v1/systemone", mock, **{"state": INPUT, "questions": {"n": criteria | question}} | body
    )


def test_an_answer_has_the_shape_that_the_sdk_reads():
    status, answer = decide()
    decision = Decision.model_validate(answer)
    assert status == 200
    assert (decision.answers[0].type, decision.answers[0].name) == ("choice", "n")
    assert decision.answers[0].choice == "9"
    assert [each.value for each in decision.answers[0].probabilities] == LEVELS
    assert decision.usage.input_tokens > 20


def test_an_answer_of_the_system_one_form_is_keyed_by_name():
    status, answer = systemone()
    assert (status, answer["model"]) == (200, "m")
    assert list(answer["answers"]) == ["n"]
    assert answer["answers"]["n"]["choice"] == "9"
    assert sum(answer["answers"]["n"]["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert set(answer["usage"]) == {"input_tokens", "output_tokens"}


def test_a_question_that_names_no_token_is_answered_by_chance_and_always_alike():
    other = ASKED | {"instructions": "Is it raining?"}
    first, second = decide(question=other), decide(question=other)
    assert first == second
    shares = [each["probability"] for each in first[1]["answers"][0]["probabilities"]]
    assert len(set(shares)) > 5
    assert decide(MockLLM(1), other) != first


def test_a_declined_question_is_said_to_be():
    refusing = MockLLM(misbehaviour=Misbehaviour(refusal=1.0))
    assert decide(refusing)[1]["answers"] == [{"name": "n", "type": "refusal"}]


@pytest.mark.parametrize(
    ("ask", "body", "status"),
    [
        (decide, {"questions": []}, 400),
        (decide, {"questions": None}, 400),
        (decide, {"questions": [{"type": "score"}]}, 400),
        (decide, {"questions": [ASKED | {"choices": [{"value": "a"}]}]}, 400),
        (decide, {"questions": [ASKED | {"choices": [{"value": "a"}] * 2}]}, 400),
        (decide, {"questions": [ASKED | {"choices": [{"value": "a"}, {"value": "b"}]}] * 401}, 400),
        (decide, {"input": None}, 400),
        (systemone, {"questions": {}}, 422),
        (systemone, {"questions": {"n": {"type": "noul"}}}, 422),
        (
            systemone,
            {
                "questions": {
                    str(i): ASKED | {"criteria": {"a": None, "b": None}} for i in range(65)
                }
            },
            422,
        ),
        (systemone, {"seed": 1}, 422),
    ],
)
def test_requests_that_no_host_would_take_are_refused(ask, body, status):
    assert ask(**body)[0] == status


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("both", (200, 200)),
        ("decisions", (200, 404)),
        ("systemone", (404, 200)),
        ("none", (404, 404)),
    ],
)
def test_endpoints_differ_in_which_form_they_speak(kind, found):
    mock = MockLLM(abilities=Abilities(decisions=kind))
    assert (decide(mock)[0], systemone(mock)[0]) == found
