"""When a unit counts as firing, stated once for explainers, judges and negatives.

A GELU neuron is a little above 0 almost everywhere, so "above 0" would call every text an example
of it. A token fires a unit if its activation is above `FIRING_SHARE` of the largest value ever
recorded on `train`; a text fires it if one of its tokens does. For SAE latents, most of which are 0
nearly everywhere, the same rule leaves out the faintest activations.

Source: the share is the one from which the highlight prompt of Paulo et al., 2024 marks tokens.
"""

from collections.abc import Sequence

from neuroscribe.records import Exemplar, UnitRecord

FIRING_SHARE = 0.3
"""Of the unit's largest activation on `train`."""


def firing_positions(activations: Sequence[float], max_activation: float) -> list[int]:
    """Positions of the tokens that fire a unit; none where its largest activation is not positive.

    >>> firing_positions([0.0, 1.0, 0.3, 0.31], max_activation=1.0)
    [1, 3]
    """
    if max_activation <= 0:
        return []
    threshold = FIRING_SHARE * max_activation
    return [place for place, value in enumerate(activations) if value > threshold]


def fires(record: UnitRecord, exemplar: Exemplar) -> bool:
    """Whether a unit fires on a sequence."""
    return bool(firing_positions(exemplar.activations, record.max_activation))
