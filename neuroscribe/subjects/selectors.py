"""Say which units, or which sites, in a line of text.

Units: `SITE`, `KIND.*`, `SITE[10:20]`, `SITE/3,17,1021-`, `@random:N`, `@top-density:N`, several
joined by `;`. Sites: `KIND`, `KIND.*`, `KIND.LAYER`, `module:PATH[:in]`, several joined by `,`.
This file needs no torch, so a study can choose units without loading a model. A random choice takes
turns over the sites and only ever grows: the first 100 of `@random:200` are `@random:100`, so what
was already paid for them is kept.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence as Seq
from random import Random

from neuroscribe.errors import SubjectError
from neuroscribe.records import UnitId

Density = Callable[[str], Mapping[int, float | None]]
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
    there: Mapping[str, Collection[int]] | None = None,
) -> list[UnitId]:
    """The units that a selector asks for, each once, in the order asked.

    Args:
        selector: as above; a list, or one text with `;` between its parts.
        widths: number of units of each site there is, in order.
        seed: of `@random`.
        density: needed by `@top-density`; equal densities order by site and index.
        there: indices of the units there are, by site, where sites have gaps; None for all.

    Raises:
        SubjectError: the text cannot be read, or names a site or unit that there is not.

    >>> [str(unit) for unit in select_units("mlp.0[:2];mlp.1/5-", {"mlp.0": 8, "mlp.1": 8})]
    ['mlp.0/0', 'mlp.0/1', 'mlp.1/5-']
    """
    parts = selector.split(";") if isinstance(selector, str) else selector
    units = _Units(widths, there)
    chosen: dict[UnitId, None] = {}
    for part in (part.strip() for text in parts for part in text.split(";")):
        chosen.update(dict.fromkeys(_chosen(part, units, seed, density)))
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


class _Units:
    """The units that there are."""

    def __init__(
        self, widths: Mapping[str, int], there: Mapping[str, Collection[int]] | None
    ) -> None:
        self.widths = widths
        self._there = there

    def among(self, site: str, indices: Iterable[int]) -> list[int]:
        """Those of the indices that are there, in their order."""
        if self._there is None:
            return list(indices)
        there = self._there.get(site, ())
        return [index for index in indices if index in there]

    def of(self, site: str) -> list[int]:
        """All indices of a site, ascending."""
        return self.among(site, range(self.widths[site]))

    def __len__(self) -> int:
        if self._there is None:
            return sum(self.widths.values())
        return sum(map(len, self._there.values()))


def _chosen(part: str, units: _Units, seed: int, density: Density | None) -> Iterator[UnitId]:
    if drawn := _DRAWN.match(part):
        count = int(drawn["count"])
        if count > len(units):
            raise SubjectError(f"{part} asks for {count} units; there are {len(units)}")
        order = (
            _by_density(part, units, density)
            if drawn["how"] == "top-density"
            else _at_random(units, seed)
        )
        yield from (unit for unit, _ in zip(order, range(count), strict=False))
    elif sliced := _SLICE.match(part):
        bounds = slice(
            *(int(sliced[name]) if sliced[name] else None for name in ("start", "stop", "step"))
        )
        if bounds.step == 0:
            raise SubjectError(f"not units: {part!r}; the step of a slice is at least 1")
        for site in _sites(sliced["sites"], units.widths):
            indices = units.among(site, range(units.widths[site])[bounds])
            yield from (UnitId(site, index) for index in indices)
    elif "/" in part:
        sites, _, listed = part.rpartition("/")
        for site in _sites(sites, units.widths):
            yield from (_unit(site, text.strip(), part, units) for text in listed.split(","))
    else:
        for site in _sites(part, units.widths):
            yield from (UnitId(site, index) for index in units.of(site))


def _sites(text: str, widths: Mapping[str, int]) -> list[str]:
    if text in widths:
        return [text]
    prefix = text.removesuffix("*").removesuffix(".") + "."
    matching = [site for site in widths if text and site.startswith(prefix)]
    if not matching or ("*" in text and not text.endswith(".*")):
        known = ", ".join(widths) or "none"
        raise SubjectError(f"no site is called {text!r}; there are: {known}")
    return matching


def _unit(site: str, text: str, part: str, units: _Units) -> UnitId:
    if not _LISTED.match(text):
        raise SubjectError(f"not units: {part!r}; write SITE/INDEX, such as mlp.5/3,17,1021-")
    unit = UnitId.parse(f"{site}/{text}")
    width = units.widths[site]
    if unit.index >= width:
        raise SubjectError(f"there is no unit {unit}; {site} has units 0 to {width - 1}")
    if not units.among(site, [unit.index]):
        count = len(units.of(site))
        raise SubjectError(f"there is no unit {unit}: {count} of the {width} of {site} are there")
    return unit


def _at_random(units: _Units, seed: int) -> Iterator[UnitId]:
    """Every unit once, the sites taking turns, in an order that only the seed decides."""
    orders = {}
    for site, width in units.widths.items():
        indices = list(range(width))
        Random(f"{seed} {site}").shuffle(indices)  # noqa: S311 - a reproducible choice, no secret
        orders[site] = units.among(site, indices)
    for turn in range(max(map(len, orders.values()), default=0)):
        yield from (
            UnitId(site, order[turn]) for site, order in orders.items() if turn < len(order)
        )


def _by_density(part: str, units: _Units, density: Density | None) -> list[UnitId]:
    """Units of unknown density come last."""
    if density is None:
        raise SubjectError(f"{part} needs the units' densities, which only a recording knows")
    ranked = [
        (-1.0 if value is None else value, place, index)
        for place, site in enumerate(units.widths)
        for index, value in density(site).items()
    ]
    ranked.sort(key=lambda unit: (-unit[0], *unit[1:]))
    sites = list(units.widths)
    return [UnitId(sites[place], index) for _, place, index in ranked]
