"""A study becomes a site: the stages, one after the other.

What is asked of all units at once (search, map, neighbours, weights) is done in this process; what
belongs to one site of the subject is written by one of several. Either way the files are the same.
"""

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.resources import as_file, files
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import fsspec
import numpy as np

from neuroscribe.datasets.manifest import read_manifest
from neuroscribe.errors import InputError
from neuroscribe.progress import bar
from neuroscribe.records import UnitId
from neuroscribe.viewer.blocks import SOURCE, count_files, replaced, write_json
from neuroscribe.viewer.exemplars import write_exemplars
from neuroscribe.viewer.firing import MOST_TOGETHER, firing_neighbours
from neuroscribe.viewer.headline import choose_headline
from neuroscribe.viewer.likeness import (
    Directory,
    Likeness,
    Neighbours,
    by_row,
    compare_explanations,
)
from neuroscribe.viewer.order import SiteUnits, sites_of
from neuroscribe.viewer.rounding import Floats
from neuroscribe.viewer.rows import write_rows
from neuroscribe.viewer.search_index import write_search_index
from neuroscribe.viewer.site_index import FORMAT, write_site_index
from neuroscribe.viewer.text_vectors import AUTO, chosen_encoder, require_scikit_learn
from neuroscribe.viewer.tokens import Tokens, write_tokens
from neuroscribe.viewer.unit_tokens import unit_tokens
from neuroscribe.viewer.units import Extras, Neighbour, write_units

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a site is built; it decides the content together with the study."""

    title: str | None = None
    """None names subject and corpus."""
    units: tuple[UnitId, ...] | None = None
    """Only these; None shows all."""
    exemplars: int = 10
    """Top exemplars that are shown of each split."""
    embedder: str = AUTO
    """What encodes explanations: `auto`, `words`, `minilm`, or a model's name or path."""
    map: bool = True
    """Whether explanations are laid out, and likened to each other."""
    weights: bool = True
    """Whether the subject is loaded to say which tokens units' weights name."""

    def __post_init__(self) -> None:
        if self.exemplars < 1:
            raise InputError(f"exemplars is {self.exemplars}; show at least 1 of each split")


@dataclass(frozen=True, kw_only=True)
class SiteBuilt:
    """What was written."""

    path: Path
    files: int
    bytes: int
    seconds: float
    units: int
    notes: tuple[str, ...]
    """What the site does without, and why, in sentences."""


def build_site(
    study: str | Path, out: str | Path, *, processes: int = 1, **options: Any
) -> SiteBuilt:
    """Build the static site of a study.

    Args:
        study: its directory, or an fsspec URL.
        out: the site's directory: new, empty, or an older site, which is replaced.
        processes: how many write at once. More than one start anew (`spawn`), so a script that
            asks for them needs the usual guard around its main part.
        options: fields of `Options`, such as `title` or `exemplars`.

    Raises:
        InputError: not a study, `out` is something else than a site or holds more than that, or the
            map needs scikit-learn.
    """
    started = time.monotonic()
    chosen = Options(**options)
    root, out = str(study), Path(out)
    # Taken before anything else is read: what is written meanwhile belongs to the next build.
    stamp = fingerprint(root, chosen)
    manifest = read_manifest(root)
    if chosen.map:
        require_scikit_learn()
    # `.` has no name, and a link to a site stays one.
    with replaced(out.resolve()) as folder, tempfile.TemporaryDirectory() as temporary:
        sites = sites_of(root, manifest, chosen.units)
        build = _Build(root, folder, manifest, sites, chosen, stamp)
        with _workers(min(processes, len(sites))) as run:
            notes = build.write(run, write_tokens(root, Path(temporary)))
        write_json(folder / SOURCE, {"study": stamp})
        _copy_assets(folder)
        n_files, n_bytes = count_files(folder)
    return SiteBuilt(
        path=out,
        files=n_files,
        bytes=n_bytes,
        seconds=time.monotonic() - started,
        units=sum(map(len, sites)),
        notes=notes,
    )


def fingerprint(study: str | Path, options: Options) -> str:
    """Hash of all that decides a site's files: parts of a study never change, so names do.

    Raises:
        StudyError: it is not a study.
    """
    manifest = read_manifest(study)
    filesystem, path = fsspec.core.url_to_fs(str(study))
    parts = sorted(
        name.removeprefix(path) for name in filesystem.find(path) if name.endswith(".parquet")
    )
    encoder = chosen_encoder(0) if options.embedder == AUTO else options.embedder
    stated = [manifest, parts, repr(options), encoder, FORMAT, _front_end()]
    return hashlib.sha256(json.dumps(stated, sort_keys=True).encode("utf-8")).hexdigest()


