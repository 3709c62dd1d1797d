"""Tiny models with random weights and tokenizers that differ in how they cut numbers and tabs."""

from pathlib import Path

import pytest
import torch
from tokenizers import ByteLevelBPETokenizer, Regex, Tokenizer, decoders, models, trainers
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split
from tokenizers.processors import TemplateProcessing
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from neuroscribe.llm.local.engine import Engine
from neuroscribe.llm.local.opening import open_model
from neuroscribe.notation import UNKNOWN, activation_table

TOKENS = ("The", " rain", " in", " Spain", " stays", "\t", " 10", " mainly", "🙂", "</s>", " on")
TEXT = activation_table(TOKENS, range(10, -1, -1)) + activation_table(TOKENS, [UNKNOWN] * 11)
N_POSITIONS = 256


def byte_level(*, whole_ten: bool) -> Tokenizer:
    text = TEXT if whole_ten else TEXT.replace("10", "1 0")
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator([text] * 4, vocab_size=500, min_frequency=2)
    return bpe._tokenizer


def joining(pattern: str | None) -> Tokenizer:
    """Byte-level BPE within the pieces of a pattern; without one, anything may be joined."""
    tokenizer = Tokenizer(models.BPE())
    byte_level = ByteLevel(add_prefix_space=False, use_regex=False)
    split = [] if pattern is None else [Split(Regex(pattern), "isolated")]
    tokenizer.pre_tokenizer = Sequence([*split, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330, min_frequency=2, initial_alphabet=ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator([TEXT] * 4, trainer)
    return tokenizer


def spread(model):
    """Weights so large that tokens and positions make a difference."""
    for weight in model.parameters():
        if weight.dim() > 1:
            weight.data.mul_(6)
    return model


def gpt2():
    config = GPT2Config(
        vocab_size=500, n_positions=N_POSITIONS, n_embd=16, n_layer=2, n_head=2, n_inner=24,
        bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    return spread(GPT2LMHeadModel(config))


def llama():
    config = LlamaConfig(
        vocab_size=500, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=N_POSITIONS,
        bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    return spread(LlamaForCausalLM(config))


def save(folder: Path, model, tokenizer: Tokenizer, *, bos: bool = False) -> Path:
    special = {}
    if bos:
        tokenizer.add_special_tokens(["<s>"])
        tokenizer.post_processor = TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
        )
        special = {"bos_token": "<s>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def folders(tmp_path_factory) -> dict[str, Path]:
    """Saved models by name."""
    torch.manual_seed(0)
    made = {
        # "10" is two tokens; nothing stands before a text.
        "gpt2, splits 10": (gpt2(), byte_level(whole_ten=False), False),
        # "10" is one token; a text begins with <s>.
        "llama, keeps 10": (llama(), byte_level(whole_ten=True), True),
        # Letters are joined with the tab before them, numbers are not, as in newer tokenizers.
        "llama, joins tab and letters": (
            llama(),
            joining(r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s"),
            False,
        ),
        # Some numbers are joined with the tab before them.
        "gpt2, joins anything": (gpt2(), joining(None), False),
    }
    folder = tmp_path_factory.mktemp("models")
    return {
        name: save(folder / str(number), model, tokenizer, bos=bos)
        for number, (name, (model, tokenizer, bos)) in enumerate(made.items())
    }


@pytest.fixture(scope="session")
def engines(folders) -> dict[str, Engine]:
    """Opened models by name."""
    return {name: Engine(open_model(str(folder))) for name, folder in folders.items()}
