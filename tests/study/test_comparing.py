from datetime import UTC, datetime

import pytest
from hypothesis import given, settings, strategies as st

from neuroscribe.datasets.manifest import write_manifest
from neuroscribe.datasets.rows import explanations_table, scores_table
from neuroscribe.errors import InputError, StudyError
from neuroscribe.records import Explanation, Score, UnitId
from neuroscribe.study.comparing import compare
from neuroscribe.study.comparison_plot import plot
from neuroscribe.study.writing import write_by_site

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def write_study(root, values, *, sha="a", tokens=100, coverage=1.0, **differing):
    """A study whose units have these scores by one method; None is an undefined score."""
    root.mkdir(exist_ok=True)
    write_manifest(root, {"subject": {"name": "s", "weights_sha256": sha}})
    explanations, scores = [], []
    for index, value in enumerate(values):
        unit = UnitId("mlp.0", index)
        explanation = Explanation(
            unit=unit, text=f"{differing}", status="ok", llm="mock", prompt_sha256="0",
            created_at=NOON, input_tokens=tokens, cost_usd=0.25,
            **{"explainer": "one", **differing},
        )  # fmt: skip
        explanations.append(explanation)
        scores.append(
            Score(
                explanation_id=explanation.explanation_id,
                unit=unit,
                scorer="simulation",
                metric="pearson",
                report_set="top_and_random",
                value=value,
                low=None,
                high=None,
                chance=0.0,
                n_sequences=4,
                n_items=40,
                coverage=coverage,
                simulator="structured",
                llm="mock",
                reason=None if value is not None else "constant",
            )
        )
    write_by_site(root, "explanations", explanations, explanations_table)
    write_by_site(root, "scores", scores, scores_table)
    return root


def test_methods_are_paired_unit_by_unit(tmp_path):
    write_study(tmp_path / "s", [0.1, 0.2, 0.3, None])
    write_study(tmp_path / "s", [0.2, 0.4, 0.3, 0.9], explainer="two", tokens=50)
    comparison = compare([tmp_path / "s"])
    assert [method.name for method in comparison.methods] == ["explainer=one", "explainer=two"]
    (pairing,) = comparison.pairings
    assert pairing.n_units == 3
    assert pairing.difference == pytest.approx(0.1)
    assert (pairing.first_mean, pairing.second_mean) == (pytest.approx(0.2), pytest.approx(0.3))
    assert pairing.wins == pytest.approx(2.5 / 3)
    low, high = pairing.interval
    assert 0 <= low <= 0.1 <= high <= 0.2 + 1e-9
    assert [method.n_undefined for method in comparison.methods] == [1, 0]
    assert [method.tokens for method in comparison.methods] == [100, 50]
    assert [method.cost_usd for method in comparison.methods] == [0.25, 0.25]


def test_studies_are_told_apart_by_their_path(tmp_path):
    studies = [
        write_study(tmp_path / name, [value] * 3) for name, value in [("a", 0.1), ("b", 0.4)]
    ]
    (pairing,) = compare(studies).pairings
    assert pairing.difference == pytest.approx(0.3)
    assert pairing.first.name.endswith("a")


def test_what_is_not_asked_about_is_averaged_per_unit(tmp_path):
    write_study(tmp_path / "s", [0.0, 0.2])
    write_study(tmp_path / "s", [0.2, 0.4], form="label")
    write_study(tmp_path / "s", [0.6, 0.6], explainer="two")
    comparison = compare([tmp_path / "s"], by=["explainer"])
    assert [method.mean for method in comparison.methods] == [
        pytest.approx(0.2),
        pytest.approx(0.6),
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scorer": "fuzzing"}, "no explanation is scored by 'fuzzing'"),
        ({"metric": "auc"}, "simulation has no auc on top_and_random there; there are: pearson"),
        ({"by": ["colour"]}, "do not differ by 'colour'"),
        ({}, "only one method"),
    ],
)
def test_what_cannot_be_compared_is_said_in_a_sentence(tmp_path, options, message):
    with pytest.raises(StudyError, match=message):
        compare([write_study(tmp_path / "s", [0.1, 0.2])], **options)


def test_studies_of_different_subjects_are_refused(tmp_path):
    studies = [write_study(tmp_path / sha, [0.1], sha=sha) for sha in ("a", "b")]
    with pytest.raises(StudyError, match="different subjects"):
        compare(studies)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=8), st.floats(-0.5, 0.5))
@settings(max_examples=15, deadline=None)
def test_a_constant_shift_is_found_exactly_with_an_interval_of_no_width(
    tmp_path_factory, values, shift
):
    root = tmp_path_factory.mktemp("study")
    write_study(root, values)
    write_study(root, [value + shift for value in values], explainer="two")
    (pairing,) = compare([root]).pairings
    assert pairing.difference == pytest.approx(shift, abs=1e-9)
    assert pairing.interval == pytest.approx((shift, shift), abs=1e-9)


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_plot_is_written_and_is_the_same_each_time(tmp_path, suffix):
    write_study(tmp_path / "s", [0.1, 0.2, 0.3])
    write_study(tmp_path / "s", [0.2, 0.4, 0.3], explainer="$two$")
    comparison = compare([tmp_path / "s"])
    first = plot(comparison, tmp_path / f"first{suffix}").read_bytes()
    assert len(first) > 1000
    if suffix == ".svg":
        assert b"explainer=$two$" in first or b"two" in first


def test_a_plot_of_another_kind_is_refused(tmp_path):
    write_study(tmp_path / "s", [0.1, 0.2, 0.3])
    write_study(tmp_path / "s", [0.2, 0.4, 0.3], explainer="two")
    with pytest.raises(InputError, match=r"end it in \.png"):
        plot(compare([tmp_path / "s"]), tmp_path / "plot.gif")


def test_scores_of_too_little_coverage_are_not_averaged(tmp_path):
    write_study(tmp_path / "s", [0.1, 0.2, 0.3])
    write_study(tmp_path / "s", [0.9, 0.9, 0.9], explainer="two", coverage=0.5)
    first, second = compare([tmp_path / "s"]).methods
    assert (first.mean, first.n_undefined) == (pytest.approx(0.2), 0)
    assert (second.mean, second.n_undefined) == (None, 3)


def test_methods_are_paired_with_what_is_alike_in_all_else(tmp_path):
    """`top` was tried with two explainers, `mix` with one: only that one says which is better."""
    write_study(tmp_path / "s", [0.5, 0.5])
    write_study(tmp_path / "s", [0.1, 0.1], explainer="two")
    write_study(tmp_path / "s", [0.4, 0.6], exemplars="mix")
    (pairing,) = compare([tmp_path / "s"], by=["exemplars"]).pairings
    assert pairing.n_units == 2
    assert (pairing.first.name, pairing.second.name) == ("exemplars=mix", "exemplars=top")
    assert pairing.difference == pytest.approx(0.0)
    assert pairing.wins == 0.5


def test_the_cost_of_a_unit_is_that_of_all_its_candidates(tmp_path):
    write_study(tmp_path / "s", [0.1, 0.2])
    write_study(tmp_path / "s", [None, None], candidate=1, selected=False)
    write_study(tmp_path / "s", [0.1, 0.2], explainer="two")
    first, second = compare([tmp_path / "s"]).methods
    assert (first.tokens, first.cost_usd) == (200, 0.5)
    assert (second.tokens, second.cost_usd) == (100, 0.25)
