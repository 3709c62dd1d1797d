"""How a recording is made; stored with the study."""

from dataclasses import dataclass

from neuroscribe.errors import InputError
from neuroscribe.records import Polarity, Site


@dataclass(frozen=True, kw_only=True)
class RecorderSettings:
    """Everything that decides what a recording holds, beside subject, corpus and sites."""

    top_k: int = 20
    """Top exemplars per unit, split and polarity."""
    n_random: int = 10
    """Random exemplars per split."""
    n_quantile: int = 3
    """Exemplars sampled from each of the five bands of a unit's peaks, per split and polarity."""
    sequence_length: int = 64
    """Tokens per sequence, special tokens not counted (64 as Bills et al., 2023)."""
    minimum_length: int | None = None
    """Shortest tail of a document that is kept; None keeps whole sequences only."""
    max_tokens: int | None = None
    """Stop after this many tokens of the corpus; None reads it all."""
    polarity: str = "auto"
    """`positive`; `both` records the negative side of every unit as a unit of its own; `auto` does
    so at sites whose values have two signs."""
    lookup_size: int = 100
    """Entries of each unit's token look-up table."""
    lookup_memory_mb: int = 512
    """Memory for the sums behind the look-up tables: it bounds the vocabulary they cover."""
    histogram_every: int = 8
    """One sequence in so many is counted in the histogram of tokens; 1 counts all."""
    keep_vectors: int = 0
    """Tokens drawn from the corpus at which the vectors of all units of a site are kept."""
    keep_bits: bool = False
    """Keep for every sequence which units fire on it, one bit each."""
    bits_share: float = 0.1
    """A unit fires on a sequence if its peak is above this share of its calibrated size."""
    calibration_sequences: int = 256
    """First sequences of the corpus on which the size of every unit is measured beforehand."""
    compiled: bool = False
    """Compile the pass that reads the activations (torch.compile): faster on a CPU, and its sums
    may round differently in their last bits. Needs a C++ compiler."""
    fused_activation: bool = False
    """Compute activation functions in one pass where the model needs several (`gelu_new`): faster
    than recording costs, and activations may round differently in their last bits."""
    batch_size: int = 64
    """Sequences per forward pass."""
    seed: int = 0
    """Decides splits and random exemplars."""

    def __post_init__(self) -> None:
        least = {
            "top_k": 1,
            "n_random": 0,
            "n_quantile": 0,
            "sequence_length": 1,
            "minimum_length": 1,
            "max_tokens": 1,
            "lookup_size": 0,
            "lookup_memory_mb": 0,
            "histogram_every": 1,
            "keep_vectors": 0,
            "calibration_sequences": 1,
            "batch_size": 1,
        }
        for name, minimum in least.items():
            value = getattr(self, name)
            if value is not None and value < minimum:
                raise InputError(f"{name} is {value}; it must be at least {minimum}")
        if self.polarity not in ("auto", "positive", "both"):
            raise InputError(f"polarity is {self.polarity!r}; choose auto, positive or both")
        if self.minimum_length is not None and self.minimum_length > self.sequence_length:
            raise InputError(
                f"minimum_length is {self.minimum_length}, over the sequence length "
                f"{self.sequence_length}"
            )

    def polarities(self, site: Site) -> tuple[Polarity, ...]:
        """The signs with which a site is recorded."""
        both = self.polarity == "both" or (self.polarity == "auto" and site.two_signed)
        return (1, -1) if both else (1,)
