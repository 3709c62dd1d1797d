"""`mlp.N`: the neurons of layer N, read where they enter the MLP's down-projection.

There the value is what the neuron contributes, after the activation function and, in a gated MLP,
after the product with the gate. A plain MLP's neurons speak with their positive side (GELU and kin
go only a little below 0); a gated one's product has two signs that mean different things.
Source of the rule: `neuroscribe.subjects.layout`.
"""

from typing import TYPE_CHECKING

from torch import nn

from neuroscribe.records import Site
from neuroscribe.subjects.layout import (
    Projection,
    blocks,
    choose_layers,
    feed_forward_projections,
    has_experts,
)

if TYPE_CHECKING:
    from neuroscribe.subjects.subject import Subject


def find(subject: "Subject", argument: str) -> list[Site]:
    """The MLP neurons of all layers that have them, or of the layer that `argument` names.

    Raises:
        SubjectError: there are none, as in a mixture of experts.
    """
    sites = {}
    experts = False
    for block in blocks(subject.model):
        experts = experts or has_experts(block)
        projections = feed_forward_projections(subject.model, block)
        if projections is not None:
            sites[block.layer] = Site(
                name=f"mlp.{block.layer}",
                kind="mlp",
                layer=block.layer,
                module=projections[-1].path,
                side="in",
                width=projections[-1].inputs,
                two_signed=_is_gated(projections) or _is_odd(block.module),
            )
    reason = (
        ". A fused mixture of experts keeps its neurons in one tensor that no hook reaches; "
        "record resid, or a place by its path (module:PATH)"
    )
    return choose_layers("mlp", argument, sites, reason if experts else "")


PLUGIN = find


def _is_gated(projections: list[Projection]) -> bool:
    """Whether more enters than leaves: a gate beside the values, in one layer or in two."""
    *inward, down = projections
    return sum(projection.outputs for projection in inward) >= 2 * down.inputs


def _is_odd(block: nn.Module) -> bool:
    """Whether the activation function is one whose negative side is as large as its positive."""
    return any(isinstance(module, nn.Tanh | nn.Softsign) for module in block.modules())
