"""A study of any size, made of random numbers that are shaped like a real one's.

Benchmarks of the dataset and of the site need the 307,200 neurons of GPT-2 XL without a week of
recording. What decides size and speed is kept like the real thing: Zipf-distributed tokens with
white space, activations that are small and negative on most tokens (GELU) with the entropy of
float32, histograms of some ninety bins, look-up tables of a hundred tokens, explanations that share
words by topic. What a unit fires on means nothing. Equal arguments give equal studies.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from neuroscribe.datasets.manifest import write_manifest
from neuroscribe.datasets.precision import rounded_exemplars
from neuroscribe.datasets.schema import SCHEMAS
from neuroscribe.datasets.splits import SHARES
from neuroscribe.datasets.store import write_part
from neuroscribe.records import SPLITS

VOCABULARY = 20_000
TOPICS = 400
_SEQUENCES_A_DOCUMENT = 8
_LOOKUP = 100
_METRICS = ("pearson", "r2_uncentred", "r2_centred", "abs_dev_explained")
_WRITTEN: Final = datetime(2025, 1, 1, tzinfo=UTC)

Ints = NDArray[np.int64]


class _Corpus(NamedTuple):
    words: list[str]
    ids_of_split: list[Ints]


def write_synthetic_study(
    root: Path,
    *,
    sites: int,
    units_per_site: int,
    sequences: int,
    top: int = 20,
    random: int = 20,
    tokens: int = 64,
    explained_share: float = 1.0,
    seed: int = 0,
) -> None:
    """Write a study without a journal into a new directory.

    Args:
        root: the study's directory.
        sites: how many, called `mlp.0`, `mlp.1`, ...
        units_per_site: of one polarity.
        sequences: kept ones.
        top: strongest exemplars of each unit and split.
        random: random exemplars of each unit, an equal part of each split.
        tokens: of each sequence.
        explained_share: share of the units that have an explanation and four scores.
        seed: of everything.
    """
    _write_manifest(root, sites, units_per_site, sequences, top, random, tokens, seed)
    corpus = _write_sequences(root, sequences, tokens, np.random.default_rng([seed]))
    for index in range(sites):
        draw = np.random.default_rng([seed, index])
        site = f"mlp.{index}"
        scale = draw.lognormal(0.5, 0.5, units_per_site)
        write_part(root, "units", _units(site, scale, sequences * tokens, draw), site=site)
        table = _exemplars(site, scale, corpus, top, random, tokens, draw)
        write_part(root, "exemplars", rounded_exemplars(table), site=site)
        explained = np.flatnonzero(draw.random(units_per_site) < explained_share)
        if len(explained):
            explanations = _explanations(site, explained, corpus.words, draw)
            write_part(root, "explanations", explanations, site=site)
            write_part(root, "scores", _scores(explanations, draw), site=site)


def _write_manifest(
    root: Path,
    sites: int,
    units_per_site: int,
    sequences: int,
    top: int,
    random: int,
    tokens: int,
    seed: int,
) -> None:
    listed = [
        {
            "name": f"mlp.{index}",
            "kind": "mlp",
            "layer": index,
            "module": f"h.{index}.mlp.c_proj",
            "side": "in",
            "width": units_per_site,
            "two_signed": False,
        }
        for index in range(sites)
    ]
    write_manifest(
        root,
        {
            "versions": {},
            "subject": {
                "name": "synthetic",
                "revision": None,
                "architecture": "none",
                "weights_sha256": "0" * 64,
                "tokenizer_sha256": "0" * 64,
                "dtype": "float32",
                "device": "cpu",
                "sites": listed,
            },
            "corpus": {"name": "synthetic", "revision": str(seed), "licence": "CC0-1.0"},
            "recorder": {
                "top_k": top,
                "n_random": random // len(SPLITS),
                "n_quantile": 0,
                "sequence_length": tokens,
                "seed": seed,
            },
            "recorded": {"sequences": sequences, "tokens": sequences * tokens},
        },
    )


def _write_sequences(root: Path, count: int, tokens: int, draw: np.random.Generator) -> _Corpus:
    words = _words(draw)
    token_ids = np.minimum(draw.zipf(1.3, count * tokens) - 1, VOCABULARY - 1).astype(np.int32)
    offsets = np.arange(0, len(token_ids) + 1, tokens, dtype=np.int32)
    shown = pa.ListArray.from_arrays(offsets, pa.array(words).take(pa.array(token_ids)))
    lengths = np.array([len(word.encode()) for word in words])[token_ids].reshape(count, tokens)
    ends = np.concatenate([np.zeros((count, 1), dtype=np.int64), lengths.cumsum(1)], axis=1)
    document = np.arange(count) // _SEQUENCES_A_DOCUMENT
    n_documents = int(document[-1]) + 1
    drawn = draw.choice(len(SPLITS), n_documents, p=[SHARES[split] for split in SPLITS])
    # Small studies too have every split.
    drawn[: len(SPLITS)] = range(min(len(SPLITS), n_documents))
    split = drawn[document]
    text = ["".join(row) for row in shown.to_pylist()]
    columns = {
        "sequence_id": np.arange(count),
        "document_id": pa.array([f"document-{number}" for number in document]),
        "split": pa.array([SPLITS[number] for number in split]),
        "token_ids": pa.ListArray.from_arrays(offsets, pa.array(token_ids)),
        "tokens": shown,
        "text": pa.array(text),
        "token_bytes_offsets": _lists(ends.astype(np.int32)),
    }
    write_part(root, "sequences", pa.table(columns, schema=SCHEMAS["sequences"]))
    return _Corpus(words, [np.flatnonzero(split == number) for number in range(len(SPLITS))])


def _words(draw: np.random.Generator) -> list[str]:
    """Distinct tokens: punctuation, then words of one to three syllables, most after a space."""
    syllables = [a + b for a in "bcdfghklmnprstvw" for b in ("a", "e", "i", "o", "u", "an", "er")]
    words = dict.fromkeys([".", ",", "\n", "(", ")", '"', "'s", " –", "\n\n", " the", " of", "<b>"])
    while len(words) < VOCABULARY:
        chosen = draw.choice(len(syllables), int(draw.integers(1, 4)))
        space = " " if draw.random() < 0.7 else ""
        words[space + "".join(syllables[number] for number in chosen)] = None
    return list(words)


def _units(
    site: str, scale: NDArray[np.float64], n_tokens: int, draw: np.random.Generator
) -> pa.Table:
    count = len(scale)
    density = 10 ** draw.uniform(-4, -0.3, count)
    edges, counts = _histograms(scale, draw)
    means = -np.sort(-draw.exponential(0.2, (count, _LOOKUP)) * scale[:, None], axis=1)
    quantiles = scale[:, None] * np.array([0.2, 0.4, 0.6, 0.8]) * draw.uniform(0.9, 1, (count, 4))
    columns = {
        "site": pa.array([site] * count),
        "unit": np.arange(count, dtype=np.int32),
        "polarity": np.ones(count, dtype=np.int8),
        "n_tokens": np.full(count, n_tokens),
        "n_nan": np.zeros(count, dtype=np.int64),
        "n_infinite": np.zeros(count, dtype=np.int64),
        "mean": draw.normal(-0.05, 0.02, count),
        "variance": (0.1 * scale) ** 2,
        "skewness": draw.uniform(0, 20, count),
        "kurtosis": draw.uniform(0, 300, count),
        "min": np.full(count, -0.17),
        "max": scale,
        "density": density,
        "density_1pct": 0.9 * density,
        "quantile_boundaries": _lists(quantiles.astype(np.float32)),
        "histogram_edges": edges,
        "histogram_counts": counts,
        "lookup_token_ids": _lists(draw.integers(0, VOCABULARY, (count, _LOOKUP)).astype(np.int32)),
        "lookup_means": _lists(means.astype(np.float32)),
        "lookup_counts": _lists(np.minimum(draw.zipf(1.5, (count, _LOOKUP)) + 2, 10_000)),
    }
    return pa.table(columns, schema=SCHEMAS["units"])


def _histograms(scale: NDArray[np.float64], draw: np.random.Generator) -> tuple[pa.Array, pa.Array]:
    """Bins that all units share, the last one cut at the unit's largest value."""
    positive = 2.0 ** np.arange(-12, 6, 0.25)
    inner = np.concatenate([-positive[:40:2][::-1], positive]).astype(np.float32)
    edges, counts = [], []
    for largest in scale:
        held = inner[inner < largest]
        edges.append(np.append(held, np.float32(largest)))
        counts.append(draw.geometric(1 / 800, len(held)))
    return pa.array(edges, pa.list_(pa.float32())), pa.array(counts, pa.list_(pa.int64()))


