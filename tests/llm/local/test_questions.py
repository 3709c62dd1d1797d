"""What each kind of request gives, against the same thing computed by hand."""

import math

import pytest
import torch

from neuroscribe.llm.local.engine import Engine
from neuroscribe.llm.protocol import (
    ChatRequest,
    ContinuationRequest,
    DecideRequest,
    Message,
    PromptLogprobsRequest,
    Question,
)
from neuroscribe.notation import UNKNOWN, activation_table, slots_of
from neuroscribe.simulator import expected_value

TOKENS = ("The", " rain", "\t", " 10", "🙂")
TABLE = activation_table(TOKENS, [UNKNOWN] * len(TOKENS))
# A reply rounds log-probabilities to 1e-4, so the tolerance of 1e-4 has half of that on top.
TOLERANCE = 1.5e-4


def answer(engine, *requests):
    found = dict(engine.answers(requests))
    outcomes = [found[place] for place in range(len(requests))]
    return outcomes[0] if len(requests) == 1 else outcomes


def simulate(explanation="rain", **settings) -> PromptLogprobsRequest:
    prompt = f"Explanation: {explanation}\n{TABLE}"
    return PromptLogprobsRequest(prompt=prompt, slots=slots_of(prompt, TABLE), **settings)


def logprob(engine, before, tokens) -> float:
    """Of tokens behind others, from one full pass each and no cache."""
    total, before = 0.0, list(before)
    for token in tokens:
        with torch.no_grad():
            logits = engine.model.model(torch.tensor([before]), use_cache=False).logits[0, -1]
        total += logits.log_softmax(0)[token].item()
        before.append(token)
    return total


def ids_of(engine, text) -> list[int]:
    return engine.model.encoder.tokenizer(text)["input_ids"]


def test_a_number_of_one_token_has_its_own_probability(engines):
    engine = engines["llama, keeps 10"]
    request = simulate()
    outcome = answer(engine, request)
    assert outcome.status == "ok"
    for offset, top in zip(request.slots, outcome.slots, strict=True):
        before = ids_of(engine, request.prompt[:offset])
        for level in map(str, range(11)):
            (token,) = engine.model.encoder.tokenizer(level, add_special_tokens=False)["input_ids"]
            assert top[level] == pytest.approx(logprob(engine, before, [token]), abs=TOLERANCE)


def test_a_ten_of_two_tokens_has_the_probability_of_both_and_one_what_is_left(engines):
    engine = engines["gpt2, splits 10"]
    request = simulate()
    outcome = answer(engine, request)
    one, zero = ids_of(engine, "10")
    for offset, top in zip(request.slots, outcome.slots, strict=True):
        before = ids_of(engine, request.prompt[:offset])
        ten = logprob(engine, before, [one, zero])
        begun = logprob(engine, before, [one])
        assert top["10"] == pytest.approx(ten, abs=TOLERANCE)
        left = math.exp(begun) - math.exp(ten)
        assert top["1"] == pytest.approx(math.log(left), abs=TOLERANCE)
        for level in "023456789":
            expected = logprob(engine, before, ids_of(engine, level))
            assert top[level] == pytest.approx(expected, abs=TOLERANCE)


def test_a_tab_that_is_joined_with_the_placeholder_alone_is_given(engines):
    engine = engines["llama, joins tab and letters"]
    request = simulate()
    top = answer(engine, request).slots[0]
    before = ids_of(engine, request.prompt[: request.slots[0] - 1])
    (tab,) = ids_of(engine, "\t")
    expected = logprob(engine, [*before, tab], ids_of(engine, "7"))
    assert top["7"] == pytest.approx(expected, abs=TOLERANCE)


def test_numbers_that_are_joined_with_the_tab_compare_among_themselves(engines):
    engine = engines["gpt2, joins anything"]
    outcome = answer(engine, simulate())
    assert outcome.status == "ok"
    assert all(0 <= expected_value(top) <= 10 for top in outcome.slots if top is not None)


def test_only_the_likeliest_numbers_are_given_where_fewer_are_wanted(engines):
    engine = engines["llama, keeps 10"]
    all_of_them = answer(engine, simulate()).slots[0]
    three = answer(engine, simulate(top_logprobs=3)).slots[0]
    assert three == dict(sorted(all_of_them.items(), key=lambda entry: -entry[1])[:3])


@pytest.mark.parametrize("name", ["gpt2, splits 10", "llama, keeps 10"])
def test_prompts_give_the_same_alone_together_and_without_shared_prefixes(engines, name):
    requests = [simulate("rain " * n) for n in (1, 9, 3)]
    together = answer(engines[name], *requests)
    plain = answer(Engine(engines[name].model, shares_prefixes=False), *requests[::-1])[::-1]
    for request, outcome, other in zip(requests, together, plain, strict=True):
        alone = answer(engines[name], request)
        for one, two, three in zip(outcome.slots, alone.slots, other.slots, strict=True):
            assert two == pytest.approx(one, abs=2e-4)
            assert three == pytest.approx(one, abs=2e-4)


