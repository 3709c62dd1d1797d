"""The main job on a decoder, from recording to scores."""

import json
from collections import defaultdict
from datetime import UTC, datetime

import pytest

from neuroscribe.errors import InputError, StudyError, SubjectError
from neuroscribe.llm.mock import MockLLM
from neuroscribe.llm.mock.misbehaviour import Misbehaviour
from neuroscribe.llm.mock.server import serve
from neuroscribe.llm.session import LLMOptions
from neuroscribe.llm.settings import ClientSettings
from neuroscribe.records import Explanation, UnitId
from neuroscribe.study import Study

HEADLINE = ["site", "unit", "metric", "report_set", "value", "low", "baseline_token_lookup"]


def scores(study: Study) -> list[dict]:
    rows = study.table("scores").to_arrow().select(HEADLINE).to_pylist()
    return sorted(rows, key=lambda r: (r["site"], r["unit"], r["metric"], r["report_set"]))


def test_every_unit_is_recorded_explained_and_scored(recorded):
    explained = recorded.explain(llm="mock", units="mlp.*")
    assert sum(explained.counts.values()) == 64
    scored = recorded.score(llm="mock")
    assert (scored.counts, scored.exit_code) == ({"ok": explained.counts["ok"]}, 0)
    metrics = {row["metric"] for row in scores(recorded)}
    assert metrics == {"pearson", "r2_uncentred", "r2_centred", "abs_dev_explained"}


def test_what_was_shown_and_what_is_scored_never_overlap(recorded):
    recorded.explain(llm="mock", units="mlp.0")
    recorded.score(llm="mock")
    exemplars = recorded.table("exemplars").to_pandas()
    train = set(exemplars[exemplars.split == "train"].sequence_id)
    simulated = recorded.table("simulations").to_pandas()
    assert len(simulated) > 0
    assert not train & set(simulated.sequence_id)
    sequences = recorded.table("sequences").to_pandas().set_index("sequence_id")
    assert set(sequences.loc[list(set(simulated.sequence_id))].split) <= {"calibration", "test"}


def test_a_second_run_of_any_stage_sends_nothing_and_changes_nothing(recorded):
    for _ in range(2):
        recorded.record(sequence_length=16, top_k=4, n_random=4, batch_size=8)
        explained = recorded.explain(llm="mock", units="mlp.0[:4]")
        scored = recorded.score(llm="mock")
    assert explained.session.requests == scored.session.requests == 0
    files = {p: p.read_bytes() for p in recorded.path.rglob("*.parquet")}
    recorded.explain(llm="mock", units="mlp.0[:4]")
    recorded.score(llm="mock")
    assert {p: p.read_bytes() for p in recorded.path.rglob("*.parquet")} == files


def test_lost_parts_are_made_again_from_the_journal_for_nothing(recorded):
    recorded.explain(llm="mock", units="mlp.0[:4]")
    recorded.score(llm="mock")
    before = scores(recorded)
    for table in ("scores", "simulations"):
        for part in (recorded.path / table).rglob("*.parquet"):
            part.unlink()
    assert recorded.score(llm="mock").session.requests == 0
    assert scores(recorded) == before


def test_the_mock_over_http_gives_the_same_numbers(recorded):
    recorded.explain(llm="mock", units="mlp.0[:4]")
    recorded.score(llm="mock")
    here = scores(recorded)
    for table in ("scores", "simulations", "explanations"):
        for part in (recorded.path / table).rglob("*.parquet"):
            part.unlink()
    with serve() as base_url:
        recorded.explain(llm=f"openai:mock@{base_url}", units="mlp.0[:4]")
        recorded.score(llm=f"openai:mock@{base_url}")
    assert scores(recorded) == here


def test_the_budget_stops_a_run_that_then_goes_on(recorded):
    first = recorded.explain(llm="mock", units="mlp.0[:9]", options=LLMOptions(max_requests=4))
    assert (first.exit_code, first.left) == (3, 5)
    second = recorded.explain(llm="mock", units="mlp.0[:9]")
    assert (second.already_done, second.session.requests) == (4, 5)


def test_a_dry_run_counts_and_sends_nothing(recorded):
    estimate = recorded.explain(llm="mock", units="mlp.0[:9]", dry_run=True)
    assert (estimate.dialogues, estimate.requests) == (9, 9)
    assert recorded.table("explanations").to_arrow().num_rows == 0


