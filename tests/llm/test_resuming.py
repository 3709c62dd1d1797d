"""A second run sends nothing that was answered before."""

import dataclasses

import pytest

from neuroscribe.errors import StoreError
from neuroscribe.llm.journal import Journal
from neuroscribe.llm.mock import Abilities, Misbehaviour
from neuroscribe.llm.protocol import ContinuationRequest, DecideRequest, Question


def test_a_second_run_sends_nothing_and_gets_the_same(
    mock_client, journal, ask, probe, simulate, chat
):
    surprise = ContinuationRequest(context="Explanation: x\n", continuation=" some words")
    decide = DecideRequest(input="a", questions=(Question(text="b", options=("c", "d")),))
    chats = [chat(), chat(simulate.prompt, top_logprobs=20)]
    requests = [simulate, *chats, surprise, decide]
    first, second = mock_client(journal=journal), mock_client(journal=journal)
    abilities = probe(first)
    replies = ask(first, *requests)
    assert first.tally.http_requests == 9
    assert probe(second) == abilities
    again = ask(second, *requests)
    assert second.mock.requests_seen == 0
    assert second.tally.http_requests == 0
    assert [dataclasses.replace(reply, journalled=False) for reply in again] == replies
    assert all(reply.journalled for reply in again)
    assert (second.tally.journalled, second.tally.cost_usd) == (5, 0.0)


def test_the_second_client_need_not_be_in_the_same_process(mock_client, tmp_path, ask, chat):
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        ask(mock_client(journal=journal), chat())
    with Journal(path) as journal:
        assert ask(mock_client(journal=journal), chat())[0].journalled


def test_only_what_failed_is_asked_again(mock_client, journal, ask, chat):
    requests = [chat(str(index)) for index in range(40)]
    trouble = Misbehaviour(server_error=0.3, refusal=0.2)
    before = ask(mock_client(misbehaviour=trouble, journal=journal), *requests)
    failed = [reply.status for reply in before].count("failed")
    refused = [reply.status for reply in before].count("refused")
    assert failed > 3
    assert refused > 3
    healthy = mock_client(journal=journal)
    after = ask(healthy, *requests)
    assert healthy.mock.requests_seen == failed
    # A refusal is an answer: it is not asked for again.
    assert [reply.status for reply in after].count("refused") == refused
    assert "failed" not in {reply.status for reply in after}


def test_fresh_answers_can_be_forced_and_replace_the_old(mock_client, journal, ask, chat):
    old = ask(mock_client(journal=journal, misbehaviour=Misbehaviour(refusal=1.0)), chat())[0]
    forced = mock_client(journal=journal, read_journal=False)
    new = ask(forced, chat())[0]
    assert (old.status, new.status, new.journalled) == ("refused", "ok", False)
    assert ask(mock_client(journal=journal), chat())[0].text == new.text


def test_equal_requests_under_way_together_are_sent_once(mock_client, journal, ask, chat):
    client = mock_client(journal=journal)
    replies = ask(client, *[chat()] * 5)
    assert client.mock.requests_seen == 1
    assert [reply.journalled for reply in replies] == [False, True, True, True, True]


def test_equal_requests_are_all_tried_where_the_first_fails(mock_client, journal, ask, chat):
    client = mock_client(journal=journal, misbehaviour=Misbehaviour(server_error=1.0))
    assert [reply.status for reply in ask(client, *[chat()] * 3)] == ["failed"] * 3
    assert client.mock.requests_seen == 3


def test_another_sample_model_seed_or_effort_is_another_question(mock_client, journal, ask, chat):
    ask(mock_client(journal=journal), chat(), chat(sample=1))
    ask(mock_client(seed=1, journal=journal), chat())
    ask(mock_client(journal=journal, reasoning_effort="low"), chat())
    assert len(journal) == 4


def test_how_a_request_is_sent_is_no_part_of_the_question(mock_client, journal, ask, chat):
    ask(mock_client(journal=journal), chat())
    impatient = mock_client(
        journal=journal,
        max_retries=3,
        timeout_seconds=1.0,
        requests_per_second=5.0,
        abilities=Abilities(refused_parameters=frozenset({"max_tokens"})),
    )
    assert ask(impatient, chat())[0].journalled


def test_a_damaged_journal_stops_the_run(mock_client, journal, ask, chat):
    journal.close()
    with pytest.raises(StoreError, match="the journal"):
        ask(mock_client(journal=journal), chat())
