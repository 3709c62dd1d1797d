"""Train the embedded decoder `tinypython` on the code and the English of the standard library.

    python examples/tinypython/train.py --out DIR [--seed 0] [--smoke]
    python examples/tinypython/train.py --out DIR --from DIR/stage_1

writes `config.json`, `model.safetensors` in float16, the tokenizer and `training.json`: the
settings, the versions, the hash of the corpus, and the loss of what was written on held-out
documents next to a bigram model's. Forty minutes to an hour on one core, for two stages: most is
learnt on windows of 256 tokens, then the positions become 1,024. `DIR/stage_1` (and `stage_2`) hold
in float32 what a stage has come to after each of its quarters; once the first stage is whole,
`--from` goes on from it to the same model. The model in the package is `--seed 0`; see
docs/tinypython.md.
"""

import argparse
import json
import math
import platform
import time
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from code_corpus import CodeCorpus, read_code_corpus
from held_out import losses
from learning import ACTIVATION, SMOKE, Settings, learn, lengthened, new_model, progress_line
from tokenizing import learn_tokenizer, token_ids
from torch import Tensor
from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

_LINE_EVERY = 25
_WRITTEN_TIMES = 4
_RECORDED_LENGTH = 64


def make(out: Path, settings: Settings, begin: Path | None = None) -> dict[str, Any]:
    """Train, write the folder, and return what `training.json` holds.

    Args:
        out: folder to write.
        settings: of the model and the training.
        begin: folder with the end of a stage, written by this program with the same settings; None
            begins with random weights.
    """
    material = _material(settings)
    if begin is None:
        stages: list[dict[str, Any]] = []
        model, origin = new_model(settings, material.end_of_text), "random weights"
    else:
        stages = _stages_done(begin, material)
        model = GPT2LMHeadModel.from_pretrained(begin, activation_function=ACTIVATION)
        origin = f"the saved end of stage {len(stages)}, in a run of its own"
    report: dict[str, Any] = {}
    for number in range(len(stages), len(settings.stages)):
        last = number == len(settings.stages) - 1
        folder = out / f"stage_{number + 1}"
        model = lengthened(model, settings.stages[number].positions)
        state = _learn(model, material, settings, number, folder) | {"began_with": origin}
        if last:
            # What is measured is what is stored.
            model = model.half().float()
        held_out = _held_out(model, material, settings)
        state["nats_per_token"] = {
            name: losses["model"]["nats_per_token"] for name, losses in held_out.items()
        }
        stages.append(state)
        if last:
            model = model.half()
        report = {
            "parameters": model.num_parameters(),
            "stored_as": str(model.dtype).removeprefix("torch."),
            "finished": last,
            "stages": stages,
            "held_out": held_out,
        } | material.report
        _write(out if last else folder, model, material, report)
        print(json.dumps(held_out), flush=True)
        origin = f"the end of stage {number + 1}"
    return report


@dataclass(frozen=True, kw_only=True)
class _Material:
    """What is learnt from and measured on."""

    tokenizer: PreTrainedTokenizerFast
    end_of_text: int
    train: list[Tensor]
    test: list[Tensor]
    n_test_bytes: int
    report: dict[str, Any]
    """Where it came from, and with what it was trained."""


def _material(settings: Settings) -> _Material:
    corpus = read_code_corpus(at_most=settings.documents)
    texts = [document.text for document in corpus.train]
    tokenizer = learn_tokenizer(
        texts, vocabulary_size=settings.vocabulary_size, positions=settings.positions
    )
    train = token_ids(tokenizer, texts)
    test = token_ids(tokenizer, [document.text for document in corpus.test])
    n_tokens = {"train": sum(map(len, train)), "test": sum(map(len, test))}
    return _Material(
        tokenizer=tokenizer,
        end_of_text=tokenizer.eos_token_id,
        train=train,
        test=test,
        n_test_bytes=corpus.provenance["bytes"]["test"],
        report=_made_from(corpus, settings) | {"tokens": n_tokens},
    )


