import json
import shutil

import pytest
import torch

from neuroscribe.errors import SubjectError
from neuroscribe.llm.local.direct import MARKER
from neuroscribe.llm.local.engine import Engine
from neuroscribe.llm.local.opening import open_model
from neuroscribe.llm.protocol import DirectRequest

LEVELS = [40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 77]
FORM = {
    "format": 1,
    "reads": "level_logits",
    "prompt": "Explanation: {explanation}\n",
    "levels": LEVELS,
}


@pytest.fixture
def simulator(folders, tmp_path):
    """Opens a copy of a model with a marker in its folder."""

    def build(**marker):
        folder = tmp_path / "simulator"
        shutil.copytree(folders["llama, keeps 10"], folder)
        (folder / MARKER).write_text(json.dumps({**FORM, **marker}), encoding="utf-8")
        return Engine(open_model(str(folder)))

    return build


def answer(engine, request):
    ((_, outcome),) = engine.answers([request])
    return outcome


def test_levels_are_the_softmax_over_their_logits_at_every_token(simulator):
    engine = simulator()
    token_ids = (7, 60, 3, 200)
    outcome = answer(engine, DirectRequest(explanation="rain", token_ids=token_ids))
    before = engine.model.encoder.tokenizer("Explanation: rain\n")["input_ids"]
    ids = torch.tensor([[*before, *token_ids]])
    with torch.no_grad():
        logits = engine.model.model(ids).logits[0, len(before) :, LEVELS]
    expected = logits.log_softmax(1).tolist()
    assert len(outcome.slots) == 4
    for top, values in zip(outcome.slots, expected, strict=True):
        assert list(top) == [str(level) for level in range(11)]
        assert list(top.values()) == pytest.approx(values, abs=1.5e-4)


def test_one_pass_serves_all_tokens(simulator):
    engine = simulator()
    passes = engine.scorer.forward.passes
    answer(engine, DirectRequest(explanation="rain", token_ids=tuple(range(50))))
    assert engine.scorer.forward.passes == passes + 1


def test_levels_may_be_written_as_texts(simulator):
    assert simulator(levels=[str(level) for level in range(11)]).model.direct is not None


def test_a_folder_without_a_marker_is_no_direct_simulator(engines):
    request = DirectRequest(explanation="rain", token_ids=(1,))
    outcome = answer(engines["llama, keeps 10"], request)
    assert outcome.status == "failed"
    assert "no direct simulator" in outcome.reason


@pytest.mark.parametrize(
    ("token_ids", "reason"),
    [((500,), "tokens 0 to 499"), ((), "no tokens"), ((1,) * 300, "reads 256")],
)
def test_tokens_that_cannot_be_read_are_a_failure(simulator, token_ids, reason):
    outcome = answer(simulator(), DirectRequest(explanation="rain", token_ids=token_ids))
    assert outcome.status == "failed"
    assert reason in outcome.reason


@pytest.mark.parametrize(
    "marker",
    [
        {"format": 2},
        {"reads": "the head"},
        {"prompt": "no place"},
        {"levels": LEVELS[:10]},
        {"levels": [*LEVELS[:10], 5000]},
        {"levels": [*LEVELS[:10], "The rain"]},
    ],
)
def test_a_marker_of_another_form_is_an_error_that_says_what_to_write(simulator, marker):
    with pytest.raises(SubjectError, match="write format, reads, prompt"):
        simulator(**marker)
