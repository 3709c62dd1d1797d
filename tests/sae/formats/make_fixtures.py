"""Writes `fixtures/`: autoencoders as the field's libraries write them, and what they compute.

Run by hand, in an environment of its own, when a library's format changes:

    pip install torch==2.13.0 sae-lens==6.54.12 eai-sparsify==1.3.3 dictionary-learning==0.1.0
    SPARSIFY_DISABLE_TRITON=1 python tests/sae/formats/make_fixtures.py

Weights are random, 4 wide with 12 latents; each case has the library's own files and
`expected.safetensors`: inputs, and the latents and outputs that the library's forward pass gives
after loading those files again. OpenAI's release is no package; those two cases were made with a
transcription of its repository's `model.py` (saving, loading and the forward pass), on the path as
`openai_model`. dictionary-learning wants an nnsight that wants transformers 4 and is not needed
here: `nnsight.py` with `LanguageModel = None` on the path. The torchvision that comes along does
not fit the CPU build of torch; uninstall it.
"""

import json
from pathlib import Path

import dictionary_learning.dictionary as plain
import openai_model
import sae_lens
import torch
from dictionary_learning.trainers.batch_top_k import BatchTopKSAE
from dictionary_learning.trainers.matryoshka_batch_top_k import MatryoshkaBatchTopKSAE
from dictionary_learning.trainers.top_k import AutoEncoderTopK
from safetensors.torch import load_file, save_file
from sparsify import SparseCoder, SparseCoderConfig

WIDTH, LATENTS, TOKENS, K = 4, 12, 5, 3
FIXTURES = Path(__file__).parent / "fixtures"


def main() -> None:
    torch.manual_seed(0)
    openai_cases()
    sparsify_cases()
    saelens_cases()
    dictionary_learning_cases()


def randomise(module):
    """Give every floating parameter and buffer values that no formula could pass over."""
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if not tensor.is_floating_point():
            continue
        if "threshold" in name:
            tensor.data.copy_(torch.rand_like(tensor) * 0.5)
        else:
            tensor.data.copy_(torch.randn_like(tensor) * 0.7)


def keep(folder, inputs, latents, outputs):
    tensors = {"inputs": inputs, "latents": latents, "outputs": outputs}
    tensors = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    save_file(tensors, folder / "expected.safetensors")


def tokens(width=WIDTH):
    return torch.randn(TOKENS, width) * 2 + 1


def openai_cases():
    for name, activation in (
        ("openai_relu", torch.nn.ReLU()),
        ("openai_topk", openai_model.TopK(K)),
    ):
        folder = FIXTURES / name
        folder.mkdir(parents=True, exist_ok=True)
        made = openai_model.Autoencoder(
            LATENTS, WIDTH, activation=activation, normalize=name == "openai_topk"
        )
        randomise(made)
        torch.save(made.state_dict(), folder / "autoencoder.pt")
        stored = torch.load(folder / "autoencoder.pt", weights_only=True)
        loaded = openai_model.Autoencoder.from_state_dict(stored)
        x = tokens()
        _, latents, outputs = loaded(x)
        keep(folder, x, latents, outputs)


def sparsify_cases():
    options = {
        "topk": {},
        "groupmax": {"activation": "groupmax"},
        "skip": {"skip_connection": True},
        "transcoder": {"transcode": True},
        "skip_transcoder": {"transcode": True, "skip_connection": True},
    }
    for name, stated in options.items():
        folder = FIXTURES / f"sparsify_{name}"
        config = SparseCoderConfig(num_latents=LATENTS, k=K, **stated)
        made = SparseCoder(WIDTH, config)
        randomise(made)
        made.save_to_disk(folder)
        loaded = SparseCoder.load_from_disk(folder)
        x = tokens()
        out = loaded(x)
        latents = torch.zeros(TOKENS, LATENTS)
        latents.scatter_(1, out.latent_indices, out.latent_acts)
        keep(folder, x, latents, out.sae_out)


