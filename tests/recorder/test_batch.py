"""Batches."""

import pytest
import torch

from neuroscribe.errors import RecordError
from neuroscribe.recorder.batch import Batch


def test_shorter_sequences_are_padded_and_marked(make_sequence):
    long = make_sequence("a", "b", "c", sequence_id=4, token_ids=(7, 8, 9))
    short = make_sequence("d", sequence_id=5, split="test", token_ids=(3,))
    batch = Batch.of([long, short])
    assert batch.token_ids.tolist() == [[7, 8, 9], [3, 0, 0]]
    assert batch.present.tolist() == [[True, True, True], [True, False, False]]
    assert batch.splits.tolist() == [0, 3]
    assert batch.sequence_ids.tolist() == [4, 5]


@pytest.mark.parametrize("sequence_id", [-1, 2**63 - 1])
def test_ids_that_stand_for_nothing_are_refused(sequence_id):
    one = torch.tensor([1])
    ids = torch.tensor([sequence_id])
    with pytest.raises(RecordError, match=str(sequence_id)):
        Batch(sequence_ids=ids, splits=one, lengths=one, token_ids=one[:, None])


def test_a_batch_in_host_memory_is_its_own_copy_there():
    one = torch.tensor([1])
    batch = Batch(sequence_ids=one, splits=one, lengths=one, token_ids=one[:, None])
    assert batch.host is batch
    assert batch.to("cpu") is batch
