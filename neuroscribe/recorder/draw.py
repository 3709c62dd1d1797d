"""Seeded draws: a number for every sequence id that is as good as random and the same everywhere.

Sampling is "the K largest draws", so a sample does not depend on batches or shards, and merging
samples is again the K largest of a union.
"""

from torch import Tensor

from neuroscribe.shapes import Float, Int64

_DRAW_BITS = 24
"""As many as a float32 holds exactly; of equal draws the earlier sequence wins."""


def draw(ids: Int64[Tensor, " n"], *, seed: int, stream: int = 0) -> Float[Tensor, " n"]:
    """A number in [0, 1) for each id (splitmix64 of seed, stream and id).

    Args:
        ids: of sequences, or of whatever is drawn.
        seed: of the recording.
        stream: tells apart the draws that are made for different purposes.
    """
    value = ids + _signed(0x9E3779B97F4A7C15 * (2 * seed + 1) + 0xD1B54A32D192ED03 * stream)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        value = (value ^ _shift_right(value, shift)) * _signed(factor)
    value = value ^ _shift_right(value, 31)
    drawn: Tensor = _shift_right(value, 64 - _DRAW_BITS).float() / 2**_DRAW_BITS
    return drawn


def _shift_right(value: Tensor, bits: int) -> Tensor:
    """A logical shift: torch's keeps the sign."""
    return (value >> bits) & ((1 << (64 - bits)) - 1)


def _signed(value: int) -> int:
    value %= 2**64
    return value - 2**64 if value >= 2**63 else value
