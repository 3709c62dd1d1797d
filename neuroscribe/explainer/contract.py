"""What an explainer is: from a unit's record, and what was chosen of it, to one explanation.

Explainers are dialogues (they do no I/O), so one driver caches, throttles and pays for them all.
Services beyond the LLM, such as the tokens that a unit's weights name, come through the constructor
by the names that `needs` lists; see `neuroscribe.services`.
"""

from collections.abc import Sequence
from typing import ClassVar, Protocol, runtime_checkable

from neuroscribe.llm.protocol import Dialogue
from neuroscribe.records import Exemplar, Explanation, UnitRecord


@runtime_checkable
class Explainer(Protocol):
    """Says what a unit does."""

    name: ClassVar[str]
    """The registered name."""
    needs: ClassVar[tuple[str, ...]]
    """Services (`neuroscribe.services`) that the constructor takes, as keywords; what else it
    takes are settings with defaults."""
    shows_exemplars: ClassVar[bool]
    """Whether a choice of exemplars makes a difference."""

    def __call__(
        self, record: UnitRecord, shown: Sequence[Exemplar] | None = None, *, sample: int = 0
    ) -> Dialogue[Explanation]:
        """Ask for one explanation.

        Args:
            record: of the unit; its negative side is a unit of its own, with its sign flipped.
            shown: exemplars of the `train` split, in the order in which they are shown; None means
                the strongest that the record has.
            sample: which candidate this is; another one asks the same again.

        Returns:
            An explanation that states its form and inputs. One with nothing to show the LLM is
            `skipped` with a reason, without a request.

        Raises:
            RecordError: an exemplar is of another split than `train`.
        """