def _made_from(corpus: CodeCorpus, settings: Settings) -> dict[str, Any]:
    made_from = {
        "settings": asdict(settings),
        "corpus": corpus.provenance,
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("torch", "transformers", "tokenizers")},
        "machine": {
            "architecture": platform.machine(),
            "vector_instructions": torch.backends.cpu.get_cpu_capability(),
        },
    }
    # As it reads when it is read back.
    read_back: dict[str, Any] = json.loads(json.dumps(made_from))
    return read_back


def _stages_done(begin: Path, material: _Material) -> list[dict[str, Any]]:
    """What a folder says of the stages before it.

    Raises:
        SystemExit: the training cannot go on from it.
    """
    report = json.loads((begin / "training.json").read_text())
    for part in ("settings", "corpus"):
        if report[part] != material.report[part]:
            raise SystemExit(f"{begin} does not have this run's {part}; begin without --from")
    if report["finished"] or "stages" not in report:
        raise SystemExit(f"{begin} is not the end of a stage with another to come")
    stages: list[dict[str, Any]] = report["stages"]
    return stages


def _learn(
    model: GPT2LMHeadModel, material: _Material, settings: Settings, stage: int, folder: Path
) -> dict[str, Any]:
    """Go through a stage, and write the folder after each of its quarters but the last."""
    behind = torch.tensor([material.end_of_text])
    stream = torch.cat([part for ids in material.train for part in (ids, behind)])
    steps = settings.stages[stage].steps
    started = time.monotonic()
    recent: list[float] = []

    def on_step(step: int, loss: float) -> None:
        recent.append(loss)
        if step % _LINE_EVERY == 0 or step == steps:
            print(progress_line(step, steps, _mean(recent), started), flush=True)
            recent.clear()
        if step % math.ceil(steps / _WRITTEN_TIMES) == 0 and step < steps:
            report = {"finished": False, "stage": stage + 1, "steps_done": step}
            _write(folder, model, material, report | material.report)

    learn(
        model,
        stream,
        settings,
        stage=stage,
        end_of_text=material.end_of_text,
        on_step=on_step,
    )
    return {"steps_done": steps, "seconds": round(time.monotonic() - started)}


def _held_out(model: GPT2LMHeadModel, material: _Material, settings: Settings) -> dict[str, Any]:
    """Losses at a recorded sequence's length, and at those of windows that the model can read."""
    lengths = {windows.length for stage in settings.stages for windows in stage.windows} | {
        _RECORDED_LENGTH
    }
    return {
        f"sequence_length_{length}": losses(
            model,
            material.train,
            material.test,
            n_bytes=material.n_test_bytes,
            end_of_text=material.end_of_text,
            sequence_length=length,
        )
        for length in sorted(lengths)
        if length <= model.config.n_positions
    }


def _write(
    folder: Path, model: GPT2LMHeadModel, material: _Material, report: dict[str, Any]
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    material.tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    # It is written for its owner alone, and would be installed so.
    (folder / "model.safetensors").chmod(0o644)
    config = json.loads((folder / "config.json").read_text())
    # The name by which GPT-2 is known, and that is looked for; the same function.
    config["activation_function"] = "gelu_new"
    # What it is computed in, not what it is stored in.
    config["dtype"] = "float32"
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    (folder / "training.json").write_text(json.dumps(report, indent=2) + "\n")


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _arguments() -> tuple[Path, Settings, Path | None]:
    parser = argparse.ArgumentParser(description="Train tinypython; see docs/tinypython.md.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--from", type=Path, dest="begin", help="folder with the end of a stage")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="of torch; changes the weights")
    parser.add_argument("--smoke", action="store_true", help="a model that learns in seconds")
    arguments = parser.parse_args()
    settings = SMOKE if arguments.smoke else Settings()
    settings = replace(settings, seed=arguments.seed, threads=arguments.threads)
    return arguments.out, settings, arguments.begin


if __name__ == "__main__":
    make(*_arguments())
