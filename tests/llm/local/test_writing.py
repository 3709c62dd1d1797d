import pytest
import torch

from neuroscribe.llm.local.engine import Engine
from neuroscribe.llm.protocol import ChatRequest, Message

NAMES = ["gpt2, splits 10", "llama, keeps 10"]


def chat(content="What is this?", **settings) -> ChatRequest:
    messages = (Message(role="system", content="Be brief."), Message(role="user", content=content))
    return ChatRequest(messages=messages, **{"max_tokens": 8} | settings)


def answer(engine, *requests):
    found = dict(engine.answers(requests))
    outcomes = [found[place] for place in range(len(requests))]
    return outcomes[0] if len(requests) == 1 else outcomes


@pytest.mark.parametrize("name", NAMES)
def test_the_first_sample_is_what_transformers_generates_greedily(engines, name):
    engine = engines[name]
    outcome = answer(engine, chat(top_logprobs=5))
    prompt = "system: Be brief.\n\nuser: What is this?\n\nassistant:"
    tokenizer = engine.model.encoder.tokenizer
    ids = torch.tensor([tokenizer(prompt)["input_ids"]])
    with torch.no_grad():
        generated = engine.model.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=8,
            do_sample=False,
            pad_token_id=0,
        )
    expected = tokenizer.decode(generated[0, ids.shape[1] :], skip_special_tokens=True)
    assert outcome.text == expected
    assert outcome.input_tokens == ids.shape[1]
    assert outcome.output_tokens == 8


def test_alternatives_carry_exact_log_probabilities(engines):
    engine = engines["llama, keeps 10"]
    first = answer(engine, chat(top_logprobs=5)).generated[0]
    prompt = "system: Be brief.\n\nuser: What is this?\n\nassistant:"
    ids = torch.tensor([engine.model.encoder.tokenizer(prompt)["input_ids"]])
    with torch.no_grad():
        logprobs = engine.model.model(ids).logits[0, -1].log_softmax(0)
    values, tokens = logprobs.topk(5)
    texts = [engine.model.encoder.token_text(token) for token in tokens.tolist()]
    assert first.text == texts[0]
    # Tokens without a text of their own look alike: the likeliest counts.
    expected = dict(reversed(list(zip(texts, values.tolist(), strict=True))))
    assert first.top == pytest.approx(expected, abs=1.5e-4)


def test_tokens_join_to_the_text(engines):
    outcome = answer(engines["gpt2, splits 10"], chat(top_logprobs=1, sample=3))
    if "\ufffd" not in outcome.text:
        assert "".join(token.text for token in outcome.generated) == outcome.text


def test_without_log_probabilities_none_are_given(engines):
    assert answer(engines["llama, keeps 10"], chat()).generated is None


def test_a_sample_is_the_same_every_time_and_differs_from_the_next(engines):
    requests = [chat(sample=1, max_tokens=16), chat(sample=2, max_tokens=16)]
    first, second = answer(engines["llama, keeps 10"], *requests)
    again = answer(Engine(engines["llama, keeps 10"].model), requests[0])
    assert first.text == again.text
    assert first.text != second.text


def test_temperature_zero_makes_all_samples_alike(engines):
    one, two = answer(
        engines["llama, keeps 10"], chat(temperature=0.0, sample=1), chat(temperature=0.0)
    )
    assert one.text == two.text


def test_chats_share_a_prefix_and_it_changes_nothing(engines):
    model = engines["llama, keeps 10"].model
    requests = [chat("The rain in Spain " * 4 + ending) for ending in ("a", "b", "c")]
    shared = Engine(model)
    together = answer(shared, *requests)
    assert len(shared.scorer.prefixes) == 1
    assert [each.text for each in together] == [
        answer(Engine(model), request).text for request in requests
    ]


def test_a_json_schema_is_refused_with_a_reason(engines):
    outcome = answer(engines["llama, keeps 10"], chat(schema={"type": "object"}))
    assert outcome.status == "failed"
    assert "JSON schema" in outcome.reason


def test_an_answer_ends_where_the_model_ends_it(engines, monkeypatch):
    engine = engines["llama, keeps 10"]
    second = answer(engine, chat(top_logprobs=1)).generated[1].text
    tokens = [t for t in range(500) if engine.model.encoder.token_text(t) == second]
    monkeypatch.setattr(engine.model.model.generation_config, "eos_token_id", tokens)
    assert answer(engine, chat()).output_tokens <= 1


def test_an_answer_stops_at_the_last_position_of_the_model(engines):
    engine = engines["gpt2, splits 10"]
    outcome = answer(engine, chat("x" * 200, max_tokens=500))
    assert outcome.input_tokens + outcome.output_tokens == 256
    too_long = answer(engine, chat("x" * 300))
    assert too_long.status == "failed"
    assert "reads 256" in too_long.reason
