"""Studies: what most users hold. A dataset directory and the stages that fill it."""

from neuroscribe.llm.session import LLMOptions
from neuroscribe.study.outcome import Outcome
from neuroscribe.study.study import Study
from neuroscribe.study.unit_report import UnitReport

__all__ = ["LLMOptions", "Outcome", "Study", "UnitReport"]
