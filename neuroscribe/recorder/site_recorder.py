"""All reducers of one site, one set per polarity."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from neuroscribe.recorder.batch import Batch
from neuroscribe.recorder.random_exemplars import RandomExemplars
from neuroscribe.recorder.reducer import Reducer
from neuroscribe.recorder.settings import RecorderSettings
from neuroscribe.recorder.statistics import Statistics
from neuroscribe.recorder.token_lookup import TokenSums
from neuroscribe.recorder.top_exemplars import TopExemplars
from neuroscribe.records import Polarity, Site
from neuroscribe.shapes import Float


@dataclass(frozen=True, kw_only=True)
class PolarityRecorder:
    """The reducers of one site seen with one sign."""

    polarity: Polarity
    top: TopExemplars
    random: RandomExemplars
    statistics: Statistics
    token_sums: TokenSums

    def reducers(self) -> dict[str, Reducer]:
        """All of them, by name."""
        return {
            "top": self.top,
            "random": self.random,
            "statistics": self.statistics,
            "token_sums": self.token_sums,
        }


class SiteRecorder:
    """Records every unit of one site."""

    def __init__(
        self,
        site: Site,
        settings: RecorderSettings,
        *,
        vocabulary: tuple[int, ...] = (),
        device: torch.device | str = "cpu",
    ) -> None:
        """Allocate the whole state.

        Args:
            site: what is recorded.
            settings: how much is kept.
            vocabulary: tokens of the look-up table, ascending.
            device: where the activations come from; the state stays there.
        """
        self.site = site
        self.polarities = tuple(
            PolarityRecorder(
                polarity=polarity,
                top=TopExemplars(
                    units=site.width,
                    k=settings.top_k,
                    sequence_length=settings.sequence_length,
                    device=str(device),
                ),
                random=RandomExemplars(
                    units=site.width,
                    k=settings.n_random,
                    sequence_length=settings.sequence_length,
                    seed=settings.seed,
                    device=str(device),
                ),
                statistics=Statistics(units=site.width, device=str(device)),
                token_sums=TokenSums(units=site.width, vocabulary=vocabulary, device=str(device)),
            )
            for polarity in settings.polarities(site)
        )

    def update(self, batch: Batch, activations: Float[Tensor, "batch sequence units"]) -> None:
        """Take in the site's activations on the next sequences, once each."""
        # The view that leaves out special tokens has gaps; every reducer reads it several times.
        activations = activations.contiguous()
        for recorder in self.polarities:
            signed = activations if recorder.polarity > 0 else -activations
            for reducer in recorder.reducers().values():
                reducer.update(batch, signed)

    def merge(self, other: "SiteRecorder") -> None:
        """Take in what another recorder of the same site saw of other sequences."""
        state = other.state_dict()
        for name, reducer in self._named():
            reducer.merge({key: state[f"{name}/{key}"] for key in reducer.state_dict()})

    def state_dict(self) -> dict[str, Tensor]:
        """The whole state as named tensors."""
        return {
            f"{prefix}/{name}": tensor
            for prefix, reducer in self._named()
            for name, tensor in reducer.state_dict().items()
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Replace the state by one that `state_dict` gave."""
        for prefix, reducer in self._named():
            reducer.load_state_dict(
                {name: state[f"{prefix}/{name}"] for name in reducer.state_dict()}
            )

    def _named(self) -> Iterator[tuple[str, Reducer]]:
        for recorder in self.polarities:
            for name, reducer in recorder.reducers().items():
                yield f"{self.site.name}/{recorder.polarity:+d}/{name}", reducer
