"""Every explainer, selection and scorer through a study, from the store and back."""

import asyncio
from collections import Counter

import pytest

from neuroscribe import registry
from neuroscribe.datasets import store
from neuroscribe.errors import InputError, StudyError
from neuroscribe.firing import fires
from neuroscribe.llm.clients.mock import MockClient
from neuroscribe.llm.mock import Misbehaviour, MockLLM, serve
from neuroscribe.llm.settings import ClientSettings
from neuroscribe.records import UnitId
from neuroscribe.scoring import ScoringCase
from neuroscribe.study import LLMOptions, Study
from neuroscribe.study.reading import Reader
from neuroscribe.study.services import Services

UNITS = "mlp.1[:4]"
QUICK = LLMOptions(settings=ClientSettings(max_retries=2, timeout_seconds=5.0))


def parts(study: Study) -> set[str]:
    return {str(path.relative_to(study.path)) for path in study.path.rglob("*.parquet")}


def rows(study: Study, table: str) -> list[dict]:
    return study.table(table).to_arrow().to_pylist()


@pytest.mark.parametrize("explainer", registry.names("explainer"))
def test_every_explainer_explains_or_says_why_not_and_asks_once(recorded, decoder, explainer):
    options = {"llm": "mock", "units": UNITS, "explainer": explainer, "embedder": str(decoder)}
    recorded.explain(**options)
    found = rows(recorded, "explanations")
    assert len(found) == 4
    for row in found:
        assert (row["explainer"], row["candidate"], row["selected"]) == (explainer, 0, True)
        if row["status"] == "ok":
            assert row["inputs"]
            assert row["exemplars"] == ("top" if "exemplars" in row["inputs"] else "none")
        else:
            assert row["status"] == "skipped"
            assert row["reason"]
    before = parts(recorded)
    assert recorded.explain(**options).session.requests == 0
    assert parts(recorded) == before


@pytest.mark.parametrize("exemplars", registry.names("selection"))
def test_every_selection_chooses_what_is_shown(recorded, decoder, exemplars):
    recorded.explain(llm="mock", units=UNITS, exemplars=exemplars, embedder=str(decoder))
    assert {row["exemplars"] for row in rows(recorded, "explanations")} == {exemplars}
    lessons = rows(recorded, "lessons")
    if exemplars != "teach":
        assert lessons == []
        return
    assert lessons
    split = {row["sequence_id"]: row["split"] for row in rows(recorded, "sequences")}
    for row in lessons:
        assert len(row["curve"]) == len(row["sequence_ids"]) + 1
        assert row["curve"] == sorted(row["curve"])
        assert (row["complexity"] is None) == (row["reason"] is not None)
        assert {split[sequence_id] for sequence_id in row["sequence_ids"]} <= {"train"}


def test_what_is_read_for_explaining_is_never_what_is_reported_on(recorded, decoder, monkeypatch):
    read = []
    original = Reader.unit_records

    def unit_records(self, units, *, splits=None):
        read.append(splits)
        return original(self, units, splits=splits)

    monkeypatch.setattr(Reader, "unit_records", unit_records)
    options = {"llm": "mock", "units": UNITS, "embedder": str(decoder)}
    recorded.explain(**options)
    recorded.explain(**options, exemplars="teach")
    recorded.explain(**options, candidates=2, revisions=1)
    assert read == [["train"], ["train", "calibration"], ["train", "valid"]]


def test_more_candidates_are_added_and_one_is_selected_by_its_score_on_valid(recorded):
    recorded.explain(llm="mock", units=UNITS, candidates=2)
    recorded.explain(llm="mock", units=UNITS, candidates=4)
    found = rows(recorded, "explanations")
    assert Counter(row["unit"] for row in found) == dict.fromkeys(range(4), 4)
    for unit in range(4):
        members = [row for row in found if row["unit"] == unit]
        assert sorted(row["candidate"] for row in members) == [0, 1, 2, 3]
        (selected,) = [row for row in members if row["selected"]]
        scores = [row["selection_score"] for row in members if row["selection_score"] is not None]
        assert selected["selection_score"] == max(scores, default=None)
    again = recorded.explain(llm="mock", units=UNITS, candidates=4)
    assert (again.session.requests, again.already_done) == (0, 4)


