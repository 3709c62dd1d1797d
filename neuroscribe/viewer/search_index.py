r"""The inverted index that full-text search reads: term to rows, in shards.

Terms are runs of letters and digits of the lower-cased text. A shard is chosen by the first two
characters of a term, so that a search for the beginning of a word reads one shard too. Terms that
more than a fifth of the texts hold say little and would make up most of the index; they are left
out and named in `site.json`.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from neuroscribe.viewer.blocks import to_json, write_block

_TERM = re.compile(r"[^\W_]+")
_COMMON_SHARE = 0.2
_COMMON_COUNT = 200
_POSTINGS_A_SHARD = 40_000
_MOST_SHARDS = 256


class SearchIndex(NamedTuple):
    """What `site.json` says of the index."""

    shards: int
    ignored: list[str]


def terms_of(text: str) -> set[str]:
    """The terms of a text.

    >>> sorted(terms_of("Rain_fall, in É2!"))
    ['fall', 'in', 'rain', 'é2']
    """
    return set(_TERM.findall(text.lower()))


def shard_of(term: str, shards: int) -> int:
    """The shard in which a term lies: FNV-1a, 32 bits, over its first two characters in UTF-8.

    >>> shard_of("rain", 1000) == shard_of("rarely", 1000)
    True
    """
    value = 0x811C9DC5
    for byte in term[:2].encode("utf-8"):
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value % shards


def write_search_index(out: Path, texts: Sequence[str | None]) -> SearchIndex:
    """Write the shards.

    Args:
        out: the site.
        texts: the explanation of every row, None where there is none.
    """
    postings: dict[str, list[int]] = defaultdict(list)
    for row, text in enumerate(texts):
        for term in terms_of(text) if text is not None else ():
            postings[term].append(row)
    n_texts = sum(text is not None for text in texts)
    most = max(_COMMON_COUNT, _COMMON_SHARE * n_texts)
    ignored = sorted(term for term, rows in postings.items() if len(rows) > most)
    for term in ignored:
        del postings[term]
    shards = _number_of_shards(sum(map(len, postings.values())))
    contents: list[dict[str, list[int]]] = [{} for _ in range(shards)]
    for term in sorted(postings):
        rows = np.array(postings[term])
        contents[shard_of(term, shards)][term] = np.diff(rows, prepend=0).tolist()
    folder = out / "data" / "search"
    folder.mkdir(parents=True)
    for shard, terms in enumerate(contents):
        write_block(folder / f"{shard}.json.gz", to_json({"terms": terms}))
    return SearchIndex(shards, ignored)


def _number_of_shards(n_postings: int) -> int:
    shards = 1
    while shards < _MOST_SHARDS and shards * _POSTINGS_A_SHARD < n_postings:
        shards *= 2
    return shards
