"""Make a study of OpenAI's public neuron files, or of another tool's files in that layout.

`collated-activations/LAYER/NEURON.json` and `explanations/LAYER/NEURON.jsonl` below the source; one
of the two folders is enough. The files tell token strings and no ids, and not who explained and
simulated: options say that. Neurons are read one by one, so memory does not grow with their number
but for the list of the files. `openai_neuron` says how a neuron's records become exemplars.
"""

import re
from collections import Counter, defaultdict
from pathlib import Path

import fsspec

from neuroscribe import progress
from neuroscribe.datasets.interchange.imported_study import StudyBuilder
from neuroscribe.datasets.interchange.openai_format import (
    ACTIVATIONS_FOLDER,
    EXPLANATIONS_FOLDER,
    NeuronRecord,
    ScoredExplanation,
    read_record,
    read_results,
)
from neuroscribe.datasets.interchange.openai_neuron import Authors, ImportedNeuron
from neuroscribe.datasets.interchange.openai_splits import INTERLEAVED, TOP, splits_of
from neuroscribe.datasets.interchange.transfer import Transfer
from neuroscribe.errors import InputError
from neuroscribe.records import UnitId

NOTES = (
    (
        "OpenAI's published activations were made with another GELU than Hugging Face's GPT-2 has "
        "(median difference .009 for GPT-2 small): a fresh recording differs by that much."
    ),
    "Tokens are shown as the source shows them; bytes of a cut character may be U+FFFD.",
    (
        "Records of each neuron were dealt out to splits by their order, so one text may be in "
        "other splits for other neurons; the published scores are on texts of `valid`."
    ),
    (
        "Counts of tokens, extremes, densities and histograms are not in the source; `max` is the "
        "largest activation of the records."
    ),
)

_NUMBER = re.compile("0|[1-9][0-9]*")
_OF_SIMULATIONS = "the distributions that simulated values are means of; scores of single texts"


def load(
    source: str | Path,
    study: Path,
    *,
    subject: str = "unknown",
    corpus: str = "unknown",
    kind: str = "mlp",
    split: str = INTERLEAVED,
    explainer: str = "imported",
    llm: str = "unknown",
    simulator: str = "imported",
) -> Transfer:
    """Read the files into a new study.

    Args:
        source: folder (or fsspec URL) that holds one or both folders of the layout.
        study: directory of the new study.
        subject: name of the model, such as `gpt2-xl`.
        corpus: name of the texts.
        kind: of the sites: layer 5 becomes `KIND.5`.
        split: `interleaved`, or the one split that all records are of.
        explainer: who made the explanations.
        llm: which LLM explained and simulated.
        simulator: who simulated.

    Raises:
        InputError: there are no such folders, or a file is damaged; no study is left behind.
    """
    splits_of(split, TOP)
    files = _Files(str(source))
    lost: Counter[str] = Counter()
    with (
        StudyBuilder(
            study,
            format="openai",
            source=str(source),
            subject=subject,
            corpus=corpus,
            notes=NOTES,
        ) as builder,
        progress.bar("importing", total=files.count, unit="neurons") as bar,
    ):
        authors = Authors(explainer=explainer, llm=llm, simulator=simulator)
        for layer, neurons in files.neurons.items():
            builder.site(f"{kind}.{layer}", kind=kind, layer=layer)
            for neuron in neurons:
                unit = ImportedNeuron(builder, UnitId(f"{kind}.{layer}", neuron), lost)
                unit.add_record(files.record(layer, neuron), split)
                unit.add_explanations(files.explanations(layer, neuron), authors)
                unit.finish()
                bar.advance()
        left = [f"{count:,} {what}" for what, count in lost.items()]
        if files.explained:
            left.append(_OF_SIMULATIONS)
        for sentence in left:
            builder.note(f"Left out: {sentence}.")
        written = builder.finish()
    return Transfer(written=written, left_out=tuple(left))


class _Files:
    """The files of the layout."""

    def __init__(self, source: str) -> None:
        self._filesystem, self._root = fsspec.core.url_to_fs(source)
        self._recorded = self._listed(ACTIVATIONS_FOLDER, ".json")
        self.explained = self._listed(EXPLANATIONS_FOLDER, ".jsonl")
        self.neurons: dict[int, list[int]] = defaultdict(list)
        for layer, neuron in sorted(self._recorded | self.explained):
            self.neurons[layer].append(neuron)
        self.count = sum(map(len, self.neurons.values()))
        if not self.count:
            raise InputError(
                f"{source} holds no {ACTIVATIONS_FOLDER}/LAYER/NEURON.json and no "
                f"{EXPLANATIONS_FOLDER}/LAYER/NEURON.jsonl; name the folder above these"
            )

    def record(self, layer: int, neuron: int) -> NeuronRecord:
        """A neuron's records; none where there is no file."""
        if (layer, neuron) not in self._recorded:
            return NeuronRecord(layer=layer, neuron=neuron)
        path = f"{self._root}/{ACTIVATIONS_FOLDER}/{layer}/{neuron}.json"
        content = self._filesystem.cat_file(path)
        return read_record(content, layer=layer, neuron=neuron, source=path)

    def explanations(self, layer: int, neuron: int) -> list[ScoredExplanation]:
        """A neuron's explanations; none where there is no file."""
        if (layer, neuron) not in self.explained:
            return []
        path = f"{self._root}/{EXPLANATIONS_FOLDER}/{layer}/{neuron}.jsonl"
        return [
            explanation
            for line in self._filesystem.cat_file(path).splitlines()
            if line.strip()
            for explanation in read_results(
                line, layer=layer, neuron=neuron, source=path
            ).explanations
        ]

    def _listed(self, folder: str, suffix: str) -> set[tuple[int, int]]:
        found = set()
        for layer in self._numbered(f"{self._root}/{folder}", ""):
            for neuron in self._numbered(f"{self._root}/{folder}/{layer}", suffix):
                found.add((layer, neuron))
        return found

    def _numbered(self, folder: str, suffix: str) -> list[int]:
        if not self._filesystem.isdir(folder):
            return []
        paths = self._filesystem.ls(folder, detail=False)
        names = [path.rstrip("/").rpartition("/")[2] for path in paths]
        stems = [name.removesuffix(suffix) for name in names if name.endswith(suffix)]
        return [int(stem) for stem in stems if _NUMBER.fullmatch(stem)]


PLUGIN = load