def saelens_cases():
    common = {"d_in": WIDTH, "d_sae": LATENTS}
    metadata = sae_lens.saes.sae.SAEMetadata(
        model_name="gpt2-small", hook_name="blocks.5.hook_resid_pre"
    )
    cases = {
        "standard": (sae_lens.StandardSAE, sae_lens.StandardSAEConfig, {}),
        "uncentred": (
            sae_lens.StandardSAE,
            sae_lens.StandardSAEConfig,
            {"apply_b_dec_to_input": False},
        ),
        "constant_norm": (
            sae_lens.StandardSAE,
            sae_lens.StandardSAEConfig,
            {"normalize_activations": "constant_norm_rescale"},
        ),
        "topk": (sae_lens.TopKSAE, sae_lens.TopKSAEConfig, {"k": K}),
        "topk_rescaled": (
            sae_lens.TopKSAE,
            sae_lens.TopKSAEConfig,
            {"k": K, "rescale_acts_by_decoder_norm": True, "normalize_activations": "layer_norm"},
        ),
        "jumprelu": (sae_lens.JumpReLUSAE, sae_lens.JumpReLUSAEConfig, {}),
        "gated": (sae_lens.GatedSAE, sae_lens.GatedSAEConfig, {}),
    }
    for name in ("Transcoder", "SkipTranscoder", "JumpReLUTranscoder", "JumpReLUSkipTranscoder"):
        config = getattr(sae_lens, f"{name}Config")
        stated = {"d_out": 3, "apply_b_dec_to_input": False, "normalize_activations": "layer_norm"}
        cases[name.lower()] = (getattr(sae_lens, name), config, stated)
    for name, (kind, config, stated) in cases.items():
        folder = FIXTURES / f"saelens_{name}"
        made = kind(config(**common, **stated, metadata=metadata))
        randomise(made)
        made.save_model(folder)
        keep_saelens(folder)
    keep_saelens_batchtopk(common)
    keep_saelens_of_before_version_6()


def keep_saelens(folder):
    loaded = sae_lens.SAE.load_from_disk(folder)
    x = tokens()
    keep(folder, x, loaded.encode(x), loaded(x))


def keep_saelens_batchtopk(common):
    folder = FIXTURES / "saelens_batchtopk"
    config = sae_lens.BatchTopKTrainingSAEConfig(**common, k=K, rescale_acts_by_decoder_norm=True)
    made = sae_lens.BatchTopKTrainingSAE(config)
    randomise(made)
    made.save_inference_model(folder)
    keep_saelens(folder)


def keep_saelens_of_before_version_6():
    """The settings of version 3 to 5, with weights of today (their names are the same)."""
    folder = FIXTURES / "saelens_before_6"
    folder.mkdir(exist_ok=True)
    weights = load_file(FIXTURES / "saelens_topk" / "sae_weights.safetensors")
    weights["scaling_factor"] = torch.ones(LATENTS)
    save_file(weights, folder / "sae_weights.safetensors")
    settings = {
        "d_in": WIDTH,
        "d_sae": LATENTS,
        "dtype": "torch.float32",
        "device": "cpu",
        "model_name": "gpt2-small",
        "hook_point": "blocks.5.hook_resid_pre",
        "hook_point_layer": 5,
        "activation_fn_str": "topk",
        "activation_fn_kwargs": {"k": K},
        "normalize_activations": False,
        "apply_b_dec_to_input": True,
        "context_size": 128,
    }
    (folder / "cfg.json").write_text(json.dumps(settings))
    keep_saelens(folder)


def dictionary_learning_cases():
    made = {
        "AutoEncoder": plain.AutoEncoder(WIDTH, LATENTS),
        "AutoEncoderNew": plain.AutoEncoderNew(WIDTH, LATENTS),
        "GatedAutoEncoder": plain.GatedAutoEncoder(WIDTH, LATENTS),
        "JumpReluAutoEncoder": plain.JumpReluAutoEncoder(WIDTH, LATENTS),
        "AutoEncoderTopK": AutoEncoderTopK(WIDTH, LATENTS, K),
        "BatchTopKSAE": BatchTopKSAE(WIDTH, LATENTS, K),
        "MatryoshkaBatchTopKSAE": MatryoshkaBatchTopKSAE(WIDTH, LATENTS, K, [4, 8]),
    }
    for name, dictionary in made.items():
        folder = FIXTURES / f"dictionary_learning_{name}"
        folder.mkdir(exist_ok=True)
        randomise(dictionary)
        torch.save(dictionary.state_dict(), folder / "ae.pt")
        trainer = {
            "dict_class": name,
            "activation_dim": WIDTH,
            "dict_size": LATENTS,
            "lm_name": "EleutherAI/pythia-70m-deduped",
            "submodule_name": "resid_post_layer_3",
        }
        if "TopK" in name:
            trainer["k"] = K
        (folder / "config.json").write_text(json.dumps({"trainer": trainer}))
        loaded = type(dictionary).from_pretrained(folder / "ae.pt")
        x = tokens()
        keep(folder, x, loaded.encode(x), loaded(x))


if __name__ == "__main__":
    main()
