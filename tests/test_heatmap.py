"""Heat maps show every token as text."""

import pytest
from hypothesis import given, strategies as st

from neuroscribe import heatmap


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_no_token_becomes_markup(tokens):
    html = heatmap.html(tokens, [1.0] * len(tokens), largest=1.0)
    assert html.count("<") == 2 * len(tokens)
    assert html.count("<span style=") == len(tokens)


def test_a_script_is_shown_and_not_run():
    html = heatmap.html(["<script>alert(1)</script>", '" onload="x'], [1.0, 0.0], largest=1.0)
    assert "<script" not in html
    assert 'onload="x' not in html
    assert "&lt;script&gt;" in html


def test_shading_runs_from_none_to_full_and_negative_values_have_none():
    html = heatmap.html(["a", "b", "c", "d"], [-1.0, 1.0, 2.0, None], largest=2.0)
    assert [f"{shade})" in html for shade in ("0.00", "0.50", "1.00")] == [True] * 3
    assert 'title="missing"' in html


@pytest.mark.parametrize("token", ["\x1b[2J", "\x07", "\x9b31m", "\u202e"])
def test_terminal_control_codes_are_shown_as_signs(token):
    line = heatmap.terminal([token], [1.0], largest=1.0)
    assert token not in line.plain


def test_a_constant_zero_is_not_shaded():
    assert "0.00)" in heatmap.html(["a"], [0.0], largest=0.0)
