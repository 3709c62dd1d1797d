"""Which batches of SAEDashboard a folder holds, and what is said of them there.

A batch names its model, layer and set of autoencoders; older or hand-made ones do not, and
`run_settings.json` beside them does. What nobody says is asked of the user.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neuroscribe.datasets.interchange.json_fields import Fields, read_json
from neuroscribe.datasets.interchange.mojibake import Writing, judge
from neuroscribe.errors import InputError

_BATCH = re.compile(r"batch-(\d+)\.json")


@dataclass(frozen=True, kw_only=True)
class Place:
    """What a batch is about."""

    site: str
    layer: int | None
    subject: str
    corpus: str


class Folder:
    """What is said of all batches of a folder: by the user, by themselves, or beside them."""

    def __init__(self, folder: Path, *, site: str, subject: str, corpus: str) -> None:
        self._stated = {"site": site, "subject": subject, "corpus": corpus}
        self._settings = _beside(folder, "run_settings.json")
        self._skipped = [
            int(index)
            for index in _beside(folder, "skipped_indexes.json").numbers("skipped_indexes")
        ]

    @property
    def width(self) -> int | None:
        """One more than the largest latent that is known to have been skipped."""
        return max(self._skipped) + 1 if self._skipped else None

    def of(self, batch: Fields) -> Place:
        """Site, model and texts of a batch."""
        if not batch.has("features"):
            raise InputError(f"{batch.where} is no batch of SAEDashboard: it has no features")
        layer = batch.integer("layer")
        if layer is None:
            layer = self._settings.integer("layer")
        latent = batch.objects("features")[0]
        subject = batch.text("model_id") or self._settings.text("model_id")
        corpus = latent.text("dataset") or self._settings.text("huggingface_dataset_path")
        return Place(
            site=self._stated["site"] or self._site(batch, layer),
            layer=layer,
            subject=self._stated["subject"] or subject or "unknown",
            corpus=self._stated["corpus"] or corpus or "unknown",
        )

    def _site(self, batch: Fields, layer: int | None) -> str:
        name = batch.text("sae_set")
        for key in ("np_set_name", "sae_set"):
            name = name or self._settings.text(key)
        if name is None or layer is None:
            missing = "layer" if layer is None else "sae_set"
            raise InputError(
                f"{batch.where} does not say its {missing}; name the site with site=sae.LAYER.NAME"
            )
        suffix = batch.text("sae_id_suffix")
        whole = f"sae.{layer}.{name}" + (f"__{suffix}" if suffix else "")
        # A selector of units gives these other characters a meaning.
        return re.sub(r"[^A-Za-z0-9_.-]+", "-", whole)


def batch_paths(source: Path) -> list[Path]:
    """The batches at `source`, a file or a folder, in order of their numbers.

    Raises:
        InputError: there is none.
    """
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise InputError(f"there is no file or folder {source}")
    found = {
        int(match[1]): path for path in source.iterdir() if (match := _BATCH.fullmatch(path.name))
    }
    if not found:
        raise InputError(f"{source} holds no batch-N.json; name the folder that SAEDashboard wrote")
    return [found[number] for number in sorted(found)]


def _beside(folder: Path, name: str) -> Fields:
    path = folder / name
    return Fields(read_json(path) if path.is_file() else {}, str(path))


def judged(paths: Sequence[Path]) -> Writing:
    """How the tokens of these files are written, by the first that tells."""
    for path in paths:
        batch = Fields(read_json(path), str(path))
        windows = (
            window.texts("tokens")
            for latent in batch.objects("features")
            for window in latent.objects("activations")
        )
        writing = judge(windows)
        if writing is not None:
            return writing
    return "plain"
