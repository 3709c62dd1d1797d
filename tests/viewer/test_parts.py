"""Numbers, levels, nearest ones, layout and files of the site."""

import json
import sys
import zlib
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from neuroscribe.errors import InputError
from neuroscribe.viewer.blocks import read_block, replaced, write_block
from neuroscribe.viewer.landmarks import choose_landmarks
from neuroscribe.viewer.layout import laid_out
from neuroscribe.viewer.levels import Rows, steps_of, written
from neuroscribe.viewer.nearest import nearest
from neuroscribe.viewer.rounding import histogram, lists_of_numbers, numbers
from neuroscribe.viewer.search_index import shard_of, terms_of, write_search_index
from neuroscribe.viewer.text_neighbours import text_neighbours
from neuroscribe.viewer.text_vectors import text_vectors

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(st.lists(FINITE, min_size=1))
def test_numbers_have_four_digits_and_are_off_by_at_most_half_of_the_last(values):
    for exact, shown in zip(values, numbers(np.array(values)), strict=True):
        assert shown == pytest.approx(float(f"{exact:.4g}"), rel=1.0001e-3, abs=1e-300)
        assert abs(shown - exact) <= abs(exact) * 0.50001e-3
        digits = json.dumps(shown).partition("e")[0].replace(".", "").lstrip("-0").rstrip("0")
        assert len(digits) <= 4


def test_what_is_not_finite_is_null_and_whole_numbers_are_short():
    shown = numbers(np.array([np.nan, np.inf, -np.inf, 2.0, 0.0, 123456.0]))
    assert json.dumps(shown) == "[null, null, null, 2, 0, 123500]"
    column = pa.chunked_array([[[1.0, None], [], None], [[0.25]]])
    assert lists_of_numbers(column) == [[1, None], [], [], [0.25]]


@given(st.lists(st.one_of(FINITE.filter(lambda x: x == 0 or abs(x) > 1e-30), st.just(float("nan"))),
                min_size=1))  # fmt: skip
def test_levels_are_off_by_at_most_half_a_step(values):
    rows = Rows(np.array([0]), np.array([0, len(values)]), np.array(values))
    (step,) = steps_of([rows], 1)
    (text,) = written(rows, np.array([step]))
    for exact, level in zip(values, json.loads(text), strict=True):
        assert (level is None) == np.isnan(exact)
        assert level is None or abs(level * step - exact) <= 0.5001 * step


def test_a_unit_of_which_only_zeros_are_shown_has_levels_of_zero():
    rows = Rows(np.array([0, 1]), np.array([0, 2, 2]), np.zeros(2))
    assert written(rows, steps_of([rows], 2)) == ["[0,0]", "[]"]


def test_a_histogram_counts_what_lies_beyond_its_edges_in_the_outermost_bins():
    counted = histogram([-7.0, 0.1, 0.2, 9.0], np.array([-1.0, 0.0, 1.0]))
    assert counted == {"edges": [-1, 0, 1], "counts": [1, 3]}


def test_of_equally_similar_ones_the_earlier_is_nearer():
    similar = np.array([[0.5, 0.9, 0.5, -0.5, 0.50001]])
    found = nearest(similar, np.array([10, 11, 12, 13, 14]), np.array([11]), k=8)
    assert found.places.tolist() == [[10, 12, 14, -1, -1, -1, -1, -1]]
    assert found.similarities[0, :3].tolist() == [0.5, 0.5, 0.5]


def test_terms_are_runs_of_letters_and_digits_in_lower_case():
    assert terms_of("Rain_fall, isn't É2 x٣ 中文。") == {
        *("rain", "fall", "isn", "t", "é2", "x٣", "中文"),
    }


def test_a_shard_is_the_hash_of_the_first_two_characters():
    # FNV-1a, 32 bits, of "fo" and of "é2" in UTF-8.
    assert shard_of("foobar", 2**32) == 0x6222E842
    assert shard_of("é2x", 1000) == shard_of("é2", 1000)


def test_words_that_nearly_all_hold_are_named_and_left_out(tmp_path):
    texts = [f"the word{row % 50}" if row % 3 else None for row in range(900)]
    found = write_search_index(tmp_path, texts)
    assert (found.shards, found.ignored) == (1, ["the"])
    terms = read_block(tmp_path / "data" / "search" / "0.json.gz")["terms"]
    assert np.cumsum(terms["word1"]).tolist() == [
        row for row, text in enumerate(texts) if text == "the word1"
    ]


