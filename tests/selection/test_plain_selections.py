"""top, quantile, random and mix, case by case."""

from neuroscribe.selection.mix import Mix
from neuroscribe.selection.quantile import Quantile
from neuroscribe.selection.random import Random
from neuroscribe.selection.top import Top


def ids(chosen):
    return [exemplar.sequence.sequence_id for exemplar in chosen.exemplars]


def banded(make):
    """Five bands of two, as the recorder ranks them; ids tell band and rank."""
    return [
        make.exemplar(10 * band + rank, float(band), kind="quantile", quantile=band, rank=rank)
        for band in range(5)
        for rank in range(2)
    ]


def test_top_is_the_strongest_first(make):
    tops = [make.exemplar(i, float(i), rank=3 - i) for i in range(4)]
    assert ids(Top(n=2)(make.record(*tops))) == [3, 2]


def test_top_breaks_ties_by_the_earlier_sequence(make):
    tops = [make.exemplar(7, 1.0, rank=1), make.exemplar(4, 1.0, rank=0)]
    assert ids(Top()(make.record(*tops))) == [4, 7]


def test_a_sequence_kept_twice_is_shown_as_top(make):
    twice = [
        make.exemplar(1, 1.0, kind="quantile", quantile=4),
        make.exemplar(1, 1.0, kind="top"),
    ]
    assert [e.kind for e in Top()(make.record(*twice)).exemplars] == ["top"]


def test_quantile_takes_one_of_every_band_the_highest_first(make):
    assert ids(Quantile(n=5)(make.record(*banded(make)))) == [40, 30, 20, 10, 0]


def test_quantile_goes_round_again_from_the_highest_band(make):
    chosen = Quantile(n=7)(make.record(*banded(make)))
    assert ids(chosen) == [40, 41, 30, 31, 20, 10, 0]


def test_quantile_without_bands_says_so(make):
    chosen = Quantile()(make.record(make.exemplar(0, 1.0)))
    assert chosen.exemplars == ()
    assert chosen.reason == "no quantile exemplars of the unit were recorded on train"


def test_random_takes_firing_exemplars_before_silent_ones(make):
    # The largest activation is 2, so a sequence fires above .6.
    values = {0: 0.1, 1: 2.0, 2: 0.6, 3: 0.7, 4: 0.0, 5: 1.0}
    record = make.record(*(make.exemplar(i, value) for i, value in values.items()))
    assert set(ids(Random(n=3)(record))) == {1, 3, 5}
    assert set(ids(Random(n=4)(record))) > {1, 3, 5}


def test_random_draws_otherwise_with_another_seed(make):
    record = make.record(*(make.exemplar(i, 1.0) for i in range(20)))
    draws = {tuple(ids(Random(n=5, seed=seed)(record))) for seed in range(4)}
    assert len(draws) == 4


def test_mix_shows_strong_then_banded_then_random_exemplars(make):
    tops = [make.exemplar(100 + i, 9.0 - i, rank=i) for i in range(8)]
    randoms = [make.exemplar(200 + i, 0.0, kind="random", rank=i) for i in range(3)]
    record = make.record(*randoms, *banded(make), *tops)
    assert ids(Mix(n=10)(record)) == [100, 101, 102, 103, 104, 40, 30, 20, 200, 201]
    assert ids(Mix(n=5)(record)) == [100, 101, 102, 40, 200]
    assert ids(Mix(n=1)(record)) == [100]


def test_mix_makes_up_for_what_was_not_recorded_with_the_strongest(make):
    tops = [make.exemplar(i, 9.0 - i, rank=i) for i in range(6)]
    assert ids(Mix(n=5)(make.record(*tops))) == [0, 1, 2, 3, 4]