def test_a_revision_names_its_parent_and_only_the_selected_text_is_scored(recorded):
    recorded.explain(llm="mock", units=UNITS, candidates=2, revisions=1)
    found = rows(recorded, "explanations")
    revised = [row for row in found if row["parent_id"] is not None]
    assert len(revised) == 4
    known = {row["explanation_id"] for row in found}
    for row in revised:
        assert row["parent_id"] in known
        assert "generated_texts" in row["inputs"]
    recorded.score(llm="mock")
    scored = {row["explanation_id"] for row in rows(recorded, "scores")}
    assert scored == {row["explanation_id"] for row in found if row["selected"]}


@pytest.mark.parametrize("form", ["label", "sentence"])
def test_each_form_is_an_explanation_of_its_own(recorded, form):
    recorded.explain(llm="mock", units=UNITS)
    recorded.explain(llm="mock", units=UNITS, form=form)
    assert Counter(row["form"] for row in rows(recorded, "explanations")) == {"phrase": 4, form: 4}
    assert len(recorded.unit("mlp.1/0").explanations) == 2


def test_every_scorer_scores_a_decoder_and_a_second_run_does_nothing(sharp, sharp_decoder):
    sharp.explain(llm="mock", units=UNITS)
    scorers = registry.names("scorer")
    options = {"llm": "mock", "embedder": str(sharp_decoder)}
    outcome = sharp.score(*scorers, **options)
    assert set(outcome.counts) <= {"ok", "undefined"}
    found = rows(sharp, "scores")
    assert {row["scorer"] for row in found} == set(scorers)
    assert {row["scorer"] for row in found if row["value"] is not None} == set(scorers)
    for row in found:
        assert (row["value"] is None) == (row["reason"] is not None)
        assert row["value"] is None or row["chance"] is not None
    judged = rows(sharp, "judgements")
    assert {row["scorer"] for row in judged} == set(scorers) - {"simulation", "ablation"}
    split = {row["sequence_id"]: row["split"] for row in rows(sharp, "sequences")}
    assert {split[row["sequence_id"]] for row in judged if row["sequence_id"] is not None} == {
        "test"
    }
    before = parts(sharp)
    again = sharp.score(*scorers, **options)
    assert (again.session.requests, sum(again.counts.values())) == (0, 0)
    assert parts(sharp) == before


def test_the_look_up_simulator_asks_no_llm_and_is_scored_once(sharp):
    sharp.explain(llm="mock", units=UNITS)
    first = sharp.score(llm="mock", simulator="token_lookup")
    found = rows(sharp, "scores")
    assert {(row["simulator"], row["llm"]) for row in found} == {("token_lookup", "none")}
    assert (first.session.requests, sum(first.counts.values())) == (0, 4)
    for row in found:
        if row["metric"] == "pearson" and row["value"] is not None:
            assert row["value"] == pytest.approx(row["baseline_token_lookup"], abs=0.05)
    assert sum(sharp.score(llm="mock", simulator="token_lookup").counts.values()) == 0


@pytest.mark.parametrize("simulator", ["decisions", "token_by_token", "generated_logprobs"])
def test_scores_of_other_simulators_stand_beside_each_other(sharp, simulator):
    sharp.explain(llm="mock", units="mlp.1[:2]")
    sharp.score(llm="mock")
    sharp.score(llm="mock", simulator=simulator)
    found = rows(sharp, "scores")
    assert {row["simulator"] for row in found} == {"prompt_logprobs", simulator}
    assert len(found) == 2 * len([row for row in found if row["simulator"] == simulator])


@pytest.mark.parametrize("negatives", registry.names("negatives"))
def test_other_negatives_are_another_report_set(sharp, sharp_decoder, negatives):
    sharp.explain(llm="mock", units=UNITS)
    sharp.score("detection", llm="mock", negatives=negatives, embedder=str(sharp_decoder))
    found = rows(sharp, "scores")
    assert {row["report_set"] for row in found} == {f"top_and_{negatives}"}
    kinds = {row["kind"] for row in rows(sharp, "judgements")}
    assert kinds == {"top", negatives}


