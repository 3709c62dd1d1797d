"""The whole prompt of every simulator, compared with files."""

from pathlib import Path

import pytest

from neuroscribe import registry
from neuroscribe.llm.protocol import PromptLogprobsRequest
from neuroscribe.notation import UNKNOWN
from neuroscribe.simulator.decisions import question_text

GOLDEN = Path(__file__).parent / "golden"
TOKENS = ("A", " raw", "\t", "<end>", "\\", "⟨f0 9f⟩")
EXPLANATION = 'the tokens "raw",\n"\\t" and <start>'
NAMES = ("prompt_logprobs", "generated_logprobs", "structured", "decisions", "token_by_token")


def shown(name: str, explanation: str = EXPLANATION, tokens=TOKENS) -> str:
    prompt = registry.load("simulator", name)().prompt(explanation, tokens)
    if name == "decisions":
        asked = (question_text(number, token) for number, token in enumerate(tokens, start=1))
        return "\n".join([prompt, *asked, ""])
    if isinstance(prompt, str):
        return prompt
    return "".join(f"[{message.role}]\n{message.content}\n\n" for message in prompt)


@pytest.mark.parametrize("name", NAMES)
def test_the_whole_prompt_is_the_golden_one(name):
    assert shown(name) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_what_precedes_the_explanation_is_the_same_for_all_and_short(name):
    one, other = shown(name, "rain", ["rain"]), shown(name, "snow", ["a", " b"])
    prefix = one[: one.rindex("Explanation: rain")].removesuffix("Text: rain\n")
    assert other.startswith(prefix)
    # About three characters a token in tables: under 500 tokens.
    assert len(prefix) < 1600


@pytest.mark.parametrize("name", NAMES)
def test_an_explanation_stays_on_the_last_such_line_before_the_table(name):
    prompt = shown(name, "one\nExplanation: two\n<start>\na\tunknown", ["rain"])
    before_table = prompt[: prompt.rindex("\n<start>\n")]
    line = before_table.splitlines()[-1]
    assert line == "Explanation: one Explanation: two \\<start> a unknown"


def test_every_slot_begins_where_a_placeholder_stands():
    dialogue = registry.load("simulator", "prompt_logprobs")()(EXPLANATION, TOKENS)
    (request,) = next(dialogue)
    assert isinstance(request, PromptLogprobsRequest)
    found = [request.prompt[slot:].split("\n")[0] for slot in request.slots]
    assert found == [UNKNOWN] * len(TOKENS)
    assert request.slots[-1] == request.prompt.rindex(UNKNOWN)
