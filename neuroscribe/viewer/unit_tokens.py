"""The tokens that explained units' weights name, where the subject is at hand."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from neuroscribe.errors import InputError
from neuroscribe.progress import bar
from neuroscribe.records import UnitId
from neuroscribe.services import WeightedToken
from neuroscribe.viewer.order import SiteUnits
from neuroscribe.viewer.rounding import Number, number

MOST_UNITS = 20_000
"""Units up to which weights are read: each takes products with the whole vocabulary, so that more
would take hours."""

_NEEDED = ("name", "revision", "dtype", "weights_sha256")


class UnitTokens(NamedTuple):
    """What weights name."""

    of_unit: Mapping[UnitId, dict[str, Any]]
    missing: str | None
    """Why there are none, in a sentence."""

    def of_site(self, site: SiteUnits) -> dict[int, dict[str, Any]]:
        """Those of a site's units, by place."""
        found = {unit: tokens for unit, tokens in self.of_unit.items() if unit.site == site.name}
        index = np.array([unit.index for unit in found], dtype=np.int64)
        polarity = np.array([unit.polarity for unit in found], dtype=np.int64)
        return dict(zip(site.places(index, polarity).tolist(), found.values(), strict=True))


def unit_tokens(manifest: Mapping[str, Any], units: Sequence[UnitId]) -> UnitTokens:
    """The tokens that excite each unit, and those it promotes and suppresses.

    Args:
        manifest: of the study.
        units: the explained ones.
    """
    if not units:
        return UnitTokens({}, None)
    if len(units) > MOST_UNITS:
        return UnitTokens(
            {}, f"weights are left out: they are read for at most {MOST_UNITS:,} explained units"
        )
    if any(name not in manifest.get("subject", {}) for name in _NEEDED):
        return UnitTokens({}, "weights are left out: the manifest does not say what was recorded")
    # Loads torch.
    from neuroscribe.study.recorded_subject import load_recorded_subject  # noqa: PLC0415
    from neuroscribe.subjects.unit_weights import unit_weights  # noqa: PLC0415

    try:
        weights_of = unit_weights(load_recorded_subject(manifest))
        found = {}
        with bar("weights", total=len(units), unit="units") as progress:
            for unit in units:
                tokens = weights_of(unit)
                found[unit] = {
                    "inputs": _listed(tokens.inputs),
                    "promoted": _listed(tokens.promoted),
                    "suppressed": _listed(tokens.suppressed),
                    "reason": tokens.reason,
                }
                progress.advance()
    except InputError as error:
        return UnitTokens({}, f"weights are left out: {error}")
    return UnitTokens(found, None)


def _listed(tokens: Sequence[WeightedToken]) -> list[tuple[str, Number]]:
    return [(token, number(weight)) for token, weight in tokens]