def test_like_explanations_lie_together_and_equal_ones_do_not_hide_each_other():
    texts = [f"rain snow wind {row}" for row in range(12)] + ["brackets in code"] * 12
    vectors, by = text_vectors(texts, "words")
    assert by == "words"
    names = [f"mlp.0/{row}" for row in range(24)]
    points = laid_out(choose_landmarks(vectors), names)
    assert points.min() >= 0
    assert points.max() <= 65535
    assert len({tuple(point) for point in points.tolist()}) == 24
    weather, code = points[:12].mean(0), points[12:].mean(0)
    spread = np.abs(points[12:] - code).max()
    assert spread < 0.02 * 65535
    assert np.abs(weather - code).max() > 5 * spread
    assert laid_out(choose_landmarks(vectors), names).tolist() == points.tolist()


@pytest.mark.parametrize(
    "texts", [["rain"], ["!", "?"], ["rain", "rain", "!"], ["a b", "b c", "c d"]]
)
def test_few_explanations_and_ones_without_words_have_places(texts):
    vectors, _ = text_vectors(texts, "words")
    points = laid_out(choose_landmarks(vectors), [str(row) for row in range(len(texts))])
    assert points.shape == (len(texts), 2)
    assert text_neighbours(vectors, choose_landmarks(vectors)).places.shape == (len(texts), 8)


def test_neighbours_near_landmarks_are_mostly_those_of_all_pairs():
    draw = np.random.default_rng(0)
    centres = draw.normal(size=(200, 16))
    vectors = centres[draw.integers(0, 200, 4000)] + 0.3 * draw.normal(size=(4000, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    marks = choose_landmarks(vectors)
    exact = text_neighbours(vectors, marks).places
    near = text_neighbours(vectors, marks, most_exact=0).places
    assert not (near == np.arange(4000)[:, None]).any()
    shared = [len(set(a) & set(b)) / 8 for a, b in zip(exact, near, strict=True)]
    assert np.mean(shared) > 0.5


def test_without_scikit_learn_the_map_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'neuroscribe\[site\]'.*--no-map"):
        text_vectors(["rain"], "words")


@pytest.mark.parametrize("stranger", [".git", "CNAME", "data/notes.txt"])
def test_a_site_with_files_of_somebody_else_is_not_replaced(tmp_path, stranger):
    out = tmp_path / "site"
    (out / "data").mkdir(parents=True)
    for name in ("data/site.json", "data/source.json", "index.html", stranger):
        (out / name).write_text("{}")
    with (
        pytest.raises(InputError, match=f"also holds {stranger}, which would be lost; build into"),
        replaced(out),
    ):
        pass
    assert (out / stranger).read_text() == "{}"
    (out / stranger).unlink()
    with replaced(out):
        pass
    assert list(out.iterdir()) == []


def test_a_folder_that_does_not_say_what_it_was_made_of_is_no_site(tmp_path):
    (tmp_path / "site" / "data").mkdir(parents=True)
    (tmp_path / "site" / "data" / "site.json").write_text("{}")
    with pytest.raises(InputError, match="is not a site"), replaced(tmp_path / "site"):
        pass


@pytest.mark.parametrize("content", [None, b"", b"{}", zlib.compress(b"{", wbits=31)])
def test_a_block_that_is_missing_or_damaged_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "0.json.gz").write_bytes(content)
    with pytest.raises(InputError, match=r"0\.json\.gz is missing or damaged: .*; build the site"):
        read_block(tmp_path / "0.json.gz")


def test_sentences_are_encoded_on_the_cpu_wherever_it_is(monkeypatch):
    asked = []

    def open_embedder(spec, *, device="auto"):
        asked.append((spec, device))
        return lambda texts: np.ones((len(texts), 2), dtype=np.float32)

    # The module itself would load torch.
    embedding = ModuleType("embedding")
    embedding.open_embedder = open_embedder
    monkeypatch.setitem(sys.modules, "neuroscribe.subjects.embedding", embedding)
    text_vectors(["rain"], "some/encoder")
    assert asked == [("some/encoder", "cpu")]


def test_a_build_that_fails_changes_nothing(tmp_path):
    out = tmp_path / "site"
    with replaced(out) as folder:
        (folder / "data").mkdir()
        (folder / "data" / "site.json").write_text("{}")
        (folder / "data" / "source.json").write_text("{}")

    def fail():
        with replaced(out) as folder:
            write_block(folder / "x.json.gz", "{}")
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["site"]
    assert [path.name for path in out.iterdir()] == ["data"]
