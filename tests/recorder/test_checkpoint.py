"""A state on disk comes back as it was, or is refused with what to do about it."""

import hashlib
import resource

import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st
from safetensors.torch import save_file

from neuroscribe.errors import StoreError, StudyError
from neuroscribe.recorder.checkpoint import (
    Progress,
    open_checkpoint,
    save_checkpoint,
    sum_digests,
)
from neuroscribe.recorder.settings import RecorderSettings

SETTINGS = RecorderSettings(top_k=2, n_random=2, n_quantile=1, sequence_length=6)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "study" / "recording.safetensors"
    progress = Progress(position=3, digest="0" * 63 + "7")
    state = {
        "n_tokens": torch.tensor(5),
        "mlp.0/rows": torch.tensor([[1.5, -2.0], [0.0, 4.0]]).T,
        "mlp.1/ids": torch.tensor([2**40, -1]),
    }
    save_checkpoint(path, state, fingerprint="this one", progress=progress)
    return path


def test_a_state_and_its_progress_come_back_as_they_were(saved):
    with open_checkpoint(saved) as checkpoint:
        checkpoint.require("this one")
        state = {name: tensor.tolist() for name, tensor in checkpoint.state().items()}
        assert checkpoint.progress == Progress(position=3, digest="0" * 63 + "7", finished=False)
    assert state == {
        "n_tokens": 5,
        "mlp.0/rows": [[1.5, 0.0], [-2.0, 4.0]],
        "mlp.1/ids": [2**40, -1],
    }


def test_one_sites_tensors_are_read_under_their_own_names(saved):
    with open_checkpoint(saved) as checkpoint:
        assert list(checkpoint.state("mlp.1/")) == ["ids"]
        assert checkpoint.state("mlp.7/") == {}


def test_a_later_checkpoint_replaces_the_one_before_and_leaves_nothing_else(saved):
    save_checkpoint(
        saved,
        {"n_tokens": torch.tensor(9)},
        fingerprint="this one",
        progress=Progress(position=4, finished=True),
    )
    with open_checkpoint(saved) as checkpoint:
        assert {name: int(tensor) for name, tensor in checkpoint.state().items()} == {"n_tokens": 9}
        assert (checkpoint.progress.position, checkpoint.progress.finished) == (4, True)
    assert [entry.name for entry in saved.parent.iterdir()] == ["recording.safetensors"]


def test_the_checkpoint_of_another_recording_is_refused_by_its_path(saved):
    with (
        open_checkpoint(saved) as checkpoint,
        pytest.raises(StudyError, match="is the checkpoint of a recording with other") as refused,
    ):
        checkpoint.require("another one")
    assert str(saved) in str(refused.value)
    assert "repeat those settings, or delete the file" in str(refused.value)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:40],
        lambda content: content[:-3],
        lambda content: b"\xff" * len(content),
    ],
    ids=["empty", "a torn header", "a torn end", "noise"],
)
def test_a_damaged_file_says_what_to_do(saved, damage):
    saved.write_bytes(damage(saved.read_bytes()))
    with (
        pytest.raises(StudyError, match=r"is damaged .*; delete it to start anew"),
        open_checkpoint(saved),
    ):
        pass


def test_a_safetensors_file_of_something_else_says_what_to_do(saved):
    save_file({"weight": torch.zeros(2)}, saved)
    with (
        pytest.raises(StudyError, match=r"is damaged .*; delete it to start anew"),
        open_checkpoint(saved),
    ):
        pass


def test_a_full_disk_is_an_error_of_the_store_and_the_checkpoint_before_is_intact(saved):
    before = saved.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**12, hard))
    try:
        with pytest.raises(StoreError, match=r"cannot write .*free some space"):
            save_checkpoint(
                saved,
                {"mlp.0/rows": torch.zeros(2**16)},
                fingerprint="this one",
                progress=Progress(position=4),
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert saved.read_bytes() == before
    assert [entry.name for entry in saved.parent.iterdir()] == ["recording.safetensors"]


def test_a_digest_is_the_sum_of_the_hashes_of_ids_splits_and_tokens(make_sequence):
    sequences = [
        make_sequence("a", "b", sequence_id=4, split="train", token_ids=(17, 3)),
        make_sequence("c", sequence_id=5, split="test", token_ids=(8,)),
    ]
    hashes = [hashlib.sha256(b"4 train (17, 3)"), hashlib.sha256(b"5 test (8,)")]
    total = sum(int(one.hexdigest(), 16) for one in hashes) % 2**256
    progress = Progress().add(sequences)
    assert (progress.position, int(progress.digest, 16)) == (1, total)
    assert len(progress.digest) == 64


def test_a_batch_of_another_shard_is_passed_over_without_a_trace_in_the_digest(make_sequence):
    one = Progress().add([make_sequence("a")])
    assert one.skip() == Progress(position=2, digest=one.digest)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_digests_of_shards_add_up_to_the_digest_of_the_whole_in_any_order(make_sequence, data):
    token_ids = data.draw(st.lists(st.lists(st.integers(0, 9), min_size=1), max_size=12))
    sequences = [
        make_sequence(*("x" for _ in ids), sequence_id=number, token_ids=ids)
        for number, ids in enumerate(token_ids)
    ]
    n_shards = data.draw(st.integers(1, 5))
    digests = [Progress().add(sequences[shard::n_shards]).digest for shard in range(n_shards)]
    whole = Progress().add(sequences)
    assert sum_digests(data.draw(st.permutations(digests))) == whole.digest
    one_by_one = Progress()
    for sequence in data.draw(st.permutations(sequences)):
        one_by_one = one_by_one.add([sequence])
    assert (one_by_one.digest, one_by_one.position) == (whole.digest, len(sequences))


def test_other_tokens_in_another_order_have_another_digest(make_sequence):
    there = Progress().add([make_sequence("a", "b", token_ids=(1, 2))])
    swapped = Progress().add([make_sequence("a", "b", token_ids=(2, 1))])
    elsewhere = Progress().add([make_sequence("a", "b", token_ids=(1, 2), split="test")])
    assert len({there.digest, swapped.digest, elsewhere.digest}) == 3


@pytest.mark.parametrize(("rows_device", "has_rows"), [("cpu", True), (None, False)])
def test_a_state_says_whether_it_has_rows(make_stream, tmp_path, rows_device, has_rows):
    recorder = make_stream().record(SETTINGS, rows_device=rows_device)
    path = tmp_path / "recording.safetensors"
    save_checkpoint(path, recorder.state_dict(), fingerprint="f", progress=Progress())
    with open_checkpoint(path) as checkpoint:
        assert checkpoint.has_rows == has_rows
