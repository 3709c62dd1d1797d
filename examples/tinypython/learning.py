"""How `tinypython` learns: windows of the training text, two stages, and the loop.

Every window starts with the end-of-text token, wherever in a document it lies, because that is how
a recorder shows sequences to the model: the token in front, then any stretch of a document. One
epoch shows every window once from a random phase, and every document's first window besides.
Attention and feed-forward weights are trained by Muon (after 150 steps 4.99 nats on held-out text,
AdamW 5.23, at a twentieth more time), and embeddings, norms and biases by AdamW. In each stage both
follow one schedule: a short linear rise, then a cosine down to nothing.

Short windows teach most in a given time, but a model reads no further than it has positions, so
the second stage adds positions and half of what it reads is long. Each stage has optimizers and
windows of its own, so going on from a stage's saved end gives what one run gives. On one machine
kind and thread count, a seed gives one model.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel

# The same function as gelu_new, in one kernel: a tenth faster.
ACTIVATION = "gelu_pytorch_tanh"

_ROWS_KEPT = 64
"""Positions that mean the same in every stage: those of a recorded sequence."""


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Windows of one length in a step."""

    count: int
    length: int


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Training from one rise of the rates to their end."""

    steps: int
    windows: tuple[Windows, ...]
    """What a step reads; each length has the same part in its loss."""
    warmup_steps: int
    adamw_rate: float
    muon_rate: float
    """Scaled so that it moves a matrix about as much as AdamW does at the same number."""

    @property
    def positions(self) -> int:
        """Of the model, from this stage on."""
        return max(windows.length for windows in self.windows)


_FIRST = Stage(
    steps=2400,
    windows=(Windows(count=16, length=256),),
    warmup_steps=100,
    adamw_rate=6e-3,
    muon_rate=8e-3,
)
_LONGER = Stage(
    steps=600,
    windows=(Windows(count=8, length=256), Windows(count=2, length=1024)),
    warmup_steps=20,
    adamw_rate=1.5e-3,
    muon_rate=2e-3,
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that decides the model, given the corpus."""

    seed: int = 0
    threads: int = 1
    stages: tuple[Stage, ...] = (_FIRST, _LONGER)
    vocabulary_size: int = 4096
    width: int = 160
    layers: int = 4
    heads: int = 5
    weight_decay: float = 0.1
    documents: int | None = None
    """Stop reading the corpus after this many; None reads all."""

    @property
    def positions(self) -> int:
        """Of the model when all is done."""
        return self.stages[-1].positions


SMOKE = Settings(
    stages=(
        Stage(
            steps=60,
            windows=(Windows(count=8, length=64),),
            warmup_steps=5,
            adamw_rate=2e-2,
            muon_rate=1e-2,
        ),
        Stage(
            steps=10,
            windows=(Windows(count=4, length=64), Windows(count=2, length=128)),
            warmup_steps=2,
            adamw_rate=5e-3,
            muon_rate=2.5e-3,
        ),
    ),
    vocabulary_size=512,
    width=32,
    layers=2,
    heads=2,
    documents=30,
)
"""A model that learns in seconds, to see that everything works."""

OnStep = Callable[[int, float], None]


def new_model(settings: Settings, end_of_text: int) -> GPT2LMHeadModel:
    """Random weights, with the positions of the first stage."""
    torch.manual_seed(settings.seed)
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=settings.vocabulary_size,
            n_positions=settings.stages[0].positions,
            n_embd=settings.width,
            n_layer=settings.layers,
            n_head=settings.heads,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=end_of_text,
            eos_token_id=end_of_text,
            activation_function=ACTIVATION,
        )
    )


