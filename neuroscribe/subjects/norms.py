"""Which norms stand between a transformer's stream and its MLPs, by family.

What a projection is can be seen from its shape (`layout`); which of a block's norms its MLP reads
through cannot, so this is a table. The keys are the `model_type` of Hugging Face configurations. A
family that is not in it has no weights in token space, rather than wrong ones.
"""

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from neuroscribe.shapes import Float
from neuroscribe.subjects.layout import stream_width


class Norms(NamedTuple):
    """Paths of norms; None where there is none."""

    before: str | None
    """From the block: the norm through which the MLP reads."""
    final: str | None
    """From the model: the norm before the unembedding; None for encoders, which have neither."""
    after: str | None = None
    """From the block: a norm on what the MLP has written."""
    embedding: str | None = None
    """From the model: a norm right behind the token embeddings."""
    offset: float = 0.0
    """What the gain is above the stored weight (1 for Gemma)."""


_GPT2 = Norms("ln_2", "ln_f")
_LLAMA = Norms("post_attention_layernorm", "norm")
_GEMMA2 = Norms("pre_feedforward_layernorm", "norm", after="post_feedforward_layernorm", offset=1.0)
_BERT = Norms(
    "attention.output.LayerNorm", None, after="output.LayerNorm", embedding="embeddings.LayerNorm"
)
_FAMILIES = {
    "bert": _BERT,
    "bloom": Norms("post_attention_layernorm", "ln_f", embedding="word_embeddings_layernorm"),
    "camembert": _BERT,
    "cohere": Norms("input_layernorm", "norm"),
    "distilbert": Norms(
        "sa_layer_norm", None, after="output_layer_norm", embedding="embeddings.LayerNorm"
    ),
    "electra": _BERT,
    "gemma": Norms("post_attention_layernorm", "norm", offset=1.0),
    "gemma2": _GEMMA2,
    "gemma3_text": _GEMMA2,
    "gpt2": _GPT2,
    "gpt_bigcode": _GPT2,
    "gpt_neo": _GPT2,
    "gpt_neox": Norms("post_attention_layernorm", "final_layer_norm"),
    "gptj": Norms("ln_1", "ln_f"),
    "granite": _LLAMA,
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "mpnet": Norms(
        "attention.LayerNorm", None, after="output.LayerNorm", embedding="embeddings.LayerNorm"
    ),
    "mpt": Norms("norm_2", "norm_f"),
    "olmo2": Norms(None, "norm", after="post_feedforward_layernorm"),
    "opt": Norms("final_layer_norm", "decoder.final_layer_norm"),
    "phi": Norms("input_layernorm", "final_layernorm"),
    "phi3": _LLAMA,
    "qwen2": _LLAMA,
    "qwen3": _LLAMA,
    "roberta": _BERT,
    "smollm3": _LLAMA,
    "stablelm": _LLAMA,
    "starcoder2": _LLAMA,
    "xlm-roberta": _BERT,
}


def norms_of(model: PreTrainedModel) -> Norms | str:
    """The norms of a model's family, or a sentence that says why they are not known."""
    config = model.config.get_text_config()
    norms = _FAMILIES.get(config.model_type)
    if norms is None:
        return (
            f"weights in token space are not defined for the family {config.model_type!r}; "
            f"they are for: {', '.join(_FAMILIES)}"
        )
    if not getattr(config, "do_layer_norm_before", True):
        return f"this {config.model_type} has its norms behind its MLPs, which is not covered"
    width = embedding_of(model).shape[1]
    if width != stream_width(model):
        return (
            f"the embeddings of this {config.model_type} are {width} wide and its stream "
            f"{stream_width(model)}, so they do not meet its neurons directly"
        )
    return norms


def embedding_of(model: PreTrainedModel) -> Float[Tensor, "tokens width"]:
    """The token embeddings."""
    module: nn.Module = cast("Any", model).get_input_embeddings()
    return _weight(module)


def gain(
    parent: nn.Module, path: str | None, norms: Norms
) -> Float[Tensor, " stream"] | Float[Tensor, ""]:
    """The gain of a norm in float32; 1 where there is none.

    Args:
        parent: the block or the model.
        path: from there.
        norms: the family's.
    """
    if path is None:
        return torch.tensor(1.0)
    return _weight(parent.get_submodule(path)).float() + norms.offset


def _weight(module: nn.Module) -> Tensor:
    return cast("Tensor", module.weight).detach()
