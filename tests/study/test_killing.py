"""SIGKILL at any moment of a recording costs at most one interval, and no bit of the result."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = 50


@pytest.mark.slow
def test_recordings_killed_at_random_moments_resume_to_the_identical_study(
    tmp_path, decoder, corpus
):
    program = Path(__file__).with_name("killing.py")
    command = [sys.executable, program, tmp_path, decoder, corpus, str(KILLS), "20261125"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    outcomes = result["outcomes"]
    assert len(outcomes) == KILLS
    # Nearly all must die mid-way, and enough of them between two checkpoints, or nothing was shown.
    assert sum(outcome["killed"] for outcome in outcomes) >= 0.8 * KILLS
    assert sum(outcome["had a checkpoint"] for outcome in outcomes) >= 0.2 * KILLS
    for outcome in outcomes:
        assert outcome["resumed"]
        assert outcome["content"] == result["whole"]
