"""The student's arithmetic, by hand."""

from math import exp

import numpy as np
import pytest

from neuroscribe.errors import InputError
from neuroscribe.selection.student import KernelStudent, resting_activation
from tests.services import Encoder


@Encoder
def axes(texts):
    """`rain` alone on one axis, everything else on the other."""
    return np.array([[1, 0] if text == "rain" else [0, 1] for text in texts], dtype=np.float32)


def test_before_any_exemplar_the_student_says_what_the_unit_does_on_any_text(make):
    student = KernelStudent(embed=make.embed)
    shown = [make.exemplar(0, 2.0)]
    lessons = student.lessons(shown, [shown[0].sequence])
    assert student.predict(lessons, [], 0.25).tolist() == [0.25]


def test_a_prediction_is_a_weighted_mean(make):
    student = KernelStudent(
        embed=axes, sharpness=2.0, context=0.5, same_token=1.0, same_pair=3.0, prior=0.1
    )
    shown = [
        make.exemplar(0, 4.0, words=("rain",)),
        make.exemplar(1, 1.0, 3.0, words=("snow", "rain")),
    ]
    asked = make.exemplar(2, 0.0, 0.0, words=("sun", "rain")).sequence
    lessons = student.lessons(shown, [asked])
    far = exp(-2.0)
    # `sun` is in neither exemplar; `rain` is in both, in the first as its first token, and stands
    # behind `snow` in the second: the tokens match and the pairs do not.
    weights = [[far * 0.5, far * (0.5 + 1)], [0.5, 0.5 + 1]]
    sums = [[far * 0.5 * 4, far * (0.5 * 4 + 4)], [0.5 * 2, 0.5 * 2 + 3]]
    np.testing.assert_allclose(lessons.weights, weights, rtol=1e-6)
    np.testing.assert_allclose(lessons.sums, sums, rtol=1e-6)
    expected = [
        (0.1 * 0.2 + sums[0][i] + sums[1][i]) / (0.1 + weights[0][i] + weights[1][i])
        for i in range(2)
    ]
    np.testing.assert_allclose(student.predict(lessons, [0, 1], 0.2), expected, rtol=1e-6)


def test_a_pair_counts_where_the_token_before_is_the_same_too(make):
    student = KernelStudent(embed=axes, sharpness=0.0, context=0.0, same_token=1.0, same_pair=3.0)
    shown = [make.exemplar(0, 1.0, 3.0, words=("snow", "rain"))]
    asked = make.exemplar(1, 0.0, 0.0, 0.0, words=("rain", "snow", "rain")).sequence
    assert student.lessons(shown, [asked]).weights.tolist() == [[1.0, 1.0, 4.0]]


def test_the_resting_activation_is_the_mean_of_random_train_exemplars(make):
    record = make.record(
        make.exemplar(0, 8.0, 8.0),
        make.exemplar(1, 1.0, 2.0, kind="random"),
        make.exemplar(2, 3.0, kind="random"),
        make.exemplar(3, 50.0, kind="random", split="test"),
    )
    assert resting_activation(record) == 2.0
    assert resting_activation(make.record(make.exemplar(0, 8.0))) == 0.0


def test_the_student_is_named_after_its_encoder(make):
    assert KernelStudent(embed=axes).name == "kernel:toy"


@pytest.mark.parametrize("setting", ["sharpness", "context", "same_token", "same_pair"])
def test_a_negative_weight_is_a_mistake(make, setting):
    with pytest.raises(InputError, match=f"{setting} is -1.0; it must not be negative"):
        KernelStudent(embed=make.embed, **{setting: -1.0})


def test_a_student_without_prior_is_a_mistake(make):
    with pytest.raises(InputError, match=r"prior is 0\.0; it must be positive"):
        KernelStudent(embed=make.embed, prior=0.0)
