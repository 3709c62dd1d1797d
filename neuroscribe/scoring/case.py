"""What a scorer is given and what it gives back.

Scorers know neither simulators nor stores: everything about one explanation comes in a case, and
the results are records. The seed is part of the case and combines with the unit, never with the
LLM's name, so the same answers give the same numbers from wherever they come.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from neuroscribe.errors import RecordError
from neuroscribe.llm.protocol import Dialogue
from neuroscribe.records import (
    Explanation,
    Judgement,
    Score,
    Simulation,
    UnitRecord,
)


@dataclass(frozen=True, kw_only=True)
class ScoringCase:
    """One explanation to be scored against what was recorded of its unit."""

    explanation: Explanation
    record: UnitRecord
    random_explanation: str | None
    """Another unit's explanation, the baseline; None where there is no other."""
    seed: int = 0
    """Decides the bootstrap, together with the unit."""

    def __post_init__(self) -> None:
        if self.explanation.unit != self.record.unit:
            raise RecordError(
                f"an explanation of {self.explanation.unit} cannot be scored on the record of "
                f"{self.record.unit}"
            )


@dataclass(frozen=True, kw_only=True)
class ScoringResult:
    """The scores of one explanation, and the simulations they rest on."""

    scores: tuple[Score, ...]
    simulations: tuple[Simulation, ...] = ()
    """Of the explanation itself, on the calibration and test splits; not of the baselines."""
    judgements: tuple[Judgement, ...] = ()
    """Of the explanation itself; not of the baselines."""
    n_failed: int = 0
    """Answers that failed, those for calibration and baselines included: asked for again."""


@runtime_checkable
class Scorer(Protocol):
    """Measures how well an explanation says what a unit does."""

    name: ClassVar[str]
    """The registered name."""
    needs: ClassVar[tuple[str, ...]]
    """Services (`neuroscribe.services`) that the constructor takes, as keywords; what else it
    takes are settings with defaults."""

    @property
    def report_sets(self) -> tuple[str, ...]:
        """What it reports on; with other negatives it is another set."""

    @property
    def judge(self) -> str | None:
        """Who predicts or judges where that is not the LLM, such as `embed:minilm`."""

    def __call__(self, case: ScoringCase) -> Dialogue[ScoringResult]:
        """Score one explanation; what cannot be scored is a score without value, with a reason."""
