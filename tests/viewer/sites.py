"""Reading a built site as its script does."""

from neuroscribe.viewer.blocks import read_block, read_json

SIZES = {"rows": 512, "units": 32, "exemplars": 8}


class BuiltSite:
    """All that a site holds, by unit."""

    def __init__(self, folder):
        self.folder = folder
        self.index = read_json(folder / "data" / "site.json")
        self.rows, self.units, self.exemplars, self.sequences = [], {}, {}, {}
        for number, site in enumerate(self.index["sites"]):
            for rows in self._blocks("rows", number, site["count"]):
                self.rows += [
                    dict(zip(rows, values, strict=True))
                    for values in zip(*rows.values(), strict=True)
                ]
            for block in self._blocks("units", number, site["count"]):
                self.units |= {unit["unit"]: unit for unit in block["units"]}
            for block in self._blocks("exemplars", number, site["count"]):
                for unit in block["units"]:
                    self.exemplars[unit["unit"]] = unit
                    self.sequences[unit["unit"]] = block["sequences"]

    def _blocks(self, kind, number, count):
        folder = self.folder / "data" / kind / str(number)
        expected = -(-count // SIZES[kind])
        assert len(list(folder.iterdir())) == expected
        return [read_block(folder / f"{block}.json.gz") for block in range(expected)]

    def names(self):
        """Every unit by the arithmetic of the contract, in order of row."""
        for site in self.index["sites"]:
            if site["units"] is not None:
                places = site["units"]
            else:
                sides = site["polarities"]
                places = [
                    (place // len(sides), sides[place % len(sides)])
                    for place in range(site["count"])
                ]
            for index, polarity in places:
                yield f"{site['name']}/{index}{'-' if polarity < 0 else ''}"

    def content(self):
        """Bytes of every file by its path."""
        return {
            path.relative_to(self.folder): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file()
        }
