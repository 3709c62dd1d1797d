r"""Models that were fine-tuned to simulate: what their folder says of itself.

Such a model reads the explanation and then the subject's own tokens, and its logits for the eleven
levels at each token are that token's distribution: one pass, nothing generated. The folder of such
a model carries `neuroscribe_simulator.json`:

    {"format": 1, "reads": "level_logits",
     "prompt": "Explanation: {explanation}\nText: ", "levels": [15, 16, ..., 24, 940]}

`levels` are the token ids (or the tokens' texts) of 0 to 10.

Source: Choi et al., 2024 (METHODS section 4).
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from transformers import PreTrainedTokenizerBase

from neuroscribe.errors import SubjectError
from neuroscribe.llm.local.rows import Ids
from neuroscribe.notation import MAX_LEVEL

MARKER = "neuroscribe_simulator.json"
_FORMAT = 1
_READS = "level_logits"
_PLACE = "{explanation}"


class DirectForm(NamedTuple):
    """How a direct simulator is asked."""

    before: str
    """What stands before the explanation."""
    behind: str
    """What stands between the explanation and the tokens."""
    levels: Ids
    """The tokens of 0 to 10."""

    def prompt(self, explanation: str) -> str:
        """The text before the subject's tokens."""
        return f"{self.before}{explanation}{self.behind}"


def read_marker(folder: Path, tokenizer: PreTrainedTokenizerBase) -> DirectForm | None:
    """What a folder says; None where it is no direct simulator.

    Raises:
        SubjectError: the marker has another form.
    """
    path = folder / MARKER
    if not path.is_file():
        return None
    try:
        return _form(json.loads(path.read_text("utf-8")), tokenizer)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SubjectError(
            f"{path} does not say how the simulator is asked: {error!r}; write format, reads, "
            f"prompt (with {_PLACE} once) and levels, the {MAX_LEVEL + 1} token ids of 0 to "
            f"{MAX_LEVEL}"
        ) from None


def _form(said: Any, tokenizer: PreTrainedTokenizerBase) -> DirectForm:
    if said["format"] != _FORMAT or said["reads"] != _READS:
        raise ValueError(f"format must be {_FORMAT} and reads {_READS!r}")
    before, behind = said["prompt"].split(_PLACE)
    levels = tuple(_token(level, tokenizer) for level in said["levels"])
    if len(set(levels)) != MAX_LEVEL + 1:
        raise ValueError(f"{MAX_LEVEL + 1} different levels are needed")
    return DirectForm(before, behind, levels)


def _token(level: int | str, tokenizer: PreTrainedTokenizerBase) -> int:
    ids = [level]
    if isinstance(level, str):
        ids = tokenizer(level, add_special_tokens=False)["input_ids"]
        if len(ids) != 1:
            raise ValueError(f"{level!r} is {len(ids)} tokens; give token ids")
    token = int(ids[0])
    if not 0 <= token < len(tokenizer):
        raise ValueError(f"the tokenizer has no token {token}")
    return token
