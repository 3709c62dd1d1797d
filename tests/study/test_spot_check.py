"""What was stored is what the subject does: exemplars against a forward pass of their own."""

import random

import pyarrow.compute as pc
import pytest
import torch

from neuroscribe.datasets.precision import SIGNIFICANT_BITS, rounded_exemplars
from neuroscribe.recorder.run import record
from neuroscribe.recorder.settings import RecorderSettings
from neuroscribe.study import Study
from neuroscribe.subjects import load_subject

N_EXEMPLARS = 200
ROUNDING = 2.0**-SIGNIFICANT_BITS
TOLERANCE = {"float32": 1e-4 + ROUNDING, "bfloat16": 2**-5 + ROUNDING}
"""Of the largest activation of the exemplar's unit: another batch rounds differently, and what is
stored has fewer bits than either."""


def largest_deviation(study: Study, subject) -> float:
    """Over a random sample, the largest difference in units of the exemplar's largest value."""
    table = study.table("exemplars").to_arrow()
    rows = table.take(random.Random(0).sample(range(table.num_rows), N_EXEMPLARS)).to_pylist()
    sequences = {
        row["sequence_id"]: row["token_ids"]
        for row in study.table("sequences").to_arrow().to_pylist()
    }
    sites = {site.name: site for site in subject.sites("mlp")}
    worst = 0.0
    for row in rows:
        token_ids = torch.tensor([sequences[row["sequence_id"]]])
        got = []
        subject.capture(
            token_ids,
            torch.tensor([token_ids.shape[1]]),
            [sites[row["site"]]],
            lambda _, values, row=row, got=got: got.extend(values[0, :, row["unit"]].tolist()),
        )
        truth = torch.tensor(got) * row["polarity"]
        stored = torch.tensor(row["activations"])
        assert len(stored) == len(truth)
        scale = max(float(truth.abs().max()), 1e-3)
        worst = max(worst, float((stored - truth).abs().max()) / scale)
    return worst


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_exemplars_of_a_decoder_agree_with_a_forward_pass_of_their_own(
    tmp_path, decoder, corpus, dtype
):
    study = Study.create(tmp_path / "s", subject=str(decoder), corpus=corpus, dtype=dtype)
    study.record(sequence_length=16, top_k=4, n_random=4, batch_size=8, polarity="both")
    subject = load_subject(str(decoder), dtype=dtype)
    assert largest_deviation(study, subject) <= TOLERANCE[dtype]


def test_what_is_stored_is_what_the_recorder_keeps_rounded(tmp_path, decoder, corpus):
    settings = {"sequence_length": 16, "top_k": 3, "n_random": 2, "batch_size": 8}
    study = Study.create(tmp_path / "s", subject=str(decoder), corpus=corpus)
    study.record(sites="mlp", **settings)
    kept = record(str(decoder), corpus, sites="mlp", settings=RecorderSettings(**settings)).recorder
    for site in study.widths:
        stored = study.table("exemplars").to_arrow(where=pc.field("site") == site)
        exact = kept.exemplars(site)
        assert stored.combine_chunks().equals(rounded_exemplars(exact).combine_chunks())
        assert stored["peak_activation"] != exact["peak_activation"]
    assert study.manifest["stored"] == {"activation_bits": SIGNIFICANT_BITS}


@pytest.mark.slow
def test_exemplars_of_a_trained_subject_agree_with_a_forward_pass_of_their_own(tmp_path):
    study = Study.create(tmp_path / "s", subject="minilm", corpus="stdlib")
    study.record(sites="mlp.3", max_tokens=64 * 96, top_k=4, n_quantile=1, n_random=2)
    assert largest_deviation(study, load_subject("minilm")) <= TOLERANCE["float32"]
