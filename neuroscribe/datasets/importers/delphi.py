"""Make a study of a results folder of delphi: cached latents, explanations, scores.

`latents/`, `explanations/` and `scores/` below the source; any of them may be missing. A hook point
becomes a site. The cache holds every activation, so statistics, look-up tables, top and random
exemplars come out as if recorded, on windows of delphi's longer rows. Token strings need the
model's tokenizer. Nothing but safetensors and JSON is opened; one file of the cache is in memory at
a time.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from neuroscribe import progress
from neuroscribe.datasets.interchange.delphi_cache import (
    CachedLatent,
    CacheFile,
    Windows,
    read_cache,
)
from neuroscribe.datasets.interchange.delphi_folder import DelphiFolder
from neuroscribe.datasets.interchange.delphi_opinions import Opinions
from neuroscribe.datasets.interchange.delphi_results import LatentName
from neuroscribe.datasets.interchange.imported_study import StudyBuilder
from neuroscribe.datasets.interchange.transfer import Transfer, require_absent
from neuroscribe.datasets.interchange.vocabulary_bytes import TokenBytes, by_number, open_vocabulary
from neuroscribe.datasets.token_boundaries import show_bytes
from neuroscribe.errors import InputError
from neuroscribe.records import (
    SPLITS,
    Exemplar,
    Kind,
    Sequence as TokenSequence,
    Split,
    UnitId,
)

NOTES = (
    (
        "Activations were stored in half precision, and those below 1e-5 not at all: they count as "
        "0. Statistics are over all cached tokens, special ones too."
    ),
    (
        "Exemplars are windows of rows: the activations are those with the whole row before them, "
        "which a fresh recording of the window alone does not give. Rows may join documents."
    ),
    "Latents that never fire in the cache are not units.",
    (
        "Which texts were scored is delphi's choice: its test texts may have been among those that "
        "the explainer saw. Scores are computed from the stored answers."
    ),
)

_BY_ROW = "by_row"
_TEXTS_AT_ONCE = 20_000
"""Texts in memory that further latents may fire on: some 200 megabytes."""


def load(
    source: str | Path,
    study: Path,
    *,
    tokenizer: str = "",
    subject: str = "",
    corpus: str = "",
    llm: str = "",
    explainer: str = "delphi",
    split: str = _BY_ROW,
    context: int = 64,
    top_k: int = 20,
    n_random: int = 10,
    explained_only: bool = False,
) -> Transfer:
    """Read a results folder into a new study.

    Args:
        source: the folder that holds `latents`, `explanations` or `scores`.
        study: directory of the new study.
        tokenizer: folder or hub name of the model's tokenizer; without it tokens show their ids.
        subject: name of the model; as the settings say if empty.
        corpus: name of the texts; as the settings say if empty.
        llm: which LLM explained and judged; as the settings say if empty.
        explainer: who made the explanations.
        split: `by_row` draws a split for each row of the corpus; or the one split of all.
        context: tokens of a window.
        top_k: top exemplars of a latent and split.
        n_random: random exemplars of a latent and split.
        explained_only: leave out latents that have no explanation and no score.

    Raises:
        InputError: there is nothing to read, or a file is damaged; no study is left behind.
    """
    require_absent(study)
    _check(split, context=context, top_k=top_k, n_random=n_random)
    folder = DelphiFolder(Path(source))
    choices = _Choices(
        bytes_of=open_vocabulary(tokenizer) if tokenizer else by_number,
        split=next((each for each in SPLITS if each == split), None),
        context=context,
        top_k=top_k,
        n_random=n_random,
        only=set(folder.names()) if explained_only else None,
    )
    with StudyBuilder(
        study,
        format="delphi",
        source=str(source),
        subject=subject or folder.model or "unknown",
        corpus=corpus or folder.texts or "unknown",
        notes=NOTES,
    ) as builder:
        said_by = llm or folder.llm or "unknown"
        opinions = Opinions(builder, folder, explainer=explainer, llm=said_by)
        cache = _Cache(builder, choices)
        names = folder.names()
        total = sum(map(len, folder.cache.values())) + len(names)
        with progress.bar("importing", total=total, unit="files") as bar:
            for hookpoint, paths in folder.cache.items():
                cache.describe(hookpoint, paths)
                for path in paths:
                    cache.add(hookpoint, read_cache(path))
                    bar.advance()
            for name in names:
                opinions.add(cache.unit(name), name)
                bar.advance()
        lost = cache.lost + opinions.lost
        left = [*(f"{count:,} {what}" for what, count in lost.items()), *folder.left_out()]
        if folder.cache and not tokenizer:
            left.append("strings of tokens, which are shown by their ids; set tokenizer=...")
        for sentence in left:
            builder.note(f"Left out: {sentence}.")
        written = builder.finish()
    return Transfer(written=written, left_out=tuple(left))


@dataclass(frozen=True, kw_only=True)
class _Choices:
    """What is made of the cache."""

    bytes_of: TokenBytes
    split: Split | None
    context: int
    top_k: int
    n_random: int
    only: set[LatentName] | None


class _Cache:
    """Cached latents on their way into the study."""

    def __init__(self, builder: StudyBuilder, choices: _Choices) -> None:
        self.lost: Counter[str] = Counter()
        self._builder = builder
        self._choices = choices
        self._sites: set[str] = set()
        self._units: set[UnitId] = set()
        self._split_of: dict[bytes, Split] = {}
        self._texts: dict[int, TokenSequence] = {}

    def describe(self, hookpoint: str, paths: Sequence[Path]) -> str:
        """The site of a hook point, described when it comes for the first time."""
        site, layer = _site_of(hookpoint)
        if site not in self._sites:
            self._sites.add(site)
            width = int(paths[-1].stem.partition("_")[2]) + 1 if paths else None
            self._builder.site(site, kind="sae", layer=layer, width=width, module=hookpoint)
        return site

    def unit(self, name: LatentName) -> UnitId:
        """The unit of a latent; one that the cache does not hold is added without anything."""
        unit = UnitId(self.describe(name.hookpoint, ()), name.index)
        if unit not in self._units:
            self._builder.unit(unit, {})
            self._units.add(unit)
        return unit

    def add(self, hookpoint: str, file: CacheFile) -> None:
        """Take the latents of a file."""
        windows = drawn = None
        # Another file may have other rows.
        self._texts.clear()
        if file.tokens is None:
            self.lost[
                f"texts of {file.path.parent.name}/{file.path.name}, which has no tokens"
            ] += 1
        else:
            windows = Windows(file.tokens, length=self._choices.context, split=self._choices.split)
            drawn = windows.drawn(self._choices.n_random)
        for latent in file:
            name = LatentName(hookpoint, latent.index)
            if self._choices.only is not None and name not in self._choices.only:
                self.lost["latents without an explanation or a score"] += 1
                continue
            unit = UnitId(self.describe(hookpoint, ()), latent.index)
            if windows is None or drawn is None:
                self._builder.unit(unit, {"max": float(latent.activations.max())})
            else:
                exemplars = [
                    *self._exemplars(
                        windows, latent, "top", windows.top(latent, self._choices.top_k)
                    ),
                    *self._exemplars(windows, latent, "random", drawn),
                ]
                self._builder.unit(unit, windows.statistics(latent), exemplars)
            self._units.add(unit)

    def _exemplars(
        self, windows: Windows, latent: CachedLatent, kind: Kind, chosen: dict[Split, list[int]]
    ) -> Iterator[Exemplar]:
        for split, places in chosen.items():
            known: set[int] = set()
            for window in places:
                sequence = self._sequence(windows, window, split)
                if sequence is None:
                    self.lost["texts that are in another split too"] += 1
                elif sequence.sequence_id not in known:
                    values = windows.values(latent, window)
                    yield Exemplar(
                        sequence=sequence, activations=values, kind=kind, rank=len(known)
                    )
                    known.add(sequence.sequence_id)

    def _sequence(self, windows: Windows, window: int, split: Split) -> TokenSequence | None:
        """The text of a window; None if it is in another split already.

        Windows of different rows may be equal and have been drawn into different splits.
        """
        if window in self._texts:
            return self._texts[window]
        ids = windows.ids(window)
        key = hashlib.blake2b(repr(ids).encode(), digest_size=16).digest()
        if self._split_of.setdefault(key, split) != split:
            return None
        pieces = self._choices.bytes_of(ids)
        sequence = self._builder.sequence(
            [show_bytes(data) for data in pieces],
            token_bytes=pieces,
            token_ids=ids,
            split=split,
            document_id=f"row-{window // windows.per_row}",
        )
        if len(self._texts) >= _TEXTS_AT_ONCE:
            self._texts.clear()
        self._texts[window] = sequence
        return sequence


def _check(split: str, **counts: int) -> None:
    if split not in (_BY_ROW, *SPLITS):
        raise InputError(f"no split is called {split!r}; there are: {_BY_ROW}, {', '.join(SPLITS)}")
    for name, count in counts.items():
        least = 0 if name == "n_random" else 1
        if count < least:
            raise InputError(f"{name} is {count}; it must be at least {least}")


def _site_of(hookpoint: str) -> tuple[str, int | None]:
    """Name and layer of a hook point's site.

    >>> _site_of("layers.5.mlp")
    ('sae.5.layers.5.mlp', 5)
    """
    numbers = re.findall(r"(?:^|[./])(\d+)(?=$|[./])", hookpoint)
    # A selector of units gives other characters a meaning.
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", hookpoint)
    return (f"sae.{numbers[0]}.{name}", int(numbers[0])) if numbers else (f"sae.{name}", None)


PLUGIN = load
