"""What is particular to the token-activation explainer: tables, repeated where sparse."""

import pytest

from neuroscribe.explainer import discretise
from neuroscribe.explainer.token_activation_pairs import (
    TokenActivationPairs,
    non_zero_share,
    parse,
)

TOKENS = ("rain", "\tnow", "<start>")


def test_the_prompt_shows_tokens_on_lines_of_their_own(make_record):
    prompt = TokenActivationPairs().prompt(make_record((TOKENS, (2.0, 0.0, 1.0))))
    assert "rain\t10\n\\tnow\t0\n\\<start>\t5\n" in prompt[-1].content


def test_few_values_above_zero_are_repeated_on_their_own(make_record):
    silent = (TOKENS, (0.0, 0.0, 0.0))
    sparse = TokenActivationPairs().prompt(make_record((TOKENS, (2.0, 0.0, 0.0)), *[silent] * 4))
    dense = TokenActivationPairs().prompt(make_record((TOKENS, (2.0, 1.0, 1.0))))
    assert "once more" in sparse[-1].content
    assert "once more" not in dense[-1].content


def test_only_as_many_exemplars_are_shown_as_are_set(weather):
    shown = TokenActivationPairs(n_exemplars=1).prompt(weather)[-1].content
    assert "storm" in shown
    assert "wind" not in shown


# From openai/automated-interpretability@e4aa21b, non_zero_activation_proportion.
def test_the_share_above_zero_counts_after_discretisation():
    assert non_zero_share([discretise(r, 1.0) for r in ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])]) == (
        pytest.approx(1 / 3)
    )
    assert non_zero_share([discretise([0.1] * 9 + [1.0], 1.0)]) == 1.0


def test_answers_are_still_read_from_here():
    assert parse('This unit fires on "rain"') == "rain"