def test_failures_are_rows_and_the_next_run_repairs_them(recorded):
    patience = LLMOptions(settings=ClientSettings(max_retries=0))
    broken = MockLLM(misbehaviour=Misbehaviour(malformed=0.5))
    with serve(broken) as base_url:
        llm = f"openai:mock@{base_url}"
        outcome = recorded.explain(llm=llm, units="mlp.0", options=patience)
        assert outcome.counts["failed"] > 0
        assert outcome.counts["ok"] > 0
        assert outcome.exit_code == 1
        status = recorded.status()
        assert status.explanations == outcome.counts
        assert status.reasons[0][1] == outcome.counts["failed"]
        broken.misbehaviour = Misbehaviour()
        repaired = recorded.explain(llm=llm, units="mlp.0", options=patience)
    assert repaired.counts == {"ok": outcome.counts["failed"]}
    assert recorded.status().explanations == {"ok": 32}


def test_refusals_have_no_text_and_keep_their_reason(recorded):
    with serve(MockLLM(misbehaviour=Misbehaviour(refusal=1.0))) as base_url:
        outcome = recorded.explain(llm=f"openai:mock@{base_url}", units="mlp.0[:3]")
    assert outcome.counts == {"refused": 3}
    for row in recorded.table("explanations").to_arrow().to_pylist():
        assert row["text"] is None
        assert row["reason"]


def test_a_unit_shows_its_tokens_escaped(recorded):
    recorded.explain(llm="mock", units="mlp.0/3")
    page = recorded.unit("mlp.0/3")._repr_html_()
    assert "<script" not in page
    assert "mlp.0/3" in page


def test_the_manifest_names_everything_the_study_was_made_from(recorded):
    manifest = json.loads((recorded.path / "manifest.json").read_text())
    assert manifest["subject"]["weights_sha256"]
    assert [site["name"] for site in manifest["subject"]["sites"]] == ["mlp.0", "mlp.1"]
    assert manifest["recorder"]["top_k"] == 4
    assert manifest["recorded"]["tokens"] > 0
    assert not (recorded.path / "recording.safetensors").exists()


def test_recording_again_with_other_settings_is_refused_by_name(recorded):
    with pytest.raises(StudyError, match=r"top_k is 4, asked for 5"):
        recorded.record(sequence_length=16, top_k=5, n_random=4, batch_size=8)


def test_an_existing_study_of_another_subject_is_refused(recorded, corpus):
    with pytest.raises(StudyError, match="is a study of the subject"):
        Study.create(recorded.path, subject="minilm", corpus=corpus)


def test_a_folder_with_other_files_is_left_alone(tmp_path, decoder, corpus):
    (tmp_path / "thesis.tex").write_text("precious")
    study = Study.create(tmp_path, subject=str(decoder), corpus=corpus)
    with pytest.raises(StudyError, match=r"holds other files \(thesis\.tex\)"):
        study.record(sequence_length=16)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda s: s.explain(llm="mock", units="mlp.9"), "no site is called 'mlp.9'"),
        (lambda s: s.explain(llm="mock", units="mlp.0/99"), "there is no unit mlp.0/99"),
        (lambda s: s.explain(llm="gpt", units="mlp.0"), "gpt"),
        (lambda s: s.explain(llm="mock", explainer="oracle"), "no explainer is called 'oracle'"),
        (lambda s: s.score(llm="mock"), "has no explanations yet"),
        (lambda s: s.unit("mlp.7/1"), "site 'mlp.7' was not recorded"),
        (lambda s: s.unit("seven"), "not a unit"),
        (lambda s: s.table("neurons"), "no table is called 'neurons'"),
    ],
)
def test_wrong_input_is_one_sentence_and_changes_nothing(recorded, act, message):
    files = {p: p.read_bytes() for p in recorded.path.rglob("*.parquet")}
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        act(recorded)
    assert {p: p.read_bytes() for p in recorded.path.rglob("*.parquet")} == files


def test_a_corpus_shorter_than_one_sequence_is_refused_and_nothing_is_written(tmp_path, decoder):
    (tmp_path / "short.txt").write_text("rain")
    study = Study.create(
        tmp_path / "s", subject=str(decoder), corpus=f"text:{tmp_path / 'short.txt'}"
    )
    with pytest.raises(InputError, match="shorter than one sequence"):
        study.record(sequence_length=16)
    assert not (tmp_path / "s").exists()


