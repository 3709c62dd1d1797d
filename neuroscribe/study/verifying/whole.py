"""All checks of a study in order: files, then sequences, then site by site, then the model itself.

Memory depends on the widest column of the largest part and on the number of sequences and
explanations (some thirty and fifty bytes each), not on the number of exemplars.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neuroscribe import progress
from neuroscribe.datasets.manifest import NAME as MANIFEST
from neuroscribe.datasets.schema import FORMAT_VERSION
from neuroscribe.errors import InputError
from neuroscribe.study.verifying.answers import check_judgements, check_simulations
from neuroscribe.study.verifying.exemplars import check_exemplars
from neuroscribe.study.verifying.explanations import (
    ExplanationIds,
    check_explanations,
    check_lessons,
)
from neuroscribe.study.verifying.kept import check_bits, check_vectors
from neuroscribe.study.verifying.parts import Parts, check_parts
from neuroscribe.study.verifying.report import Inspection, Report
from neuroscribe.study.verifying.scores import check_scores
from neuroscribe.study.verifying.sequence_index import SequenceIndex
from neuroscribe.study.verifying.sequences import check_sequences
from neuroscribe.study.verifying.spot_check import spot_check as check_spots
from neuroscribe.study.verifying.units import check_units

CHECKS = {
    "manifest": "it says what was recorded",
    "files": "every part can be read, and nothing else lies in the tables' folders",
    "schema": "every part has its table's columns",
    "hashes": "every part's content is the one that was written",
    "folders": "rows lie in the folder of their site",
    "sequences": "tokens, offsets and texts agree",
    "splits": "no document or text is in two splits",
    "units": "all are there, once, and their statistics hang together",
    "exemplars": "order, ranks, peaks, splits and bands are right",
    "vectors": "they are as wide as their site",
    "bits": "they are as wide as their site",
    "explanations": "ids are the hash of the content; a text or a reason",
    "lessons": "a complexity or a reason",
    "simulations": "they are on their scale; a value or a reason",
    "judgements": "a verdict or a reason",
    "scores": "a value or a reason; intervals and coverage",
    "foreign keys": "what rows refer to is there",
    "held out": "nothing that is scored was open to an explainer",
    "spot check": "activations are those of a fresh forward pass",
}
"""Every check, in order, and what it makes sure of."""


def verify_study(
    root: Path,
    manifest: Mapping[str, Any],
    *,
    spot_check: int = 20,
    seed: int = 0,
    device: str = "auto",
) -> Report:
    """Check that a study on this machine is whole, consistent and true to its subject.

    Nothing is changed. What cannot be checked (the subject is not at hand, a file that others
    depend on cannot be read) is said in the report and is no finding.

    Args:
        root: the study's directory.
        manifest: of the study.
        spot_check: exemplars that are compared with a forward pass of their own; 0 for none.
        seed: of their choice.
        device: where the subject runs.

    Raises:
        InputError: the number of exemplars is below 0.
    """
    if spot_check < 0:
        raise InputError(f"spot_check is {spot_check}; it must be at least 0")
    inspection = Inspection(list(CHECKS))
    sites = _check_manifest(manifest, inspection)
    parts = check_parts(root, manifest.get("format_version", FORMAT_VERSION), inspection)
    _check_sites(sites, parts, inspection)
    sequences = check_sequences(manifest, parts, inspection)
    if sequences is None:
        inspection["foreign keys"].leave("sequences: a part of `sequences` cannot be read")
        inspection["held out"].leave("a part of `sequences` cannot be read")
    ids = ExplanationIds(parts)
    with progress.bar("checking sites", total=len(sites), unit="sites") as bar:
        for site in sites.values():
            _check_site(site, manifest, sequences, ids, parts, inspection)
            bar.advance()
    check_simulations(ids, sequences, parts, inspection)
    check_judgements(ids, sequences, parts, inspection)
    check_spots(manifest, parts, inspection, count=spot_check, seed=seed, device=device)
    return inspection.report()


def _check_site(
    site: Mapping[str, Any],
    manifest: Mapping[str, Any],
    sequences: SequenceIndex | None,
    ids: ExplanationIds,
    parts: Parts,
    inspection: Inspection,
) -> None:
    units = check_units(site, manifest, parts, inspection)
    check_exemplars(units, sequences, manifest, parts, inspection)
    check_vectors(units, manifest, parts, inspection)
    check_bits(units, manifest, parts, inspection)
    check_explanations(
        units, ids, parts, inspection, shortened=bool(manifest.get("shortened_specs"))
    )
    check_lessons(units, sequences, parts, inspection)
    check_scores(units, ids, parts, inspection)


def _check_manifest(
    manifest: Mapping[str, Any], inspection: Inspection
) -> dict[str, Mapping[str, Any]]:
    """The sites of the manifest by name, as far as they are described."""
    check = inspection["manifest"]

    def find(what: str) -> None:
        check.find(what, file=MANIFEST, remedy="restore the manifest from a copy of the study")

    subject = manifest.get("subject")
    stated = subject.get("sites") if isinstance(subject, dict) else None
    for name in ("subject", "corpus", "recorder", "recorded"):
        if not isinstance(manifest.get(name), dict):
            find(f"lacks {name!r}")
    if not isinstance(stated, list) or not stated:
        find("names no site")
        return {}
    sites: dict[str, Mapping[str, Any]] = {}
    for site in stated:
        described = site if isinstance(site, dict) else {}
        known, width = described.get("name"), described.get("width")
        if not isinstance(known, str) or not isinstance(width, int) or width < 1:
            find(f"describes a site without a name or a width: {site!r}"[:200])
        elif known in sites:
            find(f"names the site {known} twice")
        else:
            sites[known] = site
            check.cover("sites")
    return sites


def _check_sites(
    sites: Mapping[str, Mapping[str, Any]], parts: Parts, inspection: Inspection
) -> None:
    for site in parts.sites():
        if site not in sites:
            named = next(part for part in parts.all() if part.site == site)
            inspection["folders"].find(
                f"is of a site {site!r} that the manifest does not name; there are: "
                f"{', '.join(sites) or 'none'}",
                table=named.table,
                file=named.file,
                remedy="move the folder back to where it was, or restore the manifest",
            )
