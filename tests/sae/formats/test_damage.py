"""Whatever is wrong with a file becomes one sentence, and nothing in it is run."""

import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from neuroscribe import registry, sae
from neuroscribe.errors import RegistryError, SaeError

ONE_OF_EACH = {
    "openai_topk": "autoencoder.pt",
    "sparsify_topk": "sae.safetensors",
    "saelens_topk": "sae_weights.safetensors",
    "dictionary_learning_BatchTopKSAE": "ae.pt",
}


class Malicious:
    """Would make a file if it were unpickled."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self):
        return os.system, (f"touch {self.witness}",)


def refusal(path, **options) -> str:
    with pytest.raises(SaeError) as caught:
        sae.load(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def change_settings(folder: Path, name: str = "cfg.json", **changes) -> None:
    settings = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(settings | changes))


def change_weights(file: Path, **changes) -> None:
    tensors = load_file(file)
    tensors.update({name: value for name, value in changes.items() if value is not None})
    save_file({n: t for n, t in tensors.items() if changes.get(n, t) is not None}, file)


@pytest.mark.parametrize("folder", ["openai_topk", "dictionary_learning_BatchTopKSAE"])
@pytest.mark.parametrize("how", ["torch", "torch of old", "pickle"])
def test_a_pickle_with_code_is_refused_and_not_run(copy_of, tmp_path, folder, how):
    file = copy_of(folder) / ONE_OF_EACH[folder]
    witness = tmp_path / "witness"
    content = {"pre_bias": Malicious(witness), "latent_bias": torch.zeros(2)}
    if how == "pickle":
        file.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, file, _use_new_zipfile_serialization=how == "torch")
    message = refusal(file.parent)
    assert "holds more than tensors" in message
    assert "nothing was run" in message
    if how != "pickle":
        assert "posix.system" in message
    assert not witness.exists()


def test_a_whole_module_that_was_pickled_is_refused(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "autoencoder.pt")
    assert "torch.nn.modules.linear.Linear" in refusal(tmp_path / "autoencoder.pt")


@pytest.mark.parametrize(("folder", "name"), ONE_OF_EACH.items())
def test_a_truncated_file_is_called_damaged(copy_of, folder, name):
    file = copy_of(folder) / name
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert f"{file} is damaged" in refusal(file.parent)


@pytest.mark.parametrize(("folder", "name"), ONE_OF_EACH.items())
def test_a_file_of_something_else_is_called_damaged(copy_of, folder, name):
    file = copy_of(folder) / name
    file.write_bytes(b"<html>not found</html>")
    assert "damaged" in refusal(file.parent)


def test_an_empty_file_is_called_damaged(tmp_path):
    (tmp_path / "autoencoder.pt").touch()
    assert "damaged" in refusal(tmp_path / "autoencoder.pt")


@pytest.mark.parametrize(
    ("folder", "name"), [item for item in ONE_OF_EACH.items() if "openai" not in item[0]]
)
def test_missing_weights_are_named(copy_of, folder, name):
    file = copy_of(folder) / name
    file.unlink()
    assert refusal(file.parent) == f"{file} is missing; it should hold the weights"


def test_a_path_that_is_not_there():
    assert "there is no nowhere/sae; give a file" in refusal("nowhere/sae")


def test_a_folder_of_something_else_lists_the_formats(tmp_path):
    (tmp_path / "cfg.json").write_text('{"hidden_size": 4}')
    message = refusal(tmp_path)
    assert "no sparse autoencoder in a known format" in message
    for name in registry.names("sae_format"):
        assert f"{name}: " in message


@pytest.mark.parametrize("text", ["{", "[]", "\xff", "[" * 100_000])
def test_settings_that_are_no_object_of_json(copy_of, text):
    folder = copy_of("saelens_topk")
    (folder / "cfg.json").write_text(text, encoding="latin-1")
    assert str(folder / "cfg.json") in refusal(folder)


@pytest.mark.parametrize(
    ("folder", "changes", "sentence"),
    [
        ("saelens_topk", {"d_in": 5}, "says d_in = 5, but the weights have 4"),
        ("saelens_topk", {"d_sae": 24}, "says d_sae = 24, but the weights have 12"),
        ("saelens_topk", {"k": 13}, "k is 13; it must be between 1 and the 12 latents"),
        ("saelens_topk", {"k": None}, "k is None"),
        ("saelens_topk", {"k": "3"}, "k is '3', not of type int"),
        ("saelens_topk", {"architecture": "temporal"}, "the architecture 'temporal' is not known"),
        ("saelens_topk", {"architecture": "abstopk"}, "the architecture 'abstopk' is not known"),
        ("saelens_topk", {"activation_fn": "tanh-relu"}, "the activation 'tanh-relu' is not known"),
        (
            "saelens_topk",
            {"normalize_activations": "covariance_whitening"},
            "inputs normalised by 'covariance_whitening' are not known",
        ),
        ("saelens_topk", {"architecture": "gated"}, "has no tensor b_mag"),
        ("saelens_jumprelu", {"architecture": "standard"}, "tensors that its architecture"),
        ("sparsify_topk", {"d_in": 5}, "says d_in = 5, but the weights have 4"),
        ("sparsify_topk", {"num_latents": 5}, "says num_latents = 5, but the weights have 12"),
        ("sparsify_topk", {"activation": "relu"}, "the activation 'relu' is not known"),
        ("sparsify_topk", {"signed": True}, "latents with two signs"),
        ("sparsify_groupmax", {"k": 5}, "12 latents cannot be cut into 5 equal groups"),
    ],
)
def test_settings_that_do_not_fit(copy_of, folder, changes, sentence):
    path = copy_of(folder)
    change_settings(path, **changes)
    assert sentence in refusal(path)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"W_dec": None}, "has no tensor W_dec; there are: "),
        ({"W_dec": torch.zeros(12, 5)}, "decoder is [12, 5]"),
        ({"W_dec": torch.zeros(11, 4)}, "decoder is [11, 4], but 12 latents"),
        ({"b_dec": torch.zeros(3)}, "decoder_bias is [3]"),
        ({"encoder.weight": torch.zeros(12)}, "encoder.weight"),
        ({"extra": torch.zeros(1)}, "has tensors that its architecture does not know: extra"),
        ({"encoder.weight": torch.zeros(12, 4, dtype=torch.int8)}, "weights of type torch.int8"),
    ],
)
def test_weights_that_do_not_fit(copy_of, changes, sentence):
    path = copy_of("sparsify_topk")
    change_weights(path / "sae.safetensors", **changes)
    assert sentence in refusal(path)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"dict_class": "IdentityDict"}, "dictionaries of class 'IdentityDict' are not known"),
        ({"k": 4}, "has k = 3, but"),
        ({"dict_size": 7}, "says dict_size = 7, but the weights have 12"),
    ],
)
def test_a_dictionarys_settings_that_do_not_fit(copy_of, changes, sentence):
    path = copy_of("dictionary_learning_BatchTopKSAE")
    trainer = json.loads((path / "config.json").read_text())["trainer"]
    change_settings(path, "config.json", trainer=trainer | changes)
    assert sentence in refusal(path)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"activation": "Identity"}, "the activation 'Identity' is not known"),
        ({"activation_state_dict": {"k": 3, "postact_fn": "Identity"}}, "lets latents be negative"),
        ({"activation_state_dict": {}}, "does not say k"),
        ({"decoder.weight": torch.zeros(4, 11)}, "decoder is [11, 4]"),
    ],
)
def test_an_openai_file_that_does_not_fit(copy_of, changes, sentence):
    file = copy_of("openai_topk") / "autoencoder.pt"
    torch.save(torch.load(file, weights_only=True) | changes, file)
    assert sentence in refusal(file)


def test_a_stray_file_of_torch_beside_another_format_is_not_opened(copy_of, tmp_path):
    path = copy_of("saelens_topk")
    torch.save({"pre_bias": Malicious(tmp_path / "witness")}, path / "trainer_state.pt")
    assert sae.load(path).provenance.format == "saelens"
    assert not (tmp_path / "witness").exists()


def test_a_file_of_the_folder_stands_for_the_folder(copy_of):
    path = copy_of("sparsify_topk")
    assert sae.load(path / "cfg.json").provenance.format == "sparsify"
    assert sae.load(path / "sae.safetensors").provenance.format == "sparsify"


def test_our_own_format_of_a_newer_version_is_refused(tmp_path, copy_of):
    sae.save(sae.load(copy_of("saelens_topk")), tmp_path / "ours")
    change_settings(tmp_path / "ours", format_version=2)
    assert "is of version 2 of the format" in refusal(tmp_path / "ours")


def test_our_own_format_with_unknown_words_is_refused(tmp_path, copy_of):
    sae.save(sae.load(copy_of("saelens_topk")), tmp_path / "ours")
    settings = json.loads((tmp_path / "ours" / "cfg.json").read_text())
    change_settings(
        tmp_path / "ours", architecture=settings["architecture"] | {"activation": "sparsemax"}
    )
    assert "no activation is called 'sparsemax'" in refusal(tmp_path / "ours")


def test_a_format_that_is_not_written_says_so(copy_of, tmp_path):
    autoencoder = sae.load(copy_of("sparsify_topk"))
    with pytest.raises(SaeError, match="read from the format openai, not written in it"):
        sae.save(autoencoder, tmp_path / "out", format="openai")
    with pytest.raises(RegistryError, match="no sae_format is called 'pickle'; there are: "):
        sae.save(autoencoder, tmp_path / "out", format="pickle")


def test_a_place_that_cannot_be_written_says_so(copy_of, tmp_path):
    autoencoder = sae.load(copy_of("sparsify_topk"))
    (tmp_path / "file").touch()
    with pytest.raises(SaeError, match="cannot write"):
        sae.save(autoencoder, tmp_path / "file")


def test_an_average_norm_without_its_factor_is_warned_of_and_can_be_stated(copy_of, caplog):
    path = copy_of("saelens_standard")
    change_settings(path, normalize_activations="expected_average_only_in")
    assert sae.load(path).architecture.input_scale == 1
    assert "not by which factor" in caplog.text
    assert sae.load(path, input_scale=0.5).architecture.input_scale == 0.5
    (path / "activation_scaler.json").write_text('{"scaling_factor": 0.25}')
    assert sae.load(path).architecture.input_scale == 0.25
