"""What asking LLMs costs: units a minute, client CPU per request, prompt tokens per unit.

`make bench`, or `python benchmarks/llm.py [--units 200] [--requests 512] [--rounds 5]`. Prints a
table and writes `benchmarks/results/llm.json`. No network: the mock server runs on loopback in a
process of its own, so its work is in no figure but the elapsed time.

How it is measured.
- *Units a minute*: explaining, detection and simulation of synthetic units against a server that
  takes 50 ms for every answer, journal on, 64 requests in flight, everything asked for the first
  time. Round trips are counted in the dialogues themselves. Where client and mock share few cores
  the figure is bounded by what they compute; how much each does is noted beside it.
- *Overhead*: CPU time (`time.process_time`) of our client, with its journal on a disk, over that of
  the bare `openai.AsyncOpenAI` making the very same requests (same bodies, same concurrency, no
  journal), in turns, medians over rounds. Every round has fresh requests, a fresh journal and fresh
  connections on both sides. The bare client reads answers as the SDK does, into its models.
- *Prompt tokens*: what the server counted, for one unit, by each explainer, scorer and simulator
  whose needs can be met without a subject.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import openai
from reporting import processor, provenance, store

from neuroscribe import registry
from neuroscribe.llm import driver
from neuroscribe.llm.clients.openai import OpenAIClient
from neuroscribe.llm.dialogue import together
from neuroscribe.llm.journal import Journal
from neuroscribe.llm.mock import Misbehaviour, MockLLM, serve_forever
from neuroscribe.llm.protocol import Capabilities, Dialogue, Request
from neuroscribe.llm.settings import ClientSettings
from neuroscribe.llm.wire.dialect import LIMITS, Dialect
from neuroscribe.llm.wire.exchange import exchange
from neuroscribe.records import (
    KINDS,
    SPLITS,
    Exemplar,
    Explanation,
    Kind,
    Sequence as TokenSequence,
    Split,
    TokenLookup,
    UnitId,
    UnitRecord,
    UnitStatistics,
)
from neuroscribe.scoring.case import ScoringCase
from neuroscribe.simulator.calibration import linear

LATENCY_SECONDS = 0.05
IN_FLIGHT = 64
SEQUENCE_LENGTH = 64
N_EXEMPLARS = 10
"""Of each kind and split."""
WORDS = tuple(
    first + last
    for first in ("win", "stone", "rain", "moon", "fire", "day", "sea", "sun", "hill", "wood")
    for last in ("light", "fall", "dust", "song", "gate", "mark", "path", "tide", "ward", "born")
)
TARGET = 1.3
MIXTURE = "explaining, detection and simulation by prompt_logprobs"
JUDGEMENTS, SIMULATIONS = 8, 60
"""Requests that one unit's detection and simulation make."""
WARM_UP = 64
"""Requests of the first round, which counts for nothing."""


def record(index: int) -> UnitRecord:
    """A unit that fires on one word (and a little on another), with exemplars of every split."""
    exemplars = tuple(
        _exemplar(index, split, kind, rank)
        for split in SPLITS
        for kind in KINDS
        for rank in range(N_EXEMPLARS)
    )
    values = [value for exemplar in exemplars for value in exemplar.activations]
    return UnitRecord(
        unit=UnitId("mlp.0", index),
        statistics=UnitStatistics(
            n_tokens=len(values),
            mean=statistics.fmean(values),
            variance=statistics.pvariance(values),
            skewness=None,
            kurtosis=None,
            min=min(values),
            max=max(values),
            density=sum(value > 0 for value in values) / len(values),
            density_1pct=sum(value > 0.1 for value in values) / len(values),
            quantile_boundaries=(0.0, 1.0, 5.0, 9.0),
            histogram_edges=(),
            histogram_counts=(0,),
            lookup=TokenLookup(token_ids=(index % len(WORDS),), means=(8.0,), counts=(9,)),
        ),
        exemplars=exemplars,
    )


