import math

import pytest
from hypothesis import given, strategies as st

from neuroscribe.llm.outcome import Outcome
from neuroscribe.llm.protocol import DecideRequest, Question
from neuroscribe.llm.wire.decisions import FORMS, decide_body, merged, parts, read_decide

ASKED = DecideRequest(
    input="rain falls",
    questions=(
        Question(text="How much?", options=("0", "1")),
        Question(text="Wet?", options=("yes", "no")),
    ),
)


def entry(form, shares, **more):
    if form == "decisions":
        shares = [{"value": value, "probability": share} for value, share in shares.items()]
    return {"type": "choice", "probabilities": shares} | more


def body(form, *answers):
    if form == "systemone":
        answers = {f"q{index}": answer for index, answer in enumerate(answers)}
    return {"answers": answers, "usage": {"input_tokens": 9, "output_tokens": 0}} | {
        "answers": list(answers) if form == "decisions" else answers
    }


def read(form, *answers):
    return read_decide(body(form, *answers), ASKED, form)


def test_the_body_for_openais_form():
    assert decide_body(ASKED, "m", "decisions") == {
        "model": "m",
        "input": "rain falls",
        "questions": [
            {
                "type": "choice",
                "name": "q0",
                "instructions": "How much?",
                "choices": [{"value": "0"}, {"value": "1"}],
            },
            {
                "type": "choice",
                "name": "q1",
                "instructions": "Wet?",
                "choices": [{"value": "yes"}, {"value": "no"}],
            },
        ],
    }


def test_the_body_for_the_system_one_form():
    assert decide_body(ASKED, "m", "systemone") == {
        "model": "m",
        "state": "rain falls",
        "questions": {
            "q0": {
                "type": "choice",
                "instructions": "How much?",
                "criteria": {"0": None, "1": None},
            },
            "q1": {
                "type": "choice",
                "instructions": "Wet?",
                "criteria": {"yes": None, "no": None},
            },
        },
    }


@pytest.mark.parametrize("form", FORMS)
def test_each_question_gets_a_probability_per_option_that_sums_to_one(form):
    outcome = read(form, entry(form, {"1": 0.6, "0": 0.2}), entry(form, {"yes": 1.0, "no": 0.0}))
    assert (outcome.status, outcome.reason, outcome.input_tokens) == ("ok", None, 9)
    assert outcome.decisions == ({"0": 0.25, "1": 0.75}, {"yes": 1.0, "no": 0.0})


@pytest.mark.parametrize("form", FORMS)
def test_log_probabilities_in_place_of_probabilities_are_recognised_by_their_sign(form):
    logs = {"0": math.log(0.25), "1": math.log(0.75)}
    outcome = read(form, entry(form, logs), entry(form, {"yes": 0.5, "no": 0.5}))
    assert outcome.decisions[0] == {"0": 0.25, "1": 0.75}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "shares",
    [
        {"0": 1.0},
        {"0": 0.0, "1": 0.0},
        {"0": 0.5, "1": None},
        {"0": 0.5, "1": float("nan")},
        {"0": 60.0, "1": 40.0},
        {"0": -0.5, "1": 0.5},
    ],
)
def test_a_question_without_a_number_for_every_option_is_missing_whole(form, shares):
    outcome = read(form, entry(form, shares), entry(form, {"yes": 0.5, "no": 0.5}))
    assert (outcome.status, outcome.decisions) == ("ok", (None, {"yes": 0.5, "no": 0.5}))
    assert outcome.reason == "1 of 2 questions have no probability for every option"


@pytest.mark.parametrize("form", FORMS)
def test_an_answer_too_few_fails_the_whole(form):
    outcome = read(form, entry(form, {"0": 0.5, "1": 0.5}))
    assert (outcome.status, outcome.decisions) == ("failed", None)
    assert outcome.reason == "1 answers for 2 questions; these must be as many"


@pytest.mark.parametrize("form", FORMS)
def test_declined_questions_are_missing_and_nothing_but_them_is_a_refusal(form):
    declined = {"type": "refusal"}
    some = read(form, declined, entry(form, {"yes": 0.5, "no": 0.5}))
    assert (some.status, some.decisions[0]) == ("ok", None)
    assert some.reason.endswith("the model declined to answer 1")
    assert read(form, declined, declined).status == "refused"


@pytest.mark.parametrize("answers", [None, [], "no", {"q0": {}, "other": {}}])
def test_anything_else_is_a_failure(answers):
    assert read_decide({"answers": answers}, ASKED, "systemone").status == "failed"


def test_answers_in_another_order_are_not_taken_for_each_other():
    swapped = [
        entry("decisions", {"0": 1.0, "1": 0.0}, name="q1"),
        entry("decisions", {"0": 1.0, "1": 0.0}, name="q0"),
    ]
    outcome = read("decisions", *swapped)
    assert outcome.status == "failed"
    assert "'q1' stands where 'q0' belongs" in outcome.reason


@given(st.integers(0, 1000), st.sampled_from(FORMS))
def test_parts_keep_every_question_in_order_and_respect_the_limit(n_questions, form):
    questions = tuple(Question(text=str(i), options=("0", "1")) for i in range(n_questions))
    request = DecideRequest(input="a", questions=questions)
    cut = parts(request, form)
    assert tuple(question for part in cut for question in part.questions) == questions
    assert all(
        1 <= len(part.questions) <= {"decisions": 400, "systemone": 64}[form] for part in cut
    )


def test_parts_are_merged_and_the_first_that_went_wrong_decides():
    good = Outcome(status="ok", decisions=({"0": 1.0},), input_tokens=3)
    holed = Outcome(status="ok", decisions=(None,), reason="1 of 1", input_tokens=4)
    whole = merged([good, holed])
    assert (whole.decisions, whole.reason, whole.input_tokens) == (({"0": 1.0}, None), "1 of 1", 7)
    bad = merged([good, Outcome(status="refused", reason="no"), good])
    assert (bad.status, bad.decisions, bad.input_tokens) == ("refused", None, 6)
