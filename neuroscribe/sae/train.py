"""Train a TopK sparse autoencoder on activations, wherever they come from.

The recipe is that of "Scaling and evaluating sparse autoencoders" (Gao et al., 2024):
`z = ReLU(TopK(W_enc (x - b_pre) + b_lat))`, `x_hat = W_dec z + b_pre`, with what keeps latents
alive: a decoder that starts as the encoder's transpose, rows of norm 1, and an auxiliary loss in
which dead latents reconstruct what the others miss, with its gradient reaching the encoder.
Here is the loop alone; what a step is stands in `training/`. No subject is known here: batches are
tensors, so a store of cached activations and a running model serve alike.
"""

import hashlib
import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from neuroscribe.errors import SaeError
from neuroscribe.sae.architecture import Provenance
from neuroscribe.sae.autoencoder import SparseAutoencoder
from neuroscribe.sae.training.initialisation import initial_autoencoder, sample_variance
from neuroscribe.sae.training.settings import TrainReport, TrainSettings
from neuroscribe.sae.training.trainer import StepSums, Trainer
from neuroscribe.shapes import Float

__all__ = ["Batches", "TrainReport", "TrainSettings", "train"]

Batches = Iterable[Tensor] | Callable[[int], Iterable[Tensor]]
"""Activations `[tokens, width]`, batch after batch, the same ones each time; or a function from the
number of a batch to those from there on, which spares a resumed run what it has read already."""

_UNKNOWN = Provenance(format="trained", source="activations")


def train(
    batches: Batches,
    *,
    sample: Float[Tensor, "tokens width"],
    settings: TrainSettings,
    provenance: Provenance = _UNKNOWN,
    device: str | torch.device = "cpu",
    checkpoint: Path | None = None,
    report: Callable[[TrainReport], None] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> SparseAutoencoder:
    """Train an autoencoder from the beginning, or from the checkpoint if there is one.

    Args:
        batches: `settings.steps * settings.accumulate` of them are needed.
        sample: some thousands of tokens, for where the bias starts and what errors are measured in.
        settings: of the run.
        provenance: what the result says of where it comes from.
        device: where weights and batches go.
        checkpoint: a file to keep the state in, every `settings.checkpoint_every` steps and at the
            end; a run that finds it there goes on from it and ends with the same weights.
        report: called every `settings.report_every` steps.
        clock: of the speed in reports; seconds.

    Raises:
        SaeError: the batches run out (what was done is in the checkpoint), they or the sample
            cannot be used, or the checkpoint is damaged or of another run.
    """
    trainer = Trainer(
        initial_autoencoder(settings, sample, provenance).to(device),
        settings,
        variance=sample_variance(sample),
    )
    fingerprint = _fingerprint(settings, sample)
    if checkpoint is not None and checkpoint.exists():
        trainer.resume(checkpoint, fingerprint=fingerprint)
    stream = _from(batches, trainer.step * settings.accumulate)
    since: list[StepSums] = []
    started = clock()
    while trainer.step < settings.steps:
        sums = trainer.update(stream)
        if sums is None:
            _keep(trainer, checkpoint, fingerprint)
            raise SaeError(
                f"the activations ran out after {trainer.step} of {settings.steps} steps; "
                "give more of them, or ask for fewer steps"
            )
        since.append(sums)
        last = trainer.step == settings.steps
        if report is not None and (last or trainer.step % settings.report_every == 0):
            report(_summary(trainer, since, seconds=clock() - started))
            since, started = [], clock()
        if last or trainer.step % settings.checkpoint_every == 0:
            _keep(trainer, checkpoint, fingerprint)
    return trainer.result()


def _from(batches: Batches, start: int) -> Iterator[Tensor]:
    """The batches from number `start` on."""
    if callable(batches):
        return iter(batches(start))
    return itertools.islice(iter(batches), start, None)


def _keep(trainer: Trainer, checkpoint: Path | None, fingerprint: str) -> None:
    if checkpoint is not None:
        trainer.save(checkpoint, fingerprint=fingerprint)


def _fingerprint(settings: TrainSettings, sample: Tensor) -> str:
    """Settings and sample in short; what only looks at a run is left out."""
    looks = {"report_every", "checkpoint_every"}
    stated = [f"{name}={value!r}" for name, value in vars(settings).items() if name not in looks]
    digest = hashlib.sha256(" ".join(stated).encode())
    digest.update(sample.float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _summary(trainer: Trainer, since: list[StepSums], *, seconds: float) -> TrainReport:
    """The means over some steps."""
    n = len(since)
    return TrainReport(
        step=trainer.step,
        tokens=trainer.tokens,
        loss=sum(step.loss for step in since) / n,
        normalised_mse=sum(step.normalised_mse for step in since) / n,
        auxiliary_loss=sum(step.auxiliary_loss for step in since) / n,
        l0=sum(step.l0 for step in since) / n,
        dead_share=float(trainer.dead.double().mean()),
        tokens_per_second=sum(step.tokens for step in since) / max(seconds, 1e-9),
    )
