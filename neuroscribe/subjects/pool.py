"""The stored sequences of a split with every unit's peaks, made when first asked for.

What is nearest to a unit's exemplars, or where a kindred unit fires, can only be said of sequences
on which all units are known, and a study stores the exemplars of each unit alone. So the subject
runs once more, over at most `limit` sequences of a split, and one number is kept per sequence and
unit: 6 MB for 1,000 sequences and the 1,536 units of one layer of `minilm`.
The activations are the recorder's up to rounding: other batches round differently.

The stored sequences are those that some unit was strongest on, or that were drawn at random, so the
pool is livelier than the corpus.
"""

from collections.abc import Callable, Iterator, Sequence as Seq

import numpy as np
import torch
from torch import Tensor

from neuroscribe.errors import SubjectError
from neuroscribe.records import (
    Exemplar,
    Polarity,
    Sequence,
    Site,
    Split,
    UnitRecord,
    content_hash,
)
from neuroscribe.services import Array, Embed
from neuroscribe.subjects.subject import Subject

POOL_LIMIT = 1000
"""Sequences of a split."""

_BATCH_SIZE = 64


class SequencePool:
    """A `services.Pool` over a subject."""

    def __init__(
        self,
        subject: Subject,
        sequences: Callable[[Split], Seq[Sequence]],
        embed: Embed,
        *,
        sites: Seq[tuple[str, Polarity]] = (),
        limit: int = POOL_LIMIT,
    ) -> None:
        """A pool that has run nothing yet.

        Args:
            subject: the model under study, as it was recorded.
            sequences: the stored sequences of a split.
            embed: the sentence encoder.
            sites: places and signs that will be asked for, so that one pass measures them all;
                others are measured when asked for.
            limit: of a split with more sequences so many are taken, by a hash of their ids.
        """
        self._subject = subject
        self._stored = sequences
        self._embed = embed
        self._limit = limit
        self._asked: dict[tuple[str, Polarity], None] = dict.fromkeys(sites)
        self._sequences: dict[Split, list[Sequence]] = {}
        self._embeddings: dict[Split, Array] = {}
        self._peaks: dict[tuple[str, Polarity, Split], Array] = {}
        self._sites: dict[str, Site] = {}

    def sequences(self, split: Split) -> Seq[Sequence]:
        """Sequences to choose from, by id."""
        if split not in self._sequences:
            by_lot = sorted(
                self._stored(split), key=lambda s: content_hash("pool", str(s.sequence_id))
            )
            self._sequences[split] = sorted(
                by_lot[: self._limit], key=lambda sequence: sequence.sequence_id
            )
        return self._sequences[split]

    def embeddings(self, split: Split) -> Array:
        """Their embeddings, `[sequences, dimensions]`, rows of length 1."""
        if split not in self._embeddings:
            self._embeddings[split] = self._embed([s.text for s in self.sequences(split)])
        return self._embeddings[split]

    def peaks(self, site: str, polarity: Polarity, split: Split) -> Array:
        """The largest activation of every unit on each of them, `[sequences, units]`.

        Raises:
            SubjectError: the subject has no such site.
        """
        if (site, polarity, split) not in self._peaks:
            self._asked[site, polarity] = None
            self._measure(split)
        return self._peaks[site, polarity, split]

    def exemplars(self, record: UnitRecord, places: Seq[int], split: Split) -> list[Exemplar]:
        """The unit's activations on the sequences at some places, as exemplars of kind `random`.

        Their ranks count the places in the order given.

        Raises:
            SubjectError: the subject has no such unit.
        """
        unit = record.unit
        site = self._site(unit.site)
        if unit.index >= site.width:
            raise SubjectError(
                f"there is no unit {unit} in {self._subject.name}: site {site.name} carries "
                f"{site.width}; units that were made of a site's values cannot be run again"
            )
        chosen = [self.sequences(split)[place] for place in places]
        rows: list[list[float]] = []
        for batch in _batches(chosen):

            def receive(_: Site, values: Tensor, batch: Seq[Sequence] = batch) -> None:
                of_unit = values[:, :, unit.index].float() * unit.polarity
                for row, sequence in zip(of_unit.cpu(), batch, strict=True):
                    rows.append(row[: len(sequence)].tolist())

            self._run(batch, [site], receive)
        return [
            Exemplar(sequence=sequence, activations=tuple(row), kind="random", rank=rank)
            for rank, (sequence, row) in enumerate(zip(chosen, rows, strict=True))
        ]

    def _measure(self, split: Split) -> None:
        """One pass over a split for all places and signs asked for so far."""
        missing = [key for key in self._asked if (*key, split) not in self._peaks]
        sites = {name: self._site(name) for name, _ in missing}
        found: dict[tuple[str, Polarity], list[Array]] = {key: [] for key in missing}
        for batch in _batches(self.sequences(split)):
            lengths = torch.tensor([len(sequence) for sequence in batch])

            def receive(site: Site, values: Tensor, lengths: Tensor = lengths) -> None:
                for name, polarity in missing:
                    if name == site.name:
                        found[name, polarity].append(_peaks(values * polarity, lengths))

            self._run(batch, list(sites.values()), receive)
        for (name, polarity), parts in found.items():
            empty = np.zeros((0, sites[name].width), dtype=np.float32)
            self._peaks[name, polarity, split] = np.concatenate([empty, *parts])

    def _site(self, name: str) -> Site:
        if name not in self._sites:
            (self._sites[name],) = self._subject.sites(name)
        return self._sites[name]

    def _run(
        self, batch: Seq[Sequence], sites: Seq[Site], receive: Callable[[Site, Tensor], None]
    ) -> None:
        lengths = [len(sequence) for sequence in batch]
        token_ids = torch.zeros((len(batch), max(lengths)), dtype=torch.int64)
        for row, sequence in enumerate(batch):
            token_ids[row, : lengths[row]] = torch.tensor(sequence.token_ids)
        self._subject.capture(token_ids, torch.tensor(lengths), sites, receive)


def _batches(sequences: Seq[Sequence]) -> Iterator[Seq[Sequence]]:
    for start in range(0, len(sequences), _BATCH_SIZE):
        yield sequences[start : start + _BATCH_SIZE]


def _peaks(values: Tensor, lengths: Tensor) -> Array:
    positions = torch.arange(values.shape[1], device=values.device)
    beyond = positions >= lengths.to(values.device)[:, None]
    peaks: Array = values.masked_fill(beyond[:, :, None], -torch.inf).amax(1).float().cpu().numpy()
    return peaks
