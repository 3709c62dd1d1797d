"""Delphi's explanations and scores: text files that hold JSON, one for each latent.

`explanations/HOOKPOINT_latentN.txt` holds the explanation as a JSON string. `scores/SCORER/` holds
under the same names (with `--` for a slash) a list of what was judged: for detection and fuzzing
the tokens of a text, whether the latent fires there, and what the judge said; for embeddings the
text and its similarity. Older versions say `feature` for `latent` and `ground_truth` for
`activating`. Two fields are not read: `correct` follows from the others, and `predicted`, which a
few old versions declared, was not what they filled in, so its value may be a default.

Source: `delphi/__main__.py`, `delphi/scorers/` and `delphi/log/result_analysis.py` of
EleutherAI/delphi, and the same of its former name sae-auto-interp, read in November 2026.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from neuroscribe.datasets.interchange.json_fields import Fields, read_json
from neuroscribe.errors import InputError

NOT_PARSED: Final = "Explanation could not be parsed."
"""What delphi stores as an explanation where there is none."""

SCORERS: Final = {
    "fuzz": "fuzzing",
    "fuzzing": "fuzzing",
    "detection": "detection",
} | dict.fromkeys(("embedding", "embeding"), "embedding")
"""Our names of the scorers whose files can be read."""

_NAME: Final = re.compile(r"(?P<hookpoint>.+)_(?:latent|feature)(?P<index>\d+)\.txt")


@dataclass(frozen=True, order=True)
class LatentName:
    """A latent, as delphi names it."""

    hookpoint: str
    index: int


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What was said of one text."""

    text: str
    fires: bool | None
    says: bool | None
    """Whether it fits, by a judge's word; None where there is none."""
    ranks: float | None
    """A judge's probability, or a similarity."""


def result_files(folder: Path) -> dict[LatentName, Path]:
    """The files of latents below a folder; none if it is not there."""
    found: dict[LatentName, Path] = {}
    for path in sorted(folder.rglob("*.txt")) if folder.is_dir() else ():
        match = _NAME.fullmatch(path.relative_to(folder).as_posix().replace("--", "/"))
        if match is not None:
            found[LatentName(match["hookpoint"], int(match["index"]))] = path
    return found


def read_explanations(path: Path) -> list[str | None]:
    """The explanations of a latent: one, or several where a run asked for more; None for a failure.

    Raises:
        InputError: it is no JSON, or no text.
    """
    content = read_json(path)
    texts = content if isinstance(content, list) else [content]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise InputError(f"{path} is damaged: it should hold the text of an explanation")
    return [None if text.strip() in ("", NOT_PARSED) else text for text in texts]


def read_judged(path: Path) -> list[Judged]:
    """What was said of each text.

    Raises:
        InputError: it is no list of what was judged.
    """
    content = read_json(path)
    if not isinstance(content, list):
        raise InputError(f"{path} is damaged: it should hold a list of judged texts")
    return [_judged(Fields(item, f"{path}, item {place}")) for place, item in enumerate(content)]


def _judged(item: Fields) -> Judged:
    similarity = item.number("similarity")
    fires = item.truth("activating")
    if fires is None:
        fires = item.truth("ground_truth")
    distance = item.number("distance")
    if fires is None and similarity is not None and distance is not None:
        fires = distance > 0
    return Judged(
        text="".join(item.texts("str_tokens")) or item.text("text") or "",
        fires=fires,
        says=item.truth("prediction"),
        ranks=item.number("probability") if similarity is None else similarity,
    )


def balanced_accuracy(judged: Sequence[Judged]) -> float | None:
    """Mean of the shares of texts that fire and that don't which were told right.

    None where no text of one of the two kinds has an answer.
    """
    shares = []
    for fires in (True, False):
        said = [
            each.says == fires for each in judged if each.fires is fires and each.says is not None
        ]
        if not said:
            return None
        shares.append(sum(said) / len(said))
    return sum(shares) / 2


def auc(judged: Sequence[Judged]) -> float | None:
    """How often a text that fires ranks above one that doesn't, ties counting half.

    None where no text of one of the two kinds has a rank.
    """
    ranked = [(each.fires, each.ranks) for each in judged if each.ranks is not None]
    fire = [rank for fires, rank in ranked if fires]
    silent = [rank for fires, rank in ranked if fires is False]
    if not fire or not silent:
        return None
    won = sum((high > low) + (high == low) / 2 for high in fire for low in silent)
    return won / (len(fire) * len(silent))
