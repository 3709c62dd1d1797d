"""A line of text says which units."""

import pytest
from hypothesis import given, strategies as st

from neuroscribe.errors import SubjectError
from neuroscribe.records import UnitId
from neuroscribe.subjects.selectors import select_units, split_site_selector

WIDTHS = {"mlp.0": 4, "mlp.1": 4, "resid.0": 2}


def named(selector, widths=WIDTHS, **settings):
    return [str(unit) for unit in select_units(selector, widths, **settings)]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("mlp.1", ["mlp.1/0", "mlp.1/1", "mlp.1/2", "mlp.1/3"]),
        ("resid", ["resid.0/0", "resid.0/1"]),
        ("resid.*", ["resid.0/0", "resid.0/1"]),
        ("mlp.1[:2]", ["mlp.1/0", "mlp.1/1"]),
        ("mlp.1[2:]", ["mlp.1/2", "mlp.1/3"]),
        ("mlp.1[1:3]", ["mlp.1/1", "mlp.1/2"]),
        ("mlp.1[::3]", ["mlp.1/0", "mlp.1/3"]),
        ("mlp.1[:100]", ["mlp.1/0", "mlp.1/1", "mlp.1/2", "mlp.1/3"]),
        ("mlp.*[:1]", ["mlp.0/0", "mlp.1/0"]),
        ("mlp.0/3,0,1-", ["mlp.0/3", "mlp.0/0", "mlp.0/1-"]),
        ("mlp.0/3, 0", ["mlp.0/3", "mlp.0/0"]),
        ("mlp.*/2", ["mlp.0/2", "mlp.1/2"]),
        ("mlp.0/1;resid.0/0", ["mlp.0/1", "resid.0/0"]),
        ("mlp.0/1 ; mlp.0/1", ["mlp.0/1"]),
        (["mlp.0/1", "resid.0/0;mlp.0/2"], ["mlp.0/1", "resid.0/0", "mlp.0/2"]),
        ("@random:0", []),
    ],
)
def test_selectors(selector, expected):
    assert named(selector) == expected


def test_a_module_site_is_chosen_by_its_name():
    assert named("module:h.0.mlp.act:in/1", {"module:h.0.mlp.act:in": 3}) == [
        "module:h.0.mlp.act:in/1"
    ]


def test_layer_one_is_not_layer_ten():
    assert named("mlp.1", {"mlp.1": 1, "mlp.10": 1}) == ["mlp.1/0"]


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("mlp.2", r"no site is called 'mlp.2'; there are: mlp.0, mlp.1, resid.0"),
        ("ml", r"no site is called 'ml'"),
        ("*", r"no site is called '\*'"),
        ("", r"no site is called ''"),
        ("mlp.0/4", r"there is no unit mlp.0/4; mlp.0 has units 0 to 3"),
        ("mlp.*/9-", r"there is no unit mlp.0/9-"),
        ("mlp.0/x", r"not units: 'mlp.0/x'; write SITE/INDEX"),
        ("mlp.0/", r"not units: 'mlp.0/'"),
        ("mlp.0[::0]", r"the step of a slice is at least 1"),
        ("@random:11", r"@random:11 asks for 11 units; there are 10"),
        ("@random", r"no site is called '@random'"),
        ("@top-density:3", r"@top-density:3 needs the units' densities"),
    ],
)
def test_what_cannot_be_chosen_is_refused(selector, message):
    with pytest.raises(SubjectError, match=message):
        named(selector)


def test_a_random_choice_takes_turns_over_the_sites():
    widths = {"mlp.0": 100, "mlp.1": 100, "mlp.2": 3}
    sites = [unit.site for unit in select_units("@random:12", widths)]
    assert [sites.count(site) for site in widths] == [5, 4, 3]


def test_a_random_choice_depends_on_the_seed_alone():
    widths = {"mlp.0": 1000}
    assert named("@random:5", widths, seed=1) == named("@random:5", widths, seed=1)
    assert named("@random:5", widths, seed=1) != named("@random:5", widths, seed=2)


@given(
    st.dictionaries(st.sampled_from(["a.0", "a.1", "b.0"]), st.integers(1, 20), min_size=1),
    st.integers(0, 5),
    st.data(),
)
def test_a_larger_random_choice_begins_with_the_smaller_one(widths, seed, data):
    total = sum(widths.values())
    more = data.draw(st.integers(0, total))
    fewer = data.draw(st.integers(0, more))
    larger = select_units(f"@random:{more}", widths, seed=seed)
    assert larger[:fewer] == select_units(f"@random:{fewer}", widths, seed=seed)
    assert len(set(larger)) == more
    assert all(unit.index < widths[unit.site] for unit in larger)


@given(st.sampled_from(sorted(WIDTHS)), st.integers(0, 1), st.sampled_from([1, -1]))
def test_every_unit_is_chosen_by_the_name_it_prints(site, index, polarity):
    unit = UnitId(site, index, polarity)
    assert select_units(str(unit), WIDTHS) == [unit]


def test_the_densest_units_come_first_and_equal_ones_in_order():
    densities = {
        "mlp.0": {0: 0.1, 1: 0.5, 2: 0.0, 3: 0.2},
        "mlp.1": {0: 0.5, 1: 0.3, 2: None, 3: 0.0},
        "resid.0": {0: 0.9, 1: 0.5},
    }
    assert named("@top-density:4", density=densities.__getitem__) == [
        "resid.0/0",
        "mlp.0/1",
        "mlp.1/0",
        "resid.0/1",
    ]
    assert named("@top-density:10", density=densities.__getitem__)[-1] == "mlp.1/2"


def test_units_that_are_not_there_are_not_chosen():
    there = {"mlp.0": {1, 3}, "mlp.1": {0}, "resid.0": set()}
    assert named("mlp.0;mlp.1", there=there) == ["mlp.0/1", "mlp.0/3", "mlp.1/0"]
    assert named("mlp.0[:3]", there=there) == ["mlp.0/1"]
    assert sorted(named("@random:3", there=there)) == ["mlp.0/1", "mlp.0/3", "mlp.1/0"]
    with pytest.raises(SubjectError, match="@random:4 asks for 4 units; there are 3"):
        named("@random:4", there=there)
    with pytest.raises(SubjectError, match=r"no unit mlp\.0/2: 2 of the 4 of mlp\.0 are there"):
        named("mlp.0/2", there=there)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("mlp", [("mlp", "")]),
        ("mlp.*", [("mlp", "")]),
        ("mlp.3,resid", [("mlp", "3"), ("resid", "")]),
        (["mlp", "attn.0"], [("mlp", ""), ("attn", "0")]),
        ("module:h.0.mlp", [("module", "h.0.mlp")]),
    ],
)
def test_site_selectors(selector, expected):
    assert split_site_selector(selector) == expected
