"""What all clients of ours have in common: a name, and books that are asked first."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from neuroscribe.llm.bookkeeper import Bookkeeper, Use
from neuroscribe.llm.gather import gather
from neuroscribe.llm.outcome import Outcome
from neuroscribe.llm.protocol import Reply, Request
from neuroscribe.llm.tally import Tally


class BookedClient(ABC):
    """A client that keeps books; a subclass says how a request is put to its model.

    Args:
        books: journal, budget and tally.
    """

    def __init__(self, books: Bookkeeper) -> None:
        self._books = books

    @property
    def spec(self) -> str:
        """How the user named it."""
        return self._books.spec

    @property
    def tally(self) -> Tally:
        """What this client has done so far."""
        return self._books.tally

    def estimate(self, request: Request) -> Use | None:
        """What a request would use at most; None where its answer is journalled."""
        return None if self._books.stored(request) else self._books.estimate(request)

    async def complete(self, requests: Sequence[Request]) -> list[Reply]:
        """Answer all requests, in order, as many at once as the client can.

        Raises:
            LLMError: no request can succeed: the key, the model or the address is wrong.
            StoreError: the journal cannot be read or written.
        """
        return await gather(self._books.answer(request, self._ask) for request in requests)

    @abstractmethod
    async def _ask(self, request: Request) -> Outcome:
        """Put one request to the model."""
