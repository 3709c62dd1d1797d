"""Where the rows of exemplars are kept, and how much memory they take."""

import pytest
import torch

from neuroscribe.errors import InputError
from neuroscribe.recorder.placement import RowsBudget, choose_placement, row_bytes
from neuroscribe.recorder.recorder import Recorder
from neuroscribe.recorder.settings import RecorderSettings
from neuroscribe.records import Site

CPU, GPU = torch.device("cpu"), torch.device("cuda")
MB = 2**20


def site(number: int, width: int, *, two_signed: bool) -> Site:
    return Site(
        name=f"mlp.{number}",
        kind="mlp",
        layer=number,
        module="mlp",
        side="in",
        width=width,
        two_signed=two_signed,
    )


@pytest.mark.parametrize(
    ("needed", "device_mb", "host_mb", "chosen"),
    [
        (3 * MB, 3, 0, "device"),
        (3 * MB + 1, 3, 4, "host"),
        (3 * MB, 0, 3, "host"),
        (3 * MB + 1, 3, 3, "replay"),
        (1, 0, 0, "replay"),
        (0, 0, 0, "device"),
    ],
)
def test_rows_stay_on_a_gpu_while_they_fit_then_on_the_host_then_nowhere(
    needed, device_mb, host_mb, chosen
):
    budget = RowsBudget(device_mb=device_mb, host_mb=host_mb)
    assert choose_placement(needed, GPU, budget) == chosen


@pytest.mark.parametrize(
    ("device_mb", "host_mb", "chosen"),
    [(0, 3, "device"), (3, 2, "replay"), (3, 0, "replay")],
)
def test_on_a_cpu_the_budget_of_the_host_is_the_budget(device_mb, host_mb, chosen):
    budget = RowsBudget(device_mb=device_mb, host_mb=host_mb)
    assert choose_placement(3 * MB, CPU, budget) == chosen


def test_without_a_budget_a_small_recording_fits_and_one_beyond_all_memory_is_replayed():
    assert choose_placement(1000, CPU, RowsBudget()) == "device"
    assert choose_placement(2**60, CPU, RowsBudget()) == "replay"


@pytest.mark.parametrize(
    ("device", "host_mb", "there", "instead"),
    [
        (GPU, 9, "2 MB they may take on cuda", "they are kept in host memory"),
        (CPU, 3, "3 MB they may take on cpu", "the batches that hold them are run a second time"),
    ],
)
def test_the_log_says_why_rows_are_not_where_the_activations_are(
    caplog, device, host_mb, there, instead
):
    choose_placement(5 * MB, device, RowsBudget(device_mb=2, host_mb=host_mb))
    (message,) = caplog.messages
    assert f"need 5 MB, over the {there}: {instead}" in message


def test_nothing_is_said_while_rows_fit(caplog):
    choose_placement(5 * MB, CPU, RowsBudget(host_mb=5))
    assert caplog.messages == []


@pytest.mark.parametrize("name", ["device_mb", "host_mb"])
def test_a_negative_budget_is_refused_by_name(name):
    with pytest.raises(InputError, match=f"{name} is -1; it must be at least 0"):
        RowsBudget(**{name: -1})


def test_rows_of_a_known_recording_take_a_known_number_of_bytes():
    settings = RecorderSettings(top_k=20, n_quantile=3, n_random=10, sequence_length=64)
    # Per unit 20 top, 5 bands of 3 and 10 random exemplars; 64 values of 4 bytes in 4 splits.
    assert row_bytes([site(0, 100, two_signed=False)], settings) == 100 * 45 * 64 * 4 * 4
    # A second side has top exemplars and bands of its own, and shares the random ones.
    assert row_bytes([site(0, 100, two_signed=True)], settings) == 100 * 80 * 64 * 4 * 4


@pytest.mark.parametrize("polarity", ["auto", "positive", "both"])
@pytest.mark.parametrize(("n_quantile", "n_random"), [(3, 2), (0, 2), (1, 0)])
def test_the_bytes_foretold_are_the_bytes_a_recorder_allocates(polarity, n_quantile, n_random):
    sites = [site(0, 5, two_signed=True), site(1, 8, two_signed=False)]
    settings = RecorderSettings(
        top_k=4,
        n_random=n_random,
        n_quantile=n_quantile,
        sequence_length=6,
        polarity=polarity,
        keep_vectors=7,
    )
    state = Recorder(sites, settings).state_dict()
    rows = {name: tensor for name, tensor in state.items() if name.endswith("/rows")}
    assert sum(tensor.nbytes for tensor in rows.values()) == row_bytes(sites, settings)
    without = Recorder(sites, settings, rows_device=None).state_dict()
    assert set(state) - set(without) == set(rows)
