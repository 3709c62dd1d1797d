"""Exemplars that teach: each the one that helps a student most.

A cheap student (`selection.student`) is to predict the unit on the `calibration` exemplars from the
exemplars it has been shown. A greedy teacher tries every `train` exemplar, firing or silent, takes
the one after which the student's squared error is lowest, and so on until the budget is used up or
none lowers it any further. Exemplars add up in the student, so every step is exact.

Two things come with the choice. The curve is the student's explained variance on `calibration`
(`1 - squared error / squared deviation from the mean`, as `r2_centred`) after 0, 1, ... exemplars:
the teacher lowers the squared error, so it never falls, and unlike a correlation it is defined
before the first exemplar, where it is at most 0. The complexity is the number of exemplars after
which nine tenths of the final quality are reached. `valid` and `test` are never looked at.

Source: Milli, Abbeel and Mordatch, 2017 ("interpretable machine learning through teaching").
"""

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar, NamedTuple

import numpy as np

from neuroscribe.errors import InputError
from neuroscribe.records import Exemplar, Split, UnitRecord
from neuroscribe.selection.contract import Chosen
from neuroscribe.selection.distinct import NOTHING_RECORDED, distinct_train, each_sequence_once
from neuroscribe.selection.student import KernelStudent, Lessons, Values, resting_activation
from neuroscribe.services import Embed

QUALITY_SHARE = 0.9
"""Of the final quality, at which a unit counts as learnt."""

_LEAST_GAIN = 1e-9
"""Of the first error: what an exemplar must lower it by, so that rounding is no progress."""


@dataclass(frozen=True, kw_only=True)
class Teach:
    """Chooses by teaching a student and shows the exemplars in order of choice."""

    embed: Embed
    budget: int = 10
    """Most exemplars."""

    name: ClassVar[str] = "teach"
    needs: ClassVar[tuple[str, ...]] = ("embed",)
    splits: ClassVar[tuple[Split, ...]] = ("train", "calibration")

    def __post_init__(self) -> None:
        if self.budget < 1:
            raise InputError(f"budget is {self.budget}; it must be at least 1")

    def __call__(self, record: UnitRecord) -> Chosen:
        """Choose; nothing, with the reason, where the unit cannot be taught."""
        candidates = list(filter(_is_finite, distinct_train(record)))
        asked = list(filter(_is_finite, each_sequence_once(record.select("calibration"))))
        if not candidates:
            return Chosen(exemplars=(), reason=NOTHING_RECORDED)
        if not asked:
            return Chosen(exemplars=(), reason="the unit has no calibration exemplars to teach on")
        truth = np.array([value for exemplar in asked for value in exemplar.activations])
        spread = float(np.mean((truth - truth.mean()) ** 2))
        if truth.min() == truth.max():
            return Chosen(exemplars=(), reason="the unit does not vary on calibration")

        student = KernelStudent(embed=self.embed)
        lessons = student.lessons(candidates, [exemplar.sequence for exemplar in asked])
        lesson = greedy(student, lessons, truth, resting_activation(record), budget=self.budget)
        curve = tuple(1 - error / spread for error in lesson.errors)
        complexity = _complexity(curve) if lesson.chosen else None
        return Chosen(
            exemplars=tuple(candidates[place] for place in lesson.chosen),
            student=student.name,
            curve=curve,
            complexity=complexity,
            reason=None if complexity is not None else _why_not(lesson, curve),
        )


class Taught(NamedTuple):
    """What a teacher chose, and what came of it."""

    chosen: tuple[int, ...]
    """Places of exemplars, in order of choice."""
    errors: tuple[float, ...]
    """Mean squared error after 0, 1, ... of them."""


def greedy(
    student: KernelStudent, lessons: Lessons, truth: Values, resting: float, *, budget: int
) -> Taught:
    """Show the student, one by one, the exemplar that lowers its error most.

    Args:
        student: who is taught.
        lessons: what each exemplar tells about the tokens of `truth`.
        truth: the unit's activations there.
        resting: see `KernelStudent.predict`.
        budget: most exemplars. Of equally good ones the first is taken.
    """
    chosen: list[int] = []
    errors = [_error(student.predict(lessons, [], resting), truth)]
    least_gain = _LEAST_GAIN * errors[0]
    sums = np.full_like(truth, student.prior * resting)
    weights = np.full_like(truth, student.prior)
    while len(chosen) < min(budget, len(lessons.sums)):
        predicted = (sums + lessons.sums) / (weights + lessons.weights)
        error = np.mean((predicted - truth) ** 2, axis=1)
        error[chosen] = np.inf
        best = int(error.argmin())
        if not error[best] < errors[-1] - least_gain:
            break
        chosen.append(best)
        errors.append(float(error[best]))
        sums += lessons.sums[best]
        weights += lessons.weights[best]
    return Taught(tuple(chosen), tuple(errors))


def _is_finite(exemplar: Exemplar) -> bool:
    return all(map(isfinite, exemplar.activations))


def _error(predicted: Values, truth: Values) -> float:
    return float(np.mean((predicted - truth) ** 2))


def _complexity(curve: tuple[float, ...]) -> int | None:
    if curve[-1] <= 0:
        return None
    wanted = QUALITY_SHARE * curve[-1]
    return next(number for number, quality in enumerate(curve) if quality >= wanted)


def _why_not(lesson: Taught, curve: tuple[float, ...]) -> str:
    if not lesson.chosen:
        return "no exemplar taught the student anything"
    return f"the student explains no variance on calibration (at best {curve[-1]:.3f})"


PLUGIN = Teach