def _exemplars(
    site: str,
    scale: NDArray[np.float64],
    corpus: _Corpus,
    top: int,
    random: int,
    tokens: int,
    draw: np.random.Generator,
) -> pa.Table:
    """In order of unit, split, kind and rank, as the recorder writes them."""
    n_random = random // len(SPLITS)
    a_split = top + n_random
    a_unit = len(SPLITS) * a_split
    count = len(scale)
    rank = np.concatenate([np.arange(top), np.arange(n_random)])
    strength = np.concatenate([0.98 ** np.arange(top), np.full(n_random, 0.1)])
    peaks = (scale[:, None] * np.tile(strength, len(SPLITS))).astype(np.float32)
    peaks *= draw.uniform(0.98, 1, peaks.shape).astype(np.float32)
    ids = [ids_of_split[draw.integers(0, len(ids_of_split), (count, a_split))]
           for ids_of_split in corpus.ids_of_split]  # fmt: skip
    values, positions = _activations(peaks.reshape(-1), tokens, draw)
    kinds = np.tile(np.array(["top"] * top + ["random"] * n_random), len(SPLITS))
    columns = {
        "site": pa.array([site] * (count * a_unit)),
        "unit": np.repeat(np.arange(count, dtype=np.int32), a_unit),
        "polarity": np.ones(count * a_unit, dtype=np.int8),
        "split": _repeated(np.repeat(np.array(SPLITS), a_split).tolist(), count),
        "kind": _repeated(kinds.tolist(), count),
        "quantile": pa.nulls(count * a_unit, pa.int8()),
        "rank": np.tile(rank.astype(np.int16), count * len(SPLITS)),
        "sequence_id": np.concatenate(ids, axis=1).reshape(-1),
        "peak_position": positions.astype(np.int16),
        "peak_activation": peaks.reshape(-1),
        "activations": _lists(values),
    }
    return pa.table(columns, schema=SCHEMAS["exemplars"])


