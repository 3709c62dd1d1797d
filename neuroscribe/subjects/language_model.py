"""The subject with its language-model head, for scores that look at what it predicts."""

import textwrap
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from neuroscribe.errors import SubjectError
from neuroscribe.subjects.loading import quiet
from neuroscribe.subjects.subject import Subject

_CAUSAL = ("ForCausalLM", "LMHeadModel")


def cannot_predict(subject: Subject) -> str | None:
    """Why a subject predicts no next tokens, in a sentence; None where it does."""
    if subject.location is None:
        return (
            f"{subject.name} came as a model in hand, so its language-model head is not known; "
            "name the folder or the hub's model in place of it"
        )
    architectures = subject.model.config.architectures or []
    if any(name.endswith(_CAUSAL) for name in architectures):
        return None
    kinds = ", ".join(architectures) or type(subject.model).__name__
    return f"{subject.name} predicts no next tokens: it is a {kinds}, not a causal language model"


def load_language_model(subject: Subject) -> PreTrainedModel:
    """The subject's model with its head, on the same device and of the same dtype.

    Raises:
        SubjectError: it cannot be loaded, or lacks weights.
    """
    location = str(subject.location)
    options = {
        # The revision of a folder is that of the package that carries it.
        "revision": None if Path(location).is_dir() else subject.revision,
        "trust_remote_code": False,
    }
    try:
        with quiet():
            config = AutoConfig.from_pretrained(location, **options)
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                location,
                config=config,
                dtype=subject.dtype,
                use_safetensors=True,
                output_loading_info=True,
                **options,
            )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = textwrap.shorten(str(error), 200, placeholder=" ...")
        raise SubjectError(
            f"{subject.name} cannot be loaded with its language-model head: {reason}"
        ) from error
    model: PreTrainedModel = loaded[0]
    info = loaded[1]
    if info["missing_keys"]:
        raise SubjectError(
            f"the checkpoint of {subject.name} lacks {min(info['missing_keys'])}, so what it "
            "predicts is not known"
        )
    model.eval().to(subject.device)
    return model
