"""Revise an explanation by what the unit does on texts that were written to fit it.

Exemplars show where a unit fires, never where an explanation goes too far. So an LLM writes texts
that fit the explanation, the subject is run on them, and the LLM is asked again with both at hand:
the exemplars, and the new texts with the unit's true values, those on which it stays silent first.
Each round revises the outcome of the one before; at the end the best by score on `valid` is
selected, so a revision that made things worse costs requests and nothing else. Where no usable
text comes, or the subject cannot be run, or an answer holds no explanation, revising ends with what
there is. The subject runs inside the dialogue, where it holds up whoever drives it: a few short
texts, a small part of what the answers take.

Source: Bills et al., 2023 (0.157 asked again, 0.179 on random texts, 0.188 on texts that fit).
"""

from collections.abc import Sequence
from typing import NamedTuple

from neuroscribe.errors import InputError, SubjectError
from neuroscribe.explainer.asking import Origin, shown_exemplars
from neuroscribe.explainer.candidates import rate_all, select_best
from neuroscribe.explainer.few_shot_revision import SOLVED_REVISION
from neuroscribe.explainer.fitting_texts import fitting_texts
from neuroscribe.explainer.forms import WORDINGS, Wording
from neuroscribe.explainer.token_activation_pairs import Table, tables_shown
from neuroscribe.firing import firing_positions
from neuroscribe.llm.protocol import Capabilities, Dialogue, Message
from neuroscribe.notation import discretise, escape
from neuroscribe.records import Exemplar, Explanation, Form, UnitId, UnitRecord
from neuroscribe.services import Rate, SubjectRunner, TextActivations

GENERATED = "generated_texts"
"""Among the inputs of every revision."""

_MAX_TOKENS = 200
_EXEMPLARS = "Texts on which the unit is at its strongest:"
_SILENT = "Texts that fit the explanation, and on which the unit is silent all the same:"
_FIRING = "Texts that fit the explanation, and on which the unit fires:"


def revise(
    explanations: Sequence[Explanation],
    record: UnitRecord,
    shown: Sequence[Exemplar] | None = None,
    *,
    rounds: int,
    rate: Rate,
    subject: SubjectRunner,
    capabilities: Capabilities | None = None,
    n_texts: int = 10,
    n_exemplars: int = 5,
) -> Dialogue[list[Explanation]]:
    """Revise the selected explanation; two rounds of requests each time, and one of ratings.

    Args:
        explanations: of one unit, as `best_of` gives them.
        record: of the unit.
        shown: exemplars of `train`; None means the record's strongest, an empty choice none.
        rounds: revisions in a row.
        rate: the score to choose by.
        subject: runs the unit on the texts.
        capabilities: of the LLM; where it follows a schema the texts come as JSON.
        n_texts: texts to be written in each round.
        n_exemplars: the strongest exemplars that are shown, where no others were chosen.

    Returns:
        The explanations as they were, then the revisions; one of them all is selected. A revision
        names its parent by `explanation_id`, of which the name of the exemplar selection is a
        part: set that name before.

    Raises:
        InputError: a number is less than 1.
    """
    for name, value in (("rounds", rounds), ("n_texts", n_texts)):
        if value < 1:
            raise InputError(f"{name} is {value}; it must be at least 1")
    parent = next((each for each in explanations if each.selected and each.text), None)
    if parent is None:
        return list(explanations)
    exemplars = shown_exemplars(record, shown, n_exemplars)
    lineage = [parent]
    number = max(each.candidate for each in explanations)
    for _ in range(rounds):
        number += 1
        written = yield from fitting_texts(
            str(parent.text), count=n_texts, sample=number, capabilities=capabilities
        )
        seen = _run(subject, record.unit, written)
        if not seen:
            break
        parent = yield from _revised(parent, record, exemplars, seen, number)
        lineage.append(parent)
        if parent.text is None:
            break
    if len(lineage) == 1:
        return list(explanations)
    rated = yield from rate_all(lineage, record, rate)
    original, *revisions = rated
    before = [original if each.candidate == original.candidate else each for each in explanations]
    return select_best([*before, *revisions])


