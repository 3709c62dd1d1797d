"""The rows of Neuronpedia's import files, as its database has them.

One line of JSON is one row of a table, under the table's own column names. Its importer takes the
columns from a file's first line and gives those that are not named their defaults, so every line of
a file has the same keys and an unknown number is null where the column allows it. `index` is text
there; `layer` is the name of the source (layer and set), not a number.

Source: the schema and importer of hijohnnylin/neuronpedia (`apps/webapp/prisma/schema.prisma`,
`apps/webapp/lib/db/import.ts`) and the exporter of jbloomAus/SAEDashboard
(`sae_dashboard/neuronpedia/neuronpedia_export.py`), read in November 2026.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from neuroscribe.records import NO_LLM

DEFAULT_CREATOR_ID: Final = "clkht01d40000jv08hvalcvly"
"""The user that a freshly set up Neuronpedia ascribes imported data to."""

TOP_BIN: Final = -1.0
"""What `binMin` and `binContains` hold for top activations."""

BAND_SHARES: Final = (0.5, 0.4, 0.09, 0.009, 0.001)
"""Share of the sequences in each band of a unit's peaks (METHODS section 1)."""

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Creator:
    """Whom Neuronpedia names as the maker of all this."""

    user_id: str
    """Of a user of that Neuronpedia; not a secret."""
    name: str


@dataclass(frozen=True, kw_only=True)
class Source:
    """One layer of one set: what a page of Neuronpedia lists units of."""

    model: str
    set_name: str
    layer: int
    creator: Creator

    @property
    def name(self) -> str:
        """Its id, such as `5-mlp`."""
        return f"{self.layer}-{self.set_name}"


def model_name(subject: str) -> str:
    """A subject's name as a model id: lower case, and only letters, digits, `-` and `_`.

    >>> model_name("openai-community/GPT2.Medium")
    'gpt2-medium'
    """
    return re.sub(r"[^a-z0-9_-]+", "-", subject.rpartition("/")[2].lower()).strip("-") or "model"


def release_row(*, name: str, description: str, creator: Creator) -> Row:
    """The row of `SourceRelease`."""
    return {
        "name": name,
        "visibility": "PUBLIC",
        "description": description,
        "descriptionShort": description,
        "urls": [],
        "creatorName": creator.name,
        "creatorNameShort": creator.name,
        "creatorId": creator.user_id,
    }


def model_row(
    source: Source, *, display_name: str, owner: str, layers: int, neurons_per_layer: int
) -> Row:
    """The row of `Model`."""
    return {
        "id": source.model,
        "displayNameShort": display_name,
        "displayName": display_name,
        "creatorId": source.creator.user_id,
        "visibility": "PUBLIC",
        "inferenceEnabled": False,
        "instruct": False,
        "layers": layers,
        "neuronsPerLayer": neurons_per_layer,
        "owner": owner,
    }


def sourceset_row(source: Source, *, release: str, description: str, kind: str) -> Row:
    """The row of `SourceSet`."""
    return {
        "modelId": source.model,
        "name": source.set_name,
        "hasDashboards": True,
        "visibility": "PUBLIC",
        "description": description,
        "type": kind,
        "creatorName": source.creator.name,
        "creatorId": source.creator.user_id,
        "urls": [],
        "releaseName": release,
    }


def source_row(
    source: Source, *, prompts: int | None, tokens_in_prompt: int | None, corpus: str, notes: str
) -> Row:
    """The row of `Source`."""
    return {
        "id": source.name,
        "modelId": source.model,
        "setName": source.set_name,
        "hasDashboards": True,
        "inferenceEnabled": False,
        "visibility": "PUBLIC",
        "creatorId": source.creator.user_id,
        "num_prompts": prompts,
        "num_tokens_in_prompt": tokens_in_prompt,
        "dataset": corpus,
        "notes": notes,
    }


def feature_row(source: Source, unit: Mapping[str, Any], *, largest: float | None) -> Row:
    """The row of `Neuron`.

    Args:
        source: where the unit is.
        unit: its row of the table `units`.
        largest: its largest activation.
    """
    bars = histogram_bars(unit["histogram_edges"], unit["histogram_counts"])
    return {
        "modelId": source.model,
        "layer": source.name,
        "index": str(unit["unit"]),
        "sourceSetName": source.set_name,
        "creatorId": source.creator.user_id,
        "maxActApprox": largest,
        # The column cannot be empty.
        "frac_nonzero": 0 if unit["density"] is None else unit["density"],
        "freq_hist_data_bar_heights": [height for _, height in bars],
        "freq_hist_data_bar_values": [value for value, _ in bars],
        "logits_hist_data_bar_heights": [],
        "logits_hist_data_bar_values": [],
        "pos_str": [],
        "pos_values": [],
        "neg_str": [],
        "neg_values": [],
        "hasVector": False,
    }


