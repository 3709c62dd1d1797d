"""The pool: every unit's activations on the stored sequences of a split."""

import numpy as np
import pytest
import torch

from neuroscribe.datasets.rows import sequence_of
from neuroscribe.errors import SubjectError
from neuroscribe.recorder.run import record
from neuroscribe.recorder.settings import RecorderSettings
from neuroscribe.records import Sequence, UnitId, UnitRecord
from neuroscribe.services import Pool
from neuroscribe.subjects.pool import SequencePool
from tests.services import Encoder

N = 70


def sequence(sequence_id: int, split="test") -> Sequence:
    length = 3 + sequence_id % 5
    return Sequence(
        sequence_id=sequence_id,
        document_id=str(sequence_id),
        split=split,
        token_ids=tuple((sequence_id * 7 + place * 11) % 250 for place in range(length)),
        tokens=("x",) * length,
        text=f"text {sequence_id}",
        token_bytes_offsets=tuple(range(length + 1)),
    )


@Encoder
def embed(texts):
    return np.array([[float(text.split()[1]), 1.0] for text in texts], dtype=np.float32)


@pytest.fixture
def subject(make_subject):
    """Decoder with 24 neurons in each of two layers; counts its passes."""
    subject = make_subject("gpt2")
    subject.passes = []
    capture = subject.capture

    def counted(token_ids, lengths, sites, receive):
        subject.passes.append([site.name for site in sites])
        capture(token_ids, lengths, sites, receive)

    subject.capture = counted
    return subject


@pytest.fixture
def pool(subject):
    return SequencePool(subject, lambda split: [sequence(i, split) for i in range(N)], embed)


@pytest.fixture
def make_record(make_statistics):
    def make(unit: str) -> UnitRecord:
        return UnitRecord(unit=UnitId.parse(unit), statistics=make_statistics(), exemplars=())

    return make


def alone(subject, name, of: Sequence) -> torch.Tensor:
    """The site's activations in a pass of their own, `[tokens, units]`."""
    found = []
    subject.capture(
        torch.tensor([of.token_ids]),
        torch.tensor([len(of)]),
        subject.sites(name),
        lambda _, values: found.append(values[0].clone()),
    )
    return found[0]


def test_the_pool_is_the_service_that_negatives_take(pool):
    assert isinstance(pool, Pool)


def test_peaks_are_the_largest_activation_of_every_unit(subject, pool):
    peaks = pool.peaks("mlp.1", 1, "test")
    assert peaks.shape == (N, 24)
    assert peaks.dtype == np.float32
    for place in (0, 3, N - 1):
        truth = alone(subject, "mlp.1", pool.sequences("test")[place])
        np.testing.assert_allclose(peaks[place], truth.amax(0).numpy(), atol=1e-6)


def test_the_negative_side_peaks_where_the_unit_is_lowest(subject, pool):
    peaks = pool.peaks("resid.0", -1, "test")
    truth = alone(subject, "resid.0", pool.sequences("test")[5])
    np.testing.assert_allclose(peaks[5], (-truth).amax(0).numpy(), atol=1e-6)


def test_exemplars_hold_the_units_own_activations(subject, pool, make_record):
    found = pool.exemplars(make_record("mlp.0/7"), [4, 69, 1], "test")
    assert [exemplar.sequence.sequence_id for exemplar in found] == [4, 69, 1]
    assert [(exemplar.kind, exemplar.rank) for exemplar in found] == [
        ("random", 0),
        ("random", 1),
        ("random", 2),
    ]
    for exemplar in found:
        truth = alone(subject, "mlp.0", exemplar.sequence)[:, 7]
        np.testing.assert_allclose(exemplar.activations, truth.numpy(), atol=1e-6)


def test_exemplars_of_the_negative_side_have_their_sign_flipped(pool, make_record):
    (plus,) = pool.exemplars(make_record("resid.1/3"), [2], "test")
    (minus,) = pool.exemplars(make_record("resid.1/3-"), [2], "test")
    np.testing.assert_allclose(minus.activations, [-value for value in plus.activations])


def test_peaks_and_exemplars_agree_over_several_batches(pool, make_record):
    peaks = pool.peaks("mlp.1", 1, "test")[:, 9]
    found = pool.exemplars(make_record("mlp.1/9"), range(N), "test")
    np.testing.assert_allclose([e.peak_activation for e in found], peaks, atol=1e-6)


def test_the_activations_are_those_of_the_recorder(subject, tmp_path):
    for number in range(24):
        words = ["rain", "snow", "sun", "wind"][number % 4 :] * (4 + number)
        (tmp_path / f"{number:02}.txt").write_text(f"{number} " + " ".join(words), "utf-8")
    settings = RecorderSettings(sequence_length=12, top_k=3, n_random=2, batch_size=5)
    recording = record(subject, f"text:{tmp_path}", sites="mlp.1", settings=settings)
    stored = [sequence_of(row) for row in recording.sequences.to_pylist()]
    pool = SequencePool(subject, lambda split: [s for s in stored if s.split == split], embed)
    checked = 0
    for split in ("train", "test"):
        unit = recording.unit("mlp.1/5")
        places = {s.sequence_id: place for place, s in enumerate(pool.sequences(split))}
        recorded = unit.select(split)
        asked = [places[exemplar.sequence.sequence_id] for exemplar in recorded]
        for mine, theirs in zip(pool.exemplars(unit, asked, split), recorded, strict=True):
            assert mine.sequence == theirs.sequence
            np.testing.assert_allclose(mine.activations, theirs.activations, atol=1e-5)
            peak = pool.peaks("mlp.1", 1, split)[places[mine.sequence.sequence_id], 5]
            assert peak == pytest.approx(theirs.peak_activation, abs=1e-5)
            checked += 1
    assert checked > 10


def test_places_that_were_announced_are_measured_in_one_pass(subject):
    pool = SequencePool(
        subject,
        lambda split: [sequence(i, split) for i in range(3)],
        embed,
        sites=[("mlp.0", 1), ("mlp.1", 1)],
    )
    pool.peaks("mlp.1", 1, "test")
    pool.peaks("mlp.0", 1, "test")
    assert subject.passes == [["mlp.0", "mlp.1"]]
    pool.peaks("mlp.0", 1, "test")
    pool.peaks("mlp.0", -1, "test")
    assert subject.passes == [["mlp.0", "mlp.1"], ["mlp.0"]]
    pool.peaks("mlp.0", 1, "valid")
    assert subject.passes[2:] == [["mlp.0", "mlp.1"]]


def test_of_a_large_split_a_sample_is_taken_that_does_not_depend_on_its_order(subject):
    def pool_of(ids):
        return SequencePool(subject, lambda _: [sequence(i) for i in ids], embed, limit=10)

    taken = [s.sequence_id for s in pool_of(range(N)).sequences("test")]
    assert len(taken) == 10
    assert taken == sorted(taken)
    assert taken != list(range(10))
    assert [s.sequence_id for s in pool_of(reversed(range(N))).sequences("test")] == taken


def test_embeddings_are_of_the_sequences_of_the_pool(pool):
    assert pool.embeddings("test")[:, 0].tolist() == list(range(N))


def test_a_split_without_sequences_has_no_peaks(subject):
    pool = SequencePool(subject, lambda _: [], embed)
    assert pool.peaks("mlp.0", 1, "test").shape == (0, 24)


def test_a_unit_that_the_subject_does_not_have_is_named(pool, make_record):
    with pytest.raises(SubjectError, match=r"no unit mlp\.0/24 in gpt2: site mlp\.0 carries 24"):
        pool.exemplars(make_record("mlp.0/24"), [0], "test")
