"""What recording costs beside the bare forward pass, measured in one run, with peak memory.

`make bench`, or `python benchmarks/recorder.py [--subjects gpt2,minilm] [--sequences 60000]
[--device cuda --dtype bfloat16] [--threads 1]`. Needs torch and transformers alone (`minilm` also
the package that carries it). Prints a table and writes `benchmarks/results/recorder-DEVICE.json`.

How it is measured. The forward pass of a subject with random weights is timed on batches of random
tokens. Recording is timed on every batch of the whole length, on synthetic activations of one site
(GELU of normal numbers, every sequence and unit with a factor of its own, so that peaks are always
new and insertions fall off as they do in a corpus), in turns with the forward pass; a site's time
times the number of sites, over the forward pass's, is the overhead. So 60,000 sequences take
minutes and not hours, and nothing is extrapolated but the number of equal sites.
Times are process times on a CPU and synchronised wall times on a GPU.
"""

import argparse
import json
import math
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import transformers
from reporting import processor, provenance, store
from torch import Tensor

from neuroscribe.kernels.sequence_summary import sequence_summary, sum_quanta
from neuroscribe.recorder.batch import Batch
from neuroscribe.recorder.reading import Reading
from neuroscribe.recorder.recorder import Recorder
from neuroscribe.recorder.settings import RecorderSettings
from neuroscribe.recorder.statistics import Statistics
from neuroscribe.recorder.top_exemplars import TopExemplars
from neuroscribe.records import Site
from neuroscribe.subjects.fused import fused_activations

SEQUENCE_LENGTH = 64
MARKS = (1_024, 4_096, 15_360, 60_000)
"""Sequences after which the overhead so far is noted."""


def subject(name: str) -> tuple[Any, int, int]:
    """A base model with random weights, its number of layers and MLP neurons per layer."""
    gpt2 = {"gpt2": (12, 12, 768), "gpt2-xl": (48, 25, 1600)}
    llama = {"llama-1b": (16, 2048, 8192, 32, 8), "llama-8b": (32, 4096, 14336, 32, 8)}
    if name in gpt2:
        layers, heads, width = gpt2[name]
        config = transformers.GPT2Config(n_layer=layers, n_head=heads, n_embd=width)
        return transformers.GPT2Model(config), layers, 4 * width
    if name in llama:
        layers, width, neurons, heads, kv_heads = llama[name]
        config = transformers.LlamaConfig(
            num_hidden_layers=layers,
            hidden_size=width,
            intermediate_size=neurons,
            num_attention_heads=heads,
            num_key_value_heads=kv_heads,
            vocab_size=32_000,
        )
        return transformers.LlamaModel(config), layers, neurons
    if name == "minilm":
        config = transformers.BertConfig(
            num_hidden_layers=6, hidden_size=384, intermediate_size=1536, num_attention_heads=12
        )
        return transformers.BertModel(config, add_pooling_layer=False), 6, 1536
    raise SystemExit(f"no subject is called {name!r}; there are: gpt2, gpt2-xl, llama-1b, llama-8b")


class Clock:
    """Seconds of work: of the process on a CPU, of the device on a GPU."""

    def __init__(self, device: str) -> None:
        self.on_gpu = device.startswith("cuda")

    def now(self) -> float:
        """The time, with all work so far done."""
        if self.on_gpu:
            torch.cuda.synchronize()
            return time.perf_counter()
        return time.process_time()

    def time(self, work: Callable[[], object]) -> float:
        """Seconds that one call takes."""
        start = self.now()
        work()
        return self.now() - start


def stream(units: int, batch_size: int, device: str, dtype: torch.dtype) -> Iterator[Any]:
    """Batches and activations without end; every sequence has peaks of its own."""
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn((batch_size, SEQUENCE_LENGTH, units), generator=generator)
    base = torch.nn.functional.gelu(normal).to(device, dtype)
    values = torch.empty_like(base)
    first = 0
    while True:
        factor = torch.rand((batch_size, 1, units), generator=generator).add_(0.5)
        torch.mul(base, factor.to(device, dtype), out=values)
        tokens = torch.randint(0, 8000, (batch_size, SEQUENCE_LENGTH), generator=generator)
        batch = Batch(
            sequence_ids=torch.arange(first, first + batch_size),
            splits=torch.multinomial(
                torch.tensor([0.5, 0.15, 0.15, 0.2]),
                batch_size,
                replacement=True,
                generator=generator,
            ),
            lengths=torch.full((batch_size,), SEQUENCE_LENGTH),
            token_ids=tokens,
        )
        yield batch.to(device), values
        first += batch_size