def activation_row(
    source: Source,
    exemplar: Mapping[str, Any],
    *,
    largest: float | None,
    bands: Sequence[float],
    corpus: str,
) -> Row:
    """The row of `Activation`.

    Args:
        source: where the unit is.
        exemplar: its row of the table `exemplars`, with its `tokens`; values are finite.
        largest: the unit's largest activation.
        bands: six edges of the five bands of peaks; empty where they are not known.
        corpus: name of the texts.
    """
    values = exemplar["activations"]
    peak = max(values)
    low, high, share = _bin(exemplar, largest, bands)
    identity = ("split", "kind", "quantile", "rank", "sequence_id")
    return {
        "id": _id(
            source.model, source.name, exemplar["unit"], *(exemplar[key] for key in identity)
        ),
        "tokens": exemplar["tokens"],
        "dataIndex": f"{exemplar['split']}/{exemplar['sequence_id']}",
        "index": str(exemplar["unit"]),
        "layer": source.name,
        "modelId": source.model,
        "dataSource": corpus,
        "maxValue": peak,
        "maxValueTokenIndex": values.index(peak),
        "minValue": min(values),
        "values": values,
        "creatorId": source.creator.user_id,
        "binMin": low,
        "binMax": high,
        "binContains": share,
        "qualifyingTokenIndex": values.index(peak),
    }


def explanation_row(source: Source, explanation: Mapping[str, Any]) -> Row:
    """The row of `Explanation`, from a row of the table `explanations` that has a text."""
    return {
        "id": _id(source.model, source.name, explanation["explanation_id"]),
        "modelId": source.model,
        "layer": source.name,
        "index": str(explanation["unit"]),
        "description": explanation["text"],
        "authorId": source.creator.user_id,
        "typeName": type_name(explanation["explainer"]),
        "explanationModelName": llm_name(explanation["llm"]),
        "createdAt": explanation["created_at"].isoformat(),
    }


def type_row(explainer: str, creator: Creator) -> Row:
    """The row of `ExplanationType` that explanations of this explainer name."""
    return {
        "name": type_name(explainer),
        "displayName": type_name(explainer),
        "description": f"Explainer {explainer} of Neuroscribe",
        "featured": False,
        "creatorName": creator.name,
        "creatorId": creator.user_id,
    }


def llm_row(llm: str, creator: Creator) -> Row:
    """The row of `ExplanationModelType` that explanations by this LLM name."""
    return {
        "name": llm_name(llm),
        "displayName": llm_name(llm),
        "description": llm,
        "featured": False,
        "creatorName": creator.name,
    }


def type_name(explainer: str) -> str:
    """An explainer's name there; ours are told apart from those that Neuronpedia has."""
    return f"neuroscribe_{explainer}"


def llm_name(llm: str) -> str | None:
    """A model's name there: the spec without the client in front of it; None for no LLM.

    >>> llm_name("openai:gpt-5-mini")
    'gpt-5-mini'
    """
    return None if llm == NO_LLM else llm.partition(":")[2] or llm


def histogram_bars(edges: Sequence[float], counts: Sequence[int]) -> list[tuple[float, int]]:
    """Middle and height of the bins above zero, which are all that Neuronpedia draws.

    >>> histogram_bars([0.0, 1.0, 2.0, 4.0], [90, 5, 1])
    [(1.5, 5), (3.0, 1)]
    """
    bins = zip(pairwise(edges), counts, strict=True) if counts else ()
    return [((low + high) / 2, count) for (low, high), count in bins if low > 0]


def band_edges(unit: Mapping[str, Any], largest: float | None) -> list[float]:
    """The six edges of a unit's bands of peaks; none if they are not known.

    The lowest edge is the unit's smallest activation, at most 0: no peak is below it.
    """
    inner = list(unit["quantile_boundaries"])
    if len(inner) != len(BAND_SHARES) - 1 or largest is None or not all(map(math.isfinite, inner)):
        return []
    return [min(0.0, unit["min"] or 0.0), *inner, max(largest, inner[-1])]


def line(row: Row) -> bytes:
    """The row as a line of JSON."""
    text = json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode() + b"\n"


def _bin(
    exemplar: Mapping[str, Any], largest: float | None, bands: Sequence[float]
) -> tuple[float | None, float | None, float | None]:
    if exemplar["kind"] == "top":
        return TOP_BIN, largest, TOP_BIN
    band = exemplar["quantile"]
    if exemplar["kind"] != "quantile" or band is None or not 0 <= band < len(bands) - 1:
        return None, None, None
    return bands[band], bands[band + 1], BAND_SHARES[band]


def _id(*parts: object) -> str:
    """A key of the form that Neuronpedia's own have, the same for the same parts."""
    return "c" + hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]
