"""Seeded draws."""

import torch

from neuroscribe.recorder.draw import draw


def test_draws_are_fair_and_change_with_seed_and_stream():
    ids = torch.arange(10_000)
    draws = [draw(ids, seed=0), draw(ids, seed=1), draw(ids, seed=0, stream=1)]
    for one in draws:
        assert 0 <= float(one.min()) < float(one.max()) < 1
        assert abs(float(one.mean()) - 0.5) < 0.01
        assert 400 < int((one.argsort()[:1000] < 5000).sum()) < 600
    assert float(torch.corrcoef(torch.stack(draws)).fill_diagonal_(0).abs().max()) < 0.05


def test_a_draw_depends_on_the_id_alone():
    assert draw(torch.tensor([7, 2**40]), seed=3).tolist() == [
        float(draw(torch.tensor([i]), seed=3)) for i in (7, 2**40)
    ]
