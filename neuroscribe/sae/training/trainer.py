"""The state of a training run: weights, Adam's moments, when each latent last fired, averages.

A step is a function of this state and of its batches alone, so a run that is stopped and goes on
from a checkpoint gives the same weights to the bit (on the same machine, as floating sums differ
between machines).
"""

import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from neuroscribe.errors import SaeError
from neuroscribe.sae.autoencoder import SparseAutoencoder
from neuroscribe.sae.folder import write_files
from neuroscribe.sae.training.decoder_norm import bring_to_unit_norm, remove_parallel_gradient
from neuroscribe.sae.training.losses import losses
from neuroscribe.sae.training.settings import TrainSettings
from neuroscribe.shapes import Bool, Float


class StepSums(NamedTuple):
    """Of one step, summed or averaged over its batches."""

    loss: float
    normalised_mse: float
    auxiliary_loss: float
    l0: float
    tokens: int


class Trainer:
    """Updates an autoencoder step by step."""

    def __init__(
        self, autoencoder: SparseAutoencoder, settings: TrainSettings, *, variance: float
    ) -> None:
        """Begin.

        Args:
            autoencoder: where training starts; it is changed in place.
            settings: of the run.
            variance: of the sample, per component; what the error is measured in.
        """
        self.autoencoder = autoencoder
        self.settings = settings
        self.variance = variance
        self.step = 0
        self.tokens = 0
        device = autoencoder.device
        self.silent_tokens = torch.zeros(autoencoder.n_latents, dtype=torch.int64, device=device)
        """Tokens since each latent last fired."""
        self._adam = torch.optim.Adam(autoencoder.parameters(), eps=settings.adam_epsilon)
        self._parameters = dict(autoencoder.named_parameters())
        for parameter in self._parameters.values():
            self._adam.state[parameter] = {
                "step": torch.zeros(()),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
        averaged = self._parameters if settings.ema_decay is not None else {}
        self._averages = {name: torch.zeros_like(p) for name, p in averaged.items()}

    @property
    def dead(self) -> Bool[Tensor, " latents"]:
        """Latents that have not fired for `dead_after_tokens` tokens."""
        return self.silent_tokens >= self.settings.dead_after_tokens

    def update(self, batches: Iterator[Float[Tensor, "tokens width"]]) -> StepSums | None:
        """Do one step with the next `accumulate` batches; None if they have run out.

        Raises:
            SaeError: a batch has another width, or the loss is no longer a number.
        """
        # All are read before the state changes, so that a stream that ends here leaves it whole.
        parts = list(itertools.islice(batches, self.settings.accumulate))
        if len(parts) < self.settings.accumulate:
            return None
        tokens = sum(map(len, parts))
        sums = torch.zeros(4, dtype=torch.float64)
        for part in parts:
            sums += self._accumulate(part)
        remove_parallel_gradient(self.autoencoder)
        if self.settings.clip_gradient is not None:
            torch.nn.utils.clip_grad_norm_(
                self.autoencoder.parameters(), self.settings.clip_gradient
            )
        for group in self._adam.param_groups:
            group["lr"] = self.settings.learning_rate_at(self.step)
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)
        bring_to_unit_norm(self.autoencoder)
        self.step += 1
        self.tokens += tokens
        self._average()
        loss, error, auxiliary, fired = sums.tolist()
        return StepSums(loss, error, auxiliary, fired / tokens, tokens)

    def _accumulate(self, batch: Tensor) -> Tensor:
        """Add a batch's gradient; its share of loss, error and auxiliary loss, and firings."""
        if batch.shape[1] != self.autoencoder.d_in:
            raise SaeError(
                f"activations are {batch.shape[1]} wide; the sample was {self.autoencoder.d_in}"
            )
        found = losses(
            self.autoencoder,
            batch.to(self.autoencoder.device, torch.float32),
            settings=self.settings,
            variance=self.variance,
            dead=self.dead,
        )
        share = 1 / self.settings.accumulate
        (found.loss * share).backward()
        self.silent_tokens += len(batch)
        self.silent_tokens[found.fired > 0] = 0
        loss = float(found.loss.detach())
        if not math.isfinite(loss):
            raise SaeError(
                f"the loss is {loss} at step {self.step}: an activation is not finite, or the "
                "learning rate is too high"
            )
        parts = torch.tensor([loss, float(found.normalised_mse), float(found.auxiliary), 0.0])
        parts = parts.double() * share
        parts[3] = int(found.fired.sum())
        return parts

    @torch.no_grad()
    def _average(self) -> None:
        """Move the running averages towards the present weights."""
        decay = self.settings.ema_decay
        if decay is not None:
            for name, parameter in self._parameters.items():
                self._averages[name].lerp_(parameter, 1 - decay)

    def result(self) -> SparseAutoencoder:
        """The autoencoder as it stands, or its running average where that was asked for.

        Decoder rows of an average are shorter than 1; they are left so, as bringing them to norm 1
        would change which latents are largest.
        """
        decay = self.settings.ema_decay
        if decay is None or self.step == 0:
            tensors = {name: p.detach().clone() for name, p in self._parameters.items()}
        else:
            whole = 1 - decay**self.step
            tensors = {name: average / whole for name, average in self._averages.items()}
        return SparseAutoencoder(
            self.autoencoder.architecture, tensors, provenance=self.autoencoder.provenance
        )

    def save(self, path: Path, *, fingerprint: str) -> None:
        """Replace the checkpoint by the present state.

        Raises:
            SaeError: it cannot be written.
        """
        tensors = {name: t.detach().cpu().contiguous() for name, t in self._state().items()}
        progress = {"step": self.step, "tokens": self.tokens}
        metadata = {"fingerprint": fingerprint, "progress": json.dumps(progress)}
        write_files(path.parent, {path.name: lambda file: save_file(tensors, file, metadata)})

    @torch.no_grad()
    def resume(self, path: Path, *, fingerprint: str) -> None:
        """Take up the state of a checkpoint.

        Raises:
            SaeError: it is damaged, or of a run with other settings or another sample.
        """
        try:
            with safe_open(path, "pt") as file:
                metadata: dict[str, Any] = file.metadata() or {}
                if metadata.get("fingerprint") != fingerprint:
                    raise SaeError(
                        f"{path} is the checkpoint of another run (settings or sample differ); "
                        "repeat those, or delete it to start anew"
                    )
                for name, tensor in self._state().items():
                    tensor.copy_(file.get_tensor(name))
        except SafetensorError as error:
            raise SaeError(f"{path} is damaged ({error}); delete it to start anew") from error
        progress = json.loads(metadata["progress"])
        self.step, self.tokens = progress["step"], progress["tokens"]

    def _state(self) -> dict[str, Tensor]:
        """Every tensor of the state, to be read or overwritten in place."""
        state: dict[str, Tensor] = {f"parameter/{name}": p for name, p in self._parameters.items()}
        state |= {f"average/{name}": a for name, a in self._averages.items()}
        for name, parameter in self._parameters.items():
            state |= {f"adam/{key}/{name}": t for key, t in self._adam.state[parameter].items()}
        return state | {"silent_tokens": self.silent_tokens}