def test_an_unknown_site_of_the_subject_is_refused(tmp_path, decoder, corpus):
    study = Study.create(tmp_path / "s", subject=str(decoder), corpus=corpus)
    with pytest.raises(SubjectError, match=r"mlp\.7|layer"):
        study.record(sites="mlp.7", sequence_length=16)


def test_a_recording_killed_between_batches_goes_on_to_the_same_tables(
    tmp_path, decoder, corpus, monkeypatch
):
    from neuroscribe.recorder import recorder as module

    settings = {"sequence_length": 16, "top_k": 4, "n_random": 4, "batch_size": 8}
    whole = Study.create(tmp_path / "whole", subject=str(decoder), corpus=corpus)
    whole.record(**settings)
    finish, calls = module.Recorder.finish_batch, []

    def finish_or_die(self, batch):
        finish(self, batch)
        calls.append(batch)
        if len(calls) == 4:
            raise KeyboardInterrupt

    killed = Study.create(tmp_path / "killed", subject=str(decoder), corpus=corpus)
    monkeypatch.setattr(module.Recorder, "finish_batch", finish_or_die)
    with pytest.raises(KeyboardInterrupt):
        killed.record(checkpoint_seconds=0.0, **settings)
    assert (tmp_path / "killed" / "recording.safetensors").exists()
    killed.record(checkpoint_seconds=0.0, **settings)
    for table in ("sequences", "units", "exemplars"):
        one, other = (study.table(table).to_arrow() for study in (whole, killed))
        assert one.equals(other)


def test_every_explanation_of_a_unit_is_scored_not_only_the_last(recorded):
    for llm in ("mock", "mock:1"):
        recorded.explain(llm=llm, units="mlp.0[:3]")
    outcome = recorded.score(llm="mock")
    explanations = recorded.table("explanations").to_arrow()
    scored = set(recorded.table("scores").to_arrow()["explanation_id"].to_pylist())
    assert scored == set(explanations["explanation_id"].to_pylist())
    assert (len(scored), sum(outcome.counts.values()), outcome.left) == (6, 6, 0)


def said(unit: int, text: str, explainer: str = "e") -> Explanation:
    return Explanation(
        unit=UnitId("mlp.0", unit), text=text, status="ok", explainer=explainer, llm="l",
        prompt_sha256="0", created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


def test_the_random_explanation_is_another_units_and_never_its_own():
    from neuroscribe.study.scoring import other_explanations

    everything = [said(0, "a"), said(1, "b"), said(1, "c"), said(2, "d"), said(3, "e")]
    draw = other_explanations(everything)
    drawn = defaultdict(set)
    for seed in range(60):
        for own in everything:
            drawn[own.unit.index].add(draw(own, seed))
            assert draw(own, seed) == other_explanations(everything[::-1])(own, seed)
    assert "a" not in drawn[0]
    assert drawn[1].isdisjoint({"b", "c"})
    assert drawn[1] == {"a", "d", "e"}
    assert other_explanations([said(1, "b"), said(1, "c")])(said(1, "b"), 0) is None


def test_explanations_that_come_later_change_hardly_any_draw():
    from neuroscribe.study.scoring import other_explanations

    some = [said(unit, f"text {unit}") for unit in range(200)]
    more = [*some, *(said(unit, f"text {unit}") for unit in range(200, 220))]
    before, after = other_explanations(some), other_explanations(more)
    changed = sum(before(own, 0) != after(own, 0) for own in some)
    assert changed < 60
    assert len({before(own, 0) for own in some}) > 80


def test_the_random_explanation_is_one_of_the_same_method():
    from neuroscribe.study.scoring import other_explanations

    everything = [
        said(unit, f"{explainer} {unit}", explainer)
        for unit in range(4)
        for explainer in ("one", "two")
    ]
    draw = other_explanations(everything)
    for seed in range(10):
        for own in everything:
            assert draw(own, seed).startswith(own.explainer)


def test_failed_units_are_named(recorded):
    patience = LLMOptions(settings=ClientSettings(max_retries=0))
    with serve(MockLLM(misbehaviour=Misbehaviour(malformed=1.0))) as base_url:
        outcome = recorded.explain(
            llm=f"openai:mock@{base_url}", units="mlp.0/1,2", options=patience
        )
    assert sorted(outcome.failed) == ["mlp.0/1", "mlp.0/2"]