def _run(subject: SubjectRunner, unit: UnitId, written: Sequence[str]) -> list[TextActivations]:
    """What the unit does on the texts that have tokens; nothing where it cannot be run."""
    if not written:
        return []
    try:
        found = subject.activations(unit, written)
    except SubjectError:
        return []
    return [each for each in found if each.tokens]


def _revised(
    parent: Explanation,
    record: UnitRecord,
    exemplars: Sequence[Exemplar],
    seen: Sequence[TextActivations],
    number: int,
) -> Dialogue[Explanation]:
    largest = record.max_activation
    at_hand = _Case(
        explanation=str(parent.text),
        exemplars=[_table(each.sequence.tokens, each.activations, largest) for each in exemplars],
        silent=[_table(*each, largest) for each in seen if not _fires(each, largest)],
        firing=[_table(*each, largest) for each in seen if _fires(each, largest)],
    )
    looked_at = (*parent.inputs, *(["exemplars"] if exemplars else []), GENERATED)
    origin = Origin(
        unit=record.unit,
        explainer=parent.explainer,
        form=parent.form,
        inputs=tuple(dict.fromkeys(looked_at)),
        exemplars="top" if exemplars and parent.exemplars == "none" else parent.exemplars,
        messages=_chat(at_hand, parent.form),
        candidate=number,
        parent_id=parent.explanation_id,
    )
    (reply,) = yield [origin.request(_MAX_TOKENS)]
    return origin.explanation(reply)


class _Case(NamedTuple):
    explanation: str
    exemplars: Sequence[Table]
    silent: Sequence[Table]
    firing: Sequence[Table]


def _table(tokens: Sequence[str], activations: Sequence[float], largest: float) -> Table:
    return tokens, discretise(activations, largest)


def _fires(seen: TextActivations, largest: float) -> bool:
    return bool(firing_positions(seen.activations, largest))


def _chat(case: _Case, form: Form) -> tuple[Message, ...]:
    wording = WORDINGS[form]
    solved = SOLVED_REVISION
    example = _Case(solved.explanation, solved.exemplars, solved.silent, solved.firing)
    return (
        Message(role="system", content=_instructions(wording)),
        Message(role="user", content=_task(example, wording)),
        Message(role="assistant", content=solved.answers[form]),
        Message(role="user", content=_task(case, wording)),
    )


def _instructions(wording: Wording) -> str:
    return f"""\
You improve explanations of what single units of a neural network respond to. You are given an \
explanation of one unit, texts on which the unit is at its strongest, and new texts that were \
written to fit the explanation. For all of them you see what the unit truly does, as tables with \
one token per line: the token, a tab, and the value, from 0 (silent) to 10 (as strong as it ever \
gets). Special characters inside a token are written with a backslash, and ⟨e2 82⟩ stands for the \
bytes of a part of a character.

Where the unit is silent on a text that fits, the explanation is too wide or beside the point; \
where it fires on other tokens than the explanation says, it misses the point. Say in \
{wording.described} what the unit fires on, so that it is true of all these texts. Keep the old \
words where they hold. Give the {wording.noun} alone: no numbers, no remarks about the texts."""


def _task(case: _Case, wording: Wording) -> str:
    parts = [f"Explanation so far: {escape(case.explanation)}"]
    if case.exemplars:
        parts.append(f"{_EXEMPLARS}\n{tables_shown(case.exemplars)}".rstrip("\n"))
    for heading, tables in ((_SILENT, case.silent), (_FIRING, case.firing)):
        if tables:
            parts.append(f"{heading}\n{tables_shown(tables, repeat=False)}".rstrip("\n"))
    n_texts = len(case.silent) + len(case.firing)
    parts.append(f"The unit fires on {len(case.firing)} of the {n_texts} texts that fit.")
    return "\n\n".join([*parts, wording.question])
