import json
import math

import pytest
from hypothesis import given, strategies as st

from neuroscribe.llm.mock import Abilities, MockLLM
from neuroscribe.notation import UNKNOWN, activation_table, slots_of

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"


def post(mock, path, **body):
    answer = mock.handle("POST", path, json.dumps({"model": "m"} | body).encode())
    return answer.status, json.loads(answer.body)


def say(mock, content, **body):
    _, answer = post(mock, CHAT, messages=[{"role": "user", "content": content}], **body)
    return answer["choices"][0]


def expected_value(top):
    weights = {level: math.exp(top[str(level)]) for level in range(11)}
    return sum(level * weight for level, weight in weights.items()) / sum(weights.values())


def slot_tops(mock, tokens, explanation, **body):
    table = activation_table(tokens, [UNKNOWN] * len(tokens))
    prompt = f"Explanation: {explanation}\n{table}"
    body = {"max_tokens": 0, "echo": True, "logprobs": 20} | body
    _, answer = post(mock, COMPLETIONS, prompt=prompt, **body)
    logprobs = answer["choices"][0]["logprobs"]
    by_offset = dict(zip(logprobs["text_offset"], logprobs["top_logprobs"], strict=True))
    return [by_offset[slot] for slot in slots_of(prompt, table)]


def test_it_explains_by_the_commonest_peak_tokens():
    tables = activation_table(["the", " raw", " data"], [0, 10, 1])
    tables += activation_table([" Rawdata", " is", " raw"], [9, 2, 10])
    assert say(MockLLM(), tables)["message"]["content"] == 'the tokens "raw", "Rawdata"'


def test_one_peak_token_is_named_in_the_singular():
    assert (
        say(MockLLM(), activation_table([" raw"], [10]))["message"]["content"] == 'the token "raw"'
    )


def test_tables_of_zeros_explain_nothing():
    content = say(MockLLM(), activation_table(["a", "b"], [0, 0]))["message"]["content"]
    assert content == "nothing in particular"


def test_quotes_and_line_ends_in_tokens_survive_from_explaining_to_simulating():
    tokens = ['say"so\\', "\n", "plain"]
    explanation = say(MockLLM(), activation_table(tokens, [10, 9, 0]))["message"]["content"]
    assert "\n" not in explanation
    quoted, line_end, plain = map(expected_value, slot_tops(MockLLM(), tokens, explanation))
    assert quoted > 8
    assert line_end > 7
    assert plain < 1.5


def test_another_sample_explains_in_other_words():
    table = activation_table(["alpha", "beta", "gamma"], [10, 9, 8])
    answers = {say(MockLLM(), table, seed=seed)["message"]["content"] for seed in (0, 1)}
    assert answers == {'the tokens "alpha", "beta", "gamma"', 'the tokens "alpha", "beta"'}


def test_tokens_that_are_named_first_are_simulated_highest():
    tokens = [" Raw", " data", "database", " the"]
    values = [
        expected_value(top) for top in slot_tops(MockLLM(), tokens, 'the tokens "raw", "data"')
    ]
    assert values[0] == pytest.approx(8.9, abs=0.2)
    assert values[1] == pytest.approx(8.0, abs=0.2)
    assert 3 < values[2] < 6
    assert values[3] < 1.5


def test_an_explanation_without_quotes_counts_its_long_words():
    hit, miss = slot_tops(MockLLM(), [" colour", " the"], "any colour")
    assert expected_value(hit) > 7
    assert expected_value(miss) < 1.5


def test_each_placeholder_has_twenty_alternatives_and_other_tokens_at_most_one():
    table = activation_table(["a", "b"], [UNKNOWN, UNKNOWN])
    prompt = f"Explanation: x\n{table}"
    _, answer = post(MockLLM(), COMPLETIONS, prompt=prompt, max_tokens=0, echo=True, logprobs=20)
    choice = answer["choices"][0]
    sizes = [
        (len(top or {}), token)
        for token, top in zip(
            choice["logprobs"]["tokens"], choice["logprobs"]["top_logprobs"], strict=True
        )
    ]
    assert [token for size, token in sizes if size == 20] == [UNKNOWN, UNKNOWN]
    assert {size for size, token in sizes if token != UNKNOWN} == {0, 1}
    assert sum(math.exp(v) for v in choice["logprobs"]["top_logprobs"][-6].values()) <= 1.001