def test_a_prompt_longer_than_the_model_reads_is_a_failure_that_names_the_limit(engines):
    outcome, other = answer(engines["gpt2, splits 10"], simulate("rain " * 400), simulate())
    assert outcome.status == "failed"
    assert "reads 256" in outcome.reason
    assert other.status == "ok"


def test_a_slot_at_the_end_of_the_longest_prompt_is_a_failed_reply_where_a_number_is_longer(
    engines,
):
    engine = engines["gpt2, splits 10"]
    # The model reads 256 tokens; a ten at the end would be two more, the second of them predicted.
    for n_tokens, status in ((255, "ok"), (256, "failed")):
        prompt = "!" * (n_tokens - len(ids_of(engine, "\t"))) + "\t"
        assert len(ids_of(engine, prompt)) == n_tokens
        request = PromptLogprobsRequest(prompt=prompt, slots=(len(prompt),))
        outcome, other = answer(engine, request, simulate())
        assert (outcome.status, other.status) == (status, "ok")
    assert "reads 256" in outcome.reason


def test_a_question_that_fits_to_the_last_token_is_answered_and_one_token_more_is_not(engines):
    engine = engines["llama, keeps 10"]
    options = [ids_of(engine, f" {option}")[1:] for option in ("yes", "no")]
    behind = "\n\nQuestion: Spain?\nAnswer with one of these and nothing else: yes, no\nAnswer:"
    # The last token of an answer is predicted, not read.
    n_read = len(ids_of(engine, behind)) + max(map(len, options)) - 1
    outcomes = []
    for n_tokens in (256, 257):
        about = "!" * (n_tokens - n_read)
        assert len(ids_of(engine, about + behind)) - len(ids_of(engine, behind)) == len(about)
        asked = DecideRequest(input=about, questions=ASKED.questions[1:])
        outcomes.append(answer(engine, asked))
    assert [outcome.status for outcome in outcomes] == ["ok", "failed"]
    assert "reads 256" in outcomes[1].reason


def test_half_a_character_is_read_as_a_question_mark_and_ends_no_run(engines):
    engine = engines["gpt2, splits 10"]
    half = "\ud83d"
    questions = (Question(text=f"rain{half}?", options=("yes", f"no{half}")),)
    outcomes = answer(
        engine,
        ContinuationRequest(context=f"The {half}", continuation=" rain"),
        ContinuationRequest(context="The ?", continuation=" rain"),
        DecideRequest(input=f"rain {half}", questions=questions),
        ChatRequest(messages=(Message(role="user", content=half),), max_tokens=2),
        simulate(f"rain {half}"),
    )
    assert {outcome.status for outcome in outcomes} <= {"ok", "unparsed"}
    assert outcomes[0].loss == outcomes[1].loss
    assert tuple(outcomes[2].decisions[0]) == ("yes", f"no{half}")
    assert len(outcomes[4].slots) == len(TOKENS)


def test_a_slot_at_the_start_of_a_text_is_missing(engines):
    request = PromptLogprobsRequest(prompt="unknown\nrain\tunknown\n", slots=(0, 13))
    outcome = answer(engines["gpt2, splits 10"], request)
    assert outcome.slots[0] is None
    assert outcome.slots[1] is not None
    assert outcome.reason == "1 of 2 slots are missing"


def test_prompts_without_a_single_usable_slot_fail(engines):
    request = PromptLogprobsRequest(prompt="unknown", slots=(0,))
    assert answer(engines["gpt2, splits 10"], request).status == "failed"


def test_a_continuation_has_the_loss_that_the_model_itself_states(engines):
    engine = engines["llama, keeps 10"]
    text = "The rain in Spain stays mainly"
    outcome = answer(engine, ContinuationRequest(context="", continuation=text))
    ids = torch.tensor([ids_of(engine, text)])
    with torch.no_grad():
        mean_loss = engine.model.model(ids, labels=ids, use_cache=False).loss.item()
    assert outcome.loss == pytest.approx(mean_loss * (ids.shape[1] - 1), abs=1e-3)


def test_losses_of_a_text_cut_in_two_add_up(engines):
    engine = engines["llama, keeps 10"]
    context, continuation = "The rain in Spain", " stays mainly on"
    whole, first, second = answer(
        engine,
        ContinuationRequest(context="", continuation=context + continuation),
        ContinuationRequest(context="", continuation=context),
        ContinuationRequest(context=context, continuation=continuation),
    )
    assert whole.loss == pytest.approx(first.loss + second.loss, abs=1e-3)