def ways(site: Site, device: str) -> dict[str, Callable[[Batch, Tensor], None]]:
    """What is compared: each takes in a batch of one site."""
    settings = RecorderSettings(sequence_length=SEQUENCE_LENGTH)
    vocabulary = tuple(range(6000))

    def top(k: int) -> Callable[[Batch, Tensor], None]:
        kept = TopExemplars(
            units=site.width,
            k=k,
            sequence_length=SEQUENCE_LENGTH,
            device=device,
            rows_device=device,
        )
        return lambda batch, values: kept.update(Reading(batch, values))

    def statistics(*, compiled: bool) -> Callable[[Batch, Tensor], None]:
        kept = TopExemplars(
            units=site.width,
            k=20,
            sequence_length=SEQUENCE_LENGTH,
            device=device,
            rows_device=device,
        )
        sums = Statistics(units=site.width, histogram_every=8, device=device)
        quanta = sum_quanta(torch.full((site.width,), 4.0, device=device), SEQUENCE_LENGTH)

        def update(batch: Batch, values: Tensor) -> None:
            reading = Reading(batch, values, quanta=quanta, compiled=compiled)
            sums.update(reading)
            kept.update(reading)

        return update

    def everything(*, compiled: bool) -> Callable[[Batch, Tensor], None]:
        recorder = Recorder(
            [site], replace(settings, compiled=compiled), vocabulary=vocabulary, device=device
        )
        return lambda batch, values: recorder.update(site, batch, values)

    found = {
        "top exemplars and rows, K=20": top(20),
        "top exemplars and rows, K=50": top(50),
        "and every statistic": statistics(compiled=False),
        "everything": everything(compiled=False),
        "per-token top values by concatenation": concatenate(site.width, 20, device),
    }
    if not device.startswith("cuda"):
        found["and every statistic, compiled"] = statistics(compiled=True)
        found["everything, compiled"] = everything(compiled=True)
    return found


def concatenate(units: int, k: int, device: str) -> Callable[[Batch, Tensor], None]:
    """What streaming pipelines do: each unit's largest tokens, joined with every batch."""
    kept = torch.full((k, units), -torch.inf, device=device)

    def update(_: Batch, values: Tensor) -> None:
        both = torch.cat([kept, values.flatten(0, 1).float()])
        kept.copy_(both.topk(k, dim=0).values)

    return update


