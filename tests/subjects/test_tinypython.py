"""The embedded decoder: what comes in the package is what its report says, and it knows Python."""

import hashlib
import sysconfig
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from neuroscribe.errors import SubjectError
from neuroscribe.plain import simulate
from neuroscribe.simulator.prompt_logprobs import PromptLogprobs
from neuroscribe.subjects import load_subject, tinypython
from neuroscribe.subjects.language_model import load_language_model

WRITTEN_HERE = '''\
def read_settings(path, encoding=None):
    """Return the settings of a file as a dictionary.

    If the file does not exist, return an empty dictionary.
    """
    if not os.path.exists(path):
        return {}
    result = {}
    with open(path, encoding=encoding) as file:
        for line in file:
            line = line.strip()
            if not line or line.startswith('#'):
                continue
            name, value = line.split('=', 1)
            result[name] = value
    return result


class Reader:
    def __init__(self, path):
        self.path = path
        self._lines = []

    def __repr__(self):
        return '<%s %r>' % (self.__class__.__name__, self.path)

    def close(self):
        if self._file is not None:
            self._file.close()
            self._file = None
'''


@pytest.fixture(scope="module")
def subject():
    return load_subject("tinypython", device="cpu")


@pytest.fixture(scope="module")
def language_model():
    return AutoModelForCausalLM.from_pretrained(tinypython.folder()).eval()


@pytest.fixture(scope="module")
def token_ids(subject):
    """The ids of a text, without what the tokenizer puts before it."""
    options = {"add_special_tokens": False, "verbose": False}
    return lambda text: subject.tokenizer(text, **options)["input_ids"]


@pytest.fixture(scope="module")
def nats(subject, language_model):
    """Loss of each of some ids, in nats, the first one's too."""

    def of(ids: list[int]) -> torch.Tensor:
        framed = torch.tensor([[*subject.prefix_ids, *ids]])
        with torch.inference_mode():
            logits = language_model(framed).logits
        return torch.nn.functional.cross_entropy(logits[0, :-1], framed[0, 1:], reduction="none")

    return of


def test_the_embedded_decoder_loads_without_a_network(subject):
    assert (subject.name, subject.revision) == ("tinypython", "2 (seed 0, CPython 3.11.7)")
    assert subject.location == str(tinypython.folder())
    assert [(site.name, site.width) for site in subject.sites("mlp")] == [
        (f"mlp.{layer}", 640) for layer in range(4)
    ]
    assert (subject.prefix_ids, subject.suffix_ids) == ((0,), ())
    assert subject.longest_sequence == 1023


def test_the_weights_are_those_of_this_version_and_small():
    content = (tinypython.folder() / "model.safetensors").read_bytes()
    assert hashlib.sha256(content).hexdigest() == tinypython.WEIGHTS_SHA256
    assert len(content) <= 4_200_000
    assert (tinypython.folder() / "tokenizer.json").stat().st_size <= 500_000


def test_its_weights_lie_in_float16_and_are_computed_with_in_float32(subject, language_model):
    stored = load_file(tinypython.folder() / "model.safetensors")
    assert {weight.dtype for weight in stored.values()} == {torch.float16}
    with_head = load_language_model(subject)
    for model in (subject.model, language_model, with_head):
        assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    rows = stored["transformer.wpe.weight"].float()
    assert len(rows) == 1024
    assert torch.equal(subject.model.wpe.weight, rows)
    assert torch.equal(with_head.transformer.wpe.weight, rows)


def test_other_weights_under_the_name_of_tinypython_are_refused():
    with pytest.raises(SubjectError, match=r"0000, not .* as this version of the package states"):
        tinypython.check_weights("0" * 64)


def test_its_head_is_the_subjects_own_embedding(subject, language_model):
    assert language_model.config.activation_function == "gelu_new"
    assert torch.equal(language_model.lm_head.weight, subject.model.wte.weight)
    assert language_model.num_parameters() == tinypython.training_report()["parameters"]


def test_the_report_says_that_a_finished_run_beats_counting_pairs():
    report = tinypython.training_report()
    assert report["finished"]
    assert [stage["steps_done"] for stage in report["stages"]] == [2400, 600]
    for losses in report["held_out"].values():
        for unit in ("nats_per_token", "bits_per_byte"):
            assert losses["model"][unit] < 0.9 * losses["bigram"][unit]
            assert losses["bigram"][unit] < losses["unigram"][unit]


def test_the_report_says_that_a_longer_sequence_is_predicted_better():
    held_out = tinypython.training_report()["held_out"]
    nats = [
        held_out[f"sequence_length_{length}"]["model"]["nats_per_token"]
        for length in (64, 256, 1024)
    ]
    assert nats == pytest.approx([3.224, 2.876, 2.761], abs=1e-3)


def test_no_choice_of_token_frequencies_predicts_a_text_as_well(token_ids, nats):
    """The best unigram model of a text is that of its own frequencies."""
    ids = token_ids(WRITTEN_HERE)
    counts = torch.tensor(ids).bincount().double()
    shares = counts[counts > 0] / len(ids)
    assert nats(ids).mean() < -(shares * shares.log()).sum() - 2


def test_the_loss_on_a_fixed_text_is_the_one_seen_when_it_was_trained(token_ids, nats):
    assert float(nats(token_ids(WRITTEN_HERE)).mean()) == pytest.approx(1.544, abs=0.01)


def test_held_out_modules_of_this_python_have_about_the_stated_loss(token_ids, nats):
    """Three of the 89 held-out documents, in the windows that a recorder cuts."""
    stated = tinypython.training_report()["held_out"]["sequence_length_64"]
    library = Path(sysconfig.get_path("stdlib"))
    losses = []
    for name in ("cmd.py", "operator.py", "email/utils.py"):
        ids = token_ids((library / name).read_text("utf-8"))
        losses += [nats(ids[start : start + 64]) for start in range(0, len(ids), 64)]
    loss = float(torch.cat(losses).mean())
    assert loss == pytest.approx(stated["model"]["nats_per_token"], abs=0.2)
    assert loss < stated["bigram"]["nats_per_token"] - 1


@pytest.mark.parametrize(
    ("prompt", "next_token"),
    [
        ("def __init__(", "self"),
        ("    def close(self):\n        if self.closed", ":"),
        ("for i in", " range"),
        ("try:\n    import threading\nexcept", " ImportError"),
        ("    import os\n    path = os.", "path"),
        ("    if self.name is not", " None"),
    ],
)
def test_it_knows_how_python_goes_on(subject, language_model, prompt, next_token):
    encoded = subject.tokenizer(prompt, return_tensors="pt")
    with torch.inference_mode():
        best = int(language_model(**encoded).logits[0, -1].argmax())
    assert subject.tokenizer.decode([best]) == next_token


def test_a_simulation_prompt_for_64_tokens_fits_and_is_answered(subject, token_ids):
    ids = token_ids(WRITTEN_HERE)[:64]
    tokens = [subject.tokenizer.decode([token]) for token in ids]
    explanation = "words about files"
    prompt = PromptLogprobs().prompt(explanation, tokens)
    assert 256 < len(token_ids(prompt)) < subject.longest_sequence
    prediction = simulate(explanation, tokens, "local:tinypython", simulator="prompt_logprobs")
    assert (prediction.status, prediction.simulator) == ("ok", "prompt_logprobs")
    assert len(prediction.expected) == 64
    assert all(0 <= value <= 10 for value in prediction.expected)
    assert len(set(prediction.expected)) > 1
