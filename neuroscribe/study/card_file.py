"""`README.md` of a study, kept up to date until somebody edits it.

A study is published as it lies, so its card lies with it. The last line holds a hash of all lines
above; a card whose hash does not fit was edited by a person, and is left alone from then on.
"""

import hashlib
import re
from pathlib import Path

from neuroscribe.datasets.card.dataset_card import NAME, card
from neuroscribe.datasets.store import write_atomically

_MARK = re.compile(r"<!-- written by neuroscribe, ([0-9a-f]{16}): edit it and it stays -->\n$")


def refresh_card(root: Path) -> bool:
    """Write the card of the study at `root` anew.

    Returns:
        Whether it was written; False where a person has edited it.

    Raises:
        StoreError: the disk is full.
    """
    path = root / NAME
    if path.exists() and not _is_ours(path.read_text(encoding="utf-8", errors="replace")):
        return False
    text = card(root)
    marked = f"{text}\n<!-- written by neuroscribe, {_hash(text)}: edit it and it stays -->\n"
    write_atomically(path, lambda temporary: temporary.write_text(marked, encoding="utf-8"))
    return True


def _is_ours(marked: str) -> bool:
    mark = _MARK.search(marked)
    return mark is not None and mark[1] == _hash(marked[: mark.start() - 1])


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
