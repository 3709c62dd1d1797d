"""How far a study has come: what is done, left and failed, and what it has cost."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from neuroscribe.datasets import store


@dataclass(frozen=True, kw_only=True)
class StudyStatus:
    """Counts over the current rows of a study's tables."""

    subject: str
    corpus: str
    n_tokens: int
    units: Mapping[str, int]
    """Recorded units (both polarities) per site."""
    explanations: Mapping[str, int]
    """Explanations by status."""
    simulations: Mapping[str, int]
    """Simulated sequences by status."""
    judgements: Mapping[str, int]
    """Judged texts by status."""
    explained: int
    """Units with at least one explanation; by several methods they have several."""
    scored: int
    """Explanations with at least one score."""
    reliable_share: float | None
    """Share of score values with a coverage of at least .9; None without scores."""
    reasons: tuple[tuple[str, int], ...]
    """What went wrong, commonest first."""
    cost_usd: float | None
    """Cost of the explanations; None where no price is known."""

    @property
    def n_units(self) -> int:
        """Recorded units in all."""
        return sum(self.units.values())

    @property
    def unexplained(self) -> int:
        """Recorded units without an explanation."""
        return self.n_units - self.explained


MOST_REASONS = 5
_OF_EXPLANATIONS = ["site", "unit", "polarity", "status", "reason", "cost_usd"]


def status_of(root: Path, manifest: Mapping[str, Any]) -> StudyStatus:
    """Read a study's state off its tables."""
    explanations = store.load(root, "explanations", columns=_OF_EXPLANATIONS)
    simulations = store.load(root, "simulations", columns=["status", "reason"])
    judgements = store.load(root, "judgements", columns=["status", "reason"])
    scores = store.load(root, "scores", columns=["explanation_id", "reliable"])
    sites = store.read(root, "units", columns=["site"])["site"].to_pylist()
    reasons = Counter(
        _headline(reason)
        for table in (explanations, simulations, judgements)
        for reason in table["reason"].to_pylist()
        if reason is not None
    )
    return StudyStatus(
        subject=manifest["subject"]["name"],
        corpus=manifest["corpus"]["name"],
        n_tokens=manifest["recorded"]["tokens"],
        units=dict(Counter(sites)),
        explained=len(
            {
                (row["site"], row["unit"], row["polarity"])
                for row in explanations.to_pylist()
                if row["status"] == "ok"
            }
        ),
        explanations=dict(Counter(explanations["status"].to_pylist())),
        simulations=dict(Counter(simulations["status"].to_pylist())),
        judgements=dict(Counter(judgements["status"].to_pylist())),
        scored=len(pc.unique(scores["explanation_id"])),
        reliable_share=pc.mean(scores["reliable"]).as_py(),
        reasons=tuple(reasons.most_common(MOST_REASONS)),
        cost_usd=pc.sum(explanations["cost_usd"]).as_py(),
    )


def _headline(reason: str) -> str:
    """A reason without the answer that it quotes, so that like reasons are counted together."""
    return reason.split(":", maxsplit=1)[0][:100]
