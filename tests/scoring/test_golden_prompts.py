"""The whole prompt of every judge, compared with files."""

import json
from pathlib import Path

import pytest

from neuroscribe import texts
from neuroscribe.scoring.detection import Detection
from neuroscribe.scoring.fuzzing import Fuzzing
from neuroscribe.scoring.generation import Generation
from neuroscribe.scoring.intruder import Intruder
from neuroscribe.scoring.opinions import Item
from neuroscribe.scoring.surprisal import Surprisal
from tests.planted import PlantedSubject, SilentTexts, planted_units
from tests.scoring.oracle import CAPABLE, case_of, finish, oracle

GOLDEN = Path(__file__).parent / "golden"
EXPLANATION = 'the tokens "raw",\n"\\t" and <start>'
TOKENS = (
    ("A", " raw", "\t", "<end>", "\\", "⟨f0 9f⟩"),
    ("2. Not", " the", "\n", " second"),
    (" Explanation:", " ⟦none⟧"),
)
SILENT = SilentTexts()
PLAIN = [texts.plain(tokens) for tokens in TOKENS]
FIVE = [*PLAIN, "four", "five"]
PROMPTS = {
    "detection": Detection(negatives=SILENT, capabilities=CAPABLE).prompt(EXPLANATION, PLAIN),
    "fuzzing": Fuzzing(capabilities=CAPABLE).prompt(
        EXPLANATION, [texts.mark(tokens, {1, 2}) for tokens in TOKENS]
    ),
    "intruder": Intruder(negatives=SILENT, capabilities=CAPABLE).prompt(EXPLANATION, FIVE),
    "intruder_without_explanation": Intruder(negatives=SILENT, capabilities=CAPABLE).prompt(
        None, FIVE
    ),
    "generation": Generation(subject=PlantedSubject(), capabilities=CAPABLE).prompt(EXPLANATION),
}


@pytest.mark.parametrize("name", PROMPTS)
def test_the_whole_prompt_is_the_golden_one(name):
    shown = "".join(f"[{message.role}]\n{message.content}\n\n" for message in PROMPTS[name])
    assert shown == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_the_whole_reading_of_surprisal_is_the_golden_one():
    scorer = Surprisal(negatives=SILENT, capabilities=CAPABLE)
    exemplar = planted_units()[0].record.select("test", "top")[0]
    item = Item(exemplar=exemplar, shown="A text\nof two lines", truth=True, kind="top")
    (request,) = scorer.requests(EXPLANATION, [item])
    shown = f"[context]\n{request.context}[continuation]\n{request.continuation}\n"
    assert shown == (GOLDEN / "surprisal.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PROMPTS)
def test_what_precedes_the_question_is_short(name):
    # About four characters a token in prose: under 500 tokens.
    assert sum(len(message.content) for message in PROMPTS[name][:-1]) < 2000


@pytest.mark.parametrize("name", ["detection", "fuzzing", "intruder"])
def test_texts_are_read_back_one_by_one_whatever_they_hold(name):
    found = texts.read_numbered(PROMPTS[name][-1].content)
    assert len(found) == (5 if name == "intruder" else 3)
    assert found[1].replace("⟦", "").replace("⟧", "") == "2. Not the\\n second"


@pytest.mark.parametrize("name", ["detection", "fuzzing"])
def test_the_solved_example_is_answered_in_the_form_that_is_asked_for(name):
    _, asked, answered, _ = PROMPTS[name]
    n_texts = len(texts.read_numbered(asked.content))
    assert len(json.loads(answered.content)["fits"]) == n_texts


@pytest.mark.parametrize(
    "scorer",
    [
        Detection(negatives=SILENT, capabilities=CAPABLE),
        Fuzzing(capabilities=CAPABLE),
    ],
    ids=["detection", "fuzzing"],
)
def test_no_prompt_says_how_many_texts_fit(scorer):
    (unit, *_) = planted_units()
    _, ((*requests,),) = finish(scorer(case_of(unit.record, unit.explanation)), oracle)
    for request in requests:
        *_, question = request.messages
        left = question.content
        for text in texts.read_numbered(left):
            left = left.replace(text, "", 1)
        rest = f"Explanation: {unit.explanation} 1. 2. 3. 4. 5. Number of texts: 5"
        assert " ".join(left.split()) == rest
