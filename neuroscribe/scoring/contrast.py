"""Texts that fire a unit against texts on which it is silent: what most judges are shown.

The texts that fire it are the strongest of the `test` split; the silent ones come from whatever
`Negatives` the study chose, and are checked. By default there are as many of one as of the other:
with few silent texts, few firing ones are taken.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import NamedTuple

from neuroscribe.errors import InputError, RecordError
from neuroscribe.firing import fires
from neuroscribe.records import Exemplar, Sequence as TokenSequence, UnitRecord
from neuroscribe.scoring.held_out import check_apart, each_once
from neuroscribe.scoring.opinions import Item
from neuroscribe.services import Negatives


class Contrast(NamedTuple):
    """The texts of one unit."""

    firing: list[Exemplar]
    silent: list[Exemplar]
    reason: str | None
    """Why one of them is empty; then there is nothing to judge."""


@dataclass(frozen=True, kw_only=True)
class Contrasting:
    """The settings of all scorers that tell firing from silent texts."""

    negatives: Negatives
    """Where silent texts come from."""
    n_firing: int = 10
    """Most texts that fire the unit."""
    n_silent: int = 10
    """Most texts on which it is silent."""
    balanced: bool = True
    """Whether to take as many of one as of the other."""

    def __post_init__(self) -> None:
        check_settings(self)

    @property
    def kind_of_negatives(self) -> str:
        """The registered name of the negatives, such as `random` or `hard`."""
        return self.negatives.name

    @property
    def report_sets(self) -> tuple[str, ...]:
        """Top texts and the negatives."""
        return (f"top_and_{self.kind_of_negatives}",)

    def contrast(self, record: UnitRecord) -> Contrast:
        """The texts of a unit.

        Raises:
            RecordError: a text is not of `test` alone, or one that should be silent fires.
        """
        firing = firing_exemplars(record)[: self.n_firing]
        if not firing:
            return Contrast([], [], why_none_fires(record))
        wanted = min(self.n_silent, len(firing)) if self.balanced else self.n_silent
        silent = each_once(self.negatives(record, "test", firing, wanted))[:wanted]
        check_apart(record, {"test": [*firing, *silent]})
        for exemplar in silent:
            if fires(record, exemplar):
                raise RecordError(
                    f"{record.unit} fires on sequence {exemplar.sequence.sequence_id}, which was "
                    f"given as one of its {self.kind_of_negatives} negatives"
                )
        if not silent:
            kind = self.kind_of_negatives
            reason = f"no negatives: the unit is silent on no {kind} text of the test split"
            return Contrast(firing, [], reason)
        return Contrast(firing[: len(silent)] if self.balanced else firing, silent, None)

    def items(
        self, record: UnitRecord, show: Callable[[TokenSequence], str]
    ) -> tuple[list[Item], str | None]:
        """The texts of a unit as they are shown to a judge; or none, and why."""
        firing, silent, reason = self.contrast(record)
        if reason is not None:
            return [], reason
        groups = ((firing, True, "top"), (silent, False, self.kind_of_negatives))
        return [
            Item(exemplar=exemplar, shown=show(exemplar.sequence), truth=truth, kind=kind)
            for exemplars, truth, kind in groups
            for exemplar in exemplars
        ], None


def firing_exemplars(record: UnitRecord) -> list[Exemplar]:
    """The top sequences of `test` that fire a unit, strongest first."""
    return [each for each in each_once(record.select("test", "top")) if fires(record, each)]


def why_none_fires(record: UnitRecord) -> str:
    """Why no top sequence of `test` fires a unit."""
    top = record.select("test", "top")
    if not top:
        return "no top sequences in the test split"
    if record.max_activation <= 0:
        return "the unit never fires on the train split"
    return f"the unit fires on none of the {len(top)} top sequences of the test split"


def check_settings(settings: object) -> None:
    """Make sure that numbers of texts are at least 1.

    Raises:
        InputError: names the one that is not.
    """
    for field in fields(settings):  # type: ignore[arg-type]  # every scorer is a dataclass
        value = getattr(settings, field.name)
        if isinstance(value, int) and not isinstance(value, bool) and value < 1:
            raise InputError(f"{field.name} is {value}; it must be at least 1")
