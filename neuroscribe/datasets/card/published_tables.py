"""What a row of each table is, and which files hold the rows, for loaders that take patterns."""

from typing import Final

TABLES: Final = {
    "sequences": "token sequences of the corpus that at least one unit was kept on",
    "units": "statistics of every recorded unit, with histogram and token look-up table",
    "exemplars": "activations of a unit on one sequence: its strongest, random ones, quantiles",
    "vectors": "activations of all units of a site on randomly drawn tokens",
    "bits": "which units of a site fire on a sequence",
    "explanations": "what was said of a unit, by whom, with which outcome",
    "simulations": "activations predicted from an explanation",
    "judgements": "verdicts of judges on single texts",
    "lessons": "exemplars that a teacher chose one by one, and what a student learnt from them",
    "scores": "how well an explanation does, with interval, chance level and baselines",
}
"""What one row of each table is."""
WITHOUT_SITES: Final = ("sequences", "simulations", "judgements")
"""Tables whose parts lie in the table's own folder; the others have one folder per site."""


def pattern(name: str) -> str:
    """Which files hold a table's rows."""
    return f"{name}/*.parquet" if name in WITHOUT_SITES else f"{name}/*/*.parquet"