def _exemplar(index: int, split: Split, kind: Kind, rank: int) -> Exemplar:
    number = (SPLITS.index(split) * len(KINDS) + KINDS.index(kind)) * N_EXEMPLARS + rank
    own = index % len(WORDS)
    ids = [
        (index * 31 + number * 17 + place * 7 + place * place) % len(WORDS)
        for place in range(SEQUENCE_LENGTH)
    ]
    if kind == "random":
        ids = [(token_id + 1) % len(WORDS) if token_id == own else token_id for token_id in ids]
    else:
        ids[number % SEQUENCE_LENGTH] = own
    tokens = tuple(f" {WORDS[token_id]}" for token_id in ids)
    offsets = [0]
    for token in tokens:
        offsets.append(offsets[-1] + len(token))
    return Exemplar(
        sequence=TokenSequence(
            sequence_id=number,
            document_id=str(number),
            split=split,
            token_ids=tuple(ids),
            tokens=tokens,
            text="".join(tokens),
            token_bytes_offsets=tuple(offsets),
        ),
        activations=tuple(
            8.0 + rank / 10 if token_id == own else 0.01 * (token_id % 9) for token_id in ids
        ),
        kind=kind,
        rank=rank,
        quantile=rank % 5 if kind == "quantile" else None,
    )


class Kit:
    """Builds plug-ins with the services that need no subject.

    Args:
        capabilities: of the endpoint.
        simulator: its name.
    """

    def __init__(self, capabilities: Capabilities, simulator: str = "prompt_logprobs") -> None:
        self._services: dict[str, Any] = {
            "capabilities": capabilities,
            "simulate": registry.load("simulator", simulator)(),
            "calibrate": linear,
            "vocabulary": lambda token_id: f" {WORDS[token_id % len(WORDS)]}",
            "negatives": registry.load("negatives", "random")(),
        }

    def names(self, kind: registry.Kind) -> list[str]:
        """Plug-ins of a kind whose needs can be met."""
        return [
            name
            for name in registry.names(kind)
            if self._services.keys() >= set(registry.load(kind, name).needs)
        ]

    def build(self, kind: registry.Kind, name: str) -> Any:
        """One of them."""
        plugin = registry.load(kind, name)
        return plugin(**{need: self._services[need] for need in plugin.needs})


def case(unit: UnitRecord, explanation: Explanation) -> ScoringCase:
    """The case that a scorer is given."""
    other = f'the token "{WORDS[(unit.unit.index + 1) % len(WORDS)]}"'
    return ScoringCase(explanation=explanation, record=unit, random_explanation=other)


def explain_and_score(
    unit: UnitRecord, kit: Kit, explainer: str, scorers: Sequence[str]
) -> Dialogue[list[Any]]:
    """Everything about one unit as one dialogue."""
    explanation = yield from kit.build("explainer", explainer)(unit)
    dialogues = [kit.build("scorer", name)(case(unit, explanation)) for name in scorers]
    scored: list[Any] = yield from together(dialogues)
    return scored


