"""One unit is read with what belongs to it alone."""

from neuroscribe.datasets.store import write_part
from neuroscribe.records import UnitId
from neuroscribe.study.reading import Reader
from tests.datasets.stated_rows import stated

UNIT = {"site": "mlp.0", "unit": 1, "polarity": 1}
OTHERS = ({**UNIT, "unit": 2}, {**UNIT, "polarity": -1})


def explained(unit, candidate, *, status="ok", text="rain"):
    answer = {"status": status, "text": text, "candidate": candidate, "inputs": []}
    return {**unit, **answer, "explanation_id": f"{unit}{candidate}", "prompt_sha256": "0" * 64}


def test_the_explanations_of_a_unit_are_its_current_ones_in_order_of_candidate(tmp_path):
    reader = Reader(tmp_path)
    assert reader.unit_explanations(UnitId("mlp.0", 1)) == []
    failed = explained(UNIT, 0, status="failed", text=None) | {"reason": "no answer"}
    for rows in (
        [explained(UNIT, 1, text="snow"), failed, *(explained(other, 0) for other in OTHERS)],
        [explained(UNIT, 0)],
    ):
        write_part(tmp_path, "explanations", stated("explanations", *rows), site="mlp.0")
    found = reader.unit_explanations(UnitId("mlp.0", 1))
    assert [(each.text, each.candidate) for each in found] == [("rain", 0), ("snow", 1)]
    assert found == [each for each in reader.explanations() if each.unit == UnitId("mlp.0", 1)]


def test_the_scores_of_a_unit_are_those_of_its_side(tmp_path):
    rows = [{**unit, "value": 0.5, "explanation_id": str(unit)} for unit in (UNIT, *OTHERS)]
    write_part(tmp_path, "scores", stated("scores", *rows), site="mlp.0")
    (score,) = Reader(tmp_path).unit_scores(UnitId("mlp.0", 1))
    assert score["explanation_id"] == str(UNIT)
    (score,) = Reader(tmp_path).unit_scores(UnitId("mlp.0", 1, -1))
    assert score["explanation_id"] == str(OTHERS[1])
