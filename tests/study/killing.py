"""Records, is killed, and records again, many times; test_killing.py runs it as a program.

Every recording runs in a forked child, so the libraries are imported once, here, before any thread
exists. Prints one JSON object: the content of the study of an unbroken recording, and how each
killed and resumed one went.

Usage: killing.py FOLDER SUBJECT CORPUS KILLS SEED
"""

import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

import torch

from neuroscribe.study import Study, planned_recording  # noqa: F401  (imports what it needs)

SETTINGS = {
    "sequence_length": 16,
    "top_k": 4,
    "n_random": 4,
    "batch_size": 2,
    "keep_bits": True,
    "keep_vectors": 5,
}


def start(folder: Path, subject: str, corpus: str) -> int:
    """Record in a child; returns its process id."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            torch.set_num_threads(1)
            study = Study.create(folder, subject=subject, corpus=corpus)
            study.record(checkpoint_seconds=0.02, **SETTINGS)
            status = 0
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            sys.stderr.flush()
            os._exit(status)
    return child


def content(folder: Path) -> list[str]:
    """Everything a finished study holds; Parquet names are hashes of their content."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return [*files, json.dumps(manifest["recorded"])]


def main() -> None:
    """Kill and resume, and print what came of it."""
    root, subject, corpus, kills, seed = sys.argv[1:]
    folder = Path(root)
    began = time.monotonic()
    assert os.waitpid(start(folder / "whole", subject, corpus), 0)[1] == 0
    lasted = time.monotonic() - began
    generator = random.Random(int(seed))
    outcomes = []
    for number in range(int(kills)):
        child = start(folder / str(number), subject, corpus)
        time.sleep(generator.uniform(0, lasted))
        os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        found = (folder / str(number) / "recording.safetensors").exists()
        resumed = os.waitpid(start(folder / str(number), subject, corpus), 0)[1]
        killed = os.WIFSIGNALED(status)
        # Other work on the machine comes and goes: aim where this machine is at this moment.
        lasted *= 1.05 if killed and not found else 1.0 if killed else 0.7
        outcomes.append(
            {
                "killed": killed,
                "had a checkpoint": found,
                "resumed": resumed == 0,
                "content": content(folder / str(number)),
            }
        )
    print(json.dumps({"whole": content(folder / "whole"), "outcomes": outcomes}))


if __name__ == "__main__":
    main()
