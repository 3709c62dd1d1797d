"""The mock on loopback: any process and any OpenAI client can talk to it.

Only loopback addresses are accepted: the mock checks no keys. One thread per connection; the core
is shared, so the bytes are those of the in-process transport.
"""

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from neuroscribe.errors import InputError
from neuroscribe.llm.mock.core import MockLLM


@contextmanager
def serve(mock: MockLLM | None = None, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve a mock in the background while the block runs.

    Args:
        mock: who answers; a well-behaved one with seed 0 by default.
        host: a loopback address.
        port: 0 for any free one.

    Yields:
        the base URL, such as `http://127.0.0.1:8421/v1`.

    Raises:
        InputError: the address is not on loopback, or the port is taken.
    """
    server = _Server(mock or MockLLM(), host, port)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.base_url
    finally:
        server.close()
        thread.join()


def serve_forever(
    mock: MockLLM | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    on_ready: Callable[[str], None],
) -> None:
    """Serve a mock until interrupted; `on_ready` is told the base URL once it answers.

    Raises:
        InputError: the address is not on loopback, or the port is taken.
    """
    with serve(mock, host=host, port=port) as base_url:
        on_ready(base_url)
        threading.Event().wait()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, mock: MockLLM, host: str, port: int) -> None:
        address = _loopback(host)
        self.mock = mock
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        if address.version == 6:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((str(address), port), _Handler)
        except (OSError, OverflowError) as error:
            raise InputError(f"the mock cannot listen on {address} port {port}: {error}") from None

    @property
    def base_url(self) -> str:
        host = f"[{self.server_address[0]!s}]" if ":" in str(self.server_address[0]) else None
        return f"http://{host or self.server_address[0]!s}:{self.server_address[1]}/v1"

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        self._connections.discard(request)
        super().shutdown_request(request)

    def close(self) -> None:
        """Stop listening and close every connection that clients keep alive."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        for connection in list(self._connections):
            self.shutdown_request(connection)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave in one segment, at once; otherwise each answer waits 40 ms for an
    # acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        answer = self.server.mock.handle(self.command, self.path.partition("?")[0], body)
        if answer.delay_seconds and self.server.stopping.wait(answer.delay_seconds):
            self.close_connection = True
            return
        if answer.dropped:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Say nothing: requests are counted by the core."""


def _loopback(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        raise InputError(f"the mock listens on a loopback address, not on {host!r}") from None
    if not address.is_loopback:
        raise InputError(
            f"the mock listens on loopback only (127.0.0.1), not on {host}: it checks no keys"
        )
    return address
