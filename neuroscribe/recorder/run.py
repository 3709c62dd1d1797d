"""Drive a subject over a corpus and record: one forward pass per batch, all sites at once.

The beginning of the corpus, up to `PREFIX_TOKENS`, is tokenised before the first forward pass: it
fixes the vocabulary of the look-up tables and the calibration of every unit (the same on every
machine that records a part), and tells the length of a corpus that ends within it. Activations are
reduced inside the forward hooks, so only one site's values are alive at a time.

A shard of a recording takes every n-th batch of the whole corpus. It reads the others too, without
running them, because ids and the passing over of duplicates depend on all that came before; the
batches it runs are those of the whole, so their activations have the same bits.
"""

import itertools
import math
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence as Seq
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from neuroscribe import progress
from neuroscribe.datasets.corpus import Corpus, open_corpus
from neuroscribe.datasets.rows import of_unit, sequence_of, sequences_table, unit_record_of
from neuroscribe.datasets.sequences import cut_sequences
from neuroscribe.errors import InputError, StudyError, SubjectError
from neuroscribe.kernels.sequence_summary import sequence_peaks
from neuroscribe.recorder.batch import Batch
from neuroscribe.recorder.calibration import Calibration, calibrate
from neuroscribe.recorder.checkpoint import Progress, open_checkpoint, save_checkpoint
from neuroscribe.recorder.firing_bits import Spool
from neuroscribe.recorder.placement import Placement, RowsBudget, choose_placement, row_bytes
from neuroscribe.recorder.prefetch import read_ahead
from neuroscribe.recorder.recorder import Recorder
from neuroscribe.recorder.settings import RecorderSettings
from neuroscribe.recorder.token_lookup import common_tokens
from neuroscribe.records import Sequence, Site, UnitId, UnitRecord
from neuroscribe.subjects import Subject, load_subject
from neuroscribe.subjects.fused import fused_activations
from neuroscribe.subjects.subject import OnActivations

UnitSource = Callable[[Tensor], Tensor]
"""From a site's value `[batch, sequence, width]` to its units `[batch, sequence, units]`."""

PREFIX_TOKENS = 2**20

BITS_FOLDER = ".bits"
"""Beside a checkpoint: the firing bits of what was recorded."""


@dataclass(frozen=True, kw_only=True)
class Checkpoints:
    """Where and how often a recording saves its state."""

    path: Path
    fingerprint: str
    """Identifies subject, corpus, sites and settings."""
    interval_seconds: float = 120.0


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Which part of a recording this is: every `count`-th batch from batch `index`."""

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise InputError(
                f"there is no shard {self.index + 1}/{self.count}; write I/N with 1 <= I <= N"
            )

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read `I/N`, counted from 1.

        Raises:
            InputError: it has another form.
        """
        index, _, count = text.partition("/")
        if not (index.isdecimal() and count.isdecimal()):
            raise InputError(f"{text!r} is no shard; write I/N, such as 3/16")
        return cls(index=int(index) - 1, count=int(count))

    def __str__(self) -> str:
        return f"{self.index + 1}/{self.count}"

    def holds(self, batch: int) -> bool:
        """Whether a batch of the whole recording is in this part."""
        return batch % self.count == self.index


class Recording(NamedTuple):
    """What one pass over a corpus gave."""

    recorder: Recorder
    sequences: pa.Table
    """The kept sequences, in the schema of the table `sequences`."""
    n_sequences: int
    n_tokens: int
    sequences_sha256: str
    """Sum of the hashes of all sequences that were recorded."""
    spools: dict[str, Spool]
    """Which units fire on which sequences, by site, where bits were kept."""

    def unit(self, unit: str | UnitId) -> UnitRecord:
        """Everything that was recorded of one unit.

        Raises:
            SubjectError: the unit was not recorded.
        """
        unit = UnitId.parse(unit) if isinstance(unit, str) else unit
        if unit.site not in self.recorder.sites:
            known = ", ".join(self.recorder.sites)
            raise SubjectError(f"site {unit.site!r} was not recorded; there are: {known}")
        rows = self.recorder.units(unit.site).filter(of_unit(unit)).to_pylist()
        if not rows:
            raise SubjectError(f"unit {unit} was not recorded")
        exemplars = self.recorder.exemplars(unit.site).filter(of_unit(unit))
        named = pc.field("sequence_id").isin(exemplars["sequence_id"].combine_chunks())
        kept = self.sequences.filter(named).to_pylist()
        sequences = {row["sequence_id"]: sequence_of(row) for row in kept}
        return unit_record_of(rows[0], exemplars.to_pylist(), sequences)