def test_a_token_that_reaches_over_the_boundary_belongs_to_the_continuation(engines):
    engine = engines["llama, keeps 10"]
    outcome = answer(engine, ContinuationRequest(context="The ", continuation="rain"))
    expected = -logprob(engine, ids_of(engine, "The"), ids_of(engine, "The rain")[2:])
    assert outcome.loss == pytest.approx(expected, abs=1e-3)


def test_a_continuation_of_nothing_needs_a_token_for_the_start_of_a_text(engines):
    request = ContinuationRequest(context="", continuation="rain")
    outcome = answer(engines["gpt2, splits 10"], request)
    assert outcome.status == "failed"
    assert "give a context" in outcome.reason


def test_an_empty_continuation_fails(engines):
    request = ContinuationRequest(context="rain", continuation="")
    assert answer(engines["llama, keeps 10"], request).reason == "the continuation has no token"


LEVELS = tuple(map(str, range(11)))
ASKED = DecideRequest(
    input="The rain in Spain\n" * 8,
    questions=(
        Question(text="rain?", options=LEVELS),
        Question(text="Spain?", options=("yes", "no")),
    ),
)


@pytest.mark.parametrize("name", ["gpt2, splits 10", "llama, keeps 10"])
def test_the_probabilities_of_the_options_of_a_question_sum_to_one(engines, name):
    outcome = answer(engines[name], ASKED)
    for question, probabilities in zip(ASKED.questions, outcome.decisions, strict=True):
        assert tuple(probabilities) == question.options
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)


def test_options_are_weighed_as_the_answer_to_the_question(engines):
    engine = engines["llama, keeps 10"]
    probabilities = answer(engine, ASKED).decisions[1]
    prompt = ids_of(
        engine,
        f"{ASKED.input}\n\nQuestion: Spain?\n"
        "Answer with one of these and nothing else: yes, no\nAnswer:",
    )
    yes, no = (
        logprob(
            engine,
            prompt,
            engine.model.encoder.tokenizer(f" {option}", add_special_tokens=False)["input_ids"],
        )
        for option in ("yes", "no")
    )
    expected = math.exp(yes) / (math.exp(yes) + math.exp(no))
    assert probabilities["yes"] == pytest.approx(expected, abs=1e-4)


def test_the_input_of_questions_goes_through_the_model_once(engines):
    engine = Engine(engines["llama, keeps 10"].model)
    answer(engine, ASKED)
    (shared,) = engine.scorer.prefixes._kept
    assert len(shared) > len(ids_of(engine, ASKED.input))


def test_a_question_without_options_is_missing_and_the_others_are_not(engines):
    questions = (Question(text="rain?", options=()), ASKED.questions[1])
    outcome = answer(engines["llama, keeps 10"], DecideRequest(input="", questions=questions))
    assert outcome.status == "ok"
    assert outcome.decisions[0] is None
    assert "no options" in outcome.reason
    assert outcome.decisions[1] is not None


def test_a_question_with_an_option_twice_is_missing_and_the_others_are_not(engines):
    twice = Question(text="rain?", options=("yes", "no", "yes"))
    asked = DecideRequest(input="", questions=(twice, ASKED.questions[1]))
    engine = engines["llama, keeps 10"]
    outcome, other = answer(engine, asked, ContinuationRequest(context="a", continuation="b"))
    assert (outcome.status, other.status) == ("ok", "ok")
    assert outcome.decisions[0] is None
    assert outcome.reason == "the question 'rain?' has an option twice"
    assert sum(outcome.decisions[1].values()) == pytest.approx(1, abs=1e-5)


def test_a_chat_template_is_used_where_there_is_one(engines, monkeypatch):
    engine = engines["llama, keeps 10"]
    plain = answer(engine, ASKED).decisions
    template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}bot:\n"
    monkeypatch.setattr(engine.model.encoder.tokenizer, "chat_template", template)
    assert answer(engine, ASKED).decisions != plain


def test_a_chat_template_that_refuses_is_a_failure(engines, monkeypatch):
    engine = engines["llama, keeps 10"]
    template = "{{ raise_exception('no such role') }}"
    monkeypatch.setattr(engine.model.encoder.tokenizer, "chat_template", template)
    outcome = answer(engine, ASKED)
    assert outcome.status == "failed"
    assert "no such role" in outcome.reason


def test_a_model_that_gives_no_numbers_is_a_failure(engines, monkeypatch):
    engine = engines["llama, keeps 10"]
    monkeypatch.setattr(
        engine.scorer.forward,
        "logprobs",
        lambda rows, prefix: [[math.nan] * len(row.targets) for row in rows],
    )
    outcomes = answer(engine, simulate(), ASKED, ContinuationRequest(context="a", continuation="b"))
    assert {outcome.status for outcome in outcomes} == {"failed"}
    assert "gave no number" in outcomes[0].reason
