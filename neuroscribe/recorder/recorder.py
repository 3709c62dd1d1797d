"""The recorder: everything that is kept of a corpus, for every unit of every site.

A library object without files: whoever drives a model calls `update` with each site's activations,
or lets `recorder.run` do it. The state is a mergeable summary, so parts of a corpus can be recorded
anywhere and put together with `merge`.
"""

from collections.abc import Sequence as Seq

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from neuroscribe.errors import RecordError
from neuroscribe.kernels.top_activation.naive import EMPTY, key_sequence_ids
from neuroscribe.recorder.batch import Batch
from neuroscribe.recorder.settings import RecorderSettings
from neuroscribe.recorder.site_recorder import SiteRecorder
from neuroscribe.recorder.tables import exemplars_table, units_table
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
        device: torch.device | str = "cpu",
    ) -> None:
        """Allocate the whole state; it does not grow.

        Args:
            sites: what is recorded.
            settings: how much is kept; defaults if None.
            vocabulary: token ids of the look-up tables, ascending.
            device: where the activations come from.
        """
        self.settings = settings or RecorderSettings()
        self.sites = {
            site.name: SiteRecorder(site, self.settings, vocabulary=vocabulary, device=device)
            for site in sites
        }
        self.n_sequences = torch.zeros((), dtype=torch.int64)

    def update(
        self, site: Site, batch: Batch, activations: Float[Tensor, "batch sequence units"]
    ) -> None:
        """Take in one site's activations on a batch.

        Raises:
            RecordError: the shape does not fit the batch, the site or the sequence length.
        """
        expected = (*batch.token_ids.shape, site.width)
        if activations.shape != expected or expected[1] > self.settings.sequence_length:
            raise RecordError(
                f"activations of {site.name} have shape {tuple(activations.shape)}; expected "
                f"{expected} with at most {self.settings.sequence_length} positions"
            )
        self.sites[site.name].update(batch, activations)

    def finish_batch(self, batch: Batch) -> None:
        """Count the batch as done at every site."""
        self.n_sequences += len(batch)

    def merge(self, other: "Recorder") -> None:
        """Take in a recording of other sequences with the same sites and settings."""
        for name, recorder in self.sites.items():
            recorder.merge(other.sites[name])
        self.n_sequences += other.n_sequences

    def state_dict(self) -> dict[str, Tensor]:
        """The whole state as named tensors."""
        state = {"n_sequences": self.n_sequences}
        for recorder in self.sites.values():
            state |= recorder.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Replace the state by one that `state_dict` gave."""
        self.n_sequences.copy_(state["n_sequences"])
        for recorder in self.sites.values():
            recorder.load_state_dict(state)

    def kept_sequence_ids(self) -> Int64[np.ndarray, " kept"]:
        """The ids of all sequences that are exemplars of any unit, ascending."""
        ids = []
        for recorder in self.sites.values():
            for side in recorder.polarities:
                keys = side.top.keys.unique()
                ids.append(key_sequence_ids(keys[keys != EMPTY]))
                ids.append(side.random.sequence_ids[side.random.draws != EMPTY])
        kept: Int64[np.ndarray, " kept"] = torch.cat(ids).unique().cpu().numpy()
        return kept

    def units(self, site: str) -> pa.Table:
        """Rows of the table `units` for one site."""
        return units_table(self.sites[site], self.settings)

    def exemplars(self, site: str) -> pa.Table:
        """Rows of the table `exemplars` for one site."""
        return exemplars_table(self.sites[site])
