"""The greedy teacher."""

import time

import numpy as np
import pytest
from hypothesis import given, strategies as st

from neuroscribe.selection.student import KernelStudent, Lessons
from neuroscribe.selection.teach import Teach, greedy

EXACT = st.integers(0, 5).map(float)
"""Values whose sums do not round, so that what is equally good is equal."""


@st.composite
def lessons(draw):
    """Sums, weights and truth of any student."""
    n_exemplars, n_tokens = draw(st.integers(0, 6)), draw(st.integers(1, 8))

    def matrix(rows):
        values = draw(st.lists(EXACT, min_size=rows * n_tokens, max_size=rows * n_tokens))
        return np.array(values, dtype=np.float64).reshape(rows, n_tokens)

    return Lessons(matrix(n_exemplars), matrix(n_exemplars)), matrix(1)[0]


def brute_force(student, taught, truth, resting, budget):
    """Every choice predicted anew at every step."""
    chosen, errors = [], []
    error = float(np.mean((student.predict(taught, [], resting) - truth) ** 2))
    errors.append(error)
    while len(chosen) < budget:
        trials = {
            place: float(np.mean((student.predict(taught, [*chosen, place], resting) - truth) ** 2))
            for place in range(len(taught.sums))
            if place not in chosen
        }
        if not trials or min(trials.values()) >= errors[-1] - 1e-9 * errors[0]:
            break
        best = min(trials, key=trials.__getitem__)
        chosen.append(best)
        errors.append(trials[best])
    return tuple(chosen), tuple(errors)


@given(case=lessons(), budget=st.integers(1, 6), resting=EXACT)
def test_the_error_never_rises_and_no_exemplar_comes_twice(make, case, budget, resting):
    taught, truth = case
    lesson = greedy(KernelStudent(embed=make.embed), taught, truth, resting, budget=budget)
    assert list(lesson.errors) == sorted(lesson.errors, reverse=True)
    assert len(lesson.errors) == len(lesson.chosen) + 1
    assert len(set(lesson.chosen)) == len(lesson.chosen) <= budget


@given(case=lessons(), budget=st.integers(1, 6), resting=EXACT)
def test_every_step_is_the_best_there_is(make, case, budget, resting):
    taught, truth = case
    student = KernelStudent(embed=make.embed, prior=0.5)
    lesson = greedy(student, taught, truth, resting, budget=budget)
    assert lesson == brute_force(student, taught, truth, resting, budget)


@given(data=st.data())
def test_the_curve_is_the_students_explained_variance_on_calibration(make, data):
    record = data.draw(make.records(splits=("train", "calibration")))
    chosen = Teach(embed=make.embed, budget=4)(record)
    if not chosen.curve:
        assert chosen.exemplars == ()
        assert chosen.reason
        return
    asked = {e.sequence.sequence_id: e for e in record.select("calibration")}.values()
    truth = np.array([value for exemplar in asked for value in exemplar.activations])
    randoms = [v for e in record.select("train", "random") for v in e.activations]
    resting = float(np.mean(randoms)) if randoms else 0.0
    for number, quality in enumerate(chosen.curve):
        student = KernelStudent(embed=make.embed)
        if number == 0:
            predicted = np.full_like(truth, resting)
        else:
            shown = chosen.exemplars[:number]
            taught = student.lessons(shown, [e.sequence for e in asked])
            predicted = student.predict(taught, range(number), resting)
        explained = 1 - ((predicted - truth) ** 2).mean() / truth.var()
        assert quality == pytest.approx(explained, abs=1e-6)
    assert chosen.curve[0] <= 1e-9
    assert len(chosen.curve) == len(chosen.exemplars) + 1


def two_words(make, **calibration):
    """A unit that fires on `rain` and on `snow`; the strongest exemplars show `rain` alone."""
    train = [
        *(make.exemplar(i, 2.0, words=("rain",), rank=i) for i in range(4)),
        make.exemplar(10, 1.8, words=("snow",), kind="quantile", quantile=2),
        make.exemplar(11, 0.0, words=("sun",), kind="random"),
        make.exemplar(12, 0.0, words=("wind",), kind="random", rank=1),
    ]
    asked = [
        make.exemplar(20 + i, value, words=(word,), split="calibration", rank=i)
        for i, (word, value) in enumerate(calibration.items())
    ]
    return make.record(*train, *asked)


