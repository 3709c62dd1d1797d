"""What every benchmark states of where it ran, and where its figures go."""

import json
import platform
import subprocess
from pathlib import Path
from typing import Any

from neuroscribe._version import __version__

RESULTS = Path(__file__).parent / "results"


def provenance() -> dict[str, str]:
    """Versions and commit."""
    return {
        "neuroscribe": __version__,
        "python": platform.python_version(),
        "commit": commit(),
    }


def processor(threads: int | None = None) -> str:
    """The CPU, and how many of its threads were used."""
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    name = names[0] if names else platform.machine()
    used = f"{threads} of " if threads is not None else ""
    return f"{name}, {used}{len(names)} threads"


def commit() -> str:
    """The commit that is measured."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


def store(name: str, result: dict[str, Any]) -> Path:
    """Write what has been measured so far to `results/NAME.json`."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return path