@given(st.text(), st.booleans(), st.booleans())
def test_echoed_tokens_concatenate_to_any_prompt_and_offsets_are_theirs(text, splits, merges):
    prompt = text + "x\tunknown\n"
    mock = MockLLM(abilities=Abilities(splits_ten=splits, merges_placeholders=merges))
    _, answer = post(mock, COMPLETIONS, prompt=prompt, max_tokens=0, echo=True, logprobs=1)
    logprobs = answer["choices"][0]["logprobs"]
    assert "".join(logprobs["tokens"]) == prompt
    for token, offset in zip(logprobs["tokens"], logprobs["text_offset"], strict=True):
        assert prompt.startswith(token, offset)


@given(st.lists(st.text(), min_size=1, max_size=8))
def test_any_tokens_give_one_number_each_in_the_written_table_and_in_the_array(tokens):
    table = activation_table(tokens, [UNKNOWN] * len(tokens))
    content = f'Explanation: the token "x"\n{table}'
    written = say(MockLLM(), content)["message"]["content"].split("\n")
    numbers = [int(line.rpartition("\t")[2]) for line in written]
    lines = [line.rpartition("\t")[0] for line in table.split("\n")[1:-2]]
    assert [line.rpartition("\t")[0] for line in written] == lines
    schema = {"type": "object", "properties": {"activations": {"type": "array"}}}
    response_format = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    array = say(MockLLM(), content, response_format=response_format)["message"]["content"]
    assert json.loads(array) == {"activations": numbers}


def test_the_last_explanation_and_the_last_table_count():
    table = activation_table(["raw", "data"], [UNKNOWN, UNKNOWN])
    solved = f'Explanation: the token "raw"\n{activation_table(["raw"], [10])}'
    content = f'{solved}Explanation: the token "data"\n{table}'
    assert say(MockLLM(), content)["message"]["content"] == "raw\t0\ndata\t9"


def test_an_explanation_in_an_earlier_turn_is_not_overlooked():
    table = activation_table(["raw"], [UNKNOWN])
    messages = [
        {"role": "user", "content": 'Explanation: the token "raw"'},
        {"role": "user", "content": table},
    ]
    _, answer = post(MockLLM(), CHAT, messages=messages)
    assert answer["choices"][0]["message"]["content"] == "raw\t9"


def test_answers_depend_neither_on_order_nor_on_the_name_of_the_model():
    table = activation_table(["raw"], [UNKNOWN])
    body = {"prompt": f"Explanation: x\n{table}", "max_tokens": 0, "echo": True, "logprobs": 20}
    first = MockLLM(7)
    alone = first.handle("POST", COMPLETIONS, json.dumps({"model": "a"} | body).encode())
    second = MockLLM(7)
    say(second, "Something else first.")
    after = second.handle("POST", COMPLETIONS, json.dumps({"model": "b"} | body).encode())
    assert alone.body == after.body


def test_another_seed_gives_other_small_predictions_and_the_same_matches():
    tokens = [" raw", " the"]
    one, two = (slot_tops(MockLLM(seed), tokens, 'the token "raw"') for seed in (1, 2))
    assert one[0] == two[0]
    assert one[1] != two[1]


def test_a_tokenizer_that_splits_ten_folds_it_into_one_at_placeholders():
    (whole,) = slot_tops(MockLLM(), [" raw"], 'the token "raw"')
    (split,) = slot_tops(MockLLM(abilities=Abilities(splits_ten=True)), [" raw"], 'the token "raw"')
    assert "10" not in split
    together = math.exp(whole["1"]) + math.exp(whole["10"])
    assert math.exp(split["1"]) == pytest.approx(together, rel=1e-3)


