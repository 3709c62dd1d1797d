"""A card tells what the study holds, and a string in it can do nothing but be read."""

import re

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st
from markdown_it import MarkdownIt

from neuroscribe.datasets.card import markdown
from neuroscribe.datasets.card.card_statistics import statistics_of
from neuroscribe.datasets.card.dataset_card import card
from neuroscribe.datasets.card.public import public, public_manifest, public_rows
from neuroscribe.datasets.card.publication import Publication
from neuroscribe.datasets.manifest import write_manifest
from neuroscribe.datasets.schema import SCHEMAS
from neuroscribe.errors import InputError, StudyError
from tests.datasets.stated_rows import explained_study, stated

yaml = pytest.importorskip("yaml")


def front_matter(page: str) -> dict:
    return yaml.safe_load(re.match(r"---\n(.*?)\n---\n", page, re.DOTALL)[1])


def test_its_front_matter_names_the_files_of_every_table_for_loaders_and_the_viewer(tmp_path):
    data = front_matter(card(explained_study(tmp_path)))
    files = {config["config_name"]: config["data_files"] for config in data["configs"]}
    assert files == {
        name: f"{name}/*.parquet"
        if name in ("sequences", "simulations", "judgements")
        else f"{name}/*/*.parquet"
        for name in SCHEMAS
    }
    assert [c["config_name"] for c in data["configs"] if c.get("default")] == ["scores"]
    assert data["pretty_name"] == "Units of gpt2 on stdlib, explained"
    assert data["size_categories"] == ["n<1K"]
    for name, pattern in files.items():
        assert list(tmp_path.glob(pattern)), name


def test_numbers_are_of_current_rows(tmp_path):
    statistics = statistics_of(explained_study(tmp_path))
    assert statistics.rows["explanations"] == 1
    site = statistics.sites["mlp.0"]
    assert (site.units, site.explained, site.density) == (3, 1, 0.25)
    assert (site.headline.mean, site.headline.random, site.headline.n) == (0.5, 0.125, 1)
    assert statistics.sites["module:h.1.act:in"].headline is None
    page = card(tmp_path)
    assert "| `mlp.0` | 3 | 1 | 25.000% | 0.500 | 0.125 |  | 1 |" in page
    assert "5 units of gpt2, recorded on 1,234 tokens of stdlib; 1 of them explained." in page


def test_unreliable_scores_are_counted_and_not_averaged(tmp_path):
    from neuroscribe.datasets import store

    explained_study(tmp_path)
    kind = {"scorer": "simulation", "metric": "pearson", "report_set": "top_and_random"}
    more = [
        {"explanation_id": "b", "value": 0.9, "reliable": False},
        {"explanation_id": "c", "value": None, "reason": "constant"},
    ]
    rows = stated("scores", *({**kind, **row, "llm": "mock"} for row in more))
    store.write_part(tmp_path, "scores", rows, site="mlp.0")
    (mean,) = statistics_of(tmp_path).scores
    assert (mean.n, mean.unreliable, mean.mean) == (1, 2, 0.5)


def test_a_mock_is_called_one(tmp_path):
    assert "**Made with a mock LLM** (`mock`)" in card(explained_study(tmp_path / "a"))
    real = card(explained_study(tmp_path / "b", llm="openai:gpt-5-mini"))
    assert "mock LLM" not in real


def test_a_licence_that_was_not_stated_is_not_invented(tmp_path):
    page = card(explained_study(tmp_path))
    assert front_matter(page)["license"] == "other"
    assert front_matter(page)["license_name"] == "not-stated"
    assert "No licence was stated for this dataset." in page
    assert "whose licence is `PSF-2.0`" in page


@pytest.mark.parametrize(
    ("stated_licence", "name", "other"),
    [
        ("cc-by-4.0", "cc-by-4.0", None),
        ("CC-BY-4.0", "cc-by-4.0", None),
        ("WTFPL", "other", "WTFPL"),
    ],
)
def test_a_stated_licence_is_named_as_the_hub_names_it(tmp_path, stated_licence, name, other):
    data = front_matter(card(explained_study(tmp_path), Publication(licence=stated_licence)))
    assert (data["license"], data.get("license_name")) == (name, other)


def test_it_can_be_cited(tmp_path):
    stated_by = Publication(
        repository="me/units", author="Ada L. and Bo {M}", pretty_name="My 50% {x}"
    )
    page = card(explained_study(tmp_path), stated_by)
    assert (
        "@misc{me-units,\n"
        "  title = {My 50   x},\n"
        "  author = {Ada L. and Bo  M},\n"
        "  year = {2026},\n"
        "  url = {https://huggingface.co/datasets/me/units},\n"
        "  note = {Dataset, made with Neuroscribe},\n}"
    ) in page
    assert 'load_dataset("me/units", "scores", split="train")' in page


