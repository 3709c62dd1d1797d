"""The format page is what the schema says."""

from pathlib import Path

from neuroscribe.datasets.format_page import format_page


def test_the_page_in_docs_is_the_generated_one():
    page = Path(__file__).parents[2] / "docs" / "format.md"
    assert page.read_text(encoding="utf-8") == format_page()