class Server(NamedTuple):
    """A mock server in a process of its own."""

    base_url: str
    process_id: int

    def cpu_seconds(self) -> float | None:
        """CPU time that it has spent; None where the system does not say."""
        path = Path(f"/proc/{self.process_id}/stat")
        if not path.exists():
            return None
        fields = path.read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def server(latency_seconds: float) -> Iterator[Server]:
    """Start a mock server."""
    command = [sys.executable, __file__, "--serve", str(latency_seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            base_url = process.stdout.readline().strip()  # type: ignore[union-attr]
            yield Server(base_url, process.pid)
        finally:
            process.terminate()


def serve(latency_seconds: float) -> None:
    """Serve a mock until killed."""
    mock = MockLLM(misbehaviour=Misbehaviour(latency_seconds=latency_seconds))
    serve_forever(mock, on_ready=lambda base_url: print(base_url, flush=True))


def open_client(base_url: str, journal: Journal) -> OpenAIClient:
    """Our client."""
    return OpenAIClient(
        f"openai:mock@{base_url}",
        "mock",
        base_url,
        journal=journal,
        settings=ClientSettings(max_in_flight=IN_FLIGHT),
    )


async def _with_client(
    base_url: str, work: Callable[[OpenAIClient], Any], folder: str
) -> tuple[Any, OpenAIClient]:
    path = Path(folder) / f"journal-{time.monotonic_ns()}.sqlite"
    with Journal(path) as journal:
        client = open_client(base_url, journal)
        try:
            return await work(client), client
        finally:
            await client.aclose()


def units_a_minute(mock: Server, n_units: int, folder: str) -> dict[str, Any]:
    """How fast units are explained and scored, and in how many round trips."""
    records = [record(index) for index in range(n_units)]
    scorers = [name for name in ("detection", "simulation") if name in registry.names("scorer")]
    n_rounds: list[int] = []

    def counted(dialogue: Dialogue[Any]) -> Dialogue[Any]:
        rounds, replies = 0, None
        try:
            while True:
                requests = dialogue.send(replies) if replies else next(dialogue)
                rounds += 1
                replies = yield requests
        except StopIteration as stop:
            n_rounds.append(rounds)
            return stop.value

    async def work(client: OpenAIClient) -> tuple[float, float]:
        kit = Kit(await client.capabilities())
        jobs = (
            (unit.unit, counted(explain_and_score(unit, kit, "token_activation_pairs", scorers)))
            for unit in records
        )
        start, start_cpu = time.perf_counter(), time.process_time()
        await driver.run(jobs, client, on_result=lambda _, __: None)
        return time.perf_counter() - start, time.process_time() - start_cpu

    before = mock.cpu_seconds()
    (seconds, cpu), client = asyncio.run(_with_client(mock.base_url, work, folder))
    after = mock.cpu_seconds()
    served = None if before is None or after is None else after - before
    failed = {status: n for status, n in client.tally.by_status.items() if status != "ok"}
    n_requests = client.tally.http_requests
    return {
        "what": f"token_activation_pairs, {', '.join(scorers)} (prompt_logprobs)",
        "units": n_units,
        "units a minute": round(n_units * 60 / seconds),
        "requests a unit": round(n_requests / n_units, 1),
        "requests a second": round(n_requests / seconds),
        "serial round trips a unit": max(n_rounds),
        "share of the time in which our process computes": round(cpu / seconds, 2),
        "share of the time in which the mock computes": served and round(served / seconds, 2),
        "other statuses than ok": failed,
    }


def requests_of(dialogue: Dialogue[Any]) -> list[Request]:
    """The first round of a dialogue."""
    requests = list(next(dialogue, ()))
    dialogue.close()
    return requests


def kinds_of_request(kit: Kit, indices: Sequence[int]) -> dict[str, list[Request]]:
    """Requests as a study makes them, by what asks."""
    found: dict[str, list[Request]] = {}
    for index in indices:
        unit = record(index)
        text = f'the token "{WORDS[index % len(WORDS)]}" (unit {index})'
        explanation = _explanation(unit, text)
        explainer = registry.load("explainer", "token_activation_pairs")()
        dialogues = {"explaining": [explainer(unit, sample=sample) for sample in range(8)]}
        for name in ("detection",):
            if name in registry.names("scorer"):
                dialogues[name] = [kit.build("scorer", name)(case(unit, explanation))]
        for name in ("prompt_logprobs", "generated_logprobs", "structured", "decisions"):
            simulate = registry.load("simulator", name)()
            dialogues[f"simulation, {name}"] = [
                simulate(text, exemplar.sequence.tokens) for exemplar in unit.select("test")
            ]
        for name, asked in dialogues.items():
            for dialogue in asked:
                found.setdefault(name, []).extend(requests_of(dialogue))
    return found


def _explanation(unit: UnitRecord, text: str) -> Explanation:
    return Explanation(
        unit=unit.unit,
        text=text,
        status="ok",
        explainer="token_activation_pairs",
        llm="mock",
        prompt_sha256="0" * 64,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def overheads(
    base_url: str, n_requests: int, n_rounds: int, folder: str
) -> Iterator[dict[str, Any]]:
    """CPU time of our client over the bare SDK's, by what asks; after every round."""
    capabilities = Capabilities(
        prompt_logprobs=True, generated_logprobs=True, json_schema=True, decisions=True
    )
    kit = Kit(capabilities)
    spent: dict[str, dict[str, list[float]]] = {}
    for round_number in range(n_rounds + 1):
        first, count = 1 + round_number * 1000, n_requests if round_number else WARM_UP
        pools = kinds_of_request(kit, range(first, first + count // 8))
        pools[MIXTURE] = _mixture(
            kinds_of_request(kit, range(first + 500, first + 500 + count // 8))
        )
        for name, requests in pools.items():
            sides = [("ours", _ours), ("bare", _bare)]
            for side, work in sides if round_number % 2 else reversed(sides):
                seconds = work(base_url, requests[:count], folder)
                times = spent.setdefault(name, {"ours": [], "bare": []})
                times[side].append(1000 * seconds / len(requests[:count]))
        if round_number == 0:
            spent = {}
        else:
            yield {name: _figures(n_requests, times) for name, times in spent.items()}


def _figures(n_requests: int, times: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    ratios = [ours / bare for ours, bare in zip(times["ours"], times["bare"], strict=True)]
    return {
        "requests a round": n_requests,
        "rounds": len(ratios),
        "ours, ms a request": round(statistics.median(times["ours"]), 3),
        "bare SDK, ms a request": round(statistics.median(times["bare"]), 3),
        "ratio": round(statistics.median(ratios), 3),
        "largest ratio": round(max(ratios), 3),
    }


def _mixture(kinds: dict[str, list[Request]]) -> list[Request]:
    """Requests in the proportions in which one unit makes them: 1 to explain, the rest to score."""
    detection, simulation = kinds.get("detection", []), kinds["simulation, prompt_logprobs"]
    n_units = len(simulation) // SIMULATIONS
    mixed: list[Request] = []
    for unit in range(n_units):
        mixed += kinds["explaining"][unit : unit + 1]
        mixed += detection[JUDGEMENTS * unit : JUDGEMENTS * (unit + 1)]
        mixed += simulation[SIMULATIONS * unit : SIMULATIONS * (unit + 1)]
    return mixed


def _ours(base_url: str, requests: Sequence[Request], folder: str) -> float:
    async def work(client: OpenAIClient) -> float:
        start = time.process_time()
        replies = await client.complete(requests)
        spent = time.process_time() - start
        bad = [reply.reason for reply in replies if reply.status != "ok"]
        if bad or any(reply.journalled for reply in replies):
            raise SystemExit(f"{len(bad)} requests went wrong, such as: {bad[:1]}")
        return spent

    seconds, _ = asyncio.run(_with_client(base_url, work, folder))
    return float(seconds)


def _bare(base_url: str, requests: Sequence[Request], _: str) -> float:
    dialect, settings = Dialect(limit=LIMITS[0]), ClientSettings()
    bodies = []
    for request in requests:
        sent = exchange(request, "mock", dialect, settings)  # type: ignore[arg-type]
        bodies.append((sent.path, sent.write()))

    async def whole() -> float:
        async with openai.AsyncOpenAI(base_url=base_url, api_key="none", max_retries=4) as sdk:
            ask: dict[str, Any] = {
                "/chat/completions": sdk.chat.completions.create,
                "/completions": sdk.completions.create,
                "/decisions": sdk.decisions.create,
            }
            in_flight = asyncio.Semaphore(IN_FLIGHT)

            async def one(path: str, body: dict[str, Any]) -> object:
                async with in_flight:
                    return await ask[path](**body)

            start = time.process_time()
            await asyncio.gather(*(one(path, body) for path, body in bodies))
            return time.process_time() - start

    return asyncio.run(whole())


def prompt_tokens(base_url: str, folder: str) -> dict[str, Any]:
    """Tokens that one unit costs, by explainer, scorer and simulator."""
    unit = record(0)
    explanation = _explanation(unit, f'the token "{WORDS[0]}"')

    def asked(dialogue: Dialogue[Any]) -> dict[str, Any]:
        async def work(client: OpenAIClient) -> None:
            await driver.run([(0, dialogue)], client, on_result=lambda _, __: None)

        _, client = asyncio.run(_with_client(base_url, work, folder))
        tally = client.tally
        bad = {status: n for status, n in tally.by_status.items() if status != "ok"}
        return {
            "requests": tally.replies,
            "prompt tokens": tally.input_tokens,
            "generated tokens": tally.output_tokens,
        } | ({"other statuses than ok": bad} if bad else {})

    async def probe(client: OpenAIClient) -> Capabilities:
        return await client.capabilities()

    capabilities, _ = asyncio.run(_with_client(base_url, probe, folder))
    kit = Kit(capabilities)
    simulators = f"simulators, one text of {SEQUENCE_LENGTH} tokens"
    found: dict[str, Any] = {"explainers": {}, "scorers": {}, simulators: {}}
    for name in kit.names("explainer"):
        found["explainers"][name] = asked(kit.build("explainer", name)(unit))
    for name in kit.names("scorer"):
        found["scorers"][name] = asked(kit.build("scorer", name)(case(unit, explanation)))
    text = unit.select("test", "top")[0].sequence
    for name in registry.names("simulator"):
        if name == "direct":
            continue  # needs a simulator model in process
        dialogue = registry.load("simulator", name)()(
            explanation.text, text.tokens, token_ids=text.token_ids, record=unit
        )
        found[simulators][name] = asked(dialogue)
    return found


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=200)
    parser.add_argument("--requests", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        serve(arguments.serve)
        return
    result: dict[str, Any] = {
        **provenance(),
        "openai": openai.__version__,
        "device": processor(),
        "latency of every answer, s": LATENCY_SECONDS,
        "requests in flight": IN_FLIGHT,
    }
    with tempfile.TemporaryDirectory() as folder, server(LATENCY_SECONDS) as mock:
        base_url = mock.base_url
        result["throughput"] = units_a_minute(mock, arguments.units, folder)
        print(json.dumps(result["throughput"], indent=2), flush=True)
        result["one unit's tokens"] = prompt_tokens(base_url, folder)
        store("llm", result)
        result["target"] = f"at most {TARGET} times the bare SDK's CPU time"
        for figures in overheads(base_url, arguments.requests, arguments.rounds, folder):
            result["client CPU time"] = figures
            store("llm", result)
    for line in table(result):
        print(line)


def table(result: dict[str, Any]) -> Iterator[str]:
    """The figures for people."""
    yield f"units a minute: {result['throughput']['units a minute']:,}"
    yield f"{'client CPU a request':56} {'ours':>9} {'bare SDK':>9} {'ratio':>6}"
    for name, figures in result["client CPU time"].items():
        ours, bare = figures["ours, ms a request"], figures["bare SDK, ms a request"]
        yield f"{name:56} {ours:6.2f} ms {bare:6.2f} ms {figures['ratio']:6.2f}"
    for kind, members in result["one unit's tokens"].items():
        yield f"{kind:56} {'requests':>9} {'prompt':>9} {'output':>6}"
        for name, used in members.items():
            tokens = (used["requests"], used["prompt tokens"], used["generated tokens"])
            yield "  {:54} {:9,} {:9,} {:6,}".format(name, *tokens)


if __name__ == "__main__":
    main()
