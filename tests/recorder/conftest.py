"""A recorder that is fed by hand, so that its results can be checked against brute force."""

from dataclasses import dataclass

import pytest
import torch

from neuroscribe.kernels.sequence_summary import sequence_peaks
from neuroscribe.recorder.batch import Batch
from neuroscribe.recorder.calibration import calibrate
from neuroscribe.recorder.recorder import Recorder
from neuroscribe.recorder.settings import RecorderSettings
from neuroscribe.records import SPLITS, Site


@dataclass
class Stream:
    """Activations of every sequence of a small corpus."""

    activations: torch.Tensor
    lengths: torch.Tensor
    splits: torch.Tensor
    token_ids: torch.Tensor

    @property
    def site(self) -> Site:
        return Site(
            name="mlp.0",
            kind="mlp",
            layer=0,
            module="mlp",
            side="in",
            width=self.activations.shape[2],
            two_signed=True,
        )

    def feed(
        self, recorder: Recorder, ids: list[int], batch_size: int, *, first_id: int = 0
    ) -> Recorder:
        for start in range(0, len(ids), batch_size):
            chosen = torch.tensor(ids[start : start + batch_size])
            width = int(self.lengths[chosen].max())
            batch = Batch(
                sequence_ids=chosen + first_id,
                splits=self.splits[chosen],
                lengths=self.lengths[chosen],
                token_ids=self.token_ids[chosen][:, :width],
            )
            recorder.update(self.site, batch, self.activations[chosen][:, :width])
            recorder.finish_batch(batch)
        return recorder

    def record(self, settings: RecorderSettings, *, batch_size: int = 7, **options) -> Recorder:
        recorder = self.new(settings, **options)
        return self.feed(recorder, list(range(len(self.lengths))), batch_size)

    def new(self, settings: RecorderSettings, **options) -> Recorder:
        vocabulary = tuple(sorted(set(self.token_ids.flatten().tolist())))
        some, lengths = self.activations[:16], self.lengths[:16]
        calibration = calibrate(
            sequence_peaks(some, lengths),
            -sequence_peaks(some, lengths, -1),
            settings.polarities(self.site),
        )
        calibrations = {self.site.name: calibration}
        return Recorder(
            [self.site], settings, vocabulary=vocabulary, calibrations=calibrations, **options
        )


@pytest.fixture
def make_stream():
    def make(*, n=40, units=3, length=6, seed=0, distinct=False) -> Stream:
        generator = torch.Generator().manual_seed(seed)
        activations = torch.randn((n, length, units), generator=generator)
        if not distinct:
            # Coarse values, so that ties are common.
            activations = (activations * 2).round() / 2
        return Stream(
            activations=activations,
            lengths=torch.randint(1, length + 1, (n,), generator=generator),
            splits=torch.randint(0, len(SPLITS), (n,), generator=generator),
            token_ids=torch.randint(0, 5, (n, length), generator=generator),
        )

    return make
