"""What a model costs, from one data file that users can override.

A price that is not known is None, never 0: a run whose cost nobody knows must say so. A model at an
address of its own has its own price, if any, because the same name is free on one host and paid on
another.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from neuroscribe.errors import InputError

VARIABLE = "NEUROSCRIBE_PRICES"
_MILLION = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Price:
    """USD per million tokens."""

    input_usd: float
    output_usd: float
    at_any_address: bool = False
    """Whether the price holds on any host that serves a model of this name."""

    def cost_usd(self, input_tokens: int, output_tokens: int) -> float:
        """What one request costs.

        >>> Price(input_usd=0.25, output_usd=2.0).cost_usd(1000, 100)
        0.00045
        """
        cost = input_tokens * self.input_usd + output_tokens * self.output_usd
        return round(cost / _MILLION, 12)


def load_prices(user_file: Path | None = None) -> dict[str, Price]:
    """The prices that come with the package, overridden by the user's.

    Args:
        user_file: by default the one that the environment variable NEUROSCRIBE_PRICES names.

    Raises:
        InputError: the user's file is missing or has another form.
    """
    own = resources.files("neuroscribe.llm").joinpath("prices.toml").read_text("utf-8")
    prices = _parse(tomllib.loads(own), "prices.toml")
    named = os.environ.get(VARIABLE)
    if user_file is None and named:
        user_file = Path(named)
    if user_file is not None:
        prices |= _read(user_file)
    return prices


def price_of(prices: Mapping[str, Price], model: str, base_url: str | None) -> Price | None:
    """The price of a model, or None where it is not known.

    Args:
        prices: from `load_prices`.
        model: the endpoint's name for it.
        base_url: None for OpenAI's own address.
    """
    price = prices.get(model)
    if base_url is None or (price is not None and price.at_any_address):
        return price
    return prices.get(f"{model}@{base_url}")


def _read(path: Path) -> dict[str, Price]:
    try:
        return _parse(tomllib.loads(path.read_text("utf-8")), str(path))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"the prices in {path} cannot be read: {error}") from None


def _parse(document: Mapping[str, Any], name: str) -> dict[str, Price]:
    try:
        prices = {model: _price(**price) for model, price in document["models"].items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        prices = {}
    if not prices:
        raise InputError(
            f'{name} holds no prices: write [models."NAME"] with input_usd and output_usd, '
            "in USD per million tokens"
        )
    return prices


def _price(*, input_usd: Any, output_usd: Any, at_any_address: Any = False) -> Price:
    if isinstance(input_usd, str) or isinstance(output_usd, str):
        raise TypeError("a price is a number")
    price = Price(
        input_usd=float(input_usd),
        output_usd=float(output_usd),
        at_any_address=bool(at_any_address),
    )
    if not (price.input_usd >= 0 and price.output_usd >= 0):
        raise ValueError("a price is at least 0")
    return price
