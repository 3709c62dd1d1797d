"""The synthetic experiment of benchmarks/teaching.py, on a few units."""

from itertools import pairwise

import numpy as np
import teaching


def test_a_teacher_beats_a_random_mix_beats_quantiles_beat_the_strongest():
    results, _ = teaching.compare(map(teaching.synthetic_unit, range(6)))
    means = {name: np.mean([u.correlation for u in units]) for name, units in results.items()}
    for worse, better in pairwise(["top", "quantile", "random", "teach"]):
        assert means[better] > means[worse] + 0.05
    assert means["top"] < means["mix"] < means["teach"]


def test_the_strongest_exemplars_of_a_synthetic_unit_show_mostly_one_concept():
    record, embed, held_out = teaching.synthetic_unit(0)
    tops = record.select("train", "top")
    vectors = embed([exemplar.sequence.text for exemplar in tops])
    alike = vectors @ vectors.T
    fires = [e for e in held_out if e.peak_activation > 0]
    others = embed([exemplar.sequence.text for exemplar in fires])
    assert alike.mean() > 1.5 * (others @ others.T).mean()
