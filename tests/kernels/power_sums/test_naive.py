"""Power sums against float64 brute force."""

import torch

from neuroscribe.kernels.power_sums.naive import power_sums


def test_sums_agree_with_float64_over_many_tiles():
    generator = torch.Generator().manual_seed(0)
    values = torch.randn((1000, 7), generator=generator) * 3 + 1
    exact = values.double()
    expected = torch.stack(
        [
            exact.sum(0),
            (exact**2).sum(0),
            (exact**3).sum(0),
            (exact**4).sum(0),
            (exact > 0).double().sum(0),
        ]
    )
    torch.testing.assert_close(power_sums(values), expected, rtol=2e-6, atol=1e-2)


def test_positive_values_are_counted_exactly():
    values = torch.tensor([[0.0, 1.0], [-1.0, 2.0], [3.0, -0.0]])
    assert power_sums(values)[4].tolist() == [1.0, 2.0]


def test_no_token_gives_zero_sums():
    assert power_sums(torch.empty((0, 3))).tolist() == [[0.0] * 3] * 5


def test_half_precision_is_summed_in_float32():
    values = torch.full((300, 1), 0.1, dtype=torch.bfloat16)
    assert abs(float(power_sums(values)[0, 0]) - 300 * float(values[0, 0])) < 1e-3
