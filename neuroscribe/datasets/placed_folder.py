"""A folder of files that is seen whole or not at all.

An export makes many files. They are written beside their place, under a temporary name, and put
there by one rename, so a full disk or a kill leaves no half of a folder that could pass for all.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neuroscribe.datasets.store import remedy, temporary_path
from neuroscribe.errors import StoreError


@contextmanager
def placed_whole(out: Path) -> Iterator[Path]:
    """A new folder to write into, which becomes `out` once the block ends without an error.

    Args:
        out: where; absent, or an empty folder.

    Raises:
        StoreError: the disk is full, or the folder cannot be written; nothing is left behind.
    """
    work = temporary_path(out)
    try:
        work.mkdir(parents=True)
        yield work
        work.replace(out)
    except OSError as error:
        raise StoreError(
            f"cannot write {out}: {error.strerror or error}; "
            f"{remedy(error)}, then run the same command again"
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
