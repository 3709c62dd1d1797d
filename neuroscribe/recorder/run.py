"""Drive a subject over a corpus and record: one forward pass per batch, all sites at once.

The beginning of the corpus, up to `PREFIX_TOKENS`, is tokenised before the first forward pass: it
fixes the vocabulary of the look-up tables (the same on every machine that records a part), and
tells the length of a corpus that ends within it. Activations are reduced inside the forward hooks,
so only one site's values are alive at a time.
"""

import itertools
import time
from collections.abc import Iterable, Iterator, Sequence as Seq
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from torch import Tensor

from neuroscribe import progress
from neuroscribe.datasets.corpus import Corpus, open_corpus
from neuroscribe.datasets.rows import of_unit, sequence_of, sequences_table, unit_record_of
from neuroscribe.datasets.sequences import cut_sequences
from neuroscribe.errors import StudyError, SubjectError
from neuroscribe.recorder.batch import Batch
from neuroscribe.recorder.checkpoint import SequenceDigest, load_checkpoint, save_checkpoint
from neuroscribe.recorder.recorder import Recorder
from neuroscribe.recorder.settings import RecorderSettings
from neuroscribe.recorder.token_lookup import common_tokens
from neuroscribe.records import Sequence, Site, UnitId, UnitRecord
from neuroscribe.subjects import Subject, load_subject

PREFIX_TOKENS = 2**20


@dataclass(frozen=True, kw_only=True)
class Checkpoints:
    """Where and how often a recording saves its state."""

    path: Path
    fingerprint: str
    """Identifies subject, corpus, sites and settings."""
    interval_seconds: float = 120.0


class Recording(NamedTuple):
    """What one pass over a corpus gave."""

    recorder: Recorder
    sequences: pa.Table
    """The kept sequences, in the schema of the table `sequences`."""
    n_sequences: int
    n_tokens: int
    sequences_sha256: str
    """Hash of all sequences that were read."""

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
) -> Recording:
    """Record every unit of the chosen sites in one pass over the corpus.

    Args:
        subject: a loaded subject, or its name.
        corpus: an open corpus, or its spec (`stdlib`, `text:PATH`, ...).
        sites: selectors such as `mlp` or `mlp.3`.
        settings: how much is kept; defaults if None.
        checkpoints: save the state now and then, and go on from a saved one.

    Raises:
        SubjectError: no such model or site, or sequences longer than the model reads.
        CorpusError: no such corpus, or it is too short.
        StudyError: the corpus changed since the checkpoint.
    """
    settings = settings or RecorderSettings()
    subject = load_subject(subject) if isinstance(subject, str) else subject
    corpus = open_corpus(corpus) if isinstance(corpus, str) else corpus
    chosen = subject.sites(sites)
    subject.require_length(settings.sequence_length)

    stream = _cut(subject, corpus, settings)
    prefix = list(itertools.islice(stream, -(-PREFIX_TOKENS // settings.sequence_length)))
    following = next(stream, None)
    whole = following is None
    recorder = Recorder(
        chosen, settings, vocabulary=_vocabulary(prefix, chosen, settings), device=subject.device
    )
    rest = stream if following is None else itertools.chain([following], stream)
    n_tokens, digest = _run(
        subject,
        itertools.chain(prefix, rest),
        chosen,
        recorder,
        checkpoints,
        total=sum(map(len, prefix)) if whole else settings.max_tokens,
    )
    kept = recorder.kept_sequence_ids()
    again = prefix if whole else _cut(subject, corpus, settings)
    return Recording(
        recorder=recorder,
        sequences=_kept_sequences(again, kept),
        n_sequences=int(recorder.n_sequences),
        n_tokens=n_tokens,
        sequences_sha256=digest,
    )


def _cut(subject: Subject, corpus: Corpus, settings: RecorderSettings) -> Iterator[Sequence]:
    return cut_sequences(
        corpus,
        subject.tokenizer,
        sequence_length=settings.sequence_length,
        minimum_length=settings.minimum_length,
        max_tokens=settings.max_tokens,
        seed=settings.seed,
    )


def _vocabulary(
    prefix: Seq[Sequence], sites: Seq[Site], settings: RecorderSettings
) -> tuple[int, ...]:
    """The commonest train tokens for whose float64 sums there is memory."""
    units = sum(site.width * len(settings.polarities(site)) for site in sites)
    return common_tokens(prefix, most=settings.lookup_memory_mb * 2**20 // (8 * units))


def _run(
    subject: Subject,
    stream: Iterator[Sequence],
    sites: Seq[Site],
    recorder: Recorder,
    checkpoints: Checkpoints | None,
    *,
    total: int | None,
) -> tuple[int, str]:
    """Record the whole stream.

    Returns:
        How many tokens were read, and the digest of the sequences.
    """
    digest = SequenceDigest()
    n_tokens = 0
    with progress.bar("recording", total=total, unit="tokens") as bar:
        done = _skip_done(stream, recorder, checkpoints, digest)
        n_tokens += done
        bar.advance(done)
        last_save = time.monotonic()
        while sequences := list(itertools.islice(stream, recorder.settings.batch_size)):
            batch = Batch.of(sequences, subject.device)

            def reduce(site: Site, activations: Tensor, batch: Batch = batch) -> None:
                recorder.update(site, batch, activations)

            subject.capture(batch.token_ids, batch.lengths, sites, reduce)
            recorder.finish_batch(batch)
            digest.add(sequences)
            read = sum(map(len, sequences))
            n_tokens += read
            bar.advance(read)
            if checkpoints and time.monotonic() - last_save > checkpoints.interval_seconds:
                save_checkpoint(
                    checkpoints.path,
                    recorder,
                    fingerprint=checkpoints.fingerprint,
                    digest=digest.hexdigest(),
                )
                last_save = time.monotonic()
    return n_tokens, digest.hexdigest()


def _skip_done(
    stream: Iterator[Sequence],
    recorder: Recorder,
    checkpoints: Checkpoints | None,
    digest: SequenceDigest,
) -> int:
    """Load a checkpoint and pass over the sequences it has seen; returns their tokens."""
    if checkpoints is None:
        return 0
    seen = load_checkpoint(checkpoints.path, recorder, fingerprint=checkpoints.fingerprint)
    if seen is None:
        return 0
    n_tokens = 0
    for sequence in itertools.islice(stream, int(recorder.n_sequences)):
        digest.add([sequence])
        n_tokens += len(sequence)
    if digest.hexdigest() != seen:
        raise StudyError(
            "the corpus has changed since the recording began; restore it, "
            f"or delete {checkpoints.path} to start anew"
        )
    return n_tokens


def _kept_sequences(sequences: Iterable[Sequence], kept: np.ndarray) -> pa.Table:
    wanted = set(kept.tolist())
    return sequences_table(s for s in sequences if s.sequence_id in wanted)