def test_the_same_study_has_the_same_card(tmp_path):
    explained_study(tmp_path)
    assert card(tmp_path) == card(tmp_path)


def test_a_study_without_explanations_has_a_card(tmp_path):
    sites = [{"name": "mlp.0", "width": 1}]
    subject = {"name": "gpt2", "sites": sites}
    write_manifest(tmp_path, {"subject": subject, "corpus": {"name": "unknown"}})
    page = card(tmp_path)
    assert "0 units of gpt2" in page
    assert "whose licence is not known here" in page


def test_without_a_study_there_is_none(tmp_path):
    with pytest.raises(StudyError, match="is not a study"):
        card(tmp_path)


@pytest.mark.parametrize("name", ["me", "me/a/b", "../a", "me/a b", "", "https://x/y"])
def test_a_repository_has_an_owner_and_a_name(name):
    if name:
        with pytest.raises(InputError, match="called OWNER/NAME"):
            Publication(repository=name)
    assert Publication(repository="me/a-b.c_d").url.endswith("/me/a-b.c_d")


NASTY = (
    "</td>|`x`\n---\nlicense: mit\n<img src=x onerror=alert(1)>[a](javascript:b)$x$ "
    "https://a.b \x1b[31m"
)


def test_no_string_of_others_becomes_markup(tmp_path):
    explained_study(tmp_path, llm=f"mock:{NASTY}", subject=NASTY, corpus=NASTY)
    page = card(tmp_path, Publication(pretty_name=NASTY, licence=NASTY, author=NASTY))
    assert front_matter(page)["license"] == "other"
    body = page.split("\n---\n", 1)[1]
    html = MarkdownIt("commonmark").enable("table").render(body)
    assert not re.search(r"<(img|script|a)\b(?! href=\"https://huggingface)", html)
    assert "\x1b" not in page
    tables = re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)
    assert {len(re.findall(r"<t[dh]", row)) for row in tables} <= {2, 3, 7, 8}


@given(st.text(max_size=20))
@example("a|b")
@example("<b>&amp;")
@example("1. x\n# y")
@example("https://a.b www.c.d e@f.g :smile: $x$ ~~s~~")
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_escaped_text_is_shown_as_it_is(value):
    from neuroscribe.heatmap import visible

    renderer = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = renderer.parse(f"x{markdown.text(value)}x")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    children = tokens[1].children
    assert {child.type for child in children} <= {"text", "text_special", "softbreak"}
    shown = "".join("\n" if c.type == "softbreak" else c.content for c in children)
    assert re.sub(r"\s+", " ", shown) == re.sub(r"\s+", " ", f"x{visible(value)}x")


@pytest.mark.parametrize(
    ("stated_text", "published"),
    [
        ("gpt2", "gpt2"),
        ("owner/model", "owner/model"),
        ("/home/me/models/gpt2/", "gpt2"),
        ("~/models/gpt2", "gpt2"),
        ("./gpt2", "gpt2"),
        ("runs/models/gpt2", "gpt2"),
        (r"C:\Users\me\gpt2", "gpt2"),
        ("text:/home/me/my corpus/", "text:my corpus"),
        ("jsonl:data.jsonl", "jsonl:data.jsonl"),
        ("hf:owner/name:config", "hf:owner/name:config"),
        ("local:/srv/llama", "local:llama"),
        ("local:owner/name", "local:owner/name"),
        ("openai:m@https://user:key@host:80/v1", "openai:m@https://host:80/v1"),
        ("openai:m@https://user:k/e@y@host/v1", "openai:m@https://host/v1"),
        ("openai:m@http://127.0.0.1:8000/v1?key=x#y", "openai:m@http://127.0.0.1:8000/v1"),
        ("encoder.layer.0.output.dense", "encoder.layer.0.output.dense"),
        ("mock:3", "mock:3"),
    ],
)
def test_credentials_and_paths_are_taken_out(stated_text, published):
    assert public(stated_text) == published
    assert public(published) == published


def test_rows_and_manifests_are_cleaned(tmp_path):
    rows = stated(
        "explanations",
        {"llm": "openai:m@https://u:k@h/v1", "rated_by": "s by local:/home/me/m", "reason": None},
        {"llm": "mock", "reason": "openai:m@https://u:k@h/v1: 500 /usr/bin said so?"},
    )
    clean = public_rows(rows)
    assert clean["llm"].to_pylist() == ["openai:m@https://h/v1", "mock"]
    assert clean["rated_by"].to_pylist() == ["s by local:m", None]
    assert clean["reason"].to_pylist() == [None, "openai:m@https://h/v1: 500 bin said so?"]
    assert clean.schema.equals(rows.schema)
    manifest = {"a": {"name": "/home/me/x"}, "b": ["text:/y/z"], "c": 3, "d": None}
    assert public_manifest(manifest) == {"a": {"name": "x"}, "b": ["text:z"], "c": 3, "d": None}
