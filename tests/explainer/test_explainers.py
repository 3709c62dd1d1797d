"""What all explainers promise, and what is particular to each."""

from dataclasses import replace

import pytest
from jaxtyping import TypeCheckError

from neuroscribe import registry
from neuroscribe.errors import InputError, RecordError
from neuroscribe.explainer.contract import Explainer
from neuroscribe.explainer.token_lists import list_shown, on_scale
from neuroscribe.records import TokenLookup, UnitId
from neuroscribe.services import WeightedToken, WeightTokens
from tests.services import Texts

FAMILIES = registry.names("explainer")
INPUTS = {
    "contrastive": ("exemplars", "negatives"),
    "highlighted_text": ("exemplars",),
    "logit_evidence": ("output_weights",),
    "token_activation_pairs": ("exemplars",),
    "token_lookup": ("token_lookup",),
    "token_weights": ("input_weights", "output_weights"),
}
OF_TEXTS = ("contrastive", "highlighted_text", "token_activation_pairs")
OF_TOKENS = ("logit_evidence", "token_lookup", "token_weights")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_an_explainer(build, family):
    explainer = build(family)
    assert isinstance(explainer, Explainer)
    assert explainer.name == family
    assert explainer.shows_exemplars == (family in OF_TEXTS)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_answer_becomes_an_explanation_that_says_how_it_came_about(build, weather, run, family):
    found = run(build(family)(weather), "This unit fires on bad weather")
    assert (found.status, found.text, found.llm) == ("ok", "bad weather", "llm")
    assert (found.unit, found.explainer) == (UnitId("mlp.0", 1, -1), family)
    assert found.inputs == INPUTS[family]
    assert found.exemplars == ("top" if family in OF_TEXTS else "none")
    assert (found.form, found.candidate, found.parent_id) == ("phrase", 0, None)
    assert (found.selected, found.selection_score) == (True, None)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_form_travels_with_the_explanation(build, weather, run, family):
    found = run(build(family, form="label")(weather), "This unit fires on bad weather.")
    assert (found.form, found.text) == ("label", "bad weather")


@pytest.mark.parametrize("family", FAMILIES)
def test_the_second_candidate_asks_the_same_at_a_higher_temperature(build, weather, run, family):
    explainer = build(family)
    first, second = (run(explainer(weather, sample=i), "bad weather") for i in (0, 1))
    ((asked_first,), (asked_second,)) = run.rounds
    assert (asked_first.temperature, asked_first.sample) == (None, 0)
    assert (asked_second.temperature, asked_second.sample) == (1.0, 1)
    assert asked_first.messages == asked_second.messages
    assert (first.candidate, second.candidate) == (0, 1)
    assert first.prompt_sha256 == second.prompt_sha256
    assert first.explanation_id != second.explanation_id


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("status", ["refused", "failed"])
def test_other_outcomes_are_kept_with_their_reason(build, weather, run, reply, family, status):
    found = run(build(family)(weather), reply("no", status, "because"))
    assert (found.status, found.text) == (status, None)
    assert found.reason == "because; the answer was: no"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("text", ["", "  \n ", "x" * 601])
def test_no_answer_and_an_essay_are_unparsed(build, weather, run, family, text):
    found = run(build(family)(weather), text)
    assert (found.status, found.text) == ("unparsed", None)
    assert "no phrase of 1 to 600 characters" in found.reason


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("settings", [{"max_tokens": 0}, {"form": "poem"}])
def test_impossible_settings_are_refused(build, family, settings):
    # The second is what the type checks of the tests raise before it comes to that.
    with pytest.raises((InputError, TypeCheckError)):
        build(family, **settings)


@pytest.mark.parametrize("family", OF_TEXTS)
def test_a_unit_that_never_fires_is_skipped_without_a_request(build, make_record, run, family):
    silent = make_record((("a", "b"), (0.0, -1.0)))
    found = run(build(family)(silent))
    assert run.rounds == []
    assert (found.status, found.text, found.llm) == ("skipped", None, "none")
    assert found.reason == (
        "mlp.0/1 never fires on the train split: its largest activation there is 0"
    )


@pytest.mark.parametrize("family", OF_TEXTS)
def test_without_exemplars_there_is_nothing_to_ask(build, weather, run, family):
    found = run(build(family)(weather, ()))
    assert run.rounds == []
    assert found.reason == "mlp.0/1- has no exemplars of the train split to show"


@pytest.mark.parametrize("family", OF_TEXTS)
def test_what_was_chosen_is_shown_in_its_order(build, weather, make_exemplar, family):
    first = make_exemplar(("some", " fog"), (0.0, 2.0), rank=5, kind="quantile")
    shown = build(family).prompt(weather, [first, weather.exemplars[1]])[-1].content
    assert shown.index("fog") < shown.index("wind")
    assert "storm" not in shown


@pytest.mark.parametrize("family", OF_TEXTS)
def test_what_explanations_are_scored_on_is_never_shown(build, weather, family):
    with pytest.raises(RecordError, match="split 'test'"):
        build(family).prompt(weather, [weather.exemplars[-1]])


@pytest.mark.parametrize("family", OF_TOKENS)
def test_exemplars_make_no_difference_to_lists_of_tokens(build, weather, family):
    explainer = build(family)
    assert explainer.prompt(weather, ()) == explainer.prompt(weather)


def test_marks_stand_where_the_unit_fires_and_values_below(build, weather):
    shown = build("highlighted_text").prompt(weather)[-1].content
    assert shown.startswith('1. The ⟦storm⟧\\n broke⟨f0 9f⟩\n   "storm" 10\n2. No ⟦wind⟧')


