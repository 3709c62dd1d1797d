"""`resid.N`: the residual stream as it leaves layer N.

The value is the output of the whole block, so it holds what all layers up to N wrote. Models with a
norm at the end of each block (BERT and kin) give it after that norm. Every coordinate has two
signs.
"""

from typing import TYPE_CHECKING

from neuroscribe.records import Site
from neuroscribe.subjects.layout import blocks, choose_layers, stream_width

if TYPE_CHECKING:
    from neuroscribe.subjects.subject import Subject


def find(subject: "Subject", argument: str) -> list[Site]:
    """The residual stream after every layer, or after the layer that `argument` names."""
    sites = {
        block.layer: Site(
            name=f"resid.{block.layer}",
            kind="resid",
            layer=block.layer,
            module=block.path,
            side="out",
            width=stream_width(subject.model),
            two_signed=True,
        )
        for block in blocks(subject.model)
    }
    return choose_layers("resid", argument, sites, "")


PLUGIN = find
