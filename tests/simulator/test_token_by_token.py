"""One request a token, answered by hand."""

import math
from datetime import UTC, datetime

import pytest

from neuroscribe.llm.protocol import ChatRequest, GeneratedToken, Reply
from neuroscribe.simulator.token_by_token import TokenByToken

TOKENS = ("a", " b", "\n")


def reply(*pieces: tuple[str, dict[str, float]], status="ok", **told) -> Reply:
    return Reply(
        status=status,
        llm="mock",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        text="".join(text for text, _ in pieces),
        generated=tuple(GeneratedToken(text=text, top=top) for text, top in pieces),
        **told,
    )


def logs(**shares: float) -> dict[str, float]:
    return {answer.strip("_"): math.log(share) for answer, share in shares.items()}


def number(text: str, **shares: float) -> Reply:
    return reply(("x", {}), ("\t", {}), (text, logs(**shares)))


def predict(*rounds: list[Reply], tokens=TOKENS):
    dialogue = TokenByToken()("rain", tokens)
    asked = [next(dialogue)]
    for replies in rounds:
        try:
            asked.append(dialogue.send(replies))
        except StopIteration as stop:
            return stop.value, asked
    raise AssertionError("the simulator asked for more")


def test_each_prompt_shows_the_text_up_to_its_token_and_nothing_after_it():
    requests = next(TokenByToken()("rain", TOKENS))
    asked = [request.messages[-1].content for request in requests]
    assert all(isinstance(request, ChatRequest) for request in requests)
    assert asked == [
        "Text: a\nExplanation: rain\n<start>\na\tunknown\n<end>\n",
        "Text: a b\nExplanation: rain\n<start>\n b\tunknown\n<end>\n",
        "Text: a b\\n\nExplanation: rain\n<start>\n\\n\tunknown\n<end>\n",
    ]


def test_each_answer_gives_the_expected_value_of_its_token():
    prediction, asked = predict(
        [number("0", _0=0.5, _10=0.5), number("9", _9=1.0), number("2", _2=1.0)]
    )
    assert prediction.expected == (pytest.approx(5.0), pytest.approx(9.0), pytest.approx(2.0))
    assert (prediction.status, prediction.simulator) == ("ok", "token_by_token")
    assert len(asked) == 1


def test_a_number_alone_is_read_too():
    alone = reply(("9", logs(_9=1.0)))
    prediction, _ = predict([alone], tokens=("a",))
    assert prediction.expected == (pytest.approx(9.0),)


@pytest.mark.parametrize(
    "pieces",
    [
        # The token of the text is a number itself; what follows it may be its value or may not.
        ("5", " ->", " 0"),
        ("5", " ", "0"),
        ("7", "."),
        ("1", "2"),
        ("0", ".", "5"),
        ("x", "\t", "1", "2"),
        ("x", "\t", "0", ".", "5"),
    ],
)
def test_an_answer_that_is_not_a_lone_number_is_not_read(pieces):
    words = reply(*((piece, {piece: 0.0}) for piece in pieces))
    prediction, _ = predict([words], [words], tokens=("a",))
    assert (prediction.status, prediction.expected) == ("unparsed", (None,))


@pytest.mark.parametrize("pieces", [("\n", " 9", "\n"), ("1", "0"), ("10",)])
def test_white_space_around_a_lone_number_does_not_matter(pieces):
    tops = ({piece.strip() or piece: 0.0} for piece in pieces)
    prediction, _ = predict([reply(*zip(pieces, tops, strict=True))], tokens=("a",))
    assert prediction.expected == (pytest.approx(float("".join(pieces))),)


def test_a_ten_in_two_tokens_is_told_from_a_one_by_what_follows():
    ten = reply(("x\t", {}), ("1", logs(_1=0.8, _0=0.2)), ("0", logs(_0=0.75, x=0.25)))
    prediction, _ = predict([ten], tokens=("a",))
    assert prediction.expected == (pytest.approx(6.2),)


def test_a_whole_ten_in_any_answer_says_that_a_one_is_a_one():
    prediction, _ = predict([number("0", _0=0.7, _1=0.3), number("10", _10=1.0)], tokens=("a", "b"))
    assert prediction.expected == (pytest.approx(0.3), pytest.approx(10.0))


def test_only_answers_without_a_number_are_asked_for_again():
    word = reply(("none", {"none": 0.0}))
    good = number("3", _3=1.0)
    prediction, asked = predict([good, word, good], [good])
    assert prediction.expected == (pytest.approx(3.0),) * 3
    assert [(request.messages[-1].content[:9], request.sample) for request in asked[1]] == [
        ("Text: a b", 1)
    ]
    holed, _ = predict([good, word, good], [word])
    assert (holed.status, holed.expected[1]) == ("ok", None)
    assert holed.reason == "1 of 3 answers hold no number"
    nothing, _ = predict([word] * 3, [word] * 3)
    assert (nothing.status, nothing.expected) == ("unparsed", (None,) * 3)


@pytest.mark.parametrize("status", ["failed", "refused"])
def test_one_bad_reply_decides_for_the_text(status):
    bad = reply(status=status, reason="why")
    prediction, _ = predict([number("3", _3=1.0), bad, number("3", _3=1.0)])
    assert (prediction.status, prediction.reason) == (status, "why")
    assert prediction.expected == (None,) * 3
