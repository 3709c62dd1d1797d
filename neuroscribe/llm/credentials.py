"""Where an endpoint is and what opens it: addresses in specs, keys in the environment.

A spec is stored with every result and printed everywhere, so an address must hold no secret; a key
is read from the environment when a client is opened, and is neither stored nor shown.
"""

import os
from urllib.parse import urlsplit

from neuroscribe.errors import InputError

KEY_VARIABLE = "OPENAI_API_KEY"
NO_KEY = "none"
"""Sent to servers of one's own that ask for no key."""


def checked_address(base_url: str) -> str:
    """The address without a slash at its end.

    >>> checked_address("http://127.0.0.1:8000/v1/")
    'http://127.0.0.1:8000/v1'

    Raises:
        InputError: it is no address, or holds more than host, port and path.
    """
    try:
        parts = urlsplit(base_url)
        complete = bool(parts.hostname) and parts.port != 0
    except ValueError:
        complete = False
    if not complete:
        raise InputError(f"{base_url!r} is no address; write one such as http://127.0.0.1:8000/v1")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise InputError(
            f"the address of {parts.hostname} holds more than host, port and path; the spec is "
            f"stored with every result, so keep keys out of it and put them in {KEY_VARIABLE}"
        )
    return base_url.rstrip("/")


def key_from_environment(*, needed: bool) -> str:
    """The key in OPENAI_API_KEY, or `NO_KEY`.

    Raises:
        InputError: it is needed and not there, or holds what no key holds.
    """
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not key and needed:
        raise InputError(
            f"no key for OpenAI: set the environment variable {KEY_VARIABLE}, or name a server of "
            "your own as openai:MODEL@BASE_URL"
        )
    if not (key.isascii() and key.isprintable()):
        raise InputError(f"{KEY_VARIABLE} holds characters that no key has")
    return key or NO_KEY
