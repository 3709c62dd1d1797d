"""Reading a table that the model wrote, token by token."""

import math
from datetime import UTC, datetime

import pytest

from neuroscribe.llm.protocol import ChatRequest, GeneratedToken, Reply
from neuroscribe.simulator.generated_logprobs import GeneratedLogprobs

TOKENS = ("a", " b")


def logs(**shares: float) -> dict[str, float]:
    return {answer.strip("_"): math.log(share) for answer, share in shares.items()}


def reply(*pieces: tuple[str, dict[str, float]]) -> Reply:
    return Reply(
        status="ok",
        llm="mock",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        text="".join(text for text, _ in pieces),
        generated=tuple(GeneratedToken(text=text, top=top) for text, top in pieces),
    )


def predict(*replies: Reply):
    dialogue = GeneratedLogprobs()("rain", TOKENS)
    requests = [next(dialogue)[0]]
    for each in replies:
        try:
            requests.append(dialogue.send([each])[0])
        except StopIteration as stop:
            return stop.value, requests
    raise AssertionError("the simulator asked for more")


def test_the_alternatives_at_each_number_give_its_expected_value():
    prediction, requests = predict(
        reply(
            ("a", {}), ("\t", {}), ("0", logs(_0=0.5, _4=0.25, _10=0.25)), ("\n", {}),
            (" b", {}), ("\t", {}), ("9", logs(_9=1.0)),
        )
    )  # fmt: skip
    assert prediction.expected == (pytest.approx(3.5), pytest.approx(9.0))
    assert prediction.status == "ok"
    assert isinstance(requests[0], ChatRequest)
    assert requests[0].top_logprobs == 20


def test_a_ten_in_two_tokens_is_told_from_a_one_by_what_follows():
    prediction, _ = predict(
        reply(
            ("a", {}), ("\t", {}), ("1", logs(_1=0.8, _0=0.2)), ("0", logs(_0=0.75, x=0.25)),
            ("\n", {}), (" b", {}), ("\t", {}), ("1", logs(_1=1.0)), ("\n", logs(x=0.9, _0=0.1)),
        )
    )  # fmt: skip
    # P(10) = .8 * .75, P(1) = .8 * .25, P(0) = .2; then P(10) = .1, P(1) = .9.
    assert prediction.expected == (pytest.approx(6.2), pytest.approx(1.9))


def test_a_one_that_may_be_half_a_ten_is_missing_where_it_weighs():
    def of(share: float):
        top = {"0": math.log(1 - share), "1": math.log(share)}
        pieces = (("a", {}), ("\t", {}), ("0", top), ("\n", {}), ("b\t", {}), ("0", logs(_0=1.0)))
        return predict(reply(*pieces))[0].expected

    assert of(0.3) == (None, pytest.approx(0.0))
    assert of(0.05) == (pytest.approx(0.05), pytest.approx(0.0))


def test_where_ten_is_one_token_a_one_is_a_one():
    prediction, _ = predict(
        reply(
            ("a", {}), ("\t", {}), ("0", logs(_0=0.7, _1=0.3)), ("\n", {}),
            ("b\t", {}), ("0", logs(_0=0.9, _10=0.1)),
        )
    )  # fmt: skip
    assert prediction.expected == (pytest.approx(0.3), pytest.approx(1.0))


def test_white_space_that_sticks_to_a_number_is_folded_and_counted():
    prediction, _ = predict(
        reply(
            ("a", {}), ("\t", {}), (" 3", {" 3": math.log(0.5), "5": math.log(0.5)}), ("\n", {}),
            ("b", {}), ("\t2", {"\t2": 0.0}),
        )
    )  # fmt: skip
    assert prediction.expected == (pytest.approx(4.0), pytest.approx(2.0))
    assert prediction.folded == 2


def test_lines_count_by_position_whatever_became_of_the_tokens():
    prediction, _ = predict(
        reply(
            ("```\n<start>\n", {}), ("other", {}), ("\t", {}), ("2", logs(_2=1.0)), ("\n", {}),
            ("words", {}), ("\t", {}), ("3", logs(_3=1.0)), ("\n<end>\n```", {}),
        )
    )  # fmt: skip
    assert prediction.expected == (pytest.approx(2.0), pytest.approx(3.0))


def test_a_word_in_place_of_a_number_leaves_that_token_missing():
    prediction, _ = predict(
        reply(
            ("a", {}), ("\t", {}), ("none", {"none": 0.0}), ("\n", {}),
            ("b", {}), ("\t", {}), ("4", logs(_4=1.0)),
        )
    )  # fmt: skip
    assert prediction.expected == (None, pytest.approx(4.0))


@pytest.mark.parametrize("written", ["12", "100", "0.5", "3 or 4", "7."])
def test_what_is_no_level_leaves_that_token_missing(written):
    pieces = [(piece, {piece: 0.0}) for piece in written]
    prediction, _ = predict(
        reply(
            ("a", {}), ("\t", {}), *pieces, ("\n", {}), ("b", {}), ("\t", {}), ("4", logs(_4=1.0))
        )
    )
    assert prediction.expected == (None, pytest.approx(4.0))


SHORT = reply(("a", {}), ("\t", {}), ("2", logs(_2=1.0)))
WHOLE = reply(("a\t", {}), ("2", logs(_2=1.0)), ("\nb\t", {}), ("3", logs(_3=1.0)))


def test_a_missing_line_is_asked_for_once_more_as_another_sample():
    prediction, requests = predict(SHORT, WHOLE)
    assert prediction.expected == (pytest.approx(2.0), pytest.approx(3.0))
    assert [request.sample for request in requests] == [0, 1]


def test_after_two_answers_of_the_wrong_length_everything_is_missing():
    prediction, _ = predict(SHORT, SHORT)
    assert (prediction.status, prediction.expected) == ("unparsed", (None, None))
    assert "1 lines for 2 tokens" in prediction.reason


def test_an_answer_without_log_probabilities_is_unparsed_and_says_so():
    bare = Reply(status="ok", llm="mock", created_at=WHOLE.created_at, text="a\t0\n b\t9")
    prediction, _ = predict(bare, bare)
    assert (prediction.status, prediction.expected) == ("unparsed", (None, None))
    assert "no log-probabilities" in prediction.reason
