"""Training runs: what they find, what they report, and going on after a stop."""

import itertools

import pytest
import torch

from neuroscribe import sae
from neuroscribe.errors import SaeError
from neuroscribe.sae.measures import measure
from tests.sae.planted_features import PlantedFeatures

FEATURES = PlantedFeatures(features=12, width=8, active=2, offset=1.0)
SAMPLE = FEATURES.tokens(500, seed=0)


def settings(**stated):
    given = {"n_latents": 24, "k": 3, "steps": 20, "learning_rate": 3e-3, "dead_after_tokens": 200}
    return sae.TrainSettings(**(given | stated))


def batches(start=0):
    return FEATURES.batches(start, tokens=64)


def run(given=None, source=batches, **options):
    return sae.train(source, sample=SAMPLE, settings=given or settings(), **options)


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.slow
def test_planted_features_are_recovered():
    features = PlantedFeatures(features=32, width=24, active=2, offset=0.5)
    autoencoder = sae.train(
        features.batches,
        sample=features.tokens(2000, seed=0),
        settings=sae.TrainSettings(
            n_latents=64,
            k=3,
            steps=800,
            learning_rate=3e-3,
            decay_steps=200,
            dead_after_tokens=10_000,
        ),
    )
    assert features.recovery(autoencoder) >= 0.95
    measured = measure(autoencoder, [features.tokens(4000, seed=1)])
    assert measured.fraction_of_variance_unexplained < 0.1


def test_decoder_rows_have_norm_1_after_training():
    torch.testing.assert_close(run().decoder.norm(dim=1), torch.ones(24))


def test_the_error_falls():
    reports = []
    run(settings(steps=60, report_every=20), report=reports.append)
    assert [report.step for report in reports] == [20, 40, 60]
    assert reports[0].normalised_mse > reports[1].normalised_mse > reports[2].normalised_mse


def test_reports_say_how_it_goes():
    reports = []
    seconds = itertools.count(step=2.0)
    run(settings(steps=25, report_every=10), report=reports.append, clock=lambda: next(seconds))
    assert [(report.step, report.tokens) for report in reports] == [
        (10, 640),
        (20, 1280),
        (25, 1600),
    ]
    assert [report.tokens_per_second for report in reports] == [320, 320, 160]
    assert all(0 < report.l0 <= 3 for report in reports)
    assert all(0 <= report.dead_share <= 1 for report in reports)
    assert reports[0].loss >= reports[0].normalised_mse > 0


def test_the_same_run_gives_the_same_weights_to_the_bit():
    assert same(run(), run())
    assert not same(run(), run(settings(seed=1)))


@pytest.mark.parametrize(
    "stated",
    [
        {},
        {"ema_decay": 0.9, "multi_topk": True},
        {"accumulate": 2, "warmup_steps": 5, "decay_steps": 8, "clip_gradient": 0.1},
        {"precision": "bfloat16"},
    ],
)
@pytest.mark.parametrize("source", ["a function", "an iterable"])
def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path, stated, source):
    whole = settings(checkpoint_every=7, **stated)
    uninterrupted = run(whole)
    needed = whole.steps * whole.accumulate
    everything = list(itertools.islice(batches(), needed))
    file = tmp_path / "run.safetensors"
    # With two batches to a step, the stream ends in the middle of one.
    with pytest.raises(SaeError, match="ran out after 13 of 20 steps"):
        run(whole, everything[: 14 * whole.accumulate - 1], checkpoint=file)
    again = run(whole, everything if source == "an iterable" else batches, checkpoint=file)
    assert same(again, uninterrupted)


def test_a_kill_between_checkpoints_costs_what_came_after_the_last(tmp_path):
    file = tmp_path / "run.safetensors"
    whole = settings(checkpoint_every=7)

    def dying(start):
        for number, batch in enumerate(batches(start), start):
            if number == 17:
                raise KeyboardInterrupt
            yield batch

    with pytest.raises(KeyboardInterrupt):
        run(whole, dying, checkpoint=file)
    starts = []

    def watched(start):
        starts.append(start)
        return batches(start)

    assert same(run(whole, watched, checkpoint=file), run(whole))
    assert starts == [14]


def test_a_finished_run_does_nothing_more(tmp_path):
    file = tmp_path / "run.safetensors"
    first = run(checkpoint=file)
    assert same(run(source=[], checkpoint=file), first)


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    file = tmp_path / "run.safetensors"
    run(checkpoint=file)
    with pytest.raises(SaeError, match="is the checkpoint of another run"):
        run(settings(k=2), checkpoint=file)
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(SaeError, match="is damaged"):
        run(checkpoint=file)


def test_how_often_it_reports_is_no_part_of_a_run(tmp_path):
    file = tmp_path / "run.safetensors"
    run(checkpoint=file)
    run(settings(report_every=3, checkpoint_every=5), checkpoint=file)


def test_accumulated_halves_make_the_step_of_the_whole():
    """With an auxiliary loss out of the way, whose denominator is each batch's own."""
    plain = settings(steps=5, auxiliary_k=0)
    whole = run(plain, [FEATURES.tokens(64, seed=n) for n in range(5)])
    halves = [half for n in range(5) for half in FEATURES.tokens(64, seed=n).split(32)]
    parts = run(settings(steps=5, auxiliary_k=0, accumulate=2), halves)
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_a_running_average_of_one_step_is_that_step():
    after_one = run(settings(steps=1))
    averaged = run(settings(steps=1, ema_decay=0.999))
    for a, b in zip(after_one.parameters(), averaged.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def test_a_trained_autoencoder_is_written_and_read_again(tmp_path):
    origin = sae.Provenance(format="trained", source="planted", subject="minilm", site="mlp.3")
    autoencoder = run(provenance=origin)
    sae.save(autoencoder, tmp_path / "ours")
    again = sae.load(tmp_path / "ours")
    assert same(again, autoencoder)
    assert again.provenance == origin
    assert again.architecture.k == 3


def test_activations_that_do_not_fit_are_named():
    with pytest.raises(SaeError, match="activations are 7 wide; the sample was 8"):
        run(source=[torch.zeros(5, 7)] * 20)
    with pytest.raises(SaeError, match="the loss is nan at step 0"):
        run(source=[torch.full((5, 8), torch.nan)] * 20)


@pytest.mark.parametrize(
    ("stated", "sentence"),
    [
        ({"k": 0}, "k is 0; at least 1 is needed"),
        ({"k": 25}, "k is 25, more than the 24 latents there are"),
        ({"k": 7, "multi_topk": True}, "multi_topk takes 28 latents; there are 24"),
        ({"ema_decay": 1.0}, "ema_decay is 1.0"),
        ({"accumulate": 0}, "accumulate is 0"),
    ],
)
def test_settings_out_of_range(stated, sentence):
    with pytest.raises(SaeError, match=sentence):
        settings(**stated)


def test_the_learning_rate_rises_falls_and_follows_the_number_of_latents():
    given = settings(steps=10, warmup_steps=4, decay_steps=5, learning_rate=1.0)
    rates = [given.learning_rate_at(step) for step in range(10)]
    assert rates == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 0.8, 0.6, 0.4, 0.2]
    default = sae.TrainSettings(n_latents=2**16, k=32, steps=10)
    assert default.learning_rate_at(3) == pytest.approx(1e-4)
