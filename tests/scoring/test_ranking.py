"""The two scorers that rank texts: by a language model's surprise, and by a sentence encoder."""

from dataclasses import replace

import numpy as np
import pytest

from neuroscribe.llm.protocol import Reply
from neuroscribe.scoring.embedding import Embedding
from neuroscribe.scoring.surprisal import NOTHING, Surprisal
from tests.planted import SilentTexts, planted_units
from tests.scoring.oracle import CAPABLE, NOON, PLAIN, case_of, finish, ok, oracle
from tests.services import Encoder

SILENT = SilentTexts()
UNIT = planted_units()[0]
WRONG = "names of colours"


def surprise(judge=oracle, capabilities=CAPABLE):
    scorer = Surprisal(negatives=SILENT, capabilities=capabilities)
    case = case_of(UNIT.record, UNIT.explanation, random_explanation=WRONG)
    return finish(scorer(case), judge)


def test_every_text_is_read_after_both_explanations_and_after_one_that_says_nothing():
    result, ((*requests,),) = surprise()
    contexts = [request.context for request in requests]
    assert [contexts.count(context) for context in dict.fromkeys(contexts)] == [20, 20, 20]
    assert [context.split("\n")[0] for context in dict.fromkeys(contexts)] == [
        f"Explanation: {UNIT.explanation}", f"Explanation: {WRONG}", f"Explanation: {NOTHING}",
    ]  # fmt: skip
    (score,) = result.scores
    assert (score.metric, score.value, score.chance, score.baseline_mean) == ("auc", 1.0, 0.5, 0.5)
    assert score.baseline_random_explanation < 0.8
    for row in result.judgements:
        assert row.verdict is None
        assert row.probability == pytest.approx(5.0 if row.truth else 0.0)


def test_a_text_of_which_one_reading_failed_is_missing():
    def failing(request):
        if NOTHING in request.context and request.continuation == victim:
            return Reply(status="failed", llm="judge", created_at=NOON, reason="503")
        return oracle(request)

    victim = UNIT.record.select("test", "top")[0].sequence.text
    result, _ = surprise(failing)
    lost = [row for row in result.judgements if row.status == "failed"]
    assert [(row.probability, row.reason) for row in lost] == [(None, "503")]
    assert result.scores[0].coverage == 0.95


def test_a_reading_without_a_loss_is_no_reading():
    result, _ = surprise(lambda _: ok())
    assert {row.status for row in result.judgements} == {"unparsed"}
    assert "no probability for any of 20 items: the endpoint gave no loss" in (
        result.scores[0].reason
    )


def test_an_endpoint_without_log_probabilities_of_prompts_is_not_asked():
    result, rounds = surprise(capabilities=PLAIN)
    assert (rounds, result.judgements) == ([], ())
    assert result.scores[0].value is None
    assert "gives no log-probabilities of a prompt" in result.scores[0].reason


def test_an_encoder_asks_nobody_and_is_named_as_the_judge():
    @Encoder
    def embed(texts):
        seen.extend(texts)
        return np.eye(len(texts), 4, dtype=np.float32)

    seen = []
    scorer = Embedding(negatives=SILENT, embed=embed)
    result, rounds = finish(scorer(case_of(UNIT.record, UNIT.explanation)), oracle)
    assert rounds == []
    assert seen[0] == UNIT.explanation
    assert set(seen[1:]) <= {each.sequence.text for each in UNIT.record.select("test")}
    assert {score.llm for score in result.scores} == {"embed:toy"} == {scorer.judge}
    assert {row.llm for row in result.judgements} == {"embed:toy"}
    (score,) = result.scores
    assert (score.metric, score.baseline_random_explanation) == ("auc", None)


def test_an_encoder_is_the_judge_even_where_there_is_nothing_to_judge():
    scorer = Embedding(negatives=SILENT, embed=Encoder(lambda _: pytest.fail("embedded")))
    record = replace(UNIT.record, exemplars=UNIT.record.select("train"))
    result, _ = finish(scorer(case_of(record, UNIT.explanation)), oracle)
    (score,) = result.scores
    assert (score.llm, score.value, score.reason) == (
        "embed:toy", None, "no top sequences in the test split",
    )  # fmt: skip
