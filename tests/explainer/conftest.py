"""A unit on which every explainer has something to show, and services that are small fakes."""

from datetime import UTC, datetime

import pytest

from neuroscribe import registry
from neuroscribe.llm.protocol import Reply
from neuroscribe.records import Exemplar, TokenLookup, UnitId, UnitRecord
from neuroscribe.services import TextActivations, WeightedToken, WeightTokens
from tests.services import Texts

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
WEIGHTS = WeightTokens(
    inputs=(WeightedToken(" storm", 0.5), WeightedToken("\t<end>", 0.26), WeightedToken("a", 0.01)),
    promoted=(WeightedToken(" cloud", 2.0), WeightedToken("⟦", 1.0)),
    suppressed=(WeightedToken(" sun", -4.0), WeightedToken("\\", -1.0)),
)


@pytest.fixture
def make_exemplar(make_sequence):
    def make(tokens, activations, *, rank=0, split="train", kind="top") -> Exemplar:
        sequence = make_sequence(
            *tokens, sequence_id=rank, split=split, token_ids=[hash_of(t) for t in tokens]
        )
        return Exemplar(sequence=sequence, activations=tuple(activations), kind=kind, rank=rank)

    return make


def hash_of(token: str) -> int:
    """A token id that depends on the token alone."""
    return sum(map(ord, token))


@pytest.fixture
def make_record(make_exemplar, make_statistics):
    """A record of texts: each a list of tokens and a list of activations, the strongest first."""

    def make(*texts, unit: UnitId | None = None, **statistics) -> UnitRecord:
        return UnitRecord(
            unit=unit or UnitId("mlp.0", 1),
            statistics=make_statistics(**statistics),
            exemplars=tuple(
                make_exemplar(tokens, activations, rank=rank)
                for rank, (tokens, activations) in enumerate(texts)
            ),
        )

    return make


@pytest.fixture
def weather(make_record, make_exemplar):
    """The negative side of a unit: its activations come with their sign flipped already."""
    record = make_record(
        (("The", " storm", "\n", " broke", "⟨f0 9f⟩"), (-0.5, 3.0, 0.1, 0.2, 0.0)),
        (("No", " wind", "\t", "<end>", " ⟦now"), (0.0, 1.6, 0.0, -2.0, 0.95)),
        unit=UnitId("mlp.0", 1, -1),
        lookup=TokenLookup(
            token_ids=(hash_of(" storm"), 70001, 70002, hash_of(" wind")),
            means=(2.0, 1.5, -0.2, 0.9),
            counts=(9, 3, 3, 4),
        ),
    )
    elsewhere = make_exemplar(("never", " shown"), (9.0, 9.0), rank=9, split="test")
    return UnitRecord(
        unit=record.unit, statistics=record.statistics, exemplars=(*record.exemplars, elsewhere)
    )


@pytest.fixture
def storm(make_record):
    """The same unit before brackets were thought of."""
    return make_record(
        (("The", " storm", "\n", " broke", "⟨f0 9f⟩"), (-0.5, 3.0, 0.1, 0.2, 0.0)),
        (("No", " wind", "\t", "<end>", " now"), (0.0, 1.6, 0.0, -2.0, 0.0)),
        unit=UnitId("mlp.0", 1, -1),
    )


@pytest.fixture
def calm(make_exemplar):
    """Sequences on which that unit is silent."""
    return [
        make_exemplar((" A", " calm", "\n", "day⟧"), (0.0, 0.2, 0.0, 0.0), rank=20, kind="random"),
        make_exemplar(("1. One", " sun"), (0.0, 0.0), rank=21, kind="random"),
    ]


@pytest.fixture
def services(calm):
    """What explainers may be given, by name."""
    return {
        "vocabulary": lambda token_id: f" word{token_id}\n",
        "weights": lambda unit: WEIGHTS,
        "negatives": Texts(lambda record, split, positives, n: calm[:n]),
    }


@pytest.fixture
def build(services):
    """An explainer of a family, with the services that it needs."""

    def make(family: str, **settings):
        plugin = registry.load("explainer", family)
        given = {need: services[need] for need in plugin.needs}
        return plugin(**{"clock": lambda: NOON} | given | settings)

    return make


@pytest.fixture
def reply():
    def make(text: str = "", status: str = "ok", reason: str | None = None) -> Reply:
        return Reply(status=status, llm="llm", created_at=NOON, text=text, reason=reason)

    return make


class Script:
    """Runs dialogues against an LLM that answers from a list, or by a function of the request."""

    def __init__(self, make_reply) -> None:
        self._make_reply = make_reply
        self.rounds = []
        """The requests of each round."""

    def __call__(self, dialogue, *answers):
        answer = answers[0] if len(answers) == 1 and callable(answers[0]) else None
        left = iter(answers)
        try:
            requests = next(dialogue)
            while True:
                self.rounds.append(list(requests))
                texts = [answer(each) if answer else next(left) for each in requests]
                replies = [t if isinstance(t, Reply) else self._make_reply(t) for t in texts]
                requests = dialogue.send(replies)
        except StopIteration as stop:
            return stop.value


@pytest.fixture
def run(reply):
    return Script(reply)


class FakeSubject:
    """Splits texts at spaces; a unit's activation on a word is looked up."""

    name = "fake"
    cannot_predict = None

    def __init__(self, levels, error=None) -> None:
        self.levels = levels
        self.error = error
        self.seen = []

    def activations(self, unit, texts):
        self.seen.append((unit, list(texts)))
        if self.error:
            raise self.error
        found = []
        for text in texts:
            words = [word for word in text.split(" ") if word]
            values = tuple(self.levels.get(word, 0.0) for word in words)
            found.append(TextActivations(tuple(f" {word}" for word in words), values))
        return found

    def divergences(self, unit, sequence, replacements):
        raise NotImplementedError


@pytest.fixture
def fake_subject():
    return FakeSubject
