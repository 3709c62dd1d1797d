"""Explanations of delphi, what its judges said of them, and the scores that follow.

Scores are computed from the answers: the balanced accuracy of verdicts, and where there are
probabilities or similarities the area under the curve. A text without an answer lowers the
coverage, as everywhere. Scores whose explanation is not there hang on an empty one.
"""

from collections import Counter
from collections.abc import Sequence

from neuroscribe.datasets.interchange.delphi_folder import DelphiFolder
from neuroscribe.datasets.interchange.delphi_results import (
    NOT_PARSED,
    Judged,
    LatentName,
    auc,
    balanced_accuracy,
    read_explanations,
    read_judged,
)
from neuroscribe.datasets.interchange.imported_study import StudyBuilder
from neuroscribe.records import Explanation, Judgement, Score, UnitId

_CHANCE = 0.5


class Opinions:
    """What was said of latents, on its way into the study."""

    def __init__(
        self, builder: StudyBuilder, folder: DelphiFolder, *, explainer: str, llm: str
    ) -> None:
        self.lost: Counter[str] = Counter()
        self._builder = builder
        self._folder = folder
        self._explainer = explainer
        self._llm = llm

    def add(self, unit: UnitId, name: LatentName) -> None:
        """Take what was said of one latent."""
        texts = [
            text for path in self._folder.explanations[name] for text in read_explanations(path)
        ]
        files = self._folder.scores[name]
        explanations = [self._explanation(unit, text, place) for place, text in enumerate(texts)]
        if files and not explanations:
            self.lost["scores of explanations that are not there: their texts"] += 1
            explanations = [self._absent(unit)]
        for explanation in explanations:
            self._builder.explanation(explanation)
        for scorer, path in sorted(files.items()):
            self._judge(explanations[0], scorer, read_judged(path))

    def _explanation(self, unit: UnitId, text: str | None, place: int) -> Explanation:
        return Explanation(
            unit=unit,
            text=text,
            status="unparsed" if text is None else "ok",
            reason=NOT_PARSED if text is None else None,
            explainer=self._explainer,
            llm=self._llm,
            exemplars="unknown",
            prompt_sha256="",
            candidate=place,
            selected=place == 0,
            created_at=self._builder.imported_at,
        )

    def _absent(self, unit: UnitId) -> Explanation:
        return Explanation(
            unit=unit,
            text=None,
            status="skipped",
            reason="the source holds scores of an explanation that it does not hold",
            explainer=self._explainer,
            llm=self._llm,
            exemplars="unknown",
            prompt_sha256="",
            created_at=self._builder.imported_at,
        )

    def _judge(self, explanation: Explanation, scorer: str, judged: Sequence[Judged]) -> None:
        report_set = f"quantile_and_{self._folder.kind_of_negatives}"
        known = [each for each in judged if each.fires is not None]
        self.lost["judged texts of which it is not known whether the latent fires"] += len(
            judged
        ) - len(known)
        if scorer == "fuzzing":
            self.lost["texts of fuzzing: which of their tokens were marked"] += len(known)
        for item, each in enumerate(known):
            answered = each.says is not None or each.ranks is not None
            self._builder.judgement(
                Judgement(
                    explanation_id=explanation.explanation_id,
                    scorer=scorer,
                    report_set=report_set,
                    item=item,
                    kind="quantile" if each.fires else self._folder.kind_of_negatives,
                    truth=each.fires,
                    llm=self._llm,
                    status="ok" if answered else "unparsed",
                    reason=None if answered else "the source has no answer",
                    text=each.text,
                    verdict=each.says,
                    probability=each.ranks,
                )
            )
        values = {"balanced_accuracy": balanced_accuracy(known), "auc": auc(known)}
        answers = {
            "balanced_accuracy": sum(each.says is not None for each in known),
            "auc": sum(each.ranks is not None for each in known),
        }
        for metric, value in values.items():
            if known and answers[metric]:
                self._builder.score(
                    Score(
                        explanation_id=explanation.explanation_id,
                        unit=explanation.unit,
                        scorer=scorer,
                        llm=self._llm,
                        metric=metric,
                        report_set=report_set,
                        value=value,
                        low=None,
                        high=None,
                        chance=_CHANCE,
                        n_sequences=len(known),
                        n_items=len(known),
                        coverage=answers[metric] / len(known),
                        n_failed=len(known) - answers[metric],
                        reason="only one kind of text has answers" if value is None else None,
                    )
                )
