"""A manifest can tell one subject from another."""

import hashlib
import json

import pytest
import torch

from neuroscribe.subjects import Subject, load_subject
from neuroscribe.subjects.weights import sha256_of_files, sha256_of_tensors, weights_files


def test_one_file_keeps_the_hash_that_a_hub_publishes(saved_model):
    content = (saved_model / "model.safetensors").read_bytes()
    subject = load_subject(str(saved_model), device="cpu")
    assert subject.weights_sha256 == hashlib.sha256(content).hexdigest()


def test_several_files_have_the_hash_of_their_hashes_in_order_of_name(tmp_path):
    (tmp_path / "b").write_bytes(b"two")
    (tmp_path / "a").write_bytes(b"one")
    joined = hashlib.sha256(b"one").hexdigest() + hashlib.sha256(b"two").hexdigest()
    expected = hashlib.sha256(joined.encode()).hexdigest()
    assert sha256_of_files([tmp_path / "b", tmp_path / "a"]) == expected


def test_weights_in_several_files_are_found_by_their_index(make_model, tmp_path):
    make_model("llama").save_pretrained(tmp_path, max_shard_size="20KB")
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    expected = sorted(set(index["weight_map"].values()))
    assert len(expected) > 1
    assert [path.name for path in weights_files(str(tmp_path), None)] == expected


def test_a_model_in_hand_is_known_by_its_tensors():
    tensors = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([3], dtype=torch.int64)}
    same = {"b": tensors["b"].clone(), "a": tensors["a"].clone()}
    assert sha256_of_tensors(tensors) == sha256_of_tensors(same)
    changed = [
        {**tensors, "a": torch.tensor([1.0, 2.5])},
        {**tensors, "a": torch.tensor([[1.0, 2.0]])},
        {**tensors, "a": torch.tensor([1.0, 2.0], dtype=torch.bfloat16)},
        {"c": tensors["a"], "b": tensors["b"]},
    ]
    assert len({sha256_of_tensors(each) for each in [tensors, *changed]}) == 5


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_every_type_of_weights_can_be_hashed(make_model, tokenizer, dtype):
    model = make_model("llama").to(dtype)
    subject = Subject.from_model(model, tokenizer, name="mine")
    assert len(subject.weights_sha256) == 64


def test_provenance_is_plain_and_complete(saved_model):
    subject = load_subject(str(saved_model), device="cpu")
    stated = subject.provenance()
    assert json.loads(json.dumps(stated)) == stated
    assert stated == {
        "name": str(saved_model),
        "revision": None,
        "architecture": "LlamaModel",
        "weights_sha256": subject.weights_sha256,
        "tokenizer_sha256": stated["tokenizer_sha256"],
        "dtype": "float32",
        "device": "cpu",
        "prefix_ids": [0],
        "suffix_ids": [1],
        "max_positions": 40,
    }


def test_using_a_tokenizer_does_not_change_its_hash(make_model, tokenizer, framing_tokenizer):
    model = make_model("llama")
    before = Subject.from_model(model, tokenizer, name="mine").provenance()["tokenizer_sha256"]
    tokenizer(["rain and snow"], truncation=True, max_length=2)
    after = Subject.from_model(model, tokenizer, name="mine").provenance()["tokenizer_sha256"]
    other = Subject.from_model(model, framing_tokenizer, name="mine").provenance()
    assert before == after
    assert before != other["tokenizer_sha256"]
