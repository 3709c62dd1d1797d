"""What a second run mends after failures, and what it leaves alone.

A mock that fails some requests answers all of them the second time; the study must then hold what a
run without failures holds.
"""

from collections import Counter

import pytest

from neuroscribe.datasets import store
from neuroscribe.llm.mock import Misbehaviour, MockLLM
from neuroscribe.llm.mock.core import Answer
from neuroscribe.llm.mock.server import serve
from neuroscribe.llm.settings import ClientSettings
from neuroscribe.study import LLMOptions, Study
from neuroscribe.study.reading import Reader

UNITS = "mlp.1[:4]"
QUICK = LLMOptions(settings=ClientSettings(max_retries=0, timeout_seconds=5.0))


class Choosy(MockLLM):
    """Fails the requests that a function of their number and body says."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = lambda number, body: False
        self.asked = 0

    def handle(self, method: str, path: str, body: bytes) -> Answer:
        self.asked += 1
        if method == "POST" and self.fails(self.asked, body):
            return Answer(200, {"content-type": "text/html"}, b"<html>busy</html>")
        return super().handle(method, path, body)


@pytest.fixture
def choosy():
    """A choosy mock and the spec under which it answers."""
    mock = Choosy()
    with serve(mock) as base_url:
        yield mock, f"openai:mock@{base_url}"


def probe(study: Study, llm: str) -> None:
    """Find out what the endpoint can do while it answers."""
    with study._session(llm, QUICK) as session:
        assert session.capabilities().certain


def scores(study: Study) -> dict:
    """The current scores, by what they are about."""
    names = ("explanation_id", "scorer", "metric", "report_set")
    kept = (
        "value", "coverage", "n_failed", "baseline_random_explanation", "baseline_token_lookup",
        "baseline_mean",
    )  # fmt: skip
    return {
        tuple(row[name] for name in names): tuple(row[name] for name in kept)
        for row in study.table("scores").to_arrow().to_pylist()
    }


@pytest.mark.parametrize(
    "scorers",
    [("simulation",), ("detection", "fuzzing"), ("simulation", "ablation"), ("intruder",)],
    ids="+".join,
)
def test_after_a_repair_every_number_is_that_of_a_run_without_failures(sharp, choosy, scorers):
    mock, llm = choosy
    sharp.explain(llm=llm, units=UNITS, options=QUICK)
    sharp.score("simulation", llm="mock", options=QUICK, units="mlp.1/0")
    probe(sharp, llm)
    mock.fails = lambda number, _: number % 3 == 0
    first = sharp.score(*scorers, llm=llm, simulator="structured", options=QUICK)
    assert first.counts["failed"] > 0
    mock.fails = lambda *_: False
    sharp.score(*scorers, llm=llm, simulator="structured", options=QUICK)
    repaired = {key: row for key, row in scores(sharp).items() if key[1] in scorers}
    third = sharp.score(*scorers, llm=llm, simulator="structured", options=QUICK)
    assert (third.session.requests, sum(third.counts.values())) == (0, 0)
    assert all(row[2] == 0 for row in repaired.values())
    # The same work without failures, for comparison: the journal answers, nothing is sent.
    for part in (sharp.path / "scores").rglob("*.parquet"):
        part.unlink()
    sharp.score("simulation", llm="mock", options=QUICK, units="mlp.1/0")
    clean = sharp.score(*scorers, llm=llm, simulator="structured", options=QUICK)
    assert clean.session.requests == 0
    assert {key: row for key, row in scores(sharp).items() if key[1] in scorers} == repaired


def test_failures_of_the_random_explanation_are_repaired_too(sharp, choosy):
    mock, llm = choosy
    sharp.explain(llm=llm, units=UNITS, options=QUICK)
    (text, *_) = [e.text for e in Reader(sharp.path).explanations()]
    sharp.score(llm=llm, units=UNITS, simulator="structured", options=QUICK)
    whole = scores(sharp)
    for folder in ("scores", "simulations"):
        for part in (sharp.path / folder).rglob("*.parquet"):
            part.unlink()
    (sharp.path / "journal.sqlite").unlink()
    probe(sharp, llm)
    unit_0 = f"Explanation: {text}".encode().replace(b'"', b'\\"')
    mock.fails = lambda _, body: unit_0 in body.replace(b"\\\\", b"\\")
    first = sharp.score(llm=llm, units=UNITS, simulator="structured", options=QUICK)
    assert first.counts["failed"] >= 1
    mock.fails = lambda *_: False
    sharp.score(llm=llm, units=UNITS, simulator="structured", options=QUICK)
    assert scores(sharp) == whole


def test_a_failure_with_some_negatives_does_not_reopen_the_others(sharp, sharp_decoder, choosy):
    mock, llm = choosy
    options = {"llm": llm, "options": QUICK, "embedder": str(sharp_decoder)}
    sharp.explain(llm=llm, units=UNITS, options=QUICK)
    sharp.score("detection", **options)
    mock.fails = lambda *_: True
    failing = sharp.score("detection", negatives="near_miss", **options)
    assert failing.counts["failed"] > 0
    again = sharp.score("detection", **options)
    assert sum(again.counts.values()) == 0


def test_candidates_are_not_chosen_by_ratings_of_which_an_answer_failed(sharp, choosy):
    mock, llm = choosy
    options = {"llm": llm, "units": UNITS, "simulator": "structured", "options": QUICK}
    sharp.explain(**options)
    probe(sharp, llm)
    mock.fails = lambda number, body: b"activations" in body and number % 4 == 0
    sharp.explain(**options, candidates=3)
    rows = sharp.table("explanations").to_arrow().to_pylist()
    assert any(row["rated_at"] is None and row["status"] == "ok" for row in rows)
    mock.fails = lambda *_: False
    sharp.explain(**options, candidates=3)
    rows = sharp.table("explanations").to_arrow().to_pylist()
    assert {row["rated_by"] for row in rows} == {f"structured by {llm}"}
    for unit in {row["unit"] for row in rows}:
        members = [row for row in rows if row["unit"] == unit]
        (selected,) = [row for row in members if row["selected"]]
        known = [r["selection_score"] for r in members if r["selection_score"] is not None]
        assert selected["selection_score"] == max(known, default=None)
    again = sharp.explain(**options, candidates=3)
    assert (again.session.requests, again.already_done) == (0, 4)


def test_another_rater_rates_all_candidates_anew(sharp):
    sharp.explain(llm="mock", units=UNITS, candidates=2, simulator="structured")
    sharp.explain(llm="mock", units=UNITS, candidates=3, simulator="generated_logprobs")
    rows = sharp.table("explanations").to_arrow().to_pylist()
    assert Counter(row["unit"] for row in rows) == dict.fromkeys(range(4), 3)
    assert {row["rated_by"] for row in rows} == {"generated_logprobs by mock"}


def test_a_rating_that_comes_out_the_same_by_another_rater_is_kept_as_theirs(sharp, monkeypatch):
    """Undefined by both, say: else the unit would be taken up at every run."""
    from neuroscribe.study import rating

    monkeypatch.setattr(rating, "pooled_value", lambda *_: None)
    sharp.explain(llm="mock", units=UNITS, candidates=2, simulator="structured")
    options = {"llm": "mock", "units": UNITS, "candidates": 2, "simulator": "generated_logprobs"}
    sharp.explain(**options)
    again = sharp.explain(**options)
    assert (sum(again.counts.values()), again.already_done) == (0, 4)


def test_a_candidate_without_a_text_is_never_the_selected_one(sharp, choosy):
    mock, llm = choosy
    mock.misbehaviour = Misbehaviour(refusal=1.0)
    sharp.explain(llm=llm, units=UNITS, options=QUICK)
    assert {e.status for e in Reader(sharp.path).explanations()} == {"refused"}
    # A refusal is journalled; the other candidates are new requests.
    mock.misbehaviour = Misbehaviour()
    sharp.explain(llm=llm, units=UNITS, candidates=3, options=QUICK)
    selected = [e for e in Reader(sharp.path).explanations() if e.selected]
    assert [(e.status, e.candidate > 0) for e in selected] == [("ok", True)] * 4


def test_more_rounds_of_revision_go_on_from_the_ones_before(sharp):
    sharp.explain(llm="mock", units=UNITS, revisions=1)
    sharp.explain(llm="mock", units=UNITS, revisions=3)
    revised = [e for e in Reader(sharp.path).explanations() if e.parent_id is not None]
    assert Counter(e.unit.index for e in revised) == dict.fromkeys(range(4), 3)
    again = sharp.explain(llm="mock", units=UNITS, revisions=3)
    assert (again.session.requests, again.already_done) == (0, 4)


def test_the_random_explanation_does_not_depend_on_which_units_are_scored(sharp, tmp_path):
    import shutil

    sharp.explain(llm="mock", units=UNITS)
    alone = Study.open(shutil.copytree(sharp.path, tmp_path / "alone"))
    sharp.score(llm="mock")
    for unit in range(4):
        alone.score(llm="mock", units=f"mlp.1/{unit}")
    assert scores(alone) == scores(sharp)


def test_exemplars_that_hold_no_numbers_are_left_out_and_the_rest_is_scored(sharp):
    import pyarrow as pa
    import pyarrow.parquet as pq

    sharp.explain(llm="mock", units=UNITS)
    (part,) = (sharp.path / "exemplars" / "mlp.1").glob("*.parquet")
    rows = pq.read_table(part).to_pylist()
    for row in rows:
        if row["split"] == "test" and row["kind"] == "top" and row["rank"] == 0:
            row["activations"][0] = float("nan")
    pq.write_table(pa.Table.from_pylist(rows, schema=pq.read_schema(part)), part)
    outcome = Study.open(sharp.path).score(llm="mock")
    assert outcome.counts == {"ok": 4}
    simulated = store.read(sharp.path, "simulations")["expected"].to_pylist()
    assert simulated


def test_a_named_simulator_is_not_refused_because_the_probe_met_trouble(sharp, choosy):
    mock, llm = choosy
    sharp.explain(llm=llm, units=UNITS, options=QUICK)
    mock.fails = lambda _, body: b"response_format" in body
    first = sharp.score(llm=llm, units=UNITS, simulator="structured", options=QUICK)
    assert first.counts == {"failed": 4}
    mock.fails = lambda *_: False
    second = sharp.score(llm=llm, units=UNITS, simulator="structured", options=QUICK)
    assert second.counts == {"ok": 4}
