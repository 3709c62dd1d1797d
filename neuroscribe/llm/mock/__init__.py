"""The mock LLM: deterministic, at HTTP level, in process or on loopback.

It speaks the OpenAI protocol and reads prompts as an LLM would, so that offline runs and tests
execute the very code that production runs; only the endpoint is another. It is public: users test
their explainers and simulators as we test ours. One pure core (`MockLLM.handle`) stands behind the
in-process transport and the loopback server, so the bytes are the same on both ways.
"""

from neuroscribe.llm.mock.abilities import Abilities
from neuroscribe.llm.mock.core import Answer, MockLLM
from neuroscribe.llm.mock.misbehaviour import Misbehaviour
from neuroscribe.llm.mock.server import serve, serve_forever
from neuroscribe.llm.mock.transport import MockTransport

__all__ = [
    "Abilities",
    "Answer",
    "Misbehaviour",
    "MockLLM",
    "MockTransport",
    "serve",
    "serve_forever",
]
