"""What holds for every selection."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

from neuroscribe import registry
from neuroscribe.errors import InputError
from neuroscribe.selection import Selection

NAMES = ("mix", "quantile", "random", "teach", "top")
SIZES = {"teach": "budget"}


def build(name, make, n):
    plugin = registry.load("selection", name)
    services = {"embed": make.embed} if "embed" in plugin.needs else {}
    return plugin(**services, **{SIZES.get(name, "n"): n})


def test_the_selections_are_found_by_name():
    assert registry.names("selection") == list(NAMES)
    assert [registry.load("selection", name).name for name in NAMES] == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_selection_is_what_the_contract_says(make, name):
    assert isinstance(build(name, make, 5), Selection)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(data=st.data())
def test_a_choice_is_of_recorded_train_exemplars_each_sequence_once(make, name, data):
    record, n = data.draw(make.records()), data.draw(st.integers(1, 11))
    chosen = build(name, make, n)(record)
    ids = [exemplar.sequence.sequence_id for exemplar in chosen.exemplars]
    assert set(chosen.exemplars) <= set(record.select("train"))
    assert len(ids) == len(set(ids)) <= n
    assert ids or chosen.reason


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(data=st.data())
def test_a_choice_does_not_depend_on_the_order_of_the_record(make, name, data):
    record = data.draw(make.records())
    shuffled = list(record.exemplars)
    random.Random(data.draw(st.integers(0, 9))).shuffle(shuffled)
    selection = build(name, make, 5)
    again = selection(replace(record, exemplars=tuple(shuffled)))
    chosen = selection(record)
    assert [e.sequence for e in again.exemplars] == [e.sequence for e in chosen.exemplars]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(data=st.data())
def test_valid_and_test_exemplars_change_nothing(make, name, data):
    record = data.draw(make.records())
    others = data.draw(make.records(splits=("valid", "test")))
    kept = record.select("train") + record.select("calibration")
    selection = build(name, make, 5)
    assert selection(replace(record, exemplars=kept + others.exemplars)) == selection(
        replace(record, exemplars=kept)
    )


@pytest.mark.parametrize("name", ["mix", "random", "top"])
@settings(max_examples=40)
@given(data=st.data())
def test_as_many_are_chosen_as_were_asked_for_and_recorded(make, name, data):
    record, n = data.draw(make.records()), data.draw(st.integers(1, 11))
    recorded = {exemplar.sequence.sequence_id for exemplar in record.select("train")}
    assert len(build(name, make, n)(record).exemplars) == min(n, len(recorded))


@pytest.mark.parametrize("name", NAMES)
def test_no_exemplars_at_all_is_a_mistake(make, name):
    with pytest.raises(InputError, match="is 0; it must be at least 1"):
        build(name, make, 0)
