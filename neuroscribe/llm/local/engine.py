"""Answer requests that wait together: everything that is scored in shared batches, chats behind it.

Synchronous and without a clock: outcomes come out as their last batch is done, so whoever drives it
can keep what came and stop between batches.
"""

from collections.abc import Iterator, Mapping, Sequence

from neuroscribe.llm.local import questions, writing
from neuroscribe.llm.local.opening import LocalModel
from neuroscribe.llm.local.questions import Work
from neuroscribe.llm.local.rows import Ids, Row
from neuroscribe.llm.local.scoring import Scorer
from neuroscribe.llm.outcome import Outcome
from neuroscribe.llm.protocol import ChatRequest, Request


class Engine:
    """One model with its prefixes."""

    def __init__(self, model: LocalModel, *, shares_prefixes: bool = True) -> None:
        self.model = model
        self.scorer = Scorer(model.model, shares_prefixes=shares_prefixes)

    def answers(self, requests: Sequence[Request]) -> Iterator[tuple[int, Outcome]]:
        """The outcome of every request by its place, in the order in which they come."""
        work: dict[int, Work] = {}
        chats: dict[int, Ids] = {}
        for place, request in enumerate(requests):
            if isinstance(request, ChatRequest):
                ids = writing.chat_ids(request, self.model)
                if isinstance(ids, Outcome):
                    yield place, ids
                else:
                    chats[place] = ids
                continue
            prepared = questions.work_of(request, self.model)
            if isinstance(prepared, Outcome):
                yield place, prepared
            else:
                work[place] = prepared
        yield from self._scored(work)
        yield from self._written(requests, chats)

    def _scored(self, work: Mapping[int, Work]) -> Iterator[tuple[int, Outcome]]:
        rows: list[Row] = []
        owners: list[tuple[int, int]] = []
        for place, each in work.items():
            rows += each.rows
            owners += [(place, number) for number in range(len(each.rows))]
        found: dict[int, dict[int, list[float]]] = {place: {} for place in work}
        for batch in self.scorer.batches(rows):
            for row, logprobs in batch.items():
                place, number = owners[row]
                found[place][number] = logprobs
                if len(found[place]) == len(work[place].rows):
                    values = found.pop(place)
                    yield place, work[place].read([values[each] for each in sorted(values)])

    def _written(
        self, requests: Sequence[Request], chats: Mapping[int, Ids]
    ) -> Iterator[tuple[int, Outcome]]:
        if not chats:
            return
        places = list(chats)
        for group in self.scorer.groups([writing.as_row(ids) for ids in chats.values()]):
            for place in (places[each] for each in group.places):
                request = requests[place]
                if isinstance(request, ChatRequest):
                    prefix = group.prefix
                    yield (
                        place,
                        writing.write(request, chats[place], prefix, self.model, self.scorer),
                    )
