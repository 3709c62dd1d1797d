import dataclasses

from neuroscribe.llm.clients.openai import OpenAIClient
from neuroscribe.llm.mock import MockLLM, serve


def test_the_numbers_over_loopback_are_those_in_process(mock_client, ask, simulate, chat):
    requests = [
        simulate,
        chat(simulate.prompt, top_logprobs=20),
        chat(simulate.prompt, top_logprobs=20, sample=3),
    ]
    near = ask(mock_client(seed=9), *requests)
    with serve(MockLLM(9)) as base_url:
        far = ask(OpenAIClient("openai:other@x", "other", base_url), *requests)

    def content(reply):
        return dataclasses.replace(reply, llm="", created_at=near[0].created_at, cost_usd=None)

    assert list(map(content, near)) == list(map(content, far))


def test_a_seed_is_named_in_the_spec(mock_client):
    assert mock_client().spec == "mock"
    assert mock_client(seed=5).spec == "mock:5"


def test_the_mock_costs_nothing(mock_client, ask, chat):
    assert ask(mock_client(), chat())[0].cost_usd == 0.0
