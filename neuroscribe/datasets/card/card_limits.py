"""What a dataset card warns of; each warning is derived from what the study holds."""

from collections.abc import Iterator, Mapping
from typing import Any

from neuroscribe.datasets.card.card_statistics import Statistics
from neuroscribe.datasets.card.markdown import text


def limits_of(manifest: Mapping[str, Any], statistics: Statistics) -> Iterator[str]:
    """What a reader must not conclude, as Markdown, one sentence or two each.

    Args:
        manifest: as it may be published.
        statistics: of the same study.
    """
    if any(is_mock(llm) for llm in statistics.llms):
        yield "A mock LLM took part; see above. Do not read its scores as those of an LLM."
    ablated = any(mean.n for mean in statistics.scores if mean.kind["scorer"] == "ablation")
    if statistics.scores and not ablated:
        yield (
            "There is no `ablation` score: nothing here shows that an explanation accounts for "
            "what a unit does to the model's output. (A model that predicts no next token, such as "
            "an encoder, cannot have one.)"
        )
    unreliable = sum(mean.unreliable for mean in statistics.scores)
    if unreliable:
        yield (
            f"{unreliable:,} score values are null or rest on too few predictions (`reliable` is "
            "false, `reason` says why); the means above leave them out."
        )
    units = sum(site.units for site in statistics.sites.values())
    explained = sum(site.explained for site in statistics.sites.values())
    if explained < units:
        yield f"{units - explained:,} of {units:,} units have no explanation."
    yield (
        "Exemplars show what a unit fires on in this corpus; on other texts it may fire on other "
        "things."
    )
    yield "Scores of different simulators, LLMs, metrics or report sets are not comparable."
    yield "Missing values are null, never 0 or NaN, and have a `reason` beside them."
    for note in (manifest.get("imported") or {}).get("notes", ()):
        yield text(str(note))


def is_mock(llm: str) -> bool:
    """Whether a spec names the mock, which is no LLM."""
    return llm.partition(":")[0] == "mock"
