"""What a results folder of delphi holds: caches by hook point, explanations and scores by latent.

Names of latents contain their hook point; where the cache tells which hook points there are, any
folders before them (such as one for each explainer) are cut off. Of the settings only names are
read: a run's settings may hold an access token, which has no business in a study.
"""

from collections import Counter, defaultdict
from pathlib import Path

from neuroscribe.datasets.interchange.delphi_cache import FILE_NAME
from neuroscribe.datasets.interchange.delphi_results import SCORERS, LatentName, result_files
from neuroscribe.datasets.interchange.json_fields import Fields, read_json
from neuroscribe.errors import InputError

_KINDS_OF_NEGATIVES = {"random": "random", "neighbours": "hard", "FAISS": "hard"}
_READ = ("latents", "explanations", "scores", "run_config.json")


class DelphiFolder:
    """The files of a results folder."""

    def __init__(self, source: Path) -> None:
        """List the files.

        Raises:
            InputError: there are none.
        """
        self._source = source
        self.cache: dict[str, list[Path]] = _cache_files(source / "latents")
        """Files by hook point, in order of their latents."""
        self.explanations: dict[LatentName, list[Path]] = defaultdict(list)
        self.scores: dict[LatentName, dict[str, Path]] = defaultdict(dict)
        """Files by latent, then by our name of the scorer."""
        self._unknown: Counter[str] = Counter()
        for name, path in result_files(source / "explanations").items():
            self.explanations[self._known(name)].append(path)
        self._find_scores()
        if not (self.cache or self.explanations or self.scores):
            raise InputError(
                f"{source} holds no latents, explanations or scores of delphi; name the folder "
                "above these three (results/NAME)"
            )
        path = source / "run_config.json"
        self._run = Fields(read_json(path) if path.is_file() else {}, str(path))
        self._of_cache = [
            Fields(read_json(path), str(path))
            for hookpoint in self.cache
            if (path := source / "latents" / hookpoint / "config.json").is_file()
        ]

    @property
    def model(self) -> str | None:
        """Name of the subject, if the settings say it."""
        return self._said("model") or self._said("model_name")

    @property
    def texts(self) -> str | None:
        """Name of the corpus, if the settings say it."""
        return self._said("dataset_repo") or self._run.inner("cache_cfg").text("dataset_repo")

    @property
    def llm(self) -> str | None:
        """Which LLM explained and judged, if the settings say it."""
        return self._said("explainer_model")

    @property
    def kind_of_negatives(self) -> str:
        """Of the silent texts that judges were shown."""
        source = self._run.inner("constructor_cfg").text("non_activating_source")
        return _KINDS_OF_NEGATIVES.get(source or "random", "random")

    def names(self) -> list[LatentName]:
        """The latents that have an explanation or a score."""
        return sorted(self.explanations.keys() | self.scores.keys())

    def left_out(self) -> list[str]:
        """What is there and is not read."""
        sentences = [f"{n:,} files of scorer {name}" for name, n in sorted(self._unknown.items())]
        others = sorted(path.name for path in self._source.iterdir() if path.name not in _READ)
        if others:
            sentences.append(f"what else is there: {', '.join(others)}")
        return sentences

    def _find_scores(self) -> None:
        root = self._source / "scores"
        for folder in sorted(root.iterdir()) if root.is_dir() else ():
            files = result_files(folder)
            scorer = SCORERS.get(folder.name)
            if scorer is None:
                self._unknown[folder.name] += len(files)
                continue
            for name, path in files.items():
                self.scores[self._known(name)][scorer] = path

    def _known(self, name: LatentName) -> LatentName:
        for hookpoint in self.cache:
            if name.hookpoint.endswith(f"/{hookpoint}"):
                return LatentName(hookpoint, name.index)
        return name

    def _said(self, name: str) -> str | None:
        for settings in (self._run, *self._of_cache):
            text = settings.text(name)
            if text:
                return text
        return None


def _cache_files(root: Path) -> dict[str, list[Path]]:
    found: dict[str, list[tuple[int, Path]]] = defaultdict(list)
    for path in root.rglob("*.safetensors") if root.is_dir() else ():
        match = FILE_NAME.fullmatch(path.name)
        if match is not None:
            found[path.parent.relative_to(root).as_posix()].append((int(match[1]), path))
    return {name: [path for _, path in sorted(files)] for name, files in sorted(found.items())}