def test_generated_numbers_of_a_splitting_tokenizer_obey_the_chain_rule():
    table = activation_table([" raw"], [UNKNOWN])
    content = f'Explanation: the token "raw"\n{table}'
    whole = say(MockLLM(), content, logprobs=True, top_logprobs=20)
    split = say(
        MockLLM(abilities=Abilities(splits_ten=True)), content, logprobs=True, top_logprobs=20
    )

    def tops(choice):
        return [
            {item["token"]: item["logprob"] for item in entry["top_logprobs"]}
            for entry in choice["logprobs"]["content"]
        ]

    assert tops(whole)[-1]["9"] == tops(split)[-1]["9"]
    assert "10" not in tops(split)[-1]


def test_one_token_can_be_generated_after_the_echo():
    _, answer = post(
        MockLLM(), COMPLETIONS, prompt="Hello there", max_tokens=1, echo=True, logprobs=1
    )
    assert answer["choices"][0]["logprobs"]["tokens"] == ["Hello", " there", "This"]
    assert answer["choices"][0]["text"] == "Hello thereThis"
    assert answer["usage"] == {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}


def test_token_ids_are_code_points():
    ids = [ord(character) for character in "hé"]
    _, answer = post(MockLLM(), COMPLETIONS, prompt=ids, max_tokens=0, echo=True, logprobs=1)
    assert answer["choices"][0]["logprobs"]["tokens"] == ["h", "é"]


def test_an_answer_is_cut_at_the_limit():
    choice = say(MockLLM(), "Tell me.", max_tokens=3)
    assert choice["finish_reason"] == "length"
    assert choice["message"]["content"] == "This text holds"


def test_an_unknown_schema_is_followed():
    schema = {
        "type": "object",
        "properties": {
            "fits": {"type": "boolean"},
            "grade": {"enum": ["low", "high"]},
            "score": {"type": "integer", "minimum": 1},
            "why": {"type": "string"},
            "list": {"type": "array", "minItems": 2, "items": {"type": "number"}},
        },
    }
    response_format = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    choice = say(MockLLM(), "Judge this.", response_format=response_format)
    answer = json.loads(choice["message"]["content"])
    assert isinstance(answer["fits"], bool)
    assert answer["grade"] in ("low", "high")
    assert answer["score"] == 1
    assert isinstance(answer["why"], str)
    assert answer["list"] == [0, 0]


def test_the_models_are_listed():
    answer = MockLLM().handle("GET", "/v1/models", b"")
    assert json.loads(answer.body)["data"][0]["id"] == "mock"


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        ("/v1/nothing", {}, 404, None),
        (CHAT, {"messages": []}, 400, "messages"),
        (CHAT, {"messages": [{"role": "user"}]}, 400, "messages"),
        (CHAT, {"messages": [{"content": "a"}], "n": 2}, 400, "stream"),
        (
            CHAT,
            {"messages": [{"content": "a"}], "logprobs": True, "top_logprobs": 21},
            400,
            "top_logprobs",
        ),
        (CHAT, {"messages": [{"content": "a"}], "top_logprobs": 2}, 400, "top_logprobs"),
        (COMPLETIONS, {"prompt": ["a", "b"]}, 400, "prompt"),
        (COMPLETIONS, {"prompt": "a", "logprobs": 21}, 400, "logprobs"),
        (COMPLETIONS, {"prompt": "a", "max_tokens": -1}, 400, "max_tokens"),
    ],
)
def test_requests_that_no_host_would_take_are_refused(path, body, status, param):
    got, answer = post(MockLLM(), path, **body)
    assert (got, answer["error"]["param"]) == (status, param)


def test_a_body_that_is_no_json_and_a_wrong_method_are_refused():
    assert MockLLM().handle("POST", CHAT, b"{").status == 400
    assert MockLLM().handle("POST", CHAT, b"[]").status == 400
    assert MockLLM().handle("GET", CHAT, b"").status == 405
