import json
import socket
import threading

import httpx2
import pytest

from neuroscribe.errors import InputError
from neuroscribe.llm.mock import Misbehaviour, MockLLM, serve
from neuroscribe.llm.mock.server import serve_forever

BODY = {"model": "m", "messages": [{"role": "user", "content": "Hello — ⟨f0 9f⟩"}]}


@pytest.fixture
def http():
    with httpx2.Client(trust_env=False, timeout=5) as client:
        yield client


def test_the_bytes_are_those_of_the_core(http):
    with serve(MockLLM(5)) as base_url:
        answer = http.post(f"{base_url}/chat/completions", json=BODY)
        models = http.get(f"{base_url}/models")
    direct = MockLLM(5).handle("POST", "/v1/chat/completions", json.dumps(BODY).encode())
    assert answer.content == direct.body
    assert answer.status_code == 200
    assert models.json()["data"][0]["id"] == "mock"


def test_many_requests_share_one_connection_quickly(http):
    with serve() as base_url:
        answers = [http.post(f"{base_url}/chat/completions", json=BODY) for _ in range(50)]
    assert {answer.status_code for answer in answers} == {200}
    # A delayed acknowledgement would cost 40 ms each.
    assert sorted(answer.elapsed.total_seconds() for answer in answers)[25] < 0.02


def test_a_dropped_connection_closes_without_an_answer(http):
    with (
        serve(MockLLM(misbehaviour=Misbehaviour(drop=1.0))) as base_url,
        pytest.raises(httpx2.RemoteProtocolError),
    ):
        http.post(f"{base_url}/chat/completions", json=BODY)


def test_a_sleeping_server_can_be_stopped(http):
    with (
        serve(MockLLM(misbehaviour=Misbehaviour(timeout=1.0))) as base_url,
        pytest.raises(httpx2.ReadTimeout),
    ):
        http.post(f"{base_url}/chat/completions", json=BODY, timeout=0.1)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.com"])
def test_only_loopback_is_served(host):
    with pytest.raises(InputError, match="loopback"), serve(host=host):
        pass


def test_a_taken_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"cannot listen on 127.0.0.1 port {port}"):
            serve_forever(port=port, on_ready=print)


def test_serving_for_ever_tells_the_address_first(http):
    told: list[str] = []
    ready = threading.Event()

    def on_ready(base_url):
        told.append(base_url)
        ready.set()

    threading.Thread(target=serve_forever, kwargs={"on_ready": on_ready}, daemon=True).start()
    assert ready.wait(5)
    assert http.get(f"{told[0]}/models").status_code == 200
