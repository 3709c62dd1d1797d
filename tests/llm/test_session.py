import asyncio

import pytest

from neuroscribe.errors import BudgetReached, InputError, StoreError
from neuroscribe.llm.session import LLMOptions, open_session
from neuroscribe.llm.settings import ClientSettings


@pytest.fixture
def asking(chat):
    def build(name):
        (reply,) = yield [chat(name)]
        return reply.status

    return build


def test_a_session_runs_resumes_and_sums_up(tmp_path, asking):
    path = tmp_path / "journal.sqlite"
    for sent, journalled in ((4, 0), (0, 4)):
        results = {}
        with open_session("mock", journal=path, options=LLMOptions()) as session:
            assert session.estimate([("a", asking("a"))]).requests == (1 if sent else 0)
            session.run(
                [(key, asking(key)) for key in "abcd"],
                lambda key, result, into=results: into.update({key: result}),
            )
            summary = session.summary()
        assert results == dict.fromkeys("abcd", "ok")
        assert (summary.requests, summary.journalled) == (sent, journalled)
        assert not summary.budget_reached
        assert summary.cost_usd == 0.0


def test_a_session_works_where_a_loop_is_already_running(tmp_path, asking):
    async def notebook():
        results = []
        options = LLMOptions(settings=ClientSettings(max_in_flight=2))
        with open_session("mock", journal=tmp_path / "j", options=options) as session:
            assert session.capabilities().prompt_logprobs
            session.run([("a", asking("a"))], lambda key, _: results.append(key))
        return results

    assert asyncio.run(notebook()) == ["a"]


def test_the_budget_of_a_session_is_told(tmp_path, asking):
    options = LLMOptions(max_requests=2)
    results = []
    with open_session("mock", journal=tmp_path / "j", options=options) as session:
        session.run([(key, asking(key)) for key in "abcd"], lambda key, _: results.append(key))
        assert session.summary().budget_reached
    assert len(results) == 2


def test_a_spec_that_cannot_be_opened_and_a_damaged_journal_are_told(tmp_path):
    with pytest.raises(InputError, match="write mock or mock:SEED"):
        open_session("mock:x", journal=tmp_path / "j", options=LLMOptions())
    (tmp_path / "damaged").write_bytes(b"x" * 500)
    with pytest.raises(StoreError, match="damaged"):
        open_session("mock", journal=tmp_path / "damaged", options=LLMOptions())


def test_one_dialogue_that_meets_the_budget_says_so(tmp_path, asking):
    options = LLMOptions(max_requests=0)
    with (
        open_session("mock", journal=tmp_path / "j", options=options) as session,
        pytest.raises(BudgetReached, match="the budget for mock is reached"),
    ):
        session.result(asking("a"))


def test_the_journal_is_closed_with_the_session(tmp_path, asking):
    with open_session("mock", journal=tmp_path / "j", options=LLMOptions()) as session:
        session.result(asking("a"))
        assert (tmp_path / "j-wal").exists()
    assert not (tmp_path / "j-wal").exists()
