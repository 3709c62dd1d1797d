"""Load a causal language model by name or path, as subjects are loaded.

What can be wrong with a folder or a name, and what is said of it, is `subjects.loading`'s: pickled
weights and code that a model brings are refused, missing weights are an error.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from neuroscribe.errors import SubjectError
from neuroscribe.llm.local.direct import DirectForm, read_marker
from neuroscribe.llm.local.encoding import Encoder
from neuroscribe.subjects.language_model import cannot_predict, load_language_model
from neuroscribe.subjects.loading import load_subject

_PASSING = ("_name_or_path", "architectures", "dtype", "transformers_version", "use_cache")
"""Settings that say where a model came from, or how it is run here."""


@dataclass(frozen=True, kw_only=True)
class LocalModel:
    """A model that is ready to answer."""

    name: str
    """As the user gave it."""
    model: PreTrainedModel
    encoder: Encoder
    max_positions: int | None
    """Tokens that it reads at most; None if there is no limit."""
    direct: DirectForm | None
    """How it is asked as a direct simulator; None for an ordinary model."""
    identity: str
    """Which weights, tokenizer and arithmetic: what its answers depend on."""

    @property
    def start_id(self) -> int | None:
        """The token that stands before a text's first; None where the tokenizer has none."""
        tokenizer = self.encoder.tokenizer
        ids = (tokenizer.bos_token_id, tokenizer.eos_token_id)
        return next((token for token in ids if token is not None), None)

    @property
    def vocabulary_size(self) -> int:
        """Tokens that it knows."""
        return int(self.model.config.get_text_config().vocab_size)


def open_model(name: str) -> LocalModel:
    """Load a model, its tokenizer and what its folder says of itself.

    Args:
        name: as `load_subject` reads it: a folder, a name on the hub, or `tinypython`.

    Raises:
        SubjectError: there is no such model, or it is no causal language model.
    """
    subject = load_subject(name)
    why_not = cannot_predict(subject)
    if why_not is not None:
        raise SubjectError(why_not)
    known = subject.provenance()
    folder = Path(subject.location or "")
    direct = read_marker(folder, subject.tokenizer) if folder.is_dir() else None
    identity = [f"weights {known['weights_sha256']}", f"tokenizer {known['tokenizer_sha256']}"]
    if direct is not None:
        identity.append(f"asked as {direct!r}")
    identity.append(f"settings {_settings_sha256(subject.model, subject.tokenizer)}")
    return LocalModel(
        name=name,
        model=load_language_model(subject),
        encoder=Encoder(subject.tokenizer, subject.prefix_ids),
        max_positions=subject.max_positions,
        direct=direct,
        identity=", ".join([*identity, known["dtype"]]),
    )


def _settings_sha256(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> str:
    """Hash of what shapes answers beside weights and vocabulary, such as a chat template."""
    config = model.config.to_dict()
    for name in _PASSING:
        config.pop(name, None)
    said = [config, tokenizer.chat_template, tokenizer.eos_token_id]
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()
