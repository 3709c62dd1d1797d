"""All reducers of one site, and the calibration they share."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from neuroscribe.kernels.sequence_summary import sequence_peaks, sum_quanta
from neuroscribe.recorder.batch import Batch
from neuroscribe.recorder.calibration import QUANTILES, Calibration, calibrate
from neuroscribe.recorder.firing_bits import FiringBits
from neuroscribe.recorder.kept_sequences import KeptSequences
from neuroscribe.recorder.quantile_exemplars import QuantileExemplars
from neuroscribe.recorder.random_exemplars import RandomExemplars
from neuroscribe.recorder.reading import Reading
from neuroscribe.recorder.reducer import Reducer, State, gather_states, state_of
from neuroscribe.recorder.settings import RecorderSettings
from neuroscribe.recorder.statistics import Statistics
from neuroscribe.recorder.token_lookup import TokenSums
from neuroscribe.recorder.top_exemplars import TopExemplars
from neuroscribe.recorder.vector_reservoir import VectorReservoir
from neuroscribe.records import Site
from neuroscribe.shapes import Float, Int64

_LOGGER = logging.getLogger("neuroscribe")


class SiteRecorder:
    """Records every unit of one site."""

    def __init__(
        self,
        site: Site,
        settings: RecorderSettings,
        *,
        vocabulary: tuple[int, ...] = (),
        device: torch.device | str = "cpu",
        rows_device: torch.device | str | None = "cpu",
    ) -> None:
        """Allocate the whole state.

        Args:
            site: what is recorded.
            settings: how much is kept.
            vocabulary: tokens of the look-up table, ascending.
            device: where the activations come from.
            rows_device: where the rows of exemplars are kept; None leaves them to a replay.
        """
        self.site = site
        self.settings = settings
        self.polarities = settings.polarities(site)
        units, on = site.width, str(device)
        kept: dict[str, Any] = {
            "units": units,
            "sequence_length": settings.sequence_length,
            "device": on,
            "rows_device": None if rows_device is None else str(rows_device),
        }
        self.top = {
            polarity: TopExemplars(k=settings.top_k, polarity=polarity, **kept)
            for polarity in self.polarities
        }
        self.quantile = {
            polarity: QuantileExemplars(
                k=settings.n_quantile, polarity=polarity, seed=settings.seed, **kept
            )
            for polarity in self.polarities
            if settings.n_quantile
        }
        self.random = RandomExemplars(
            units=units,
            k=settings.n_random,
            sequence_length=settings.sequence_length,
            seed=settings.seed,
            rows_device=kept["rows_device"],
        )
        self.statistics = Statistics(
            units=units,
            polarities=self.polarities,
            histogram_every=settings.histogram_every,
            seed=settings.seed,
            device=on,
        )
        self.token_sums = TokenSums(units=units, vocabulary=vocabulary, device=on)
        self.vectors = VectorReservoir(
            units=units,
            k=settings.keep_vectors,
            sequence_length=settings.sequence_length,
            seed=settings.seed,
            device=on,
        )
        self.bits = FiringBits(share=settings.bits_share, polarities=self.polarities)
        self._calibration = Calibration(
            scale=torch.zeros(units, device=on),
            bands=torch.zeros((len(self.polarities), len(QUANTILES), units), device=on),
        )
        self._quanta: Tensor | None = None

    @property
    def calibration(self) -> Calibration:
        """The size of every unit; a scale of 0 before anything was measured."""
        return self._calibration

    def calibrate(self, calibration: Calibration) -> None:
        """Fix the size of every unit, once, before the first update."""
        for mine, given in zip(self._calibration, calibration, strict=True):
            mine.copy_(given)
        self._quanta = sum_quanta(self._calibration.scale, self.settings.sequence_length)
        self.token_sums.calibrate(self._calibration)
        for index, polarity in enumerate(self.polarities):
            if polarity in self.quantile:
                self.quantile[polarity].calibrate(self._calibration, index)

    def update(self, batch: Batch, activations: Float[Tensor, "batch sequence units"]) -> None:
        """Take in the site's activations on the next sequences, once each.

        Without a calibration the first batch serves as one.
        """
        if self._quanta is None:
            peaks = sequence_peaks(activations, batch.lengths)
            troughs = -sequence_peaks(activations, batch.lengths, -1)
            self.calibrate(calibrate(peaks, troughs, self.polarities))
        reading = Reading(
            batch,
            activations,
            quanta=self._quanta,
            both_signs=len(self.polarities) > 1,
            compiled=self.settings.compiled,
        )
        for reducer in self._reducers().values():
            reducer.update(reading)
        if self.settings.keep_bits:
            self.bits.update(reading, self._calibration.scale)

    def replay(self, batch: Batch, activations: Float[Tensor, "batch sequence units"]) -> None:
        """Fill in the rows of kept sequences that are in this batch, seen a second time."""
        reading = Reading(batch, activations)
        for exemplars in self._with_rows():
            exemplars.replay(reading)

    def allocate_rows(self, allocate: Callable[[tuple[int, ...]], Tensor]) -> None:
        """Give rows that were left out a place, to be filled in by a replay."""
        for exemplars in self._with_rows():
            exemplars.allocate_rows(allocate)

    @property
    def lacks_rows(self) -> bool:
        """Whether rows were left out and still wait for a replay."""
        return any(exemplars.rows is None for exemplars in self._with_rows())

    def kept_ids(self) -> Int64[Tensor, " kept"]:
        """The ids of all sequences that are exemplars of any unit, ascending; host memory."""
        ids = torch.cat([exemplars.kept_ids().cpu() for exemplars in self._with_rows()])
        kept: Tensor = ids.unique()
        return kept

    def merge(self, other: "SiteRecorder") -> None:
        """Take in what another recorder of the same site saw of other sequences."""
        if not bool(other.calibration.scale.any()):
            return
        if self._quanta is None:
            self.calibrate(other.calibration)
        elif not all(map(torch.equal, self._calibration, other.calibration.on(self.device))):
            _LOGGER.warning(
                "parts of the recording of %s were calibrated differently (another kind of "
                "machine?): its sums are right, but not to the last bit",
                self.site.name,
            )
        state = other.state_dict()
        for name, reducer in self._reducers().items():
            reducer.merge(state_of(name, reducer, state))

    def state_dict(self) -> State:
        """The whole state as named tensors."""
        return gather_states(self._reducers()) | {
            f"calibration/{name}": tensor for name, tensor in self._calibration._asdict().items()
        }

    def load_state_dict(self, state: State) -> None:
        """Replace the state by one that `state_dict` gave."""
        for name, reducer in self._reducers().items():
            reducer.load_state_dict(state_of(name, reducer, state))
        scale = state["calibration/scale"]
        if bool(scale.any()):
            self.calibrate(Calibration(scale=scale, bands=state["calibration/bands"]))

    @property
    def device(self) -> torch.device:
        """Where the activations come from."""
        return self._calibration.scale.device

    def _with_rows(self) -> Iterator[KeptSequences]:
        yield from self.top.values()
        yield from self.quantile.values()
        yield self.random

    def _reducers(self) -> dict[str, Reducer]:
        """All of them, by name."""
        return {
            **{f"top{polarity:+d}": top for polarity, top in self.top.items()},
            **{f"quantile{polarity:+d}": sample for polarity, sample in self.quantile.items()},
            "random": self.random,
            "statistics": self.statistics,
            "token_sums": self.token_sums,
            **({"vectors": self.vectors} if self.settings.keep_vectors else {}),
        }