def lengthened(model: GPT2LMHeadModel, positions: int) -> GPT2LMHeadModel:
    """The model with more positions; itself if it has them already.

    The first rows stay, and those behind are stretched over the rest by linear interpolation. When
    256 positions became 1,024, this gave at once 3.37 nats a token on windows of 1,024 tokens of
    seven held-out documents, and 2.95 on those of 256 (2.71 before). Repeating the table gave 4.13
    on the long ones; stretching all of it 3.26, but 3.25 on the short ones too.
    """
    learnt = model.transformer.wpe.weight.detach()
    last = len(learnt) - 1
    if positions == len(learnt):
        return model
    kept = min(_ROWS_KEPT, len(learnt) // 4)
    place = torch.arange(positions, dtype=torch.float64)
    slope = (last - kept) / (positions - 1 - kept)
    place = torch.where(place < kept, place, kept + (place - kept) * slope)
    below = place.floor().long().clamp(max=last - 1)
    above_share = (place - below).float()[:, None]
    rows = learnt[below] * (1 - above_share) + learnt[below + 1] * above_share
    config = GPT2Config.from_dict(model.config.to_dict() | {"n_positions": positions})
    longer = GPT2LMHeadModel(config)
    longer.load_state_dict(model.state_dict() | {"transformer.wpe.weight": rows})
    return longer


def learn(
    model: GPT2LMHeadModel,
    stream: Tensor,
    settings: Settings,
    *,
    stage: int,
    end_of_text: int,
    on_step: OnStep,
) -> None:
    """Train a model through one stage.

    Args:
        model: with the stage's positions; changed in place.
        stream: the token ids of all documents, `end_of_text` behind each.
        settings: of the model and the training.
        stage: index of the stage in the settings.
        end_of_text: id of the token that stands in front of every window.
        on_step: called after each step with its number (from 1) and its loss in nats a token.
    """
    plan = settings.stages[stage]
    with _reproducible(settings.threads):
        model.train()
        optimizers = _optimizers(model, settings, plan)
        batches = [
            _batches(stream, windows, end_of_text, seed=settings.seed + stage + number)
            for number, windows in enumerate(plan.windows)
        ]
        for step in range(1, plan.steps + 1):
            for optimizer in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = group["highest"] * _share_of_rate(step, plan)
            loss = 0.0
            for windows in batches:
                part = _loss(model, next(windows), end_of_text) / len(batches)
                part.backward()
                loss += part.item()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad()
            on_step(step, loss)
    model.eval()


def progress_line(step: int, steps: int, loss: float, started: float) -> str:
    """What to print: where we are, and when it will end."""
    seconds = time.monotonic() - started
    left = seconds / step * (steps - step)
    return f"step {step:5d} of {steps}  loss {loss:.3f}  {seconds:5.0f} s, {left:5.0f} s left"


def _optimizers(
    model: GPT2LMHeadModel, settings: Settings, stage: Stage
) -> list[torch.optim.Optimizer]:
    matrices, embeddings, others = [], [], []
    for name, parameter in model.named_parameters():
        if parameter.ndim != 2:
            others.append(parameter)
        elif ".h." in name:
            matrices.append(parameter)
        else:
            embeddings.append(parameter)
    decayed = {"params": embeddings, "weight_decay": settings.weight_decay}
    plain = {"params": others, "weight_decay": 0.0}
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW([decayed, plain], lr=stage.adamw_rate, betas=(0.9, 0.95), fused=True),
        torch.optim.Muon(
            matrices,
            lr=stage.muon_rate,
            weight_decay=settings.weight_decay,
            adjust_lr_fn="match_rms_adamw",
        ),
    ]
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["highest"] = group["lr"]
    return optimizers


def _share_of_rate(step: int, stage: Stage) -> float:
    if step <= stage.warmup_steps:
        return step / stage.warmup_steps
    done = (step - stage.warmup_steps) / (stage.steps - stage.warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * done))


def _batches(stream: Tensor, windows: Windows, end_of_text: int, *, seed: int) -> Iterator[Tensor]:
    """Batches of windows of targets, one epoch after the other, without end."""
    length = windows.length
    generator = torch.Generator().manual_seed(seed)
    last = len(stream) - length
    document_starts = torch.cat([torch.zeros(1, dtype=torch.int64), _behind(stream, end_of_text)])
    offsets = torch.arange(length)
    while True:
        phase = int(torch.randint(length, (1,), generator=generator))
        starts = torch.cat([torch.arange(phase, last + 1, length), document_starts])
        starts = starts[starts <= last]
        starts = starts[torch.randperm(len(starts), generator=generator)]
        for batch in starts.split(windows.count):
            yield stream[batch[:, None] + offsets]


def _behind(stream: Tensor, end_of_text: int) -> Tensor:
    return (stream == end_of_text).nonzero()[:, 0] + 1


def _loss(model: GPT2LMHeadModel, targets: Tensor, end_of_text: int) -> Tensor:
    inputs = targets.roll(1, dims=1)
    inputs[:, 0] = end_of_text
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(input_ids=inputs, use_cache=False).logits
    return nn.functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())


@contextmanager
def _reproducible(threads: int) -> Iterator[None]:
    """Fix what the result depends on besides the seed, and restore it behind."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(mode=True)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
