"""The token-activation explainer."""

from datetime import UTC, datetime

import pytest

from neuroscribe.explainer import discretise
from neuroscribe.explainer.token_activation_pairs import (
    TokenActivationPairs,
    non_zero_share,
    parse,
)
from neuroscribe.llm.protocol import Reply
from neuroscribe.records import Exemplar, UnitId, UnitRecord


@pytest.fixture
def make_record(make_sequence, make_statistics):
    def make(*rows: tuple[float, ...]) -> UnitRecord:
        exemplars = tuple(
            Exemplar(
                sequence=make_sequence("rain", "\tnow", "<start>", sequence_id=i),
                activations=row,
                kind="top",
                rank=i,
            )
            for i, row in enumerate(rows)
        )
        statistics = make_statistics()
        return UnitRecord(unit=UnitId("mlp.0", 1), statistics=statistics, exemplars=exemplars)

    return make


def explain(record, reply: Reply):
    dialogue = TokenActivationPairs()(record)
    next(dialogue)
    with pytest.raises(StopIteration) as stop:
        dialogue.send([reply])
    return stop.value.value


def reply(status: str = "ok", text: str = "", reason: str | None = None) -> Reply:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Reply(status=status, llm="mock", created_at=now, text=text, reason=reason)


def test_the_prompt_shows_tokens_on_lines_of_their_own(make_record):
    prompt = TokenActivationPairs().prompt(make_record((2.0, 0.0, 1.0)))
    assert "rain\t10\n\\tnow\t0\n\\<start>\t5\n" in prompt[-1].content


def test_few_values_above_zero_are_repeated_on_their_own(make_record):
    sparse = TokenActivationPairs().prompt(make_record((2.0, 0.0, 0.0), *[(0.0,) * 3] * 4))
    dense = TokenActivationPairs().prompt(make_record((2.0, 1.0, 1.0)))
    assert "once more" in sparse[-1].content
    assert "once more" not in dense[-1].content


# From openai/automated-interpretability@e4aa21b, non_zero_activation_proportion.
def test_the_share_above_zero_counts_after_discretisation():
    assert non_zero_share([discretise(r, 1.0) for r in ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])]) == (
        pytest.approx(1 / 3)
    )
    assert non_zero_share([discretise([0.1] * 9 + [1.0], 1.0)]) == 1.0


def test_an_answer_becomes_an_explanation(make_record):
    found = explain(make_record((2.0, 0.0, 1.0)), reply(text='This unit fires on "rain"'))
    assert (found.status, found.text, found.llm) == ("ok", "rain", "mock")


@pytest.mark.parametrize("status", ["refused", "failed"])
def test_other_outcomes_are_kept_with_their_reason(make_record, status):
    found = explain(make_record((2.0, 0.0, 1.0)), reply(status, reason="because"))
    assert (found.status, found.text) == (status, None)
    assert "because" in found.reason


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 601])
def test_no_answer_and_an_essay_are_unparsed(make_record, text):
    assert explain(make_record((2.0, 0.0, 1.0)), reply(text=text)).status == "unparsed"
    assert parse(text) is None


def test_a_unit_that_never_fires_is_skipped_without_a_request(make_record):
    with pytest.raises(StopIteration) as stop:
        next(TokenActivationPairs()(make_record((0.0, -1.0, 0.0))))
    assert stop.value.value.status == "skipped"
    assert "never fires" in stop.value.value.reason
