"""Small subjects with random weights, of every family that is known to work."""

from pathlib import Path

import pytest
import torch
from tokenizers import ByteLevelBPETokenizer
from tokenizers.processors import TemplateProcessing
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

from neuroscribe.subjects import Subject

COMMON = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "vocab_size": 300,
    "max_position_embeddings": 40,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GROUPED = {**COMMON, "num_key_value_heads": 1, "head_dim": 8}
GPT = {
    "n_embd": 16, "n_layer": 2, "n_head": 2, "n_inner": 24, "vocab_size": 300, "n_positions": 40,
    "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
CONFIGURATIONS = {
    "bert": COMMON,
    "bloom": {"hidden_size": 16, "n_layer": 2, "n_head": 2, "vocab_size": 300},
    "cohere": COMMON,
    "distilbert": {
        "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24, "vocab_size": 300,
        "max_position_embeddings": 40,
    },
    "electra": {**COMMON, "embedding_size": 16},
    "falcon": {
        "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        "ffn_hidden_size": 24, "vocab_size": 300,
    },
    "gemma2": GROUPED,
    "gemma3_text": GROUPED,
    "gpt2": GPT,
    "gpt_bigcode": GPT,
    "gpt_neo": {
        "hidden_size": 16, "num_layers": 2, "num_heads": 2, "intermediate_size": 24,
        "attention_types": [[["global", "local"], 1]], "vocab_size": 300,
        "max_position_embeddings": 40,
    },
    "gpt_neox": COMMON,
    "gptj": {**GPT, "rotary_dim": 8},
    "granite": COMMON,
    "llama": COMMON,
    "mistral": GROUPED,
    "mixtral": {**GROUPED, "num_local_experts": 2},
    "modernbert": COMMON,
    "mpnet": COMMON,
    "mpt": {"d_model": 16, "n_layers": 2, "n_heads": 2, "vocab_size": 300},
    "olmo2": COMMON,
    "opt": {
        "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "ffn_dim": 24,
        "word_embed_proj_dim": 16, "vocab_size": 300, "max_position_embeddings": 40,
    },
    "phi": COMMON,
    "phi3": COMMON,
    "qwen2": {**COMMON, "num_key_value_heads": 2},
    "qwen3": GROUPED,
    "roberta": {**COMMON, "pad_token_id": 1},
    "albert": {**COMMON, "embedding_size": 16},
    "smollm3": {**COMMON, "num_key_value_heads": 2},
    "stablelm": {**COMMON, "num_key_value_heads": 2},
    "starcoder2": {**COMMON, "num_key_value_heads": 2},
    "t5": {
        "d_model": 16, "num_layers": 2, "num_heads": 2, "d_ff": 24, "d_kv": 8, "vocab_size": 300,
        "feed_forward_proj": "gated-gelu",
    },
}  # fmt: skip


@pytest.fixture(scope="session")
def tokenizer():
    """Byte-level BPE without special tokens around a text and without a padding token."""
    return PreTrainedTokenizerFast(tokenizer_object=_trained())


@pytest.fixture(scope="session")
def framing_tokenizer():
    """The same with `<s>` before and `</s>` behind a text."""
    backend = _trained(special_tokens=["<s>", "</s>"])
    backend.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")


@pytest.fixture
def make_model():
    """Build a base model of a family with random weights, in evaluation mode."""

    def make(family: str, **changes):
        torch.manual_seed(0)
        settings = {**CONFIGURATIONS[family], **changes}
        return AutoModel.from_config(AutoConfig.for_model(family, **settings)).eval()

    return make


@pytest.fixture
def make_subject(make_model, tokenizer):
    """Build a subject of a family."""

    def make(family: str, **changes) -> Subject:
        return Subject.from_model(make_model(family, **changes), tokenizer, name=family)

    return make


@pytest.fixture
def saved_model(make_model, framing_tokenizer, tmp_path) -> Path:
    """A folder that holds a small Llama and its tokenizer, as Hugging Face saves them."""
    folder = tmp_path / "model"
    make_model("llama").save_pretrained(folder)
    framing_tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def stories260k() -> Path:
    """The trained model of llama2.c's author, where the shared data are."""
    folder = Path(__file__).parents[3] / "shared" / "data" / "stories260K"
    if not folder.is_dir():
        pytest.skip("the shared data are not here")
    return folder


def _trained(special_tokens=()):
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(
        ["rain and snow and sun and wind"],
        vocab_size=280,
        min_frequency=1,
        special_tokens=list(special_tokens),
        show_progress=False,
    )
    return bpe._tokenizer
