import json

import pytest

from neuroscribe.errors import InputError
from neuroscribe.llm.mock import Misbehaviour, MockLLM
from neuroscribe.llm.mock.misbehaviour import FAULTS


def test_options_are_read_as_the_command_line_gives_them():
    read = Misbehaviour.parse(
        ["rate_limit=0.1", "refusal", "first_attempts=2", "delay_seconds=0.5"]
    )
    assert read == Misbehaviour(rate_limit=0.1, refusal=1.0, first_attempts=2, delay_seconds=0.5)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("rudeness=1", "no misbehaviour 'rudeness'; there are: delay_seconds, drop"),
        ("refusal=often", "must be NAME=NUMBER"),
        ("refusal=1.5", "a share from 0 to 1, not 1.5"),
        ("delay_seconds=0", "must be more than 0"),
        ("latency_seconds=-1", "must be at least 0, not -1"),
    ],
)
def test_a_wrong_option_is_named(option, said):
    with pytest.raises(InputError, match=said):
        Misbehaviour.parse([option])


def test_each_fault_hits_its_share_of_requests():
    misbehaviour = Misbehaviour(**dict.fromkeys(FAULTS, 0.25))
    hits = [misbehaviour.faults(3, str(index).encode(), 0) for index in range(2000)]
    for fault in FAULTS:
        assert sum(fault in hit for hit in hits) / 2000 == pytest.approx(0.25, abs=0.04)
    assert hits == [misbehaviour.faults(3, str(index).encode(), 5) for index in range(2000)]
    assert hits != [misbehaviour.faults(4, str(index).encode(), 0) for index in range(2000)]


def test_transient_faults_can_spare_later_attempts_and_others_cannot():
    misbehaviour = Misbehaviour(server_error=1.0, refusal=1.0, first_attempts=1)
    assert misbehaviour.faults(0, b"a", 0) == {"server_error", "refusal"}
    assert misbehaviour.faults(0, b"a", 1) == {"refusal"}


def test_attempts_are_counted_for_each_request_apart():
    mock = MockLLM(misbehaviour=Misbehaviour(server_error=1.0, first_attempts=1))

    def status(content):
        body = json.dumps({"messages": [{"role": "user", "content": content}]}).encode()
        return mock.handle("POST", "/v1/chat/completions", body).status

    assert [status("a"), status("b"), status("a"), status("b")] == [500, 500, 200, 200]
    assert mock.requests_seen == 4


def test_a_rate_limit_says_when_to_come_back():
    mock = MockLLM(misbehaviour=Misbehaviour(rate_limit=1.0, retry_after_seconds=0.2))
    answer = mock.handle("POST", "/v1/completions", b'{"prompt": "a"}')
    assert (answer.status, answer.headers["retry-after"]) == (429, "0.2")


def test_silences_and_drops_are_left_to_the_transport():
    silent = MockLLM(misbehaviour=Misbehaviour(timeout=1.0, delay_seconds=3.0))
    assert silent.handle("POST", "/v1/completions", b'{"prompt": "a"}').delay_seconds == 3.0
    dropping = MockLLM(misbehaviour=Misbehaviour(drop=1.0))
    assert dropping.handle("POST", "/v1/completions", b'{"prompt": "a"}').dropped


def test_latency_delays_every_answer_good_or_bad():
    slow = MockLLM(misbehaviour=Misbehaviour(latency_seconds=0.5))
    assert slow.handle("POST", "/v1/completions", b'{"prompt": "a"}').delay_seconds == 0.5
    limited = MockLLM(misbehaviour=Misbehaviour(latency_seconds=0.5, rate_limit=1.0))
    assert limited.handle("POST", "/v1/completions", b'{"prompt": "a"}').delay_seconds == 0.5
    both = MockLLM(misbehaviour=Misbehaviour(latency_seconds=0.5, timeout=1.0, delay_seconds=3.0))
    assert both.handle("POST", "/v1/completions", b'{"prompt": "a"}').delay_seconds == 3.5
