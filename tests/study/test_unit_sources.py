"""Units that a callable makes of a site's value."""

import pytest
import torch

from neuroscribe.errors import SubjectError
from neuroscribe.recorder.run import record
from neuroscribe.recorder.settings import RecorderSettings

SETTINGS = RecorderSettings(sequence_length=16, top_k=3, n_random=2, batch_size=8)


def record_from(sources, decoder, corpus):
    return record(str(decoder), corpus, sites="resid.0", settings=SETTINGS, unit_sources=sources)


def test_a_unit_source_is_recorded_in_place_of_the_value_it_reads(decoder, corpus):
    encoder = torch.randn((16, 40), generator=torch.Generator().manual_seed(0))
    sources = {"resid.0": lambda values: torch.relu(values @ encoder)}
    recording = record_from(sources, decoder, corpus)
    plain = record_from({}, decoder, corpus)
    assert recording.recorder.sites["resid.0"].site.width == 40

    def random_rows(one) -> dict[int, torch.Tensor]:
        """By sequence, `[units, tokens]`."""
        rows: dict[int, list] = {}
        for row in one.recorder.exemplars("resid.0").to_pylist():
            if row["kind"] == "random" and row["polarity"] == 1:
                rows.setdefault(row["sequence_id"], []).append(row["activations"])
        return {sequence: torch.tensor(of_units) for sequence, of_units in rows.items()}

    values, latents = random_rows(plain), random_rows(recording)
    assert values.keys() == latents.keys()
    for sequence, by_unit in latents.items():
        expected = torch.relu(values[sequence].T @ encoder).T
        torch.testing.assert_close(by_unit, expected, atol=1e-4, rtol=1e-4)


def test_a_unit_source_for_a_site_that_is_not_recorded_is_refused(decoder, corpus):
    with pytest.raises(SubjectError, match=r"resid\.1, which is not recorded"):
        record_from({"resid.1": torch.relu}, decoder, corpus)


def test_a_unit_source_that_loses_the_sequence_is_refused(decoder, corpus):
    with pytest.raises(SubjectError, match="must keep batch and sequence"):
        record_from({"resid.0": lambda values: values[:, 0]}, decoder, corpus)
