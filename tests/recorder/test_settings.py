"""Recorder settings."""

import pytest

from neuroscribe.errors import InputError
from neuroscribe.recorder.settings import RecorderSettings
from neuroscribe.records import Site


def site(*, two_signed: bool) -> Site:
    return Site(
        name="resid.0",
        kind="resid",
        layer=0,
        module="m",
        side="out",
        width=2,
        two_signed=two_signed,
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"top_k": 0}, "top_k is 0; it must be at least 1"),
        ({"max_tokens": 0}, "max_tokens is 0"),
        ({"minimum_length": 65}, "over the sequence length 64"),
        ({"polarity": "up"}, "choose auto, positive or both"),
    ],
)
def test_settings_that_make_no_sense_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        RecorderSettings(**values)


def test_two_signed_sites_are_recorded_with_both_signs_unless_told_otherwise():
    assert RecorderSettings().polarities(site(two_signed=True)) == (1, -1)
    assert RecorderSettings().polarities(site(two_signed=False)) == (1,)
    assert RecorderSettings(polarity="both").polarities(site(two_signed=False)) == (1, -1)
    assert RecorderSettings(polarity="positive").polarities(site(two_signed=True)) == (1,)
