"""GPU machines often carry torch and transformers alone; recording must work there."""

import subprocess
import sys
from pathlib import Path

ALLOWED = "torch, transformers, numpy, pandas, pyarrow"
PROGRAM = """
import importlib.abc, sys

class Missing(importlib.abc.MetaPathFinder):
    names = {
        "asyncio_throttle", "beartype", "httpx2", "jaxtyping", "openai", "pydantic", "ray", "rich",
        "typer",
    }
    def find_spec(self, name, path=None, target=None):
        # Their own dependencies may use what we must do without.
        caller = sys._getframe(1)
        while caller and "importlib" in caller.f_code.co_filename:
            caller = caller.f_back
        ours = caller is not None and "neuroscribe" in caller.f_globals.get("__name__", "")
        if ours and name.split(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None

sys.meta_path.insert(0, Missing())
import torch
import neuroscribe.kernels, neuroscribe.subjects
from neuroscribe.recorder.run import record
from neuroscribe.recorder.settings import RecorderSettings

class Corpus:
    name = "words"
    def documents(self):
        from neuroscribe.datasets.corpus import Document
        for i in range(30):
            yield Document(document_id=str(i), text=f"{i} rain snow sun wind " * 8)
    def provenance(self):
        return {"name": "words", "revision": None, "licence": None}

recording = record(sys.argv[1], Corpus(), settings=RecorderSettings(sequence_length=16))
assert recording.recorder.exemplars("mlp.0").num_rows > 0
sys.path.insert(0, sys.argv[2])
import recorder as benchmark
assert callable(benchmark.overheads)
print("recorded")
"""


def test_recording_needs_no_more_than_torch_and_transformers(decoder):
    benchmarks = Path(__file__).parents[2] / "benchmarks"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(decoder), str(benchmarks)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.endswith("recorded\n"), f"beyond {ALLOWED}: {done.stderr}"
