"""Negatives: laws of all kinds, then each kind by hand."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from neuroscribe import registry
from neuroscribe.errors import InputError
from neuroscribe.firing import fires
from neuroscribe.selection.negatives.hard import HardNegatives
from neuroscribe.selection.negatives.near_miss import NearMissNegatives, most_correlated
from neuroscribe.selection.negatives.random import RandomNegatives
from tests.services import Encoder


def ids(exemplars):
    return [exemplar.sequence.sequence_id for exemplar in exemplars]


def unit_one(make, *more):
    """A unit whose largest activation is 2, so that it fires above .6."""
    return make.record(make.exemplar(1000, 2.0), *more)


@Encoder
def first_axis(texts):
    return np.tile(np.array([[1.0, 0.0]], dtype=np.float32), (len(texts), 1))


def test_the_kinds_of_negatives_are_found_by_name():
    assert registry.names("negatives") == ["hard", "near_miss", "random"]
    for name in registry.names("negatives"):
        assert registry.load("negatives", name).name == name


@pytest.mark.parametrize("name", ["hard", "near_miss", "random"])
@given(data=st.data())
def test_negatives_are_silent_and_no_positives_and_come_once(make, pools, name, data):
    pool, n = data.draw(pools.drawn()), data.draw(st.integers(0, 8))
    everything = pool.exemplars(unit_one(make), range(len(pool.members)), "test")
    record = unit_one(make, *everything)
    positives = data.draw(st.lists(st.sampled_from(everything), unique_by=id))
    plugin = registry.load("negatives", name)
    services = {"pool": pool, "embed": first_axis}
    negatives = plugin(**{need: services[need] for need in plugin.needs})
    found = negatives(record, "test", positives, n)
    assert len(set(ids(found))) == len(found) <= n
    assert not set(ids(found)) & set(ids(positives))
    assert not any(fires(record, exemplar) for exemplar in found)
    assert ids(found) == ids(negatives(record, "test", positives, n))
    assert name == "random" or [exemplar.rank for exemplar in found] == [*range(len(found))]


def test_random_negatives_are_the_recorders_in_order_of_rank(make):
    record = unit_one(
        make,
        make.exemplar(1, 0.6, kind="random", split="test", rank=2),
        make.exemplar(2, 0.0, kind="random", split="test", rank=0),
        make.exemplar(3, 0.7, kind="random", split="test", rank=1),
        make.exemplar(4, 0.0, kind="random", split="test", rank=3),
        make.exemplar(5, 0.0, kind="random", split="valid", rank=0),
        make.exemplar(6, 0.0, kind="quantile", quantile=0, split="test"),
    )
    positives = [make.exemplar(4, 0.0, split="test")]
    assert ids(RandomNegatives()(record, "test", positives, 5)) == [2, 1]
    assert ids(RandomNegatives()(record, "test", positives, 1)) == [2]


def test_hard_negatives_are_nearest_to_any_positive(make, pools):
    pool = pools.build(
        peaks=[[0, 0.1], [0, 0.1], [0, 1.5], [0, 0.1]],
        vectors=[[0, 1], [0.6, 0.8], [1, 0], [0.8, 0.6]],
    )
    hard = HardNegatives(pool=pool, embed=first_axis)
    positives = [make.exemplar(99, 2.0, split="train")]
    assert ids(hard(unit_one(make), "test", positives, 2)) == [3, 1]
    assert ids(hard(unit_one(make), "test", positives, 9)) == [3, 1, 0]


def test_without_positives_nothing_is_near(make, pools):
    hard = HardNegatives(pool=pools.build([[0.0, 0.0]]), embed=first_axis)
    assert hard(unit_one(make), "test", [], 5) == []


def test_what_fires_when_it_is_run_again_is_replaced_by_the_next(make, pools):
    pool = pools.build([[0, 0.59], [0, 0.1], [0, 0.2]], [[1, 0], [1, 0], [0, 1]], noise={0: 0.05})
    hard = HardNegatives(pool=pool, embed=first_axis)
    found = hard(unit_one(make), "test", [make.exemplar(99, 2.0)], 2)
    assert ids(found) == [1, 2]
    assert [exemplar.rank for exemplar in found] == [0, 1]
    assert found[0].activations == pytest.approx((0.1,))


def test_near_misses_are_where_the_most_correlated_unit_fires(make, pools):
    # Unit 0 rises with unit 1; unit 2 does the opposite.
    peaks = [[4, 2.0, 0], [3, 1.5, 0], [2, 0.1, 0], [4, 0.3, 0], [0, 0, 9], [1, 0, 8]]
    near = NearMissNegatives(pool=pools.build(peaks))
    # Where unit 0 is at a quarter of its largest peak it does not fire.
    assert ids(near(unit_one(make), "test", [], 5)) == [3, 2]
    assert ids(near(unit_one(make), "test", [make.exemplar(3, 0.0)], 5)) == [2]


def test_a_unit_without_kin_has_no_near_misses(make, pools):
    peaks = [[9, 2.0], [9, 0.0], [9, 0.1]]
    assert NearMissNegatives(pool=pools.build(peaks))(unit_one(make), "test", [], 5) == []


def test_kin_are_ordered_by_correlation_and_never_the_unit_itself():
    peaks = np.array([[1, 1, 5, 1], [2, 3, 4, 1], [3, 2, 3, 1], [4, 4, 2, 1]], dtype=np.float32)
    assert most_correlated(peaks, 0, 9).tolist() == [1]
    assert most_correlated(peaks, 2, 9).tolist() == []
    assert most_correlated(peaks[:1], 0, 9).tolist() == []


@given(
    peaks=st.lists(
        st.lists(st.integers(-3, 9), min_size=4, max_size=4), min_size=2, max_size=9
    ).map(lambda rows: np.array(rows, dtype=np.float32)),
    unit=st.integers(0, 3),
)
def test_kin_correlate_positively_by_numpys_own_correlation(peaks, unit):
    for kin in most_correlated(peaks, unit, 9):
        assert np.corrcoef(peaks[:, unit], peaks[:, kin])[0, 1] > 0
        assert kin != unit


def test_no_kin_at_all_is_a_mistake(pools):
    with pytest.raises(InputError, match="n_kin is 0; it must be at least 1"):
        NearMissNegatives(pool=pools.build([[0.0]]), n_kin=0)
