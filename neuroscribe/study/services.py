"""What plug-ins need beside records and replies, opened once and only when something asks for it.

A stage asks for a plug-in to be built; the plug-in's `needs` decide what is loaded. So scoring by
simulation alone never loads torch, and the subject is loaded once for all that run it.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from neuroscribe import registry
from neuroscribe.datasets import store
from neuroscribe.datasets.rows import sequence_of
from neuroscribe.errors import CapabilityError, RegistryError
from neuroscribe.llm.protocol import Capabilities
from neuroscribe.llm.session import Session
from neuroscribe.records import Sequence as TokenSequence, Split, UnitId
from neuroscribe.services import Calibrate, Embed, Negatives, Pool, Rate, WeightTokens
from neuroscribe.simulator import Simulator, choose
from neuroscribe.simulator.calibration import linear
from neuroscribe.study.rating import rate_on_valid
from neuroscribe.study.reading import Reader

if TYPE_CHECKING:
    from neuroscribe.subjects import Subject
    from neuroscribe.subjects.runner import Runner

POOL_SEQUENCES = 1000
"""Sequences of a split among which hard negatives are looked for."""


class Services:
    """The services of one stage of one study.

    Args:
        reader: the study.
        manifest: what it was made from.
        session: the LLM.
        simulator: a registered name, or `auto`.
        negatives: a registered name.
        embedder: the sentence encoder: `minilm`, or a Hugging Face name or path.
        device: where the subject and the encoder run.
    """

    def __init__(
        self,
        reader: Reader,
        manifest: Mapping[str, Any],
        session: Session,
        *,
        simulator: str = "auto",
        negatives: str = "random",
        embedder: str = "minilm",
        device: str = "auto",
    ) -> None:
        self._reader = reader
        self._manifest = manifest
        self._session = session
        self._wanted_simulator = simulator
        self._wanted_negatives = negatives
        self._embedder = embedder
        self._device = device

    def build(self, kind: registry.Kind, name: str, **settings: Any) -> Any:
        """A plug-in with the services that it needs.

        Raises:
            RegistryError: there is no such plug-in, or it needs a service that nobody offers.
        """
        plugin = registry.load(kind, name)
        needs: tuple[str, ...] = getattr(plugin, "needs", ())
        return plugin(**{need: self.service(need) for need in needs}, **settings)

    def service(self, name: str) -> Any:
        """A service by the name under which `neuroscribe.services` lists it."""
        offered = {
            "calibrate",
            "capabilities",
            "embed",
            "negatives",
            "pool",
            "rate",
            "simulate",
            "subject",
            "vocabulary",
            "weights",
        }
        if name not in offered:
            raise RegistryError(
                f"a plug-in needs {name!r}; what it can be given is: {', '.join(sorted(offered))}"
            )
        return getattr(self, name)

    @cached_property
    def simulator(self) -> str:
        """Name of the simulator: the one asked for, or the best that the LLM can serve."""
        if self._wanted_simulator == "auto":
            return choose(self.capabilities)
        return self._wanted_simulator

    @cached_property
    def capabilities(self) -> Capabilities:
        """What the LLM can do."""
        return self._session.capabilities()

    @cached_property
    def simulate(self) -> Simulator:
        """The simulator."""
        plugin = registry.load("simulator", self.simulator)
        if plugin.asks and self.capabilities.certain and not plugin.suits(self.capabilities):
            raise CapabilityError(
                f"{self._session.spec} cannot serve the simulator {self.simulator!r}: it needs "
                f"{plugin.needs}; choose another one, or auto"
            )
        simulate: Simulator = plugin()
        return simulate

    @property
    def calibrate(self) -> Calibrate:
        """Linear calibration."""
        return linear

    @cached_property
    def rate(self) -> Rate:
        """How well a text explains a unit, on `valid`."""
        return rate_on_valid(self.simulate, by=self.rater)

    @property
    def rater(self) -> str:
        """Who rates: the simulator and the LLM."""
        return f"{self.simulator} by {self._session.spec}"

    @cached_property
    def embed(self) -> Embed:
        """The sentence encoder."""
        # Loads torch.
        from neuroscribe.subjects.embedding import Embedder, open_embedder  # noqa: PLC0415

        if self._embedder == self._manifest["subject"]["name"]:
            return Embedder(self._subject)
        return open_embedder(self._embedder, device=self._device)

    @cached_property
    def negatives(self) -> Negatives:
        """Sequences on which a unit is silent."""
        negatives: Negatives = self.build("negatives", self._wanted_negatives)
        return negatives

    @cached_property
    def pool(self) -> Pool:
        """The stored sequences, with every unit's peaks."""
        # Loads torch.
        from neuroscribe.subjects.pool import SequencePool  # noqa: PLC0415

        return SequencePool(
            self._subject,
            self._sequences,
            self.embed,
            # One pass measures them all.
            sites=[(site["name"], 1) for site in self._manifest["subject"]["sites"]],
            limit=POOL_SEQUENCES,
        )

    @cached_property
    def subject(self) -> "Runner":
        """The subject, ready to run on any text."""
        # Loads torch.
        from neuroscribe.subjects.runner import Runner  # noqa: PLC0415

        return Runner(self._subject)

    @cached_property
    def weights(self) -> Callable[[UnitId], WeightTokens]:
        """The tokens that a unit's weights name."""
        # Loads torch.
        from neuroscribe.subjects.unit_weights import unit_weights  # noqa: PLC0415

        return unit_weights(self._subject)

    @cached_property
    def vocabulary(self) -> Callable[[int], str]:
        """What a token id of the subject shows."""
        # Loads torch.
        from neuroscribe.subjects.vocabulary import shown_tokens  # noqa: PLC0415

        return shown_tokens(self._subject)

    @cached_property
    def _subject(self) -> "Subject":
        # Reading and simulating need no torch; running the subject does.
        from neuroscribe.study.recorded_subject import load_recorded_subject  # noqa: PLC0415

        return load_recorded_subject(self._manifest, device=self._device)

    def _sequences(self, split: Split) -> list[TokenSequence]:
        rows = store.read(self._reader.root, "sequences", where=pc.field("split") == split)
        return sorted(map(sequence_of, rows.to_pylist()), key=lambda each: each.sequence_id)