def _activations(
    peaks: NDArray[np.float32], tokens: int, draw: np.random.Generator
) -> tuple[NDArray[np.float32], Ints]:
    """Small negative values, a tenth of them larger, and the peak, `[exemplars, tokens]`."""
    values = draw.standard_normal((len(peaks), tokens), dtype=np.float32)
    values *= np.float32(0.03)
    values -= np.float32(0.08)
    share = draw.random((len(peaks), tokens), dtype=np.float32)
    larger = share < 0.1
    values[larger] += (share * 9 * peaks[:, None])[larger]
    positions = draw.integers(0, tokens, len(peaks))
    values[np.arange(len(peaks)), positions] = peaks
    np.minimum(values, peaks[:, None], out=values)
    return values, positions


def _explanations(
    site: str, units: Ints, words: Sequence[str], draw: np.random.Generator
) -> pa.Table:
    count = len(units)
    spoken = [word.strip() for word in words if word.strip().isalpha()]
    topic = draw.integers(0, TOPICS, count)
    within = draw.integers(0, 30, (count, 3))
    patterns = (
        "mentions of {0} and {1}, often before {2}",
        "{0} in the context of {1}",
        "words about {0}, such as {1} or {2}",
        "the end of a clause that names {0}",
        "tokens that follow {0} in lists of {1}",
    )
    texts = []
    for place in range(count):
        chosen = [spoken[(topic[place] * 37 + number) % len(spoken)] for number in within[place]]
        texts.append(patterns[(topic[place] + within[place, 0]) % len(patterns)].format(*chosen))
    ids = [f"{site.partition('.')[2]:>04}{unit:012x}" for unit in units.tolist()]
    stated = {
        "explanation_id": pa.array(ids),
        "unit": units.astype(np.int32),
        "text": pa.array(texts),
        "polarity": np.ones(count, dtype=np.int8),
        "candidate": np.zeros(count, dtype=np.int16),
        "selected": pa.array(np.ones(count, dtype=bool)),
        "inputs": pa.array([["exemplars"]] * count),
        "input_tokens": draw.integers(900, 1500, count).astype(np.int32),
        "output_tokens": draw.integers(5, 20, count).astype(np.int32),
        "cost_usd": draw.uniform(2e-4, 4e-4, count),
        "created_at": pa.array([_WRITTEN] * count, pa.timestamp("us", tz="UTC")),
        "prompt_sha256": pa.array([f"{number:064x}" for number in range(count)]),
    }
    texts_of = {
        "site": site,
        "status": "ok",
        "explainer": "token_activation_pairs",
        "exemplars": "top",
        "form": "phrase",
        "llm": "mock",
    }
    return _filled("explanations", stated, texts_of, count)


