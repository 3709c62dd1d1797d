"""A small server for a built site, on this machine alone.

Any static server shows the site; this one adds the JSON twin of a unit's page at
`/mlp.5/1021.json`. It answers only for files inside the site, and only to the names that a browser
uses for this machine, so that a page of another origin cannot read a study by pointing its own name
here.
"""

import hashlib
import os
import tempfile
import urllib.parse
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from neuroscribe.errors import InputError, SubjectError
from neuroscribe.viewer.blocks import INDEX, SOURCE, read_json, to_json
from neuroscribe.viewer.build import Options, SiteBuilt, build_site, fingerprint
from neuroscribe.viewer.twin import open_index, unit_twin

HOST: Final = "127.0.0.1"
_NAMES: Final = (HOST, "localhost")


def prepared(
    study: str | Path, out: Path | None, *, processes: int = 1, **options: Any
) -> tuple[Path, SiteBuilt | None]:
    """A site to look at: the one at hand, if it is of this study as it is now, or a new one.

    Args:
        study: a study, or the folder of a built site, which is taken as it is.
        out: where the site is kept; None keeps it under the system's temporary directory.
        processes: see `build_site`.
        options: see `build_site`.

    Returns:
        Its folder, and what was written if it was built.

    Raises:
        InputError: neither a study nor a site.
    """
    if (Path(study) / INDEX).is_file():
        return Path(study), None
    folder = _kept(study) if out is None else out
    source = folder / SOURCE
    if source.is_file() and read_json(source) == {"study": fingerprint(study, Options(**options))}:
        return folder, None
    return folder, build_site(study, folder, processes=processes, **options)


def serve(server: ThreadingHTTPServer, site: Path, *, on_ready: Callable[[str], object]) -> None:
    """Serve a site until it is interrupted.

    Args:
        server: from `bound`.
        site: its folder.
        on_ready: called with the address once it is answered.

    Raises:
        InputError: not a site.
    """
    _give(server, site)
    on_ready(f"http://{HOST}:{server.server_port}/")
    server.serve_forever()


def open_server(site: Path, port: int) -> ThreadingHTTPServer:
    """A server of a site that answers once it runs.

    Raises:
        InputError: not a site, or the port cannot be used.
    """
    open_index(site)
    server = bound(port)
    _give(server, site)
    return server


def bound(port: int) -> ThreadingHTTPServer:
    """A server without a site yet: a port that is taken is known before a site is built.

    Args:
        port: on 127.0.0.1; 0 picks a free one.

    Raises:
        InputError: the port cannot be used.
    """
    try:
        return ThreadingHTTPServer((HOST, port), _Handler)
    except (OSError, OverflowError) as error:
        raise InputError(
            f"port {port} cannot be used: {getattr(error, 'strerror', None) or error}; "
            "choose another, or 0"
        ) from error


def _give(server: ThreadingHTTPServer, site: Path) -> None:
    open_index(site)
    server.RequestHandlerClass = partial(_Handler, directory=str(site))


def _kept(study: str | Path) -> Path:
    """A folder of this user's own, the same for the same study."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    shelf = Path(tempfile.gettempdir()) / f"neuroscribe-{user}"
    shelf.mkdir(mode=0o700, exist_ok=True)
    about = shelf.lstat()
    if shelf.is_symlink() or (hasattr(os, "getuid") and about.st_uid != user):
        raise InputError(f"{shelf} belongs to somebody else; say where to build with --out")
    place = str(study) if "://" in str(study) else str(Path(study).resolve())
    return shelf / f"site-{hashlib.sha256(place.encode('utf-8')).hexdigest()[:16]}"


class _Handler(SimpleHTTPRequestHandler):
    """Files of the site, and units as JSON."""

    extensions_map = {  # noqa: RUF012 -- as the class above has it
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".json": "application/json",
        ".svg": "image/svg+xml",
        ".gz": "application/gzip",
        "": "application/octet-stream",
    }

    def do_GET(self) -> None:
        """Answer with a file or a unit."""
        self._answer(super().do_GET)

    def do_HEAD(self) -> None:
        """Answer with the headers of a file or a unit."""
        self._answer(super().do_HEAD)

    def end_headers(self) -> None:
        """Sites are built anew in the same place, so browsers ask each time."""
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def list_directory(self, path: str | os.PathLike[str]) -> None:
        """Folders are not listed."""
        del path
        self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing is written of what is asked for."""

    def _answer(self, with_file: Callable[[], None]) -> None:
        if not self._allowed():
            return
        try:
            twin = self._twin()
        except InputError as error:
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR, explain=str(error))
            return
        if twin is None:
            with_file()
        else:
            self._send_json(twin)

    def _allowed(self) -> bool:
        name = self.headers.get("Host", HOST).rsplit(":", 1)[0]
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        inside = ".." not in path.split("/") and not any(sign in path for sign in "\\\0")
        if name not in _NAMES:
            self.send_error(HTTPStatus.FORBIDDEN)
            return False
        if not inside:
            self.send_error(HTTPStatus.NOT_FOUND)
            return False
        return True

    def _parts(self) -> list[str]:
        path = urllib.parse.urlsplit(self.path).path
        return [urllib.parse.unquote(part) for part in path.strip("/").split("/") if part]

    def _twin(self) -> str | None:
        """The unit that is asked for as JSON; None if it is something else.

        Raises:
            InputError: a file of the site is missing or damaged.
        """
        *site, last = self._parts() or [""]
        if not site or site[0] == "data" or not last.endswith(".json"):
            return None
        try:
            return to_json(unit_twin(Path(self.directory), f"{'/'.join(site)}/{last[:-5]}"))
        except SubjectError:
            return None

    def _send_json(self, text: str) -> None:
        data = (text + "\n").encode("utf-8")
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
