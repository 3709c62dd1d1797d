"""The compiled pass against the twin."""

import shutil

import pytest
import torch

from neuroscribe.kernels.sequence_summary import inductor, naive, sum_quanta

pytestmark = [
    pytest.mark.slow,
    # torch's own compiler still uses what torch warns of.
    pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning"),
    pytest.mark.skipif(
        not (shutil.which("g++") or shutil.which("clang++")), reason="needs a C++ compiler"
    ),
]
QUANTA = sum_quanta(torch.full((40,), 4.0), 12)


def activations(batch: int = 9) -> torch.Tensor:
    return torch.randn((batch, 12, 40), generator=torch.Generator().manual_seed(0))


def test_extremes_and_counts_are_the_twins_and_sums_agree_to_float32_rounding():
    values, lengths = activations(), torch.full((9,), 12)
    compiled = inductor.sequence_summary(values, lengths, QUANTA, both_signs=True)
    twin = naive.sequence_summary(values, lengths, QUANTA, both_signs=True)
    for name in ("peaks", "troughs", "positive", "negative", "not_finite", "nan"):
        assert torch.equal(getattr(compiled, name), getattr(twin, name)), name
    torch.testing.assert_close(compiled.sums, twin.sums, rtol=1e-5, atol=1e-3)
    assert bool((compiled.sums / QUANTA == (compiled.sums / QUANTA).round()).all())


def test_sums_do_not_depend_on_how_the_batch_is_cut():
    values, lengths = activations(), torch.full((9,), 12)
    whole = inductor.sequence_summary(values, lengths, QUANTA).sums
    parts = [
        inductor.sequence_summary(values[i : i + 4], lengths[i : i + 4], QUANTA).sums
        for i in range(0, 9, 4)
    ]
    assert torch.equal(sum(parts), whole)


@pytest.mark.parametrize("case", ["ragged", "nan"])
def test_what_it_is_not_made_for_is_the_twins_to_the_bit(case):
    values, lengths = activations(), torch.full((9,), 12)
    if case == "ragged":
        lengths[3] = 5
    else:
        values[2, 4, 7] = torch.nan
    compiled = inductor.sequence_summary(values, lengths, QUANTA)
    twin = naive.sequence_summary(values, lengths, QUANTA)
    assert all(torch.equal(one, other) for one, other in zip(compiled, twin, strict=True))