def _scores(explanations: pa.Table, draw: np.random.Generator) -> pa.Table:
    count = explanations.num_rows * len(_METRICS)
    place = np.repeat(np.arange(explanations.num_rows), len(_METRICS))
    value = np.clip(draw.normal(0.4, 0.2, count), -1, 1)
    stated = {
        "explanation_id": explanations["explanation_id"].take(pa.array(place)),
        "unit": explanations["unit"].take(pa.array(place)),
        "polarity": np.ones(count, dtype=np.int8),
        "metric": pa.array(list(_METRICS) * explanations.num_rows),
        "value": value,
        "low": value - 0.1,
        "high": value + 0.1,
        "chance": np.zeros(count),
        "n_sequences": np.full(count, 20, dtype=np.int32),
        "n_items": np.full(count, 1280, dtype=np.int32),
        "coverage": np.ones(count),
        "baseline_random_explanation": draw.normal(0.02, 0.05, count),
        "baseline_token_lookup": draw.normal(0.3, 0.1, count),
        "baseline_mean": np.zeros(count),
        "n_failed": np.zeros(count, dtype=np.int32),
        "reliable": pa.array(np.ones(count, dtype=bool)),
    }
    texts_of = {
        "site": explanations["site"][0].as_py(),
        "scorer": "simulation",
        "simulator": "prompt_logprobs",
        "llm": "mock",
        "report_set": "top_and_random",
    }
    return _filled("scores", stated, texts_of, count)


def _filled(table: str, stated: dict[str, object], texts: dict[str, str], count: int) -> pa.Table:
    """A table of which other columns are null, and some the same text in every row."""
    schema = SCHEMAS[table]
    columns = {
        name: _repeated([texts[name]], count)
        if name in texts
        else stated.get(name, pa.nulls(count, schema.field(name).type))
        for name in schema.names
    }
    return pa.table(columns, schema=schema)


def _repeated(texts: list[str], times: int) -> pa.Array:
    places = np.tile(np.arange(len(texts)), times)
    return pa.array(texts).take(pa.array(places))


def _lists(rows: NDArray[np.generic]) -> pa.ListArray:
    offsets = np.arange(0, rows.size + 1, rows.shape[1], dtype=np.int32)
    return pa.ListArray.from_arrays(offsets, pa.array(rows.reshape(-1)))
