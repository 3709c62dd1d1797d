"""The exemplars of one site against what its units' statistics say, and against each other."""

import numpy as np

from neuroscribe.records import KINDS, SPLITS
from neuroscribe.study.verifying.report import Inspection
from neuroscribe.study.verifying.rows import Mask, Numbers
from neuroscribe.study.verifying.runs import BANDS, QUANTILE, RANDOM, TOP, Run
from neuroscribe.study.verifying.units import SIDES, SiteUnits


class SiteExemplars:
    """What is known of a site's units while their exemplars stream by."""

    def __init__(self, units: SiteUnits, *, imported: bool, rounding: float) -> None:
        self.imported = imported
        self._units = units
        self._rounding = rounding
        self._seen = np.zeros_like(units.present)
        self._best = np.full(units.present.shape, -np.inf)
        self._counts = np.zeros((*units.present.shape, len(SPLITS), len(KINDS)), dtype=np.int32)
        self._drawn: dict[int, Numbers] = {}
        """The random sequences of each split, which all units share."""

    def check_apart(self, run: Run, inspection: Inspection) -> None:
        """Check that a unit's rows lie together, and that no group holds a sequence twice."""
        check = inspection["exemplars"]
        begins = np.concatenate([[True], np.diff(run.unit * 2 + run.side) != 0])
        known = (run.unit >= 0) & (run.unit < self._units.width)
        place = (run.unit.clip(0, self._units.width - 1), run.side)
        run.rows.find(
            check,
            begins & known & self._seen[place],
            lambda _: "the exemplars of this unit are in more than one place",
        )
        self._seen[run.unit[known], run.side[known]] = True
        # Bands of a quantile sample share no sequence either.
        sample = run.group // BANDS
        order = np.lexsort((run.sequence, sample))
        same = (np.diff(sample[order]) == 0) & (np.diff(run.sequence[order]) == 0)
        twice = np.zeros(len(run.rows), dtype=bool)
        twice[order[1:][same]] = True
        run.rows.find(
            check,
            twice,
            lambda at: (
                f"sequence {run.sequence[at]} is there twice among the "
                f"{run.rows.text('kind', at)} exemplars of {run.rows.text('split', at)}"
            ),
        )

    def check_values(self, run: Run, inspection: Inspection) -> None:
        """Check activations against what the unit's statistics say."""
        rows, check, units = run.rows, inspection["exemplars"], self._units
        place = (run.unit.clip(0, units.width - 1), run.side)
        known = (run.unit >= 0) & (run.unit < units.width) & units.present[place]
        top = known & (run.kind == TOP)
        labelled = known & (run.split >= 0) & (run.kind >= 0)
        group = (run.unit, run.side, run.split, run.kind)
        np.add.at(self._counts, tuple(column[labelled] for column in group), 1)
        np.maximum.at(self._best, (run.unit[top], run.side[top]), run.peak[top])
        values = rows.lists("activations")
        if not self.imported:
            rows.find(
                check,
                known & values.any_of(np.isnan(values.values)) & (units.n_nan[place] == 0),
                lambda _: "holds NaN; by its statistics the unit has none",
            )
            rows.find(
                check,
                known & values.any_of(np.isinf(values.values)) & (units.n_infinite[place] == 0),
                lambda _: "holds an infinity; by its statistics the unit has none",
            )
        limits = units.limits[place]
        banded = known & (run.kind == QUANTILE) & np.isfinite(limits).all(1)
        rows.find(
            check,
            (run.kind == QUANTILE) & ((run.band < 0) | (run.band > limits.shape[1])),
            lambda at: f"quantile is {run.band[at]}; there are bands 0 to {limits.shape[1]}",
        )
        band = run.band.clip(0, limits.shape[1])
        ends = np.concatenate(
            [np.full((len(rows), 1), -np.inf), limits, np.full((len(rows), 1), np.inf)], axis=1
        )
        low, high = ends[np.arange(len(rows)), band], ends[np.arange(len(rows)), band + 1]
        slack = self._rounding * np.abs(run.peak)
        rows.find(
            check,
            banded & ((run.peak < low - slack) | (run.peak > high + slack)),
            lambda at: (
                f"peak {run.peak[at]:g} is not in quantile band {band[at]}, which goes from "
                f"{low[at]:g} to {high[at]:g}"
            ),
        )

    def check_random(self, run: Run, inspection: Inspection) -> None:
        """Check that the random sequences of each split are those of the site's other units."""
        wrong = np.zeros(len(run.rows), dtype=bool)
        for split in range(len(SPLITS)):
            chosen = np.flatnonzero((run.kind == RANDOM) & (run.split == split))
            if len(chosen) == 0:
                continue
            rank = run.rank[chosen]
            if split not in self._drawn:
                self._drawn[split] = _commonest(rank, run.sequence[chosen])
            drawn = self._drawn[split]
            inside = (rank >= 0) & (rank < len(drawn))
            due = np.full(len(chosen), -1)
            due[inside] = drawn[rank[inside]]
            wrong[chosen] = due != run.sequence[chosen]
        run.rows.find(
            inspection["exemplars"],
            wrong,
            lambda at: (
                f"random sequence {run.sequence[at]} of rank {run.rank[at]} in "
                f"{run.rows.text('split', at)} is not the one of the site's other units; all units "
                "share the drawn sequences"
            ),
        )

    def check_complete(self, inspection: Inspection) -> None:
        """Check that every unit has exemplars, the strongest of which is its maximum."""
        units, check = self._units, inspection["exemplars"]
        for place, polarity in enumerate(SIDES):
            sign = "" if polarity > 0 else "-"
            present = units.present[:, place] & (units.n_tokens > units.n_nan)[:, place]
            missing = np.flatnonzero(present & ~self._seen[:, place])
            if len(missing):
                check.find(
                    f"{len(missing):,} units have no exemplar, the first of them "
                    f"{units.name}/{missing[0]}{sign}; a part is missing",
                    table="exemplars",
                    file=f"exemplars/{units.name}",
                )
            self._check_counts(place, sign, present & self._seen[:, place], inspection)
            best, largest = self._best[:, place], units.largest[:, place]
            with np.errstate(invalid="ignore"):
                away = ~(np.abs(best - largest) <= self._rounding * np.abs(largest))
            wrong = self._seen[:, place] & present & (best != largest) & away
            for unit in np.flatnonzero(wrong).tolist():
                check.find(
                    f"the strongest exemplar peaks at {best[unit]:g}, but the unit's max is "
                    f"{largest[unit]:g}",
                    table="exemplars",
                    file=f"exemplars/{units.name}",
                    about=f"{units.name}/{unit}{sign}",
                )

    def _check_counts(self, place: int, sign: str, present: Mask, inspection: Inspection) -> None:
        """Check that each unit has as many top and random exemplars as the others."""
        units = self._units
        # Sequences on which a unit is no number are not kept.
        present &= (units.n_nan == 0)[:, place] & (units.n_infinite == 0)[:, place]
        for kind in (TOP, RANDOM):
            for split, name in enumerate(SPLITS):
                counts = self._counts[:, place, split, kind]
                due = counts[present].max(initial=0)
                for unit in np.flatnonzero(present & (counts < due)).tolist():
                    inspection["exemplars"].find(
                        f"{counts[unit]} {KINDS[kind]} exemplars of {name}; other units of the "
                        f"site have {due}",
                        table="exemplars",
                        file=f"exemplars/{units.name}",
                        about=f"{units.name}/{unit}{sign}",
                    )


def _commonest(rank: Numbers, sequence: Numbers) -> Numbers:
    """By rank the sequence that most units name, so that one damaged unit accuses no other."""
    found = []
    for turn in range(int(rank.max(initial=-1)) + 1):
        ids, counts = np.unique(sequence[rank == turn], return_counts=True)
        found.append(int(ids[counts.argmax()]) if len(ids) else -1)
    return np.array(found, dtype=np.int64)
