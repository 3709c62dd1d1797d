"""`attn.N`: what the attention heads of layer N say, before it is mixed into the residual stream.

The value is the input of the attention's output projection: the heads' outputs side by side, head h
in the columns from h times the head width. Every coordinate has two signs.
Source of the rule: `neuroscribe.subjects.layout`.
"""

from typing import TYPE_CHECKING

from neuroscribe.records import Site
from neuroscribe.subjects.layout import attention_projection, blocks, choose_layers

if TYPE_CHECKING:
    from neuroscribe.subjects.subject import Subject


def find(subject: "Subject", argument: str) -> list[Site]:
    """The head outputs of all layers that have attention, or of the layer `argument` names."""
    sites = {}
    for block in blocks(subject.model):
        projection = attention_projection(subject.model, block)
        if projection is not None:
            sites[block.layer] = Site(
                name=f"attn.{block.layer}",
                kind="attn",
                layer=block.layer,
                module=projection.path,
                side="in",
                width=projection.inputs,
                two_signed=True,
            )
    return choose_layers("attn", argument, sites, "")


PLUGIN = find
