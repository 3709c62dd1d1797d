import pytest

import neuroscribe as ns
from neuroscribe.errors import InputError
from tests.planted import SilentTexts, planted_units

(WATER, *_) = planted_units()


def test_a_unit_is_explained_and_simulated_without_a_study():
    explanation = ns.explain(WATER.record, "mock")
    assert (explanation.status, explanation.inputs) == ("ok", ("exemplars",))
    assert any(word in explanation.text for word in ("river", "brook", "stream"))
    prediction = ns.simulate(explanation.text, ["the", " river", " is", " old"], "mock")
    assert prediction.status == "ok"
    assert max(prediction.expected) == prediction.expected[1]


def test_an_explainer_is_given_its_settings_and_what_it_needs():
    explanation = ns.explain(
        WATER.record, "mock", explainer="contrastive", negatives=SilentTexts(), form="label"
    )
    assert explanation.form == "label"
    assert explanation.inputs == ("exemplars", "negatives")


def test_what_an_explainer_needs_is_named():
    with pytest.raises(InputError, match="'contrastive' needs negatives; give them by name"):
        ns.explain(WATER.record, "mock", explainer="contrastive")


def test_exemplars_of_choice_are_shown():
    weakest = WATER.record.select("train", "top")[-1:]
    strongest = ns.explain(WATER.record, "mock")
    assert ns.explain(WATER.record, "mock", shown=weakest).prompt_sha256 != strongest.prompt_sha256


def test_the_look_up_simulator_is_given_ids_and_a_record():
    (exemplar, *_) = WATER.record.select("test", "top")
    sequence = exemplar.sequence
    prediction = ns.simulate(
        "anything", sequence.tokens, "mock", simulator="token_lookup",
        token_ids=sequence.token_ids, record=WATER.record,
    )  # fmt: skip
    assert prediction.llm == "none"
    assert prediction.expected[exemplar.peak_position] > 5
    with pytest.raises(InputError, match="needs the unit's record"):
        ns.simulate("anything", sequence.tokens, "mock", simulator="token_lookup")