def test_marks_need_a_token_that_fires(build, weather, make_exemplar, run):
    faint = make_exemplar(("a", " b"), (0.5, 0.0))
    found = run(build("highlighted_text")(weather, [faint]))
    assert run.rounds == []
    assert found.reason == "mlp.0/1- fires on none of the 1 exemplars chosen"


def test_negatives_are_plain_and_stand_apart(build, weather, calm):
    shown = build("contrastive", n_negatives=1).prompt(weather)[-1].content
    silent, firing = shown.split("\n\nThe unit fires on these")
    assert silent == "The unit is silent on these texts:\n1. A calm\\nday\\⟧"
    assert "⟦storm⟧" in firing
    assert "calm" not in firing


def test_chosen_exemplars_without_firing_join_the_negatives(build, weather, make_exemplar):
    asked = []

    @Texts
    def negatives(record, split, positives, n):
        asked.append((split, [e.sequence.sequence_id for e in positives], n))
        return []

    quiet = make_exemplar((" mild", " air"), (0.0, 0.1), rank=7)
    explainer = build("contrastive", negatives=negatives, n_negatives=3)
    shown = explainer.prompt(weather, [quiet, weather.exemplars[0]])[-1].content
    assert shown.startswith("The unit is silent on these texts:\n1. mild air\n\n")
    assert asked == [("train", [0], 2)]


def test_without_negatives_there_is_no_contrast(build, weather, run):
    found = run(build("contrastive", negatives=Texts(lambda *_: []))(weather))
    assert run.rounds == []
    assert (found.status, found.inputs) == ("skipped", ("exemplars", "negatives"))
    assert "no text on which mlp.0/1- is silent" in found.reason


def test_negatives_of_another_split_are_refused(build, weather):
    elsewhere = [weather.exemplars[-1]]
    with pytest.raises(RecordError, match="split 'test'"):
        build("contrastive", negatives=Texts(lambda *_: elsewhere)).prompt(weather)


def test_look_up_tokens_whose_strings_nobody_knows_are_left_out(build, weather):
    shown = build("token_lookup", vocabulary=None).prompt(weather)[-1].content
    assert "<start>\n storm\t10\n wind\t4\n<end>\n" in shown


def test_no_more_look_up_tokens_are_shown_than_are_set(build, weather):
    shown = build("token_lookup", n_tokens=1).prompt(weather)[-1].content
    assert "<start>\n storm\t10\n<end>\n" in shown


@pytest.mark.parametrize(
    ("token_ids", "means", "reason"),
    [
        ((), (), "mlp.0/1- has no token look-up table"),
        ((5,), (-0.5,), "no token fires mlp.0/1- on average: the largest mean"),
        ((5,), (0.5,), "what the tokens in the look-up table of mlp.0/1- show is not known"),
    ],
)
def test_a_look_up_table_with_nothing_to_show_is_skipped(
    build, weather, run, token_ids, means, reason
):
    lookup = TokenLookup(token_ids=token_ids, means=means, counts=(3,) * len(means))
    record = replace(weather, statistics=replace(weather.statistics, lookup=lookup))
    found = run(build("token_lookup", vocabulary=None)(record))
    assert run.rounds == []
    assert found.status == "skipped"
    assert found.reason.startswith(reason)


def weights(reason=None, **lists):
    tokens = {name: tuple(WeightedToken(*pair) for pair in pairs) for name, pairs in lists.items()}
    return WeightTokens(**{"inputs": (), "promoted": (), "suppressed": ()} | tokens, reason=reason)


def test_an_encoder_is_explained_by_what_excites_its_units_alone(build, weather, run):
    found = weights("an encoder", inputs=[(" a", 1.0)])
    explainer = build("token_weights", weights=lambda unit: found)
    assert "likelier" not in explainer.prompt(weather)[-1].content
    assert run(explainer(weather), "x").inputs == ("input_weights",)


@pytest.mark.parametrize("family", ["token_weights", "logit_evidence"])
def test_weights_that_are_not_defined_skip_the_unit(build, weather, run, family):
    explainer = build(family, weights=lambda unit: weights("not for this family"))
    found = run(explainer(weather))
    assert run.rounds == []
    assert (found.status, found.reason) == ("skipped", "not for this family")


@pytest.mark.parametrize("family", ["token_weights", "logit_evidence"])
def test_the_weights_of_each_side_are_asked_for_by_its_id(build, weather, family):
    asked = []

    def of(unit):
        asked.append(unit)
        return weights(inputs=[("a", 1.0)], promoted=[("b", 1.0)])

    explainer = build(family, weights=of)
    explainer.prompt(weather)
    explainer.prompt(replace(weather, unit=UnitId("mlp.0", 1)))
    assert asked == [UnitId("mlp.0", 1, -1), UnitId("mlp.0", 1)]


def test_suppressed_tokens_alone_are_evidence_too(build, weather, run):
    explainer = build("logit_evidence", weights=lambda unit: weights(suppressed=[(" sun", -4.0)]))
    found = run(explainer(weather), "overcast days")
    assert found.status == "ok"
    assert "likelier:" not in explainer.prompt(weather)[-1].content


def test_an_empty_list_has_no_heading():
    assert list_shown("Tokens:", on_scale([])) == ""
    assert on_scale([("a", 0.0)]) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_the_hash_of_the_prompt_changes_with_the_prompt_alone(build, weather, run, family):
    def sha256(**settings) -> str:
        return run(build(family, **settings)(weather), "x").prompt_sha256

    assert sha256() == sha256(max_tokens=7)
    assert sha256() != sha256(form="label")
    assert len(sha256()) == 64