def test_a_judge_that_failed_is_asked_again_and_only_it(sharp):
    sharp.explain(llm="mock", units=UNITS)
    broken = MockLLM(misbehaviour=Misbehaviour(malformed=0.4))
    with serve(broken) as base_url:
        llm = f"openai:mock@{base_url}"
        first = sharp.score("detection", "fuzzing", llm=llm, options=QUICK)
        assert first.counts["failed"] > 0
        assert first.exit_code == 1
        whole = {
            row["explanation_id"]
            for row in rows(sharp, "scores")
            if row["scorer"] == "fuzzing" and row["coverage"] == 1.0
        }
        broken.misbehaviour = Misbehaviour()
        second = sharp.score("detection", "fuzzing", llm=llm, options=QUICK)
        third = sharp.score("detection", "fuzzing", llm=llm, options=QUICK)
    assert sum(second.counts.values()) == first.counts["failed"]
    assert second.counts.get("failed", 0) == 0
    assert {row["status"] for row in rows(sharp, "judgements")} == {"ok"}
    assert whole <= {row["explanation_id"] for row in rows(sharp, "scores")}
    assert (third.session.requests, sum(third.counts.values())) == (0, 0)


def test_another_model_than_the_recorded_one_is_not_run(recorded, monkeypatch):
    recorded.explain(llm="mock", units=UNITS)
    monkeypatch.setitem(recorded.manifest["subject"], "weights_sha256", "0" * 64)
    with pytest.raises(StudyError, match="are not those that were recorded"):
        recorded.score("ablation", llm="mock")
    assert rows(recorded, "scores") == []


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda s: s.explain(llm="mock", explainer="guess"), "no explainer is called 'guess'"),
        (lambda s: s.explain(llm="mock", exemplars="best"), "no selection is called 'best'"),
        (lambda s: s.explain(llm="mock", candidates=0), "candidates must be at least 1"),
        (lambda s: s.explain(llm="mock", revisions=-1), "revisions at least 0"),
    ],
)
def test_a_method_that_does_not_exist_is_said_in_a_sentence(recorded, act, message):
    with pytest.raises(InputError, match=message):
        act(recorded)
    assert rows(recorded, "explanations") == []


def test_a_study_of_format_2_is_read_as_if_it_had_the_newer_columns(recorded, tmp_path):
    import pyarrow.parquet as pq

    recorded.explain(llm="mock", units=UNITS)
    (part,) = (recorded.path / "explanations").rglob("*.parquet")
    old = pq.read_table(part).drop_columns(["exemplars", "form", "inputs", "selection_score"])
    pq.write_table(old, part)
    (explanation,) = Study.open(recorded.path).unit("mlp.1/0").explanations
    assert (explanation.exemplars, explanation.form, explanation.inputs) == ("top", "phrase", ())
    assert store.load(recorded.path, "explanations")["selected"].to_pylist() == [True] * 4


def test_no_more_than_three_round_trips_a_unit(sharp):
    """Explain, detection and simulation: each asks all that it has to ask at once."""
    units = [UnitId("mlp.1", index) for index in range(32)]
    record = next(
        record
        for record in sharp._reader.unit_records(units)
        if any(not fires(record, each) for each in record.select("test", "random"))
    )
    with sharp._session("mock", None) as session:
        services = Services(sharp._reader, sharp.manifest, session)
        explain = services.build("explainer", "token_activation_pairs")
        scorers = [services.build("scorer", name) for name in ("detection", "simulation")]
    explanation, rounds = _converse(explain(record))
    case = ScoringCase(explanation=explanation, record=record, random_explanation="the sun")
    for scorer in scorers:
        _, asked = _converse(scorer(case))
        rounds += asked
    assert rounds == 3


def _converse(dialogue):
    """The result of a dialogue with the mock, and its rounds."""
    client = MockClient.around(MockLLM())
    rounds = 0
    try:
        requests = next(dialogue)
        while True:
            rounds += 1

            async def ask(requests=requests):
                try:
                    return await client.complete(requests)
                finally:
                    await client.aclose()

            requests = dialogue.send(asyncio.run(ask()))
    except StopIteration as stop:
        return stop.value, rounds
