"""A pool in memory."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import strategies as st

from neuroscribe.records import Exemplar, UnitRecord


@dataclass
class MemoryPool:
    """A `services.Pool` whose sequences are single tokens, so a peak is the activation."""

    members: list[Exemplar]
    """What is stored; the activations do not matter."""
    table: np.ndarray
    """Peaks, `[sequences, units]`."""
    vectors: np.ndarray
    """`[sequences, dimensions]`."""
    noise: dict[int, float] = field(default_factory=dict)
    """By place, what another run adds to the activations."""
    runs: int = 0

    def sequences(self, split):
        return [member.sequence for member in self.members]

    def embeddings(self, split):
        return self.vectors

    def peaks(self, site, polarity, split):
        return self.table

    def exemplars(self, record: UnitRecord, places, split):
        self.runs += 1
        return [
            Exemplar(
                sequence=self.members[place].sequence,
                activations=(
                    float(self.table[place, record.unit.index]) + self.noise.get(place, 0.0),
                ),
                kind="random",
                rank=rank,
            )
            for rank, place in enumerate(places)
        ]


@pytest.fixture(scope="session")
def pools(make) -> SimpleNamespace:
    """Build a pool by hand, or draw one."""

    def build(peaks, vectors=None, **options) -> MemoryPool:
        table = np.array(peaks, dtype=np.float32)
        vectors = np.eye(len(table)) if vectors is None else np.array(vectors)
        members = [make.exemplar(i, 0.0, split="test") for i in range(len(table))]
        return MemoryPool(members, table, vectors.astype(np.float32), **options)

    @st.composite
    def drawn(draw) -> MemoryPool:
        n_sequences, n_units = draw(st.integers(1, 12)), draw(st.integers(2, 5))
        values = st.sampled_from([0.0, 0.1, 0.6, 0.7, 1.0, 2.0])
        row = st.lists(values, min_size=n_units, max_size=n_units)
        peaks = draw(st.lists(row, min_size=n_sequences, max_size=n_sequences))
        angles = np.array(
            draw(st.lists(st.floats(0, 3), min_size=n_sequences, max_size=n_sequences))
        )
        noise = draw(st.dictionaries(st.integers(0, n_sequences - 1), st.just(0.05)))
        return build(peaks, np.stack([np.cos(angles), np.sin(angles)], 1), noise=noise)

    return SimpleNamespace(build=build, drawn=drawn)
