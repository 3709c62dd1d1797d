"""No text and no token can break out of its place in a prompt."""

from hypothesis import given, strategies as st

from neuroscribe import texts
from neuroscribe.explainer.contrastive import Contrastive
from neuroscribe.explainer.highlighted_text import HighlightedText
from neuroscribe.explainer.token_activation_pairs import TokenActivationPairs
from neuroscribe.explainer.token_weights import TokenWeights
from neuroscribe.llm.mock.reading import tables
from neuroscribe.notation import unescape
from neuroscribe.records import (
    Exemplar,
    Sequence,
    TokenLookup,
    UnitId,
    UnitRecord,
    UnitStatistics,
)
from neuroscribe.services import WeightedToken, WeightTokens
from tests.services import Texts

NASTY = st.sampled_from(
    ["\n", "\n2. ", "1. ", "⟦", "⟧", "\\", "\\⟦", '"', "<start>", "<end>\n", "\t10", "\u2028", "\r"]
)
TOKEN = st.lists(NASTY | st.text(max_size=4), min_size=1, max_size=3).map("".join)
TEXT = st.lists(st.tuples(TOKEN, st.sampled_from([0.0, 0.2, 0.5, 1.0])), min_size=1, max_size=5)
TEXTS = st.lists(TEXT, min_size=1, max_size=3)
FULL = [("all", 1.0)]
STATISTICS = UnitStatistics(
    n_tokens=1, mean=0.0, variance=0.0, skewness=None, kurtosis=None, min=0.0, max=1.0,
    density=0.0, density_1pct=0.0, quantile_boundaries=(), histogram_edges=(),
    histogram_counts=(), lookup=TokenLookup(token_ids=(), means=(), counts=()),
)  # fmt: skip


def exemplar(text, rank: int) -> Exemplar:
    tokens = tuple(token for token, _ in text)
    sequence = Sequence(
        sequence_id=rank,
        document_id=str(rank),
        split="train",
        token_ids=tuple(range(len(tokens))),
        tokens=tokens,
        text="".join(tokens),
        token_bytes_offsets=tuple(range(len(tokens) + 1)),
    )
    return Exemplar(
        sequence=sequence, activations=tuple(value for _, value in text), kind="top", rank=rank
    )


def record(shown) -> UnitRecord:
    """The texts behind one that makes 1.0 the unit's maximum."""
    exemplars = tuple(exemplar(text, rank) for rank, text in enumerate([FULL, *shown]))
    return UnitRecord(unit=UnitId("mlp.0", 1), statistics=STATISTICS, exemplars=exemplars)


def stretches(text) -> list[str]:
    """The tokens that fire, neighbours together, without the blanks before them."""
    found: list[str] = []
    open_ = False
    for token, value in text:
        if value > 0.3:
            found = [*found[:-1], found[-1] + token] if open_ else [*found, token.lstrip(" ")]
        open_ = value > 0.3
    return found


@given(TEXTS)
def test_a_list_of_marked_texts_reads_back_as_it_was(shown):
    prompt = HighlightedText().prompt(record(shown))[-1].content
    read = texts.read_numbered(prompt)
    assert len(read) == len(shown) + 1
    for line, text in zip(read[1:], shown, strict=True):
        wanted = [piece.strip(" ") for piece in stretches(text)]
        assert [piece.strip(" ") for piece in texts.marked_pieces(line)] == wanted


@given(TEXTS, TEXTS)
def test_silent_texts_never_hold_a_mark(shown, silent):
    negatives = [exemplar([(token, 0.0) for token, _ in text], 50) for text in silent]
    firing = [[(text[0][0], 1.0), *text[1:]] for text in shown]
    explainer = Contrastive(negatives=Texts(lambda *_: negatives))
    prompt = explainer.prompt(record(firing))[-1].content
    group = prompt.split("\n\n")[0]
    assert len(texts.read_numbered(group)) == len(silent)
    assert texts.marked_pieces(group) == []
    assert len(prompt.split("\n\n")) == 3


@given(TEXTS)
def test_a_table_has_one_line_per_token(shown):
    prompt = TokenActivationPairs().prompt(record(shown))[-1].content
    found = tables(prompt)[: len(shown) + 1]
    for table, text in zip(found[1:], shown, strict=True):
        assert [unescape(line.token) for line in table] == [token for token, _ in text]


@given(st.lists(TOKEN, min_size=1, max_size=5))
def test_a_list_of_tokens_has_one_line_per_token(tokens):
    inputs = tuple(WeightedToken(token, 1.0) for token in tokens)
    found = WeightTokens(inputs=inputs, promoted=(), suppressed=())
    prompt = TokenWeights(weights=lambda _: found).prompt(record([]))[-1].content
    (table,) = tables(prompt)
    assert [unescape(line.token) for line in table] == tokens
