"""Sequences a second that a local model simulates, against one full pass per sequence.

`python benchmarks/local_simulation.py [--sequences 8] [--threads 1] [--device cuda --dtype
bfloat16]`. Needs torch and transformers alone. Prints a table and writes
`benchmarks/results/local-simulation-DEVICE.json`.

The model has the shape of GPT-2 small (12 layers, 768 wide, 50,257 tokens) and random weights. The
tokenizer is a byte-level BPE of 8,000 tokens trained here on the docstrings of Python's standard
library, so nothing is downloaded and the counts of tokens are realistic (GPT-2's own would give
counts that differ by some per cent). The prompts are those of the simulator `prompt_logprobs`: its
instructions and solved units, an explanation, and 64 tokens of the subject with their placeholders.

The reference does what anybody would do with transformers: it encodes each prompt whole, takes the
logits of all positions and reads the numbers at the placeholders. (It cannot tell 1 from the
beginning of 10 where the tokenizer cuts "10" in two; this tokenizer keeps it.) Both are measured in
one run, in turns, and nothing is reported unless their outputs are the same. Times are process
times on a CPU and synchronised wall times on a GPU.

Beside the standard prompt, the same is measured with its solved units written several times: the
speed-up grows with the share of the prompt that is shared, and this says how.
"""

import argparse
import ast
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import transformers
from reporting import processor, provenance, store
from tokenizers import ByteLevelBPETokenizer
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from neuroscribe.llm.local.encoding import Encoder
from neuroscribe.llm.local.engine import Engine
from neuroscribe.llm.local.opening import LocalModel
from neuroscribe.llm.protocol import PromptLogprobsRequest
from neuroscribe.notation import activation_table, slots_of
from neuroscribe.simulator import prompt_logprobs
from neuroscribe.simulator.few_shot import explanation_line, unknown_table

SEQUENCE_LENGTH = 64
VOCABULARY = 8_000
TARGET = 8.0
TOLERANCE = {"float32": 1e-3, "bfloat16": 0.3, "float16": 0.05}
"""Of a log-probability; a reply rounds to 1e-4 on top."""
LEVELS = tuple(map(str, range(11)))
EXPLANATIONS = (
    "names of months and days of the week",
    "opening brackets of function calls",
    'the word "file" and other words for files',
    "numbers, especially in lists",
)


def docstrings() -> Iterator[str]:
    """The docstrings of the standard library's modules, in order of name."""
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node)
                if text:
                    yield text


