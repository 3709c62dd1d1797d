"""Names on the hub, with the hub's own functions replaced at the border."""

import pytest

from neuroscribe import sae
from neuroscribe.errors import SaeError
from neuroscribe.sae import location


class Hub:
    """Answers as huggingface_hub would, from a folder."""

    def __init__(self, folder, files):
        self.folder = folder
        self.files = files
        self.asked = []

    def list_repo_files(self, name):
        return self.files

    def snapshot_download(self, name, *, allow_patterns):
        self.asked.append((name, allow_patterns))
        return str(self.folder)


@pytest.fixture
def hub(monkeypatch, copy_of, tmp_path):
    copy_of("saelens_topk")
    hub = Hub(tmp_path, ["README.md", "layer_1/cfg.json", "layer_2/sae.safetensors"])
    monkeypatch.setattr(location, "snapshot_download", hub.snapshot_download)
    monkeypatch.setattr(location, "HfApi", lambda: hub)
    return hub


def test_only_the_subfolder_is_fetched(hub):
    autoencoder = sae.load("hf:owner/name:saelens_topk")
    assert hub.asked == [("owner/name", ["saelens_topk/*"])]
    assert autoencoder.provenance.source == "hf:owner/name:saelens_topk"


def test_a_repository_without_weights_at_the_top_lists_its_folders(hub):
    with pytest.raises(SaeError, match="SUBFOLDER with one of: layer_1, layer_2"):
        sae.load("hf:owner/name")
    assert hub.asked == []


def test_a_folder_that_the_repository_lacks(hub):
    with pytest.raises(SaeError, match="owner/name has no folder layer_9 on the hub"):
        sae.load("hf:owner/name:layer_9")


def test_a_name_that_cannot_be_one():
    with pytest.raises(SaeError, match="is no name that the hub could have"):
        sae.load("hf:a/b/c/d:layer_9")
