"""Exemplars to prompt to explanation.

Each explainer is one file whose name is its registered name and whose `PLUGIN` is a class: its
settings are its constructor's keywords, and calling it with a `UnitRecord` gives a dialogue that
ends in an `Explanation`.
"""

from neuroscribe.notation import discretise

__all__ = ["discretise"]
