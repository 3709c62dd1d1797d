"""`module:PATH` and `module:PATH:in`: the output or the input of any module, by its dotted path.

For places the other sources do not know. The width is seen in one forward pass over two tokens,
because most modules do not state it. Paths are those of the base model; the prefix that a model
with a head puts before them (`transformer.`, `model.`) may be kept.
"""

import difflib
from typing import TYPE_CHECKING

from neuroscribe.errors import SubjectError
from neuroscribe.records import Site
from neuroscribe.subjects.layout import layer_of

if TYPE_CHECKING:
    from neuroscribe.subjects.subject import Subject


def find(subject: "Subject", argument: str) -> list[Site]:
    """The one site that `PATH` or `PATH:in` names.

    Raises:
        SubjectError: no module has this path; the message lists paths like it.
    """
    path, _, side = argument.partition(":")
    if side not in ("", "in", "out"):
        raise SubjectError(f"no site is called 'module:{argument}'; write module:PATH[:in]")
    place = _resolve(subject, path)
    width = subject.width_at(place, "in" if side == "in" else "out")
    return [
        Site(
            name=f"module:{path}" + (":in" if side == "in" else ""),
            kind="module",
            layer=layer_of(subject.model, place),
            module=place,
            side="in" if side == "in" else "out",
            width=width,
            two_signed=True,
        )
    ]


PLUGIN = find


def _resolve(subject: "Subject", path: str) -> str:
    paths = [name for name, _ in subject.model.named_modules() if name]
    without_prefix = path.removeprefix(f"{subject.model.base_model_prefix}.")
    for candidate in (path, without_prefix):
        if candidate in paths:
            return candidate
    like = difflib.get_close_matches(path, paths, n=5, cutoff=0.3) or paths[:5]
    raise SubjectError(f"no module has the path {path!r}; like it are: {', '.join(like)}")
