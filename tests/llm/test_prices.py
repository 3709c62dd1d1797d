import pytest

from neuroscribe.errors import InputError
from neuroscribe.llm.prices import load_prices, price_of


def test_known_prices():
    price = load_prices()["gpt-5-mini"]
    assert (price.input_usd, price.output_usd) == (0.25, 2.0)
    assert price.cost_usd(1_000_000, 500_000) == 1.25


def test_a_model_at_an_address_of_its_own_has_no_price_unless_stated():
    prices = load_prices()
    assert price_of(prices, "gpt-5-mini", None) is not None
    assert price_of(prices, "gpt-5-mini", "http://host.test/v1") is None
    assert price_of(prices, "mock", "http://127.0.0.1:8421/v1").cost_usd(10, 10) == 0.0


def test_the_users_file_overrides_and_adds(tmp_path, monkeypatch):
    path = tmp_path / "prices.toml"
    path.write_text(
        '[models."gpt-5-mini"]\ninput_usd = 1\noutput_usd = 2\n'
        '[models."own@http://host.test/v1"]\ninput_usd = 3\noutput_usd = 4\n'
    )
    monkeypatch.setenv("NEUROSCRIBE_PRICES", str(path))
    prices = load_prices()
    assert prices["gpt-5-mini"].input_usd == 1
    assert price_of(prices, "own", "http://host.test/v1").output_usd == 4
    assert "gpt-4.1" in prices


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        (b"\xff", "cannot be read"),
        (b"= 1", "cannot be read"),
        (b"", "holds no prices"),
        (b"models = 3", "holds no prices"),
        (b"[models.a]\ninput_usd = 1", "holds no prices"),
        (b'[models.a]\ninput_usd = "1"\noutput_usd = 1', "holds no prices"),
        (b"[models.a]\ninput_usd = -1\noutput_usd = 1", "holds no prices"),
        (b"[models.a]\ninput_usd = 1\noutput_usd = 1\ncurrency = 2", "holds no prices"),
    ],
)
def test_a_wrong_file_is_named(tmp_path, content, said):
    path = tmp_path / "prices.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=said) as error:
        load_prices(path)
    assert "prices.toml" in str(error.value)