def tokenizer_of(texts: list[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE that knows the words of the prompt as any large one would."""
    table = activation_table(["The"] * 11, [*range(11)]) + unknown_table(["The"])
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator([*texts, *[table] * 200], vocab_size=VOCABULARY, min_frequency=2)
    return PreTrainedTokenizerFast(tokenizer_object=bpe._tokenizer)  # noqa: SLF001


def model_of(device: str, dtype: torch.dtype, tokenizer: PreTrainedTokenizerFast) -> LocalModel:
    """GPT-2 small with random weights, and room for prompts of any length measured here."""
    torch.manual_seed(0)
    config = GPT2Config(n_positions=4096, bos_token_id=None, eos_token_id=None)
    return LocalModel(
        name="random GPT-2 small",
        model=GPT2LMHeadModel(config).eval().to(device, dtype),
        encoder=Encoder(tokenizer, ()),
        max_positions=4096,
        direct=None,
        identity="random",
    )


def sequences_of(texts: list[str], tokenizer: Any, n_sequences: int) -> list[list[str]]:
    """The first 64 tokens of documents that have as many, as the subject would cut them."""
    sequences = []
    for text in texts:
        encoding = tokenizer(text, return_offsets_mapping=True, verbose=False)
        spans = encoding["offset_mapping"][:SEQUENCE_LENGTH]
        if text.isascii() and len(spans) == SEQUENCE_LENGTH:
            sequences.append([text[start:end] for start, end in spans])
        if len(sequences) == n_sequences:
            return sequences
    raise SystemExit(f"only {len(sequences)} docstrings have {SEQUENCE_LENGTH} tokens")


def requests_of(sequences: list[list[str]], prefix: str) -> list[PromptLogprobsRequest]:
    """The requests of the simulator for every sequence."""
    requests = []
    for number, tokens in enumerate(sequences):
        explanation = EXPLANATIONS[number % len(EXPLANATIONS)]
        table = unknown_table(tokens)
        prompt = prefix + explanation_line(explanation) + table
        requests.append(PromptLogprobsRequest(prompt=prompt, slots=slots_of(prompt, table)))
    return requests


def full_pass(request: PromptLogprobsRequest, model: LocalModel) -> list[list[float]]:
    """Log-probabilities of the numbers at every placeholder, as anybody would compute them."""
    (encoded,) = model.encoder.encode([request.prompt])
    levels = [model.encoder.tokenizer(level)["input_ids"][0] for level in LEVELS]
    before = [encoded.ends.index(slot) for slot in request.slots]
    with torch.inference_mode():
        ids = torch.tensor([encoded.ids], device=model.model.device)
        logits = model.model(input_ids=ids, use_cache=False).logits
        logprobs = logits[0].float().log_softmax(1)
    return logprobs[before][:, levels].tolist()


def ours(requests: list[PromptLogprobsRequest], engine: Engine) -> list[list[list[float]]]:
    """The same from the client's engine, all requests waiting together."""
    outcomes = dict(engine.answers(requests))
    return [
        [[top[level] for level in LEVELS] for top in outcomes[place].slots]
        for place in range(len(requests))
    ]


def now(device: str) -> float:
    """The time, with all work so far done."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def largest_difference(one: Any, other: Any) -> float:
    """Between two nested lists of log-probabilities."""
    return float((torch.tensor(one) - torch.tensor(other)).abs().max())


def measure(
    prefix: str, sequences: list[list[str]], model: LocalModel, device: str, repetitions: int
) -> dict[str, Any]:
    """Sequences a second of both, after both have been seen to give the same."""
    requests = requests_of(sequences, prefix)
    n_prefix = len(model.encoder.encode([prefix])[0].ids)
    lengths = [len(model.encoder.encode([request.prompt])[0].ids) for request in requests]
    # Warm: the first prompts of a run find their prefix once, and thousands follow.
    engine = Engine(model)
    start = now(device)
    found = ours(requests, engine)
    cold = now(device) - start
    dtype = str(model.model.dtype).removeprefix("torch.")
    warm, reference, differences = [], [], []
    for number in range(repetitions):
        # Two of the prompts stand for all: each is a pass of its own, and they are alike in length.
        for place in (number, -1 - number):
            start = now(device)
            expected = full_pass(requests[place], model)
            reference.append(now(device) - start)
            differences.append(largest_difference(found[place], expected))
        if max(differences) > TOLERANCE[dtype]:
            raise SystemExit(f"the outputs differ by {max(differences)}; nothing is reported")
        start = now(device)
        ours(requests, engine)
        warm.append(now(device) - start)
    full = sorted(reference)[(len(reference) - 1) // 2]
    n = len(requests)
    per_second = {
        "full pass per sequence": 1 / full,
        "prefix reuse and batches, first run": n / cold,
        "prefix reuse and batches": n / min(warm),
    }
    mean_length = sum(lengths) / n
    return {
        "shared prefix tokens": n_prefix,
        "prompt tokens": round(mean_length),
        "shared share": round(n_prefix / mean_length, 3),
        "largest difference of a log-probability": max(differences),
        "sequences a second": {name: round(rate, 3) for name, rate in per_second.items()},
        "speed-up": round(full * n / min(warm), 2),
        "speed-up of the first run": round(min(reference) * n / cold, 2),
        "multiply-adds of the full pass over ours": round(_work_ratio(model, lengths, n_prefix), 2),
    }


def _work_ratio(model: LocalModel, lengths: list[int], n_prefix: int) -> float:
    """What counting multiplications promises: a bound on one processor, whatever its speed."""
    config = model.model.config
    body = 12 * config.n_layer * config.n_embd**2
    head = config.n_embd * config.vocab_size
    pairs = 2 * config.n_layer * config.n_embd
    full = sum(n * (body + head) + pairs * n * n for n in lengths)
    own = sum(
        (n - n_prefix) * body + SEQUENCE_LENGTH * head + pairs * n * (n - n_prefix) for n in lengths
    )
    return full / own


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sequences", type=int, default=8)
    parser.add_argument("--repetitions", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=tuple(TOLERANCE))
    parser.add_argument("--times", default="1,4,8", help="how often the solved units are written")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    texts = sorted(set(docstrings()))
    tokenizer = tokenizer_of(texts)
    model = model_of(arguments.device, getattr(torch, arguments.dtype), tokenizer)
    sequences = sequences_of(texts, tokenizer, arguments.sequences)
    on_gpu = arguments.device.startswith("cuda")
    result: dict[str, Any] = {
        **provenance(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "device": torch.cuda.get_device_name() if on_gpu else processor(arguments.threads),
        "dtype": arguments.dtype,
        "model": "GPT-2 small, random weights",
        "tokenizer": f"byte-level BPE of {len(tokenizer):,} tokens, trained on docstrings",
        "sequence length": SEQUENCE_LENGTH,
        "sequences": arguments.sequences,
        "target speed-up": TARGET,
        "prompts": {},
    }
    own = prompt_logprobs._PREFIX  # noqa: SLF001
    solved = prompt_logprobs._solved_units()  # noqa: SLF001
    for times in map(int, arguments.times.split(",")):
        name = "standard prompt" if times == 1 else f"solved units {times} times"
        prefix = own + solved * (times - 1)
        print(f"measuring: {name}", flush=True)
        result["prompts"][name] = measure(
            prefix, sequences, model, arguments.device, arguments.repetitions
        )
        store(f"local-simulation-{torch.device(arguments.device).type}", result)
    print(table(result))


def table(result: dict[str, Any]) -> str:
    """The figures for people."""
    lines = [f"{result['model']}, {result['device']}, {result['dtype']}"]
    lines.append(
        f"{'prompt':<24}{'shared':>8}{'all':>7}{'full/s':>9}{'ours/s':>9}{'x':>7}{'bound':>8}"
    )
    for name, found in result["prompts"].items():
        rates = found["sequences a second"]
        lines.append(
            f"{name:<24}{found['shared prefix tokens']:>8,}{found['prompt tokens']:>7,}"
            f"{rates['full pass per sequence']:>9.3f}{rates['prefix reuse and batches']:>9.3f}"
            f"{found['speed-up']:>7.2f}{found['multiply-adds of the full pass over ours']:>8.2f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