def test_both_words_are_taught_before_one_is_repeated(make):
    chosen = Teach(embed=make.embed, budget=2)(two_words(make, rain=2.0, snow=1.8, sun=0.0))
    assert {e.sequence.text for e in chosen.exemplars} == {"rain", "snow"}
    assert chosen.student == "kernel:toy"
    assert chosen.complexity == 2
    assert chosen.reason is None


def test_silence_is_taught_where_it_helps(make):
    """Nearly the same letters, but only one of them fires."""
    record = make.record(
        make.exemplar(0, 2.0, words=("rain",)),
        make.exemplar(1, 0.0, words=("wind",), kind="random"),
        make.exemplar(20, 2.0, words=("rain",), split="calibration"),
        make.exemplar(21, 0.0, words=("wind",), split="calibration"),
    )
    chosen = Teach(embed=make.embed)(record)
    assert [e.sequence.text for e in chosen.exemplars] == ["rain", "wind"]


def test_a_unit_that_is_constant_on_calibration_cannot_be_taught(make):
    chosen = Teach(embed=make.embed)(two_words(make, rain=0.0, snow=0.0))
    assert chosen.exemplars == ()
    assert chosen.complexity is None
    assert chosen.reason == "the unit does not vary on calibration"


def test_without_calibration_exemplars_there_is_nothing_to_teach_on(make):
    chosen = Teach(embed=make.embed)(two_words(make))
    assert chosen.exemplars == ()
    assert chosen.reason == "the unit has no calibration exemplars to teach on"


def test_where_no_exemplar_helps_none_is_chosen(make):
    """What the exemplars show is the opposite of what calibration holds."""
    record = make.record(
        make.exemplar(0, 9.0, words=("wind",)),
        make.exemplar(20, 1.0, words=("rain",), split="calibration"),
        make.exemplar(21, 0.0, words=("wind",), split="calibration"),
    )
    chosen = Teach(embed=make.embed)(record)
    assert chosen.exemplars == ()
    assert len(chosen.curve) == 1
    assert chosen.reason == "no exemplar taught the student anything"


def test_a_quality_that_is_not_positive_has_no_complexity(make):
    """Wind helps a little from far below, and the mean would still be the better guess."""
    record = make.record(
        make.exemplar(0, -9.0, words=("wind",), kind="random"),
        make.exemplar(1, -8.0, words=("wind",)),
        make.exemplar(20, 1.0, words=("wind",), split="calibration"),
        make.exemplar(21, 0.0, words=("wind",), split="calibration"),
    )
    chosen = Teach(embed=make.embed)(record)
    assert len(chosen.exemplars) == 1
    assert chosen.complexity is None
    assert chosen.reason.startswith("the student explains no variance on calibration (at best -")


def test_a_missing_activation_takes_no_part(make):
    record = two_words(make, rain=2.0, snow=1.8, sun=0.0)
    nan = float("nan")
    damaged = make.record(
        *record.exemplars,
        make.exemplar(13, nan, kind="random", rank=2),
        make.exemplar(30, nan, split="calibration"),
    )
    assert all(quality <= 1 for quality in Teach(embed=make.embed)(damaged).curve)


def test_a_unit_is_taught_in_well_under_a_second(make):
    generator = np.random.default_rng(0)
    words = ("rain", "snow", "sun", "wind")

    def some(first_id, split):
        return [
            make.exemplar(
                first_id + i,
                *generator.random(64).tolist(),
                split=split,
                words=tuple(generator.choice(words, 64).tolist()),
                rank=i,
            )
            for i in range(45)
        ]

    record = make.record(*some(0, "train"), *some(100, "calibration"))
    start = time.process_time()
    Teach(embed=make.embed)(record)
    assert time.process_time() - start < 0.5
