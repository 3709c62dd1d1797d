"""`stdlib`: the English and the code that every CPython carries.

One document per module of the standard library, its docstrings in the order of the source, and one
per topic of Python's language reference (`pydoc_data.topics`). Modules are parsed, never imported.
Left out, because not every Python has them or they say little about the library: tests, IDLE,
demos, 2to3, bundled wheels, and files made by the build. The order is that of the modules' names,
then of the topics', so one Python gives one corpus; the revision is the version of that Python.
Licence: the PSF's.
"""

import ast
import platform
import sysconfig
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

from neuroscribe.datasets.corpus import Document, read_bytes, replace_surrogates
from neuroscribe.errors import CorpusError

_LEFT_OUT = {
    "__pycache__",
    "dist-packages",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "pydoc_data",
    "site-packages",
    "test",
    "tests",
    "turtledemo",
}
_BUILT = ("_sysconfigdata", "config-")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, kw_only=True)
class StandardLibrary:
    """The docstrings and topics of the running Python."""

    root: Path
    name: str = "stdlib"

    def documents(self) -> Iterator[Document]:
        """The modules by name, then the topics by name; those without a word are passed over."""
        for module, path in sorted(_modules(self.root)):
            text = "\n\n".join(_docstrings(path))
            if text.strip():
                yield Document(document_id=f"module:{module}", text=replace_surrogates(text))
        for topic, text in sorted(topics.items()):
            yield Document(document_id=f"topic:{topic}", text=replace_surrogates(text))

    def provenance(self) -> dict[str, Any]:
        """The revision is the version of Python."""
        revision = f"{platform.python_implementation()} {platform.python_version()}"
        return {"name": self.name, "revision": revision, "licence": "PSF-2.0"}


def open_standard_library(argument: str) -> StandardLibrary:
    """Find the sources of the running Python.

    Raises:
        CorpusError: something follows the name, or this Python comes without sources.
    """
    if argument:
        raise CorpusError(f"corpus stdlib takes nothing behind its name, but got {argument!r}")
    root = Path(sysconfig.get_path("stdlib"))
    if not (root / "argparse.py").is_file():
        raise CorpusError(f"this Python comes without the sources of its library in {root}")
    return StandardLibrary(root=root)


PLUGIN = open_standard_library


def _modules(root: Path) -> Iterator[tuple[str, Path]]:
    for path in root.rglob("*.py"):
        inside = path.relative_to(root)
        if not any(part in _LEFT_OUT or part.startswith(_BUILT) for part in inside.parts):
            yield ".".join(inside.with_suffix("").parts).removesuffix(".__init__"), path


def _docstrings(path: Path) -> Iterator[str]:
    try:
        with warnings.catch_warnings():
            # Some modules hold escapes that a newer parser frowns on.
            warnings.simplefilter("ignore")
            tree = ast.parse(read_bytes(path))
    except SyntaxError as error:
        raise CorpusError(f"{path} of this Python's library is not valid Python") from error
    yield from _docstrings_of(tree)


def _docstrings_of(node: ast.AST) -> Iterator[str]:
    if isinstance(node, _DOCUMENTED) and (text := ast.get_docstring(node)):
        yield text
    # Only statements hold definitions; passing over expressions makes this four times as fast.
    for field in ("body", "handlers", "orelse", "finalbody"):
        children = getattr(node, field, ())
        for child in children if isinstance(children, list) else ():
            yield from _docstrings_of(child)
