"""Services made of functions, for tests."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Encoder:
    """A function as a `services.Embed`; decorates it."""

    rows: Callable[..., np.ndarray]
    name: str = "toy"

    def __call__(self, texts):
        return self.rows(texts)


@dataclass(frozen=True)
class Texts:
    """A function as `services.Negatives`; decorates it."""

    choose: Callable[..., list]
    name: str = "random"

    def __call__(self, record, split, positives, count):
        return self.choose(record, split, positives, count)
