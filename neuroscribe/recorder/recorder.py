"""The recorder: everything that is kept of a corpus, for every unit of every site.

A library object without files: whoever drives a model calls `update` with each site's activations,
or lets `recorder.run` do it. The state is a mergeable summary, so parts of a corpus can be recorded
anywhere and put together with `merge`.
"""

from collections.abc import Callable, Mapping, Sequence as Seq

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from neuroscribe.errors import RecordError
from neuroscribe.recorder.batch import Batch
from neuroscribe.recorder.calibration import Calibration
from neuroscribe.recorder.settings import RecorderSettings
from neuroscribe.recorder.site_recorder import SiteRecorder
from neuroscribe.recorder.tables import exemplars_table, units_table, vectors_table
from neuroscribe.records import Site
from neuroscribe.shapes import Float, Int64


class Recorder:
    """Records all units of several sites in one pass."""

    def __init__(
        self,
        sites: Seq[Site],
        settings: RecorderSettings | None = None,
        *,
        vocabulary: tuple[int, ...] = (),
        calibrations: Mapping[str, Calibration] | None = None,
        device: torch.device | str = "cpu",
        rows_device: torch.device | str | None = "same",
    ) -> None:
        """Allocate the whole state; it does not grow.

        Args:
            sites: what is recorded.
            settings: how much is kept; defaults if None.
            vocabulary: token ids of the look-up tables, ascending.
            calibrations: size of every unit, by site; a site without one is measured on its first
                batch. Recorders whose states are to merge to the bit need the same.
            device: where the activations come from.
            rows_device: where rows of exemplars are kept; `same` is `device`, None leaves them to
                `replay`.
        """
        self.settings = settings or RecorderSettings()
        self.sites = {
            site.name: SiteRecorder(
                site,
                self.settings,
                vocabulary=vocabulary,
                device=device,
                rows_device=device if rows_device == "same" else rows_device,
            )
            for site in sites
        }
        for name, calibration in (calibrations or {}).items():
            self.sites[name].calibrate(calibration)
        self.n_sequences = torch.zeros((), dtype=torch.int64)
        self.n_tokens = torch.zeros((), dtype=torch.int64)

    def update(
        self, site: Site, batch: Batch, activations: Float[Tensor, "batch sequence units"]
    ) -> None:
        """Take in one site's activations on a batch.

        Raises:
            RecordError: the shape does not fit the batch, the site or the sequence length.
        """
        self._require_fit(site, batch, activations)
        self.sites[site.name].update(batch, activations)

    def replay(
        self, site: Site, batch: Batch, activations: Float[Tensor, "batch sequence units"]
    ) -> None:
        """Fill in the rows of kept sequences, from a batch that is seen a second time.

        Raises:
            RecordError: the shape does not fit the batch, the site or the sequence length.
        """
        self._require_fit(site, batch, activations)
        self.sites[site.name].replay(batch, activations)

    def finish_batch(self, batch: Batch) -> None:
        """Count the batch as done at every site."""
        self.n_sequences += len(batch)
        self.n_tokens += batch.host.lengths.sum()

    def merge(self, other: "Recorder") -> None:
        """Take in a recording of other sequences with the same sites and settings."""
        for name, recorder in self.sites.items():
            recorder.merge(other.sites[name])
        self.n_sequences += other.n_sequences
        self.n_tokens += other.n_tokens

    @property
    def lacks_rows(self) -> bool:
        """Whether rows were left out and still wait for a replay."""
        return any(recorder.lacks_rows for recorder in self.sites.values())

    def allocate_rows(self, allocate: Callable[[tuple[int, ...]], Tensor]) -> None:
        """Give rows that were left out a place, to be filled in by `replay`.

        Args:
            allocate: makes a float32 tensor of zeros of a shape, in host memory or a mapped file.
        """
        for recorder in self.sites.values():
            recorder.allocate_rows(allocate)

    @property
    def calibrations(self) -> dict[str, Calibration]:
        """The size of every unit, by site."""
        return {name: recorder.calibration for name, recorder in self.sites.items()}

    def state_dict(self) -> dict[str, Tensor]:
        """The whole state as named tensors."""
        state = {"n_sequences": self.n_sequences, "n_tokens": self.n_tokens}
        for site, recorder in self.sites.items():
            state |= {f"{site}/{name}": value for name, value in recorder.state_dict().items()}
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Replace the state by one that `state_dict` gave."""
        self.n_sequences.copy_(state["n_sequences"])
        self.n_tokens.copy_(state["n_tokens"])
        for site, recorder in self.sites.items():
            prefix = f"{site}/"
            recorder.load_state_dict(
                {
                    name.removeprefix(prefix): value
                    for name, value in state.items()
                    if name.startswith(prefix)
                }
            )

    def kept_sequence_ids(self) -> Int64[np.ndarray, " kept"]:
        """The ids of all sequences that are exemplars of any unit, ascending."""
        ids = torch.cat([recorder.kept_ids() for recorder in self.sites.values()])
        kept: Int64[np.ndarray, " kept"] = ids.unique().numpy()
        return kept

    def units(self, site: str) -> pa.Table:
        """Rows of the table `units` for one site."""
        return units_table(self.sites[site])

    def exemplars(self, site: str) -> pa.Table:
        """Rows of the table `exemplars` for one site."""
        return exemplars_table(self.sites[site])

    def vectors(self, site: str) -> pa.Table:
        """Rows of the table `vectors` for one site."""
        return vectors_table(self.sites[site])

    def _require_fit(self, site: Site, batch: Batch, activations: Tensor) -> None:
        expected = (*batch.token_ids.shape, site.width)
        if activations.shape != expected or expected[1] > self.settings.sequence_length:
            raise RecordError(
                f"activations of {site.name} have shape {tuple(activations.shape)}; expected "
                f"{expected} with at most {self.settings.sequence_length} positions"
            )