def record(
    subject: Subject | str,
    corpus: Corpus | str,
    *,
    sites: str | Seq[str] = "mlp",
    settings: RecorderSettings | None = None,
    checkpoints: Checkpoints | None = None,
    shard: Shard | None = None,
    rows_budget: RowsBudget | None = None,
    unit_sources: Mapping[str, UnitSource] | None = None,
) -> Recording:
    """Record every unit of the chosen sites in one pass over the corpus.

    Args:
        subject: a loaded subject, or its name.
        corpus: an open corpus, or its spec (`stdlib`, `text:PATH`, ...).
        sites: selectors such as `mlp` or `mlp.3`.
        settings: how much is kept; defaults if None.
        checkpoints: save the state now and then, and go on from a saved one.
        shard: record this part only; all if None.
        rows_budget: memory for the rows of exemplars; half of what is free if None.
        unit_sources: by site, what makes units of its value: any callable from
            `[batch, sequence, width]` to `[batch, sequence, units]`, such as an encoder. It must
            be the same whenever a recording goes on or a shard is added.

    Raises:
        SubjectError: no such model or site, or sequences longer than the model reads.
        CorpusError: no such corpus, or it is too short.
        StudyError: the corpus changed since the checkpoint, or it belongs to another recording.
    """
    settings = settings or RecorderSettings()
    subject = load_subject(subject) if isinstance(subject, str) else subject
    corpus = open_corpus(corpus) if isinstance(corpus, str) else corpus
    subject.require_length(settings.sequence_length)
    places = subject.sites(sites)
    unit_sources = unit_sources or {}
    if unknown := sorted(unit_sources.keys() - {place.name for place in places}):
        raise SubjectError(f"a unit source was given for {unknown[0]}, which is not recorded")
    return _Run(
        subject=subject,
        corpus=corpus,
        places=places,
        sites=[_recorded(subject, place, unit_sources) for place in places],
        unit_sources=unit_sources,
        settings=settings,
        checkpoints=checkpoints,
        shard=shard or Shard(),
        rows_budget=rows_budget or RowsBudget(),
    ).recording()


def _recorded(subject: Subject, place: Site, sources: Mapping[str, UnitSource]) -> Site:
    """The site with as many units as its unit source makes of its value."""
    if place.name not in sources:
        return place
    token = torch.zeros((1, 1, place.width), device=subject.device, dtype=subject.dtype)
    with torch.inference_mode():
        units = sources[place.name](token)
    if units.dim() != 3 or units.shape[:2] != (1, 1):
        raise SubjectError(
            f"the unit source of {place.name} makes {list(units.shape)} of {list(token.shape)}; "
            "it must keep batch and sequence, and return [batch, sequence, units]"
        )
    return replace(place, width=units.shape[2])


