"""Time of recording everything, as a ratio over the bare forward pass in the same run.

`make bench`, or `python benchmarks/recorder.py [SEQUENCES]`. Subject: `minilm`; corpus: `stdlib`;
all six layers, every statistic. Bare and recording passes over the same batches take turns. Prints
a table and writes `benchmarks/results/recorder.json`.
"""

import itertools
import json
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from neuroscribe import Recorder, RecorderSettings, __version__, load_subject
from neuroscribe.datasets.corpus import open_corpus
from neuroscribe.datasets.sequences import cut_sequences
from neuroscribe.recorder.batch import Batch
from neuroscribe.recorder.token_lookup import common_tokens
from neuroscribe.records import Sequence

RESULT = Path(__file__).parent / "results" / "recorder.json"


def main(n_sequences: int = 1024) -> None:
    """Measure, print and store."""
    subject = load_subject("minilm")
    stream = cut_sequences(open_corpus("stdlib"), subject.tokenizer)
    sequences = list(itertools.islice(stream, n_sequences))
    result = {
        "neuroscribe": __version__,
        "torch": torch.__version__,
        "commit": _commit(),
        "device": f"{platform.machine()} CPU, {torch.get_num_threads()} threads",
        "subject": "minilm",
        "sequences": len(sequences),
        "without look-up tables": _ratio(subject, sequences, RecorderSettings(lookup_memory_mb=0)),
        "everything": _ratio(subject, sequences, RecorderSettings()),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    table = Table("what", "value", title="recording over the bare forward pass")
    for name, value in result.items():
        table.add_row(name, f"{value:.3f}" if isinstance(value, float) else str(value))
    Console().print(table)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def _ratio(subject, sequences: list[Sequence], settings: RecorderSettings) -> float:  # type: ignore[no-untyped-def]
    """Seconds of recording passes over seconds of bare ones, batch by batch in turn."""
    sites = subject.sites("mlp")
    vocabulary = common_tokens(sequences, most=settings.lookup_memory_mb * 2**20 // (8 * 9216))
    recorder = Recorder(sites, settings, vocabulary=vocabulary)
    seconds = {"bare": 0.0, "recording": 0.0}
    for start in range(0, len(sequences), settings.batch_size):
        batch = Batch.of(sequences[start : start + settings.batch_size])
        begin = time.perf_counter()
        subject.capture(batch.token_ids, batch.lengths, sites, lambda *_: None)
        middle = time.perf_counter()
        subject.capture(
            batch.token_ids,
            batch.lengths,
            sites,
            lambda site, values, batch=batch: recorder.update(site, batch, values),
        )
        seconds["bare"] += middle - begin
        seconds["recording"] += time.perf_counter() - middle
    return seconds["recording"] / seconds["bare"]


def _commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
