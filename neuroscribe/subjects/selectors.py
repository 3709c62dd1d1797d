"""Say which units, or which sites, in a line of text.

Units: `SITE`, `KIND.*`, `SITE[10:20]`, `SITE/3,17,1021-`, `@random:N`, `@top-density:N`, several
joined by `;`. Sites: `KIND`, `KIND.*`, `KIND.LAYER`, `module:PATH[:in]`, several joined by `,`.
This file needs no torch, so a study can choose units without loading a model. A random choice takes
turns over the sites and only ever grows: the first 100 of `@random:200` are `@random:100`, so what
was already paid for them is kept.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence as Seq
from random import Random

from neuroscribe.errors import SubjectError
from neuroscribe.records import UnitId

Density = Callable[[str], Seq[float]]
"""From the name of a site to the density of each of its units, by index."""

_SLICE = re.compile(r"^(?P<sites>[^\[\]]+)\[(?P<start>\d*):(?P<stop>\d*)(?::(?P<step>\d*))?\]$")
_DRAWN = re.compile(r"^@(?P<how>random|top-density):(?P<count>\d+)$")
_LISTED = re.compile(r"^\d+-?$")
_SITE = re.compile(r"^(?P<kind>[A-Za-z_]\w*)(?:[.:](?P<argument>.*))?$")


def select_units(
    selector: str | Seq[str],
    widths: Mapping[str, int],
    *,
    seed: int = 0,
    density: Density | None = None,
) -> list[UnitId]:
    """The units that a selector asks for, each once, in the order asked.

    Args:
        selector: as above; a list, or one text with `;` between its parts.
        widths: number of units of each site there is, in order.
        seed: of `@random`.
        density: needed by `@top-density`; equal densities order by site and index.

    Raises:
        SubjectError: the text cannot be read, or names a site or unit that there is not.

    >>> [str(unit) for unit in select_units("mlp.0[:2];mlp.1/5-", {"mlp.0": 8, "mlp.1": 8})]
    ['mlp.0/0', 'mlp.0/1', 'mlp.1/5-']
    """
    parts = selector.split(";") if isinstance(selector, str) else selector
    chosen: dict[UnitId, None] = {}
    for part in (part.strip() for text in parts for part in text.split(";")):
        chosen.update(dict.fromkeys(_units(part, widths, seed, density)))
    return list(chosen)


def split_site_selector(selector: str | Seq[str]) -> list[tuple[str, str]]:
    """Cut a selector of sites into kinds and what follows them; `*` and nothing both mean all.

    Raises:
        SubjectError: a part cannot be read.

    >>> split_site_selector("mlp, resid.3, module:h.0.mlp:in")
    [('mlp', ''), ('resid', '3'), ('module', 'h.0.mlp:in')]
    """
    texts = [selector] if isinstance(selector, str) else selector
    found = []
    for part in (part.strip() for text in texts for part in text.split(",")):
        match = _SITE.match(part)
        if match is None:
            raise SubjectError(f"not a site: {part!r}; write mlp, mlp.5, resid.0 or module:PATH")
        argument = match["argument"] or ""
        found.append((match["kind"], "" if argument == "*" else argument))
    return found


def _units(
    part: str, widths: Mapping[str, int], seed: int, density: Density | None
) -> Iterator[UnitId]:
    if drawn := _DRAWN.match(part):
        count = int(drawn["count"])
        total = sum(widths.values())
        if count > total:
            raise SubjectError(f"{part} asks for {count} units; there are {total}")
        order = (
            _by_density(part, widths, density)
            if drawn["how"] == "top-density"
            else _at_random(widths, seed)
        )
        yield from (unit for unit, _ in zip(order, range(count), strict=False))
    elif sliced := _SLICE.match(part):
        bounds = slice(
            *(int(sliced[name]) if sliced[name] else None for name in ("start", "stop", "step"))
        )
        if bounds.step == 0:
            raise SubjectError(f"not units: {part!r}; the step of a slice is at least 1")
        for site in _sites(sliced["sites"], widths):
            yield from (UnitId(site, index) for index in range(widths[site])[bounds])
    elif "/" in part:
        sites, _, listed = part.rpartition("/")
        for site in _sites(sites, widths):
            yield from (_unit(site, text.strip(), part, widths) for text in listed.split(","))
    else:
        for site in _sites(part, widths):
            yield from (UnitId(site, index) for index in range(widths[site]))


def _sites(text: str, widths: Mapping[str, int]) -> list[str]:
    if text in widths:
        return [text]
    prefix = text.removesuffix("*").removesuffix(".") + "."
    matching = [site for site in widths if text and site.startswith(prefix)]
    if not matching or ("*" in text and not text.endswith(".*")):
        known = ", ".join(widths) or "none"
        raise SubjectError(f"no site is called {text!r}; there are: {known}")
    return matching


def _unit(site: str, text: str, part: str, widths: Mapping[str, int]) -> UnitId:
    if not _LISTED.match(text):
        raise SubjectError(f"not units: {part!r}; write SITE/INDEX, such as mlp.5/3,17,1021-")
    unit = UnitId.parse(f"{site}/{text}")
    if unit.index >= widths[site]:
        raise SubjectError(f"there is no unit {unit}; {site} has units 0 to {widths[site] - 1}")
    return unit


def _at_random(widths: Mapping[str, int], seed: int) -> Iterator[UnitId]:
    """Every unit once, the sites taking turns, in an order that only the seed decides."""
    orders = {}
    for site, width in widths.items():
        indices = list(range(width))
        Random(f"{seed} {site}").shuffle(indices)  # noqa: S311 - a reproducible choice, no secret
        orders[site] = indices
    for turn in range(max(widths.values(), default=0)):
        yield from (
            UnitId(site, order[turn]) for site, order in orders.items() if turn < len(order)
        )


def _by_density(part: str, widths: Mapping[str, int], density: Density | None) -> list[UnitId]:
    if density is None:
        raise SubjectError(f"{part} needs the units' densities, which only a recording knows")
    ranked = [
        (-value, place, index)
        for place, site in enumerate(widths)
        for index, value in enumerate(density(site))
    ]
    sites = list(widths)
    return [UnitId(sites[place], index) for _, place, index in sorted(ranked)]
