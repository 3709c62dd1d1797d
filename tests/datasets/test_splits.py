"""Parts are drawn by text, so copies stay together and nothing else matters."""

from collections import Counter

import pytest
from hypothesis import given, strategies as st

from neuroscribe.datasets.splits import SHARES, split_of
from neuroscribe.records import SPLITS

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def test_the_parts_of_these_texts_never_change():
    """A change here would mix what was trained on with what is scored, in every study there is."""
    texts = ["", "rain", "snow", "the sun", "wind and rain"]
    assert [split_of(text) for text in texts] == ["calibration", "train", "test", "test", "valid"]
    assert [split_of(text, seed=1) for text in texts] == [
        "train",
        "valid",
        "train",
        "calibration",
        "train",
    ]


@pytest.mark.parametrize(
    "copy",
    [
        "the rain",
        "The  RAIN",
        "\tthe\u00a0rain\r\n",
        "\uff54\uff48\uff45 rain",
    ],
)
def test_copies_in_another_form_stay_together(copy):
    for seed in range(20):
        assert split_of(copy, seed=seed) == split_of("the rain", seed=seed)


@given(TEXT, st.integers(0, 3))
def test_white_space_around_a_text_does_not_matter(text, seed):
    assert split_of(f"  {text}\n", seed=seed) == split_of(text, seed=seed)


@given(st.text(st.characters(codec="ascii")))
def test_case_does_not_matter(text):
    assert split_of(text.upper()) == split_of(text) == split_of(text.lower())


@pytest.mark.parametrize("seed", [0, 1])
def test_each_part_gets_its_share(seed):
    counts = Counter(split_of(f"document {number}", seed=seed) for number in range(10_000))
    for split, share in SHARES.items():
        assert abs(counts[split] - 10_000 * share) < 150


def test_the_shares_are_whole_and_name_every_part():
    assert tuple(SHARES) == SPLITS
    assert sum(SHARES.values()) == pytest.approx(1)


def test_another_seed_draws_anew():
    texts = [f"document {number}" for number in range(1000)]
    moved = sum(split_of(text) != split_of(text, seed=1) for text in texts)
    # Two independent draws differ with probability 1 - (.5^2 + .15^2 + .15^2 + .2^2) = .665.
    assert 615 < moved < 715
