"""Records check themselves."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from neuroscribe.errors import RecordError, SubjectError
from neuroscribe.records import (
    Exemplar,
    Explanation,
    Score,
    Site,
    TokenLookup,
    UnitId,
    content_hash,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@given(
    st.sampled_from(["mlp.5", "module:transformer.h.5.mlp.act:in", "a/b"]),
    st.integers(0, 10**6),
    st.sampled_from([1, -1]),
)
def test_a_unit_survives_writing_and_reading(site, index, polarity):
    unit = UnitId(site, index, polarity)
    assert UnitId.parse(str(unit)) == unit


@pytest.mark.parametrize("text", ["mlp.5", "mlp.5/", "mlp.5/x", "/3", "mlp.5/-1", ""])
def test_what_is_not_a_unit_is_refused_with_the_form_to_write(text):
    with pytest.raises(SubjectError, match="write SITE/INDEX"):
        UnitId.parse(text)


def test_a_sequence_needs_one_offset_more_than_tokens(make_sequence):
    assert len(make_sequence("a", "b")) == 2
    with pytest.raises(RecordError, match="1 token ids, 2 tokens and 3 offsets"):
        make_sequence("a", "b", token_ids=(1,))


def test_an_exemplar_needs_one_activation_per_token(make_sequence):
    with pytest.raises(RecordError, match="1 activations for 2 tokens of sequence 7"):
        Exemplar(
            sequence=make_sequence("a", "b", sequence_id=7),
            activations=(1.0,),
            kind="top",
            rank=0,
        )


def test_the_peak_is_the_first_of_equal_activations(make_sequence):
    exemplar = Exemplar(
        sequence=make_sequence("a", "b", "c"), activations=(1.0, 3.0, 3.0), kind="top", rank=0
    )
    assert (exemplar.peak_position, exemplar.peak_activation) == (1, 3.0)


def test_an_exemplar_shows_itself_in_a_notebook_with_its_tokens_escaped(make_sequence):
    exemplar = Exemplar(
        sequence=make_sequence("<script>", " b"), activations=(2.0, 1.0), kind="top", rank=0
    )
    assert "&lt;script&gt;" in exemplar._repr_html_()


def test_a_table_without_a_token_predicts_the_default():
    lookup = TokenLookup(token_ids=(3, 5), means=(1.0, 2.0), counts=(4, 4))
    assert lookup.predict([5, 4, 3], default=0.5) == (2.0, 0.5, 1.0)


def explanation(**changes) -> Explanation:
    values = {
        "unit": UnitId("mlp.0", 1),
        "text": "rain",
        "status": "ok",
        "explainer": "token_activation_pairs",
        "llm": "mock",
        "prompt_sha256": "0" * 64,
        "created_at": NOW,
    }
    return Explanation(**{**values, **changes})


def test_an_explanation_has_a_text_exactly_when_it_is_ok():
    with pytest.raises(RecordError, match="status 'refused'"):
        explanation(status="refused")
    with pytest.raises(RecordError, match="status 'ok'"):
        explanation(text=None)


def test_an_explanation_is_known_by_its_content_not_by_its_time():
    later = explanation(created_at=datetime(2027, 1, 1, tzinfo=UTC))
    assert explanation().explanation_id == later.explanation_id
    assert explanation(text="snow").explanation_id != explanation().explanation_id


def test_a_score_without_value_needs_a_reason():
    values = {
        "explanation_id": "x",
        "unit": UnitId("mlp.0", 1),
        "scorer": "simulation",
        "metric": "pearson",
        "report_set": "random_only",
        "low": None,
        "high": None,
        "chance": 0.0,
        "n_sequences": 2,
        "n_items": 10,
    }
    with pytest.raises(RecordError, match="neither value nor reason"):
        Score(**values, value=None, coverage=1.0)
    assert not Score(**values, value=0.5, coverage=0.8).reliable
    assert Score(**values, value=0.5, coverage=0.9).reliable


def test_a_site_has_units():
    with pytest.raises(RecordError, match=r"site mlp\.0 has 0 units"):
        Site(name="mlp.0", kind="mlp", layer=0, module="m", side="in", width=0, two_signed=False)


def test_a_hash_knows_where_its_parts_end():
    assert content_hash("ab", "c") != content_hash("a", "bc")
    assert len(content_hash("\ud800")) == 16