def overheads(
    name: str, n_sequences: int, batch_size: int, device: str, dtype: torch.dtype
) -> dict[str, Any]:
    """Every way's time over the bare forward pass, after more and more sequences."""
    clock = Clock(device)
    model, layers, units = subject(name)
    model = model.to(device, dtype).eval()
    site = Site(
        name="mlp.0", kind="mlp", layer=0, module="m", side="in", width=units, two_signed=False
    )
    tokens = torch.randint(0, 8000, (batch_size, SEQUENCE_LENGTH), device=device)
    options = {"use_cache": False} if "Bert" not in type(model).__name__ else {}

    def forward() -> None:
        model(input_ids=tokens, **options)

    result: dict[str, Any] = {}
    n_batches = math.ceil(n_sequences / batch_size)
    forward()
    bare = [clock.time(forward) for _ in range(3)]
    with fused_activations(model) as replaced:
        if replaced:
            forward()
            fused = [clock.time(forward) for _ in range(3)]
    for way, update in ways(site, device).items():
        spent, seconds = [], 0.0
        pause = max(1, n_batches // 4)
        for number, (batch, values) in zip(
            range(n_batches), stream(units, batch_size, device, dtype), strict=False
        ):
            if number == 0 and "compiled" in way:
                update(batch, values)  # the compilation itself, once
                continue
            seconds += clock.time(lambda: update(batch, values))  # noqa: B023
            if number % pause == pause // 2:
                bare.append(clock.time(forward))
            done = (number + 1) * batch_size
            if any(done - batch_size < mark <= done for mark in (*MARKS, n_sequences)):
                spent.append((done, seconds))
        forward_seconds = sorted(bare)[len(bare) // 2]
        result[way] = {
            f"after {done:,} sequences": 1
            + seconds * layers / (forward_seconds * math.ceil(done / batch_size))
            for done, seconds in spent
        }
        if replaced and way == "everything":
            per_batch = sorted(fused)[1] + seconds * layers / n_batches
            result["everything, activation function in one pass"] = {
                f"after {n_batches * batch_size:,} sequences": per_batch / forward_seconds
            }
        print(f"{name}: {way}: {result[way]}", flush=True)
    result["storing every activation"] = (
        _storing(clock, units, batch_size, device, dtype) * (layers / sorted(bare)[len(bare) // 2])
        + 1
    )
    result["seconds of a bare forward pass"] = sorted(bare)[len(bare) // 2]
    return result


def _storing(clock: Clock, units: int, batch_size: int, device: str, dtype: torch.dtype) -> float:
    """Seconds to append one batch of one site to a list in host memory."""
    stored: list[Tensor] = []
    seconds = [
        clock.time(lambda: stored.append(values.to("cpu", copy=True)))  # noqa: B023
        for _, (_, values) in zip(range(4), stream(units, batch_size, device, dtype), strict=False)
    ]
    return sorted(seconds)[2]


def memory(n_sequences: int, device: str) -> dict[str, Any]:
    """Memory of recording everything at 1, 4 and 16 times a length; GPT-2-small's site."""
    site = Site(
        name="mlp.0", kind="mlp", layer=0, module="m", side="in", width=3072, two_signed=False
    )
    recorder = Recorder([site], RecorderSettings(), vocabulary=tuple(range(1000)), device=device)
    result = {}
    lengths = [n_sequences // 16, n_sequences // 4, n_sequences]
    for done, (batch, values) in enumerate(stream(3072, 64, device, torch.float32)):
        if lengths and done * 64 >= lengths[0]:
            result[f"{lengths.pop(0):,} sequences"] = f"{_resident_mb():,} MB"
        if not lengths:
            return result
        recorder.update(site, batch, values)
    return result


def _resident_mb() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() // 2**20


def bandwidth(device: str, dtype: torch.dtype) -> dict[str, float]:
    """The reading kernel's traffic over that of a copy, in the same run."""
    clock = Clock(device)
    values = torch.randn((256, SEQUENCE_LENGTH, 8192), device=device).to(dtype)
    target = torch.empty_like(values)
    lengths = torch.full((256,), SEQUENCE_LENGTH, device=device)
    quanta = sum_quanta(torch.full((8192,), 4.0, device=device), SEQUENCE_LENGTH)
    size = values.numel() * values.element_size()

    def best(work: Callable[[], object]) -> float:
        work()
        return min(clock.time(work) for _ in range(10))

    copy = 2 * size / best(lambda: target.copy_(values))
    read = size / best(lambda: sequence_summary(values, lengths, quanta))
    return {"copy GB/s": copy / 1e9, "reading GB/s": read / 1e9, "reading over copy": read / copy}


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", default="gpt2,minilm,llama-1b")
    parser.add_argument("--sequences", type=int, default=60_000)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16", "float16"))
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_grad_enabled(False)
    dtype = getattr(torch, arguments.dtype)
    on_gpu = arguments.device.startswith("cuda")
    result: dict[str, Any] = {
        **provenance(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "device": torch.cuda.get_device_name() if on_gpu else processor(arguments.threads),
        "dtype": arguments.dtype,
        "sequence length": SEQUENCE_LENGTH,
        "batch size": arguments.batch_size,
        "time over the bare forward pass": {},
    }
    for name in arguments.subjects.split(","):
        batch = 8 if name.startswith("llama") and not on_gpu else arguments.batch_size
        result["time over the bare forward pass"][name] = overheads(
            name,
            arguments.sequences * batch // arguments.batch_size,
            batch,
            arguments.device,
            dtype,
        )
        store(f"recorder-{torch.device(arguments.device).type}", result)
    result["memory of one recorded site"] = memory(arguments.sequences, arguments.device)
    result["bandwidth"] = bandwidth(arguments.device, dtype)
    result["peak memory"] = f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024:,} MB"
    if on_gpu:
        result["peak GPU memory"] = f"{torch.cuda.max_memory_allocated() // 2**20:,} MB"
    store(f"recorder-{torch.device(arguments.device).type}", result)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
