"""What is computed: rows of tokens, and the log-probabilities that are wanted of them.

A row is a text (its trunk) with branches: tokens that would stand at some place instead of what
stands there. An answer of several tokens needs the model's view after its first ones; as branches
of one row, 64 slots of a prompt cost 64 tokens more and not 64 prompts more. A branch sees the
trunk up to where it begins and its own tokens, nothing else, and has the position that it would
have there.

Answers that begin other answers ("1" and "10" where the tokenizer cuts "10") are told apart by the
chain rule: P("10") = P("1") P("0"|"1"), and P("1") is what remains of P("1").
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Ids = tuple[int, ...]


def shared_length(one: Ids, other: Ids) -> int:
    """How many tokens two texts have in common from their start.

    >>> shared_length((1, 2, 3), (1, 2, 4, 3))
    2
    """
    n_tokens = min(len(one), len(other))
    # Compared whole first, which is fast: most are alike to their end or differ early.
    if one[:n_tokens] == other[:n_tokens]:
        return n_tokens
    return next(place for place in range(n_tokens) if one[place] != other[place])


@dataclass(frozen=True, kw_only=True)
class Target:
    """One log-probability: of a token after another."""

    after: int
    """Index in the row's ids of the token that stands before."""
    token: int


@dataclass(frozen=True, kw_only=True)
class Row:
    """Token ids, how they hang together, and what is wanted."""

    trunk: Ids
    """A text."""
    branches: Ids = ()
    """Tokens that follow others than the last: their indices go on where the trunk's end."""
    parents: Ids = ()
    """For each branch token the index of the token before it, in the trunk or an earlier branch."""
    targets: tuple[Target, ...]

    def __len__(self) -> int:
        """Tokens that the model reads."""
        return len(self.trunk) + len(self.branches)

    @property
    def first_needed(self) -> int:
        """The first index after which something is wanted; what stands before can be shared."""
        return min((target.after for target in self.targets), default=len(self.trunk) - 1)

    def path(self, index: int) -> Ids:
        """The tokens up to and with an index, as one text."""
        tail: list[int] = []
        while index >= len(self.trunk):
            tail.append(self.branches[index - len(self.trunk)])
            index = self.parents[index - len(self.trunk)]
        return (*self.trunk[: index + 1], *reversed(tail))


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A place in a trunk and what may stand there."""

    cut: int
    """Tokens of the trunk before it; at least 1."""
    answers: Mapping[str, Ids]
    """The tokens of each answer, from the cut on."""
    given: int = 0
    """So many leading tokens are the same in all answers and belong to the text before."""


def row_of_slots(trunk: Ids, slots: Sequence[Slot]) -> Row:
    """The row that gives every token of every answer at every slot."""
    branches: list[int] = []
    parents: list[int] = []
    targets: dict[Target, None] = {}
    for slot in slots:
        index_of: dict[Ids, int] = {(): slot.cut - 1}
        for tokens in slot.answers.values():
            for depth, token in enumerate(tokens):
                before = tokens[:depth]
                if before not in index_of:
                    index_of[before] = len(trunk) + len(branches)
                    branches.append(tokens[depth - 1])
                    parents.append(index_of[tokens[: depth - 1]])
                if depth >= slot.given:
                    targets[Target(after=index_of[before], token=token)] = None
    return Row(
        trunk=trunk, branches=tuple(branches), parents=tuple(parents), targets=tuple(targets)
    )


def read_slots(
    row: Row, slots: Sequence[Slot], logprobs: Sequence[float]
) -> list[dict[str, float]]:
    """The log-probability of every answer at every slot.

    Args:
        row: from `row_of_slots`.
        slots: the same.
        logprobs: of the row's targets.
    """
    found = dict(zip(row.targets, logprobs, strict=True))
    index_of = {
        (parent, token): len(row.trunk) + place
        for place, (parent, token) in enumerate(zip(row.parents, row.branches, strict=True))
    }
    return [_answers(slot, found, index_of) for slot in slots]


def _answers(
    slot: Slot, found: Mapping[Target, float], index_of: Mapping[tuple[int, int], int]
) -> dict[str, float]:
    beginning = {}
    for answer, tokens in slot.answers.items():
        index, logprob = slot.cut - 1, 0.0
        for depth, token in enumerate(tokens):
            if depth >= slot.given:
                logprob += found[Target(after=index, token=token)]
            # The last token of an answer that begins no other has no index, and needs none.
            index = index_of.get((index, token), -1)
        beginning[answer] = logprob
    return {answer: _less_longer(answer, slot.answers, beginning) for answer in slot.answers}


def _less_longer(answer: str, answers: Mapping[str, Ids], beginning: Mapping[str, float]) -> float:
    """What is left of a beginning when the answers that go on from it are taken away."""
    own = answers[answer]
    longer = {
        tokens: beginning[other]
        for other, tokens in answers.items()
        if len(tokens) > len(own) and tokens[: len(own)] == own
    }
    nearest = [
        logprob
        for tokens, logprob in longer.items()
        if not any(tokens != nearer and tokens[: len(nearer)] == nearer for nearer in longer)
    ]
    taken = sum(math.exp(logprob - beginning[answer]) for logprob in nearest)
    return beginning[answer] + math.log1p(-taken) if taken < 1 else -math.inf
