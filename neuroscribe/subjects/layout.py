"""Where things are in a transformer: its blocks, and the projections that leave their two halves.

One rule serves every architecture, because Hugging Face models share a skeleton though not their
names. The blocks are the outermost list of modules that is as long as the configuration says the
model is deep. Inside a block, a linear layer belongs to attention when its path says so and to the
feed-forward part otherwise, and the projection back to the residual stream is the last one there
whose output is as wide as the stream (`c_proj`, `down_proj`, `dense_4h_to_h`, `fc2`,
`output.dense`, `lin2`, `wo`, ...; for attention `o_proj`, `out_proj`, `dense`, `out_lin`, ...). Its
INPUT is what a neuron, or a head, has to say. The trade-off: a model with another skeleton (shared
blocks, fused experts, state spaces) has no such place, which is an error rather than a guess.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from neuroscribe.errors import SubjectError
from neuroscribe.records import Site

_ATTENTION = re.compile(r"attn|attention", re.IGNORECASE)
_CROSS_ATTENTION = re.compile(r"cross|EncDec|encoder_attn", re.IGNORECASE)
# These mix positions too, so what they hold is no feed-forward neuron.
_OTHER_MIXERS = re.compile(r"mamba|mixer|ssm|recurrent|short_conv|time_mix", re.IGNORECASE)
_EXPERTS = re.compile(r"expert", re.IGNORECASE)
_INWARD = re.compile(
    r"^(q|k|v|qkv|query|key|value|query_key_value|c_attn|wqkv)(_proj|_lin)?$", re.IGNORECASE
)


class Block(NamedTuple):
    """One layer of the model."""

    layer: int
    path: str
    module: nn.Module


class Projection(NamedTuple):
    """A linear layer inside a block."""

    path: str
    """Dotted path from the model."""
    inputs: int
    outputs: int


def stream_width(model: PreTrainedModel) -> int:
    """Width of the residual stream."""
    return int(model.config.get_text_config().hidden_size)


def blocks(model: PreTrainedModel) -> list[Block]:
    """The model's layers, in order.

    Raises:
        SubjectError: the model has no such list, as when one block is shared by all layers.
    """
    found = _blocks(model)
    if not found:
        raise SubjectError(
            f"{type(model).__name__} keeps no list of {_depth(model)} layers, so sites by layer "
            "are unknown; name a place by its path, such as module:PATH"
        )
    return found


def layer_of(model: PreTrainedModel, path: str) -> int | None:
    """The layer that a module belongs to; None outside of the layers."""
    for block in _blocks(model):
        if path == block.path or path.startswith(f"{block.path}."):
            return block.layer
    return None


def feed_forward_projections(model: PreTrainedModel, block: Block) -> list[Projection] | None:
    """The linear layers of a block's feed-forward part; the last one leads back to the stream.

    None where there is no such place: fused experts, or no feed-forward part.
    """
    if has_experts(block):
        return None
    projections = [
        projection
        for projection in _projections(block)
        if not (_ATTENTION.search(_inside(block, projection)) or _mixes(block, projection))
    ]
    outward = [p for p in projections if p.outputs == stream_width(model)]
    if len(projections) < 2 or not outward:
        return None
    return projections[: projections.index(outward[-1]) + 1]


def attention_projection(model: PreTrainedModel, block: Block) -> Projection | None:
    """The linear layer through which a block's self-attention speaks; None if it has none."""
    outward = [
        projection
        for projection in _projections(block)
        if _ATTENTION.search(_inside(block, projection))
        and not _CROSS_ATTENTION.search(_inside(block, projection))
        and not _INWARD.match(projection.path.rpartition(".")[2])
        and projection.outputs == stream_width(model)
    ]
    return outward[-1] if outward else None


def has_experts(block: Block) -> bool:
    """Whether the block's feed-forward part is a mixture of experts."""
    return any(_EXPERTS.search(path) for path, _ in block.module.named_parameters())


def choose_layers(kind: str, argument: str, sites: Mapping[int, Site], reason: str) -> list[Site]:
    """The sites that a selector such as `mlp` or `mlp.5` asks for.

    Args:
        kind: name of the source.
        argument: what follows `KIND.`: a layer, or nothing for all of them.
        sites: those there are, by layer.
        reason: why a layer may have none, as a sentence that ends the message.

    Raises:
        SubjectError: there is no such site; the message lists those there are.
    """
    if argument == "" and sites:
        return list(sites.values())
    if argument.isdecimal() and int(argument) in sites:
        return [sites[int(argument)]]
    asked = f"{kind}.{argument}" if argument else kind
    known = ", ".join(site.name for site in sites.values()) or "none of this kind"
    raise SubjectError(f"no site is called {asked!r}; there are: {known}{reason}")


def _depth(model: PreTrainedModel) -> int | None:
    return getattr(model.config.get_text_config(), "num_hidden_layers", None)


def _blocks(model: PreTrainedModel) -> list[Block]:
    depth = _depth(model)
    lists = [(path, module) for path, module in _outermost_lists(model) if len(module) == depth]
    if not lists:
        return []
    path, found = max(lists, key=lambda pair: sum(p.numel() for p in pair[1].parameters()))
    return [Block(layer, f"{path}.{layer}", module) for layer, module in enumerate(found)]


def _outermost_lists(model: nn.Module) -> Iterator[tuple[str, nn.ModuleList]]:
    found: list[str] = []
    for path, module in model.named_modules():
        nested = any(path.startswith(f"{outer}.") for outer in found)
        if isinstance(module, nn.ModuleList) and not nested:
            found.append(path)
            yield path, module


def _projections(block: Block) -> Iterator[Projection]:
    for name, module in block.module.named_modules():
        path = f"{block.path}.{name}"
        if isinstance(module, nn.Linear):
            yield Projection(path, module.in_features, module.out_features)
        elif isinstance(module, Conv1D):
            inputs, outputs = module.weight.shape
            yield Projection(path, inputs, outputs)


def _inside(block: Block, projection: Projection) -> str:
    return projection.path.removeprefix(f"{block.path}.")


def _mixes(block: Block, projection: Projection) -> bool:
    return _OTHER_MIXERS.search(_inside(block, projection)) is not None