@runtime_checkable
class _Run(Protocol):
    """Calls a function once for each tuple of arguments, maybe in other processes."""

    def __call__(
        self, what: str, function: Callable[..., ResultT], arguments: Iterable[tuple[Any, ...]]
    ) -> list[ResultT]: ...


class _Build(NamedTuple):
    """One site that is being built."""

    root: str
    folder: Path
    manifest: Mapping[str, Any]
    sites: Sequence[SiteUnits]
    options: Options
    stamp: str
    """See `fingerprint`."""

    def write(self, run: _Run, tokens: Tokens) -> tuple[str, ...]:
        """Write all data; returns what is left out."""
        headline = choose_headline(self.root)
        rows = run(
            "tables", write_rows, [(self.root, self.folder, site, headline) for site in self.sites]
        )
        texts = [text for of_site in rows for text in of_site.text]
        directory = Directory(self.sites, texts)
        score = np.concatenate([of_site.score for of_site in rows])
        likeness = self._likeness(directory, score)
        firing = self._firing(run)
        weights = unit_tokens(self.manifest, self._explained(texts) if self.options.weights else [])
        run(
            "units",
            write_units,
            [
                (
                    self.root,
                    self.folder,
                    site,
                    tokens,
                    Extras(
                        weights=weights.of_site(site),
                        by_explanation=_listed(directory, site, likeness and likeness.neighbours),
                        by_firing=_listed(directory, site, firing),
                    ),
                )
                for site in self.sites
            ],
        )
        run(
            "exemplars",
            write_exemplars,
            [(self.root, self.folder, site, tokens, self.options.exemplars) for site in self.sites],
        )
        write_site_index(
            self.root,
            self.folder,
            self.manifest,
            title=self.options.title,
            build=self.stamp[:12],
            sites=self.sites,
            summaries=[of_site.summary for of_site in rows],
            headline=headline,
            search=write_search_index(self.folder, texts),
            layout=None if likeness is None else likeness.layout,
        )
        return () if weights.missing is None else (weights.missing,)

    def _likeness(self, directory: Directory, score: Floats) -> Likeness | None:
        if not self.options.map:
            return None
        return compare_explanations(self.folder, directory, score, self.options.embedder)

    def _firing(self, run: _Run) -> Neighbours | None:
        """Of all units among each other while they are few, else of each site's."""
        total = sum(map(len, self.sites))
        together = [self.sites] if total <= MOST_TOGETHER else [[site] for site in self.sites]
        found = run("firing", firing_neighbours, [(self.root, group) for group in together])
        parts = [
            by_row(np.arange(len(near.places)) + group[0].first_row, near)
            for group, near in zip(together, found, strict=True)
            if near is not None
        ]
        if not parts:
            return None
        return Neighbours(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _explained(self, texts: Sequence[str | None]) -> list[UnitId]:
        return [
            UnitId(site.name, index, 1 if polarity > 0 else -1)
            for site in self.sites
            for place, (index, polarity) in enumerate(
                zip(site.index.tolist(), site.polarity.tolist(), strict=True)
            )
            if texts[site.first_row + place] is not None
        ]


def _listed(
    directory: Directory, site: SiteUnits, found: Neighbours | None
) -> dict[int, list[Neighbour]]:
    return {} if found is None else directory.of_site(site, found)


@contextmanager
def _workers(processes: int) -> Iterator[_Run]:
    """Processes that do the parts of a stage, or this one."""
    if processes <= 1:
        yield partial(_run, None)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield partial(_run, pool)


def _run(
    pool: Executor | None,
    what: str,
    function: Callable[..., ResultT],
    arguments: Iterable[tuple[Any, ...]],
) -> list[ResultT]:
    tasks = list(arguments)
    with bar(what, total=len(tasks), unit="sites") as progress:
        if pool is None:
            results = []
            for task in tasks:
                results.append(function(*task))
                progress.advance()
            return results
        futures = [pool.submit(function, *task) for task in tasks]
        for future in as_completed(futures):
            future.result()
            progress.advance()
        return [future.result() for future in futures]


def _front_end() -> str:
    """Hashes of the front end that the package carries; empty where it carries none."""
    hashes = files("neuroscribe.viewer") / "assets" / "SOURCE.sha256"
    return hashes.read_text(encoding="utf-8") if hashes.is_file() else ""


def _copy_assets(folder: Path) -> None:
    """The front end, as the package carries it."""
    with as_file(files("neuroscribe.viewer") / "assets") as assets:
        if assets.is_dir():
            hash_of_source = shutil.ignore_patterns("*.sha256")
            shutil.copytree(assets, folder, ignore=hash_of_source, dirs_exist_ok=True)
