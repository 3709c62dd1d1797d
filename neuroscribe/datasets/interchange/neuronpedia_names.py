"""What a study and its sites are called on Neuronpedia, as the user says or as can be guessed.

A site becomes a source, named by its layer and a set: `mlp.5` is `5-mlp`, and `sae.5.res` (a site
that other tools' results were imported into) is `5-res`. What is not stated and cannot be derived
is invented, and `invented` says so.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from neuroscribe._version import __version__
from neuroscribe.datasets.interchange.neuronpedia_format import (
    DEFAULT_CREATOR_ID,
    Creator,
    Row,
    Source,
    model_name,
    model_row,
    release_row,
    source_row,
    sourceset_row,
)
from neuroscribe.errors import InputError
from neuroscribe.records import UnitId


class NeuronpediaNames:
    """What things are called on Neuronpedia, as the user says or as can be guessed."""

    def __init__(
        self,
        manifest: Mapping[str, Any],
        *,
        model: str,
        release: str,
        creator: str,
        creator_id: str,
    ) -> None:
        self._manifest = manifest
        self._subject = manifest["subject"]
        self._model = model or model_name(self._subject["name"])
        self._stated_release = release
        self.creator = Creator(user_id=creator_id or DEFAULT_CREATOR_ID, name=creator or "unknown")
        self.invented = []
        if not creator_id:
            self.invented.append(
                f"the creator: creatorId and authorId are {DEFAULT_CREATOR_ID}, the default user "
                "of a fresh Neuronpedia; set creator_id=... for another"
            )
        if not creator:
            self.invented.append("the creator's name, which is 'unknown'; set creator=...")
        self.invented.append(
            "the model's owner, and its numbers of layers and neurons but for those of the "
            "recorded sites; a model that is there already is better kept as it is"
        )

    def sources(
        self, set_name: str, wanted: set[UnitId] | None, lost: Counter[str]
    ) -> dict[str, Source]:
        """The source that each site becomes."""
        found: dict[str, Source] = {}
        for site in self._subject["sites"]:
            if wanted is not None and not any(unit.site == site["name"] for unit in wanted):
                continue
            if site["layer"] is None:
                lost[f"units of {site['name']}, which names no layer"] += site["width"]
                continue
            source = Source(
                model=self._model,
                set_name=set_name or _set_of(site),
                layer=site["layer"],
                creator=self.creator,
            )
            same = [name for name, other in found.items() if other == source]
            if same:
                raise InputError(
                    f"{same[0]} and {site['name']} would both be source {source.name}; "
                    "export them one by one, each with a set_name of its own"
                )
            found[site["name"]] = source
        if not found:
            raise InputError("none of the units to write is at a site that has a layer")
        return found

    def about(self, source: Source, site: str) -> dict[str, Row]:
        """The rows of release, model, set and source, by the name of their file."""
        (about,) = [each for each in self._subject["sites"] if each["name"] == site]
        name = self._stated_release or f"{source.model}-{source.set_name}"
        described = f"{site} of {self._subject['name']}"
        same_kind = [each for each in self._subject["sites"] if each["kind"] == about["kind"]]
        layers = max((each["layer"] for each in same_kind if each["layer"] is not None), default=0)
        recorder = self._manifest["recorder"]
        return {
            "release": release_row(
                name=name,
                description=f"{source.set_name} of {source.model}",
                creator=self.creator,
            ),
            "model": model_row(
                source,
                display_name=self._subject["name"],
                owner="unknown",
                layers=layers + 1,
                neurons_per_layer=about["width"] if about["kind"] == "mlp" else 0,
            ),
            "sourceset": sourceset_row(
                source,
                release=name,
                description=f"{about['kind']} of {self._subject['name']}",
                kind=about["kind"],
            ),
            "source": source_row(
                source,
                prompts=self._manifest["recorded"].get("sequences"),
                tokens_in_prompt=recorder.get("sequence_length"),
                corpus=self._manifest["corpus"]["name"],
                notes=f"{described}; written by Neuroscribe {__version__}",
            ),
        }


def _set_of(site: Mapping[str, Any]) -> str:
    """The set of a site: what follows kind and layer in its name (`sae.5.res`), else the kind."""
    prefix = f"{site['kind']}.{site['layer']}."
    name = site["name"].removeprefix(prefix) if site["name"].startswith(prefix) else site["kind"]
    return re.sub(r"[^a-z0-9_.-]+", "-", name.lower()).strip("-")
