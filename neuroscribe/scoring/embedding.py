"""Score an explanation by whether a sentence encoder puts it nearer to the texts that fire.

No LLM is asked: the similarity of explanation and text ranks the texts, and the area under the
curve says how well. It costs next to nothing and is blind to what single tokens do, so it serves to
sort many explanations, not to settle which of two is right. The texts are embedded as they read,
not escaped.

Source: METHODS section 5, after Paulo et al., 2024.
"""

from dataclasses import dataclass
from typing import ClassVar

from neuroscribe.llm.protocol import Dialogue
from neuroscribe.scoring.case import ScoringCase, ScoringResult
from neuroscribe.scoring.contrast import Contrasting
from neuroscribe.scoring.held_out import texts_of
from neuroscribe.scoring.opinions import Opinion
from neuroscribe.scoring.verdicts import verdict_result
from neuroscribe.services import Embed


@dataclass(frozen=True, kw_only=True)
class Embedding(Contrasting):
    """The embedding scorer."""

    embed: Embed

    name: ClassVar[str] = "embedding"
    needs: ClassVar[tuple[str, ...]] = ("embed", "negatives")

    @property
    def judge(self) -> str:
        """The encoder: it is part of the score's key."""
        return f"embed:{self.embed.name}"

    def __call__(self, case: ScoringCase) -> Dialogue[ScoringResult]:
        """Rank and score; asks nothing.

        Raises:
            RecordError: the explanation has no text, or a sequence is not of `test` alone.
        """
        yield from ()
        explanations = texts_of(case)
        items, reason = self.items(case.record, lambda sequence: sequence.text.strip())
        opinions: list[list[Opinion]] = [[] for _ in explanations]
        if items:
            vectors = self.embed([*explanations, *(item.shown for item in items)])
            cosines = vectors[: len(explanations)] @ vectors[len(explanations) :].T
            opinions = [
                [Opinion(status="ok", llm=self.judge, probability=cosine) for cosine in row]
                for row in cosines.astype(float).tolist()
            ]
        return verdict_result(
            case,
            items,
            opinions,
            scorer=self.name,
            report_set=self.report_sets[0],
            metrics=("auc",),
            llm=self.judge,
            reason=reason,
        )


PLUGIN = Embedding
