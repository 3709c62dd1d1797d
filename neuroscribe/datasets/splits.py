"""Which part of the corpus a document belongs to, decided by its text alone.

A hash of the normalised text (NFKC, lower case, runs of white space as one space) decides, so
copies that differ only in form stay together, no list has to be kept, and a document's part never
changes when the corpus grows. Drawing by document, before any selection, is what keeps scores
honest (METHODS section 1). `train` gets half: it finds the top exemplars and the maximum that
defines the scale, and rare units need many tokens. `calibration` fits two numbers a unit and
`valid` ranks candidates: .15 each. `test` gets .2, because the interval around a score narrows with
it.
"""

import hashlib
import unicodedata
from collections.abc import Mapping

from neuroscribe.records import Split

SHARES: Mapping[Split, float] = {"train": 0.5, "calibration": 0.15, "valid": 0.15, "test": 0.2}


def split_of(text: str, *, seed: int = 0) -> Split:
    r"""The part that a document with this text belongs to.

    >>> split_of("One  Text\n") == split_of("one text")
    True
    """
    normalised = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    digest = hashlib.sha256(f"{seed}\n{normalised}".encode("utf-8", "surrogatepass")).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    bound = 0.0
    for split, share in SHARES.items():
        bound += share
        if place < bound:
            return split
    return "test"
