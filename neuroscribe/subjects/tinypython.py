"""The embedded decoder: a small GPT-2 that learnt Python from the standard library's sources.

Scores that ask what a model predicts (ablation, surprisal), and simulation through a local model,
need a decoder that is always at hand. This one comes inside the package: 4 layers of 640 neurons,
byte-level BPE, and 1,024 positions, so that a simulation prompt fits; 4.1 MB in float16, computed
in float32. Its tokenizer puts one end-of-text token before every text, as in training.
`examples/tinypython` makes it; docs/tinypython.md is its card. The hash is that of the file in this
version of the package, so a study names the weights it was made with.
"""

import json
from pathlib import Path
from typing import Any

from neuroscribe.errors import SubjectError

NAME = "tinypython"
REVISION = "2 (seed 0, CPython 3.11.7)"
WEIGHTS_SHA256 = "0193a2794f098099fb0f92a7f21768d9804986ca0308c344de3b8bca9254574d"


def folder() -> Path:
    """Where the package keeps the model: what `from_pretrained` of transformers takes."""
    return Path(__file__).with_name("tinypython_model")


def training_report() -> dict[str, Any]:
    """How the weights were made: stages, settings, versions, hash of the corpus, held-out losses.

    Under `held_out`, for sequences of 64, 256 and 1,024 tokens, stand `nats_per_token` and
    `bits_per_byte` of `model`, `bigram` and `unigram` on the same tokens. They are those of the
    stored weights.
    """
    report: dict[str, Any] = json.loads((folder() / "training.json").read_text("utf-8"))
    return report


def check_weights(sha256: str) -> None:
    """Refuse other weights than those of this version of the package.

    Raises:
        SubjectError: the hash differs.
    """
    if sha256 != WEIGHTS_SHA256:
        raise SubjectError(
            f"the weights of {NAME} have sha256 {sha256}, not {WEIGHTS_SHA256} as this version of "
            "the package states; install it anew: pip install --force-reinstall neuroscribe"
        )
