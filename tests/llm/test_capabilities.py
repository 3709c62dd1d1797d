import pytest

from neuroscribe.errors import BudgetReached, LLMError
from neuroscribe.llm.budget import Budget
from neuroscribe.llm.mock import Abilities, Misbehaviour
from neuroscribe.llm.protocol import Capabilities


def able(*, prompt=True, generated=True, schema=True, splits=False, decisions=True):
    return Capabilities(
        prompt_logprobs=prompt,
        generated_logprobs=generated,
        json_schema=schema,
        splits_ten=splits,
        decisions=decisions,
    )


@pytest.mark.parametrize(
    ("abilities", "found"),
    [
        ({}, able()),
        ({"completions": False}, able(prompt=False)),
        ({"echoes": False}, able(prompt=False)),
        ({"merges_placeholders": True}, able(prompt=False)),
        ({"begins_with": "<s>"}, able()),
        ({"zero_tokens": False}, able()),
        ({"splits_ten": True}, able(splits=True)),
        (
            {"refused_parameters": frozenset({"logprobs"})},
            able(prompt=False, generated=False),
        ),
        ({"refused_parameters": frozenset({"response_format"})}, able(schema=False)),
        ({"decisions": "decisions"}, able()),
        ({"decisions": "systemone"}, able()),
        ({"decisions": "none"}, able(decisions=False)),
        (
            {
                "completions": False,
                "decisions": "none",
                "refused_parameters": frozenset({"logprobs", "response_format"}),
            },
            able(prompt=False, generated=False, schema=False, decisions=False),
        ),
    ],
)
def test_abilities_are_found_by_asking(mock_client, probe, abilities, found):
    assert probe(mock_client(abilities=Abilities(**abilities))) == found


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("missing_logprobs", able(prompt=False, generated=False, decisions=False)),
        ("missing_slots", able(prompt=False, decisions=False)),
        ("ignored_schema", able(schema=False)),
    ],
)
def test_abilities_that_are_silently_lacking_are_found_out(mock_client, probe, fault, found):
    assert probe(mock_client(misbehaviour=Misbehaviour(**{fault: 1.0}))) == found


def test_an_endpoint_is_probed_once(mock_client, probe):
    client = mock_client()
    assert probe(client) == probe(client)
    assert client.mock.requests_seen == 4


def test_what_is_lacking_is_journalled_too(mock_client, probe, journal):
    limited = Abilities(completions=False, refused_parameters=frozenset({"logprobs"}))
    found = probe(mock_client(abilities=limited, journal=journal))
    again = mock_client(abilities=limited, journal=journal)
    assert probe(again) == found == able(prompt=False, generated=False)
    assert again.mock.requests_seen == 0


@pytest.mark.parametrize(
    ("kind", "fault", "found"),
    [
        (
            {"echoes": False, "decisions": "none"},
            {},
            able(prompt=False, decisions=False),
        ),
        ({}, {"missing_logprobs": 1.0}, able(prompt=False, generated=False, decisions=False)),
    ],
)
def test_an_answer_without_what_was_asked_for_is_journalled_too(
    mock_client, probe, journal, kind, fault, found
):
    def opened():
        abilities, misbehaviour = Abilities(**kind), Misbehaviour(**fault)
        return mock_client(abilities=abilities, misbehaviour=misbehaviour, journal=journal)

    assert probe(opened()) == found
    again = opened()
    assert probe(again) == found
    assert again.mock.requests_seen == 0


def test_a_passing_trouble_is_not_journalled(mock_client, probe, journal):
    def seed_that_hits_one():
        for seed in range(100):
            client = mock_client(seed, misbehaviour=Misbehaviour(server_error=0.4))
            try:
                found = probe(client)
            except LLMError:
                continue
            if found != able():
                return seed
        raise AssertionError

    seed = seed_that_hits_one()
    trouble = Misbehaviour(server_error=0.4)
    assert probe(mock_client(seed, misbehaviour=trouble, journal=journal)) != able()
    assert probe(mock_client(seed, journal=journal)) == able()


def test_an_endpoint_that_knows_nothing_is_told_apart_from_one_that_can_nothing(endpoint, probe):
    body = {"error": {"message": "The model `m` does not exist."}}
    with pytest.raises(LLMError, match=r"answers nothing: HTTP 404: The model `m` does not exist"):
        probe(endpoint(lambda _: (404, body)))


def test_an_endpoint_that_is_down_cannot_be_judged(mock_client, probe):
    with pytest.raises(LLMError, match="answers nothing: HTTP 500"):
        probe(mock_client(misbehaviour=Misbehaviour(server_error=1.0)))


def test_a_wrong_key_ends_the_probing(endpoint, probe):
    with pytest.raises(LLMError, match="did not accept the key"):
        probe(endpoint(lambda _: (401, {"error": {"message": "no"}})))


def test_a_key_that_is_good_for_chats_alone_is_no_reason_to_end(endpoint, probe):
    chat_body = {"choices": [{"message": {"content": "0"}, "finish_reason": "stop"}]}

    def answer(request):
        if request.url.path.endswith(("/decisions", "/systemone")):
            return 403, {"error": {"message": "You have insufficient permissions."}}
        return 200, chat_body

    assert not probe(endpoint(answer)).decisions


def test_probes_need_a_budget_too(mock_client, probe):
    with pytest.raises(BudgetReached, match="does not allow to find out what mock can do"):
        probe(mock_client(budget=Budget(max_requests=2)))
