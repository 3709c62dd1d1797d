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


def test_ids_that_do_not_fit_a_key_are_refused():
    one = torch.tensor([1])
    with pytest.raises(RecordError, match="4294967296"):
        Batch(sequence_ids=torch.tensor([2**32]), splits=one, lengths=one, token_ids=one[:, None])