@dataclass(kw_only=True)
class _Run:
    """One recording from beginning to end."""

    subject: Subject
    corpus: Corpus
    places: list[Site]
    """Where the subject is read."""
    sites: list[Site]
    """The same with the units that are recorded there."""
    unit_sources: Mapping[str, UnitSource]
    settings: RecorderSettings
    checkpoints: Checkpoints | None
    shard: Shard
    rows_budget: RowsBudget
    done: Progress = field(default_factory=Progress)

    def recording(self) -> Recording:
        with ExitStack() as changes:
            if self.settings.fused_activation:
                changes.enter_context(fused_activations(self.subject.model))
            return self._recording()

    def _recording(self) -> Recording:
        stream = self._cut()
        prefix = list(itertools.islice(stream, -(-PREFIX_TOKENS // self.settings.sequence_length)))
        following = next(stream, None)
        whole = following is None
        total = sum(map(len, prefix)) if whole else self.settings.max_tokens
        rest = itertools.chain(prefix, () if following is None else [following], stream)

        recorder = self._recorder(prefix)
        self._resume(recorder)
        spools = self._spools(recorder)
        if not self.done.finished:
            self._pass(recorder, rest, spools, total)
        again = partial(iter, prefix) if whole else self._cut
        if recorder.lacks_rows:
            self._replay(recorder, again())
        kept = set(recorder.kept_sequence_ids().tolist())
        return Recording(
            recorder=recorder,
            sequences=sequences_table(s for s in again() if s.sequence_id in kept),
            n_sequences=int(recorder.n_sequences),
            n_tokens=int(recorder.n_tokens),
            sequences_sha256=self.done.digest,
            spools=spools,
        )

    def _cut(self) -> Iterator[Sequence]:
        return cut_sequences(
            self.corpus,
            self.subject.tokenizer,
            sequence_length=self.settings.sequence_length,
            minimum_length=self.settings.minimum_length,
            max_tokens=self.settings.max_tokens,
            seed=self.settings.seed,
        )

    def _recorder(self, prefix: list[Sequence]) -> Recorder:
        device = self.subject.device
        placement = self._placement()
        places: dict[Placement, torch.device | str | None]
        places = {"device": device, "host": "cpu", "replay": None}
        return Recorder(
            self.sites,
            self.settings,
            vocabulary=self._vocabulary(prefix),
            calibrations=self._calibrations(prefix[: self.settings.calibration_sequences]),
            device=device,
            rows_device=places[placement],
        )

    def _placement(self) -> Placement:
        """Where rows are kept; a recording that goes on keeps them where it began to."""
        needed = row_bytes(self.sites, self.settings)
        chosen = choose_placement(needed, self.subject.device, self.rows_budget)
        if self.checkpoints and self.checkpoints.path.exists():
            with open_checkpoint(self.checkpoints.path) as checkpoint:
                if checkpoint.has_rows != (chosen != "replay"):
                    return "host" if checkpoint.has_rows else "replay"
        return chosen

    def _vocabulary(self, prefix: Seq[Sequence]) -> tuple[int, ...]:
        """The commonest train tokens for whose float64 sums there is memory."""
        units = sum(site.width for site in self.sites)
        most = self.settings.lookup_memory_mb * 2**20 // (8 * units)
        return common_tokens(prefix, most=most)

    def _calibrations(self, sequences: list[Sequence]) -> dict[str, Calibration]:
        """The size of every unit on the first sequences, in a pass of their own."""
        peaks: dict[str, list[Tensor]] = {site.name: [] for site in self.sites}
        troughs: dict[str, list[Tensor]] = {site.name: [] for site in self.sites}
        for start in range(0, len(sequences), self.settings.batch_size):
            chunk = sequences[start : start + self.settings.batch_size]
            batch = Batch.of(chunk, self.subject.device)

            def measure(site: Site, values: Tensor, batch: Batch = batch) -> None:
                peaks[site.name].append(sequence_peaks(values, batch.lengths))
                troughs[site.name].append(-sequence_peaks(values, batch.lengths, -1))

            self._capture(batch, measure)
        return {
            site.name: calibrate(
                torch.cat(peaks[site.name]),
                torch.cat(troughs[site.name]),
                self.settings.polarities(site),
            )
            for site in self.sites
        }

    def _capture(self, batch: Batch, receive: OnActivations) -> None:
        """Run one batch and hand over what each site carries, as units."""
        recorded = {site.name: site for site in self.sites}

        def hand_over(place: Site, values: Tensor) -> None:
            if place.name in self.unit_sources:
                values = self.unit_sources[place.name](values)
            receive(recorded[place.name], values)

        self.subject.capture(batch.token_ids, batch.lengths, self.places, hand_over)

    def _resume(self, recorder: Recorder) -> None:
        """Go on from the checkpoint, if there is one."""
        if self.checkpoints is None or not self.checkpoints.path.exists():
            return
        with open_checkpoint(self.checkpoints.path) as checkpoint:
            checkpoint.require(self.checkpoints.fingerprint)
            recorder.load_state_dict(checkpoint.state())
            self.done = checkpoint.progress

    def _spools(self, recorder: Recorder) -> dict[str, Spool]:
        """Files for the firing bits, cut back to what the recorder has seen."""
        if not self.settings.keep_bits:
            return {}
        folder = (
            self.checkpoints.path.parent / BITS_FOLDER
            if self.checkpoints
            else Path(tempfile.mkdtemp(prefix="neuroscribe-bits-"))
        )
        spools = {
            site.name: Spool(folder / f"{number}.spool", site, self.settings.polarities(site))
            for number, site in enumerate(self.sites)
        }
        for spool in spools.values():
            spool.cut(int(recorder.n_sequences))
        return spools

    def _batches(self, stream: Iterable[Sequence]) -> Iterator[list[Sequence]]:
        sequences = iter(stream)
        while batch := list(itertools.islice(sequences, self.settings.batch_size)):
            yield batch

    def _pass(
        self,
        recorder: Recorder,
        stream: Iterable[Sequence],
        spools: dict[str, Spool],
        total: int | None,
    ) -> None:
        """Record the whole stream, or this shard of it."""
        last_save = time.monotonic()
        with progress.bar("recording", total=total, unit="tokens") as bar:
            todo = self._skip_done(iter(self._batches(stream)), bar)
            ahead = read_ahead(
                (sequences, Batch.of(sequences) if self.shard.holds(number) else None)
                for number, sequences in enumerate(todo, self.done.position)
            )
            for sequences, on_host in ahead:
                if on_host is None:
                    self.done = self.done.skip()
                else:
                    self._record_batch(recorder, on_host, spools)
                    self.done = self.done.add(sequences)
                bar.advance(sum(map(len, sequences)))
                due = self.checkpoints and (
                    time.monotonic() - last_save > self.checkpoints.interval_seconds
                )
                if due:
                    self._save(recorder)
                    last_save = time.monotonic()
        self.done = replace(self.done, finished=True)
        if recorder.lacks_rows:
            self._save(recorder)

    def _skip_done(
        self, batches: Iterator[list[Sequence]], bar: progress.Bar
    ) -> Iterator[list[Sequence]]:
        """Pass over what the checkpoint has seen; the corpus must still be the same."""
        again = Progress()
        for number, sequences in enumerate(itertools.islice(batches, self.done.position)):
            again = again.add(sequences) if self.shard.holds(number) else again.skip()
            bar.advance(sum(map(len, sequences)))
        if self.checkpoints and again.digest != self.done.digest:
            raise StudyError(
                "the corpus has changed since the recording began; restore it, "
                f"or delete {self.checkpoints.path} to start anew"
            )
        return batches

    def _record_batch(self, recorder: Recorder, on_host: Batch, spools: dict[str, Spool]) -> None:
        batch = on_host.to(self.subject.device)

        def reduce(site: Site, activations: Tensor) -> None:
            recorder.update(site, batch, activations)

        self._capture(batch, reduce)
        recorder.finish_batch(batch)
        for name, spool in spools.items():
            spool.append(recorder.sites[name].bits.take())

    def _save(self, recorder: Recorder) -> None:
        if self.checkpoints:
            save_checkpoint(
                self.checkpoints.path,
                recorder.state_dict(),
                fingerprint=self.checkpoints.fingerprint,
                progress=self.done,
            )

    def _replay(self, recorder: Recorder, stream: Iterator[Sequence]) -> None:
        """Run the batches that hold a kept sequence once more, for the rows."""
        with ExitStack() as files:
            folder = Path(files.enter_context(tempfile.TemporaryDirectory(prefix=".rows-")))
            recorder.allocate_rows(partial(_mapped, folder))
            kept = set(recorder.kept_sequence_ids().tolist())
            wanted = (
                (sequences, Batch.of(sequences))
                for number, sequences in enumerate(self._batches(stream))
                if self.shard.holds(number) and any(s.sequence_id in kept for s in sequences)
            )
            with progress.bar("replaying", total=None, unit="tokens") as bar:
                for sequences, on_host in read_ahead(wanted):
                    batch = on_host.to(self.subject.device)

                    def reduce(site: Site, values: Tensor, batch: Batch = batch) -> None:
                        recorder.replay(site, batch, values)

                    self._capture(batch, reduce)
                    bar.advance(sum(map(len, sequences)))


def _mapped(folder: Path, shape: tuple[int, ...]) -> Tensor:
    """A tensor of zeros in a file; the file is gone once nobody maps it."""
    path = folder / f"{len(list(folder.iterdir()))}.rows"
    return torch.from_file(str(path), shared=True, size=math.prod(shape), dtype=torch.float32).view(
        shape
    )
