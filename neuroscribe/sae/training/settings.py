"""What a training run is asked to do, and what it says of itself on the way."""

from dataclasses import dataclass
from typing import Literal

from neuroscribe.errors import SaeError


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """Of a TopK autoencoder, with the recipe of Gao et al. (2024) as defaults.

    Raises:
        SaeError: a number is out of its range.
    """

    n_latents: int
    k: int
    """Latents that may fire on a token."""
    steps: int
    """Updates of the weights."""
    seed: int = 0
    """Of the decoder's first directions."""
    learning_rate: float | None = None
    """Of Adam; None for 2e-4 at 16,384 latents, falling with the root of their number."""
    warmup_steps: int = 0
    """Steps over which the learning rate rises linearly from 0."""
    decay_steps: int = 0
    """Last steps, over which it falls linearly to 0."""
    adam_epsilon: float = 6.25e-10
    """Small, because the gradient of a latent that rarely fires is small too."""
    auxiliary_k: int | None = None
    """Dead latents that reconstruct a token's residual; None for half the width, 0 for none."""
    auxiliary_coefficient: float = 1 / 32
    """Weight of that loss."""
    dead_after_tokens: int = 10_000_000
    """A latent is dead once it has not fired for this many tokens."""
    multi_topk: bool = False
    """Whether the reconstruction from 4k latents counts too, by 1/8: latents keep a meaning where
    another k than the trained one is used."""
    ema_decay: float | None = None
    """Of a running average of the weights, which is then the result; None for the last weights."""
    accumulate: int = 1
    """Batches whose gradients make one step."""
    clip_gradient: float | None = None
    """Largest norm of all gradients together."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the encoder's product; weights, gradients and everything else are float32."""
    report_every: int = 100
    """Steps between reports."""
    checkpoint_every: int = 1000
    """Steps between checkpoints, where there are any."""

    def __post_init__(self) -> None:
        whole = ("n_latents", "k", "steps", "dead_after_tokens", "accumulate", "report_every")
        for name in (*whole, "checkpoint_every"):
            if getattr(self, name) < 1:
                raise SaeError(f"{name} is {getattr(self, name)}; at least 1 is needed")
        if self.k > self.n_latents:
            raise SaeError(f"k is {self.k}, more than the {self.n_latents} latents there are")
        if self.multi_topk and 4 * self.k > self.n_latents:
            raise SaeError(f"multi_topk takes {4 * self.k} latents; there are {self.n_latents}")
        if self.ema_decay is not None and not 0 < self.ema_decay < 1:
            raise SaeError(f"ema_decay is {self.ema_decay}; it must be between 0 and 1")

    def learning_rate_at(self, step: int) -> float:
        """Of the step with this number, from 0."""
        base = self.learning_rate or 2e-4 * (self.n_latents / 2**14) ** -0.5
        rising = (step + 1) / self.warmup_steps if self.warmup_steps else 1.0
        falling = (self.steps - step) / self.decay_steps if self.decay_steps else 1.0
        return base * min(1.0, rising, falling)


@dataclass(frozen=True, kw_only=True)
class TrainReport:
    """How training stands, over the steps since the last report."""

    step: int
    """Steps done."""
    tokens: int
    """Tokens seen, from the beginning."""
    loss: float
    """Everything that is minimised."""
    normalised_mse: float
    """Squared error by the variance of the sample."""
    auxiliary_loss: float
    """Of the dead latents, before its coefficient; 0 where none is dead."""
    l0: float
    """Latents that fire on a token."""
    dead_share: float
    """Share of latents that have not fired for `dead_after_tokens` tokens."""
    tokens_per_second: float
