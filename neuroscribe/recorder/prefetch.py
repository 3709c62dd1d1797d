"""Read ahead in a thread, so that the subject does not wait for the tokenizer.

Fast tokenizers and the subject both work outside of Python's global lock, so one thread is enough
to overlap them.
"""

import queue
import threading
from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")

_DEPTH = 4


class _End:
    """Ends the queue; carries what went wrong."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def read_ahead(items: Iterator[T], *, depth: int = _DEPTH) -> Iterator[T]:
    """The items, in order, made up to `depth` ahead of their use.

    What the iterator raises is raised here, after the items before it. When the consumer stops
    early the thread stops too.
    """
    ready: queue.Queue[T | _End] = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def put(item: T | _End) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                if not put(item):
                    return
        except BaseException as raised:  # noqa: BLE001  (it is raised again by the consumer)
            error = raised
        put(_End(error))

    thread = threading.Thread(target=work, name="read-ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := ready.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        thread.join()
