"""`Study`: a directory with one subject's recording, explanations and scores, and what fills it.

The methods are plain and synchronous, each can be run again at any time, and each does only what is
still missing.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroscribe import registry
from neuroscribe.datasets.compaction import Change, compact
from neuroscribe.datasets.interchange.transfer import Transfer, options_of
from neuroscribe.datasets.manifest import JOURNAL, NAME as MANIFEST, read_manifest
from neuroscribe.datasets.store import remove_leftovers
from neuroscribe.datasets.table import Table
from neuroscribe.errors import StudyError, SubjectError
from neuroscribe.llm.session import Estimate, LLMOptions, Session, open_session
from neuroscribe.records import Explanation, Form, UnitId
from neuroscribe.study.card_file import refresh_card
from neuroscribe.study.explaining import Method, estimate_explaining, explain_study
from neuroscribe.study.outcome import Outcome
from neuroscribe.study.reading import Reader
from neuroscribe.study.scoring import estimate_scoring, score_study
from neuroscribe.study.services import Services
from neuroscribe.study.status import StudyStatus, status_of
from neuroscribe.study.unit_report import UnitReport
from neuroscribe.subjects.selectors import select_units

if TYPE_CHECKING:
    from neuroscribe.study.verifying import Report


class Study:
    """A study on disk."""

    def __init__(
        self, path: Path, *, plan: dict[str, Any] | None, manifest: dict[str, Any] | None
    ) -> None:
        """Use `create` or `open`."""
        self.path = path
        self._plan = plan
        self._manifest = manifest
        self._reader = Reader(path)

    @classmethod
    def create(
        cls,
        path: str | Path,
        *,
        subject: str,
        corpus: str,
        device: str = "auto",
        dtype: str | None = None,
        revision: str | None = None,
    ) -> "Study":
        """Plan a study, or take up one that was begun; nothing is written before `record`.

        Args:
            path: the study's directory.
            subject: a Hugging Face name or path, `minilm` or `tinypython`.
            corpus: such as `stdlib` or `text:PATH`.
            device: `auto`, `cpu`, `cuda`, ...
            dtype: `float32`, `bfloat16`, `float16`; None chooses.
            revision: of the model on the hub.

        Raises:
            StudyError: the directory holds a study of something else, or other files.
        """
        path = Path(path)
        plan = {
            "subject": subject,
            "corpus": corpus,
            "device": device,
            "dtype": dtype,
            "revision": revision,
        }
        if not (path / MANIFEST).exists():
            return cls(path, plan=plan, manifest=None)
        manifest = read_manifest(path)
        for part in ("subject", "corpus"):
            there = manifest[part]["name"]
            if there != plan[part]:
                raise StudyError(
                    f"{path} is a study of the {part} {there!r}, not {plan[part]!r}; "
                    "choose another directory"
                )
        return cls(path, plan=plan, manifest=manifest)

    @classmethod
    def open(cls, path: str | Path) -> "Study":
        """Open a recorded study.

        Raises:
            StudyError: there is none, its recording is not finished, or its format is newer.
        """
        path = Path(path)
        manifest = read_manifest(path)
        if "shard" in manifest:
            index, count = manifest["shard"]["index"] + 1, manifest["shard"]["count"]
            raise StudyError(
                f"{path} is shard {index} of {count} of a recording; put them together with "
                "`neuroscribe merge STUDY SHARD...`"
            )
        return cls(path, plan=None, manifest=manifest)

    @classmethod
    def merge(cls, path: str | Path, shards: Sequence[str | Path]) -> "Study":
        """Make one study of all the shards of a recording, the same as one run would have made.

        Args:
            path: directory of the study, new or empty.
            shards: their directories, in any order.

        Raises:
            StudyError: a shard is missing, given twice, unfinished or of another recording, or the
                directory holds other files.
        """
        # Reading and scoring a study needs no torch; merging does.
        from neuroscribe.study.merging import merge_shards  # noqa: PLC0415
        from neuroscribe.study.planned_recording import require_free  # noqa: PLC0415

        study = cls(Path(path), plan=None, manifest=None)
        if (study.path / MANIFEST).exists():
            raise StudyError(f"{path} is a study already; merge into a new directory")
        require_free(study.path)
        merge_shards(study.path, [Path(shard) for shard in shards])
        refresh_card(study.path)
        return cls.open(path)

    @property
    def manifest(self) -> dict[str, Any]:
        """What the study was made from.

        Raises:
            StudyError: nothing was recorded yet.
        """
        if self._manifest is None:
            raise StudyError(f"{self.path} has no recording yet; call record() first")
        return self._manifest

    @property
    def widths(self) -> dict[str, int]:
        """Number of units of each recorded site."""
        return {site["name"]: site["width"] for site in self.manifest["subject"]["sites"]}

    def record(
        self,
        *,
        sites: str | Sequence[str] = "mlp",
        checkpoint_seconds: float = 120.0,
        rows_memory_mb: int | None = None,
        shard: str | None = None,
        processes: int = 1,
        engine: str = "local",
        **settings: Any,
    ) -> None:
        """Record every unit of the chosen sites; a finished recording is left as it is.

        Args:
            sites: selectors such as `mlp` or `resid.3`.
            checkpoint_seconds: how much time a kill may cost.
            rows_memory_mb: memory that the rows of exemplars may take, on the device and in host
                memory each; None allows half of what is free.
            shard: `I/N` records the I-th of N parts, to be put together by `merge`.
            processes: record in so many processes (or Ray actors) at once.
            engine: `local`, or `ray` to spread the processes over a Ray cluster.
            settings: fields of `recorder.RecorderSettings`, such as `top_k`.

        Raises:
            InputError: an unknown model, site or corpus, or other settings than those of the
                recording that is there.
        """
        if self._plan is None:
            raise StudyError(f"{self.path} was opened to be read; record with Study.create")
        # Reading and scoring a study needs no torch; recording does.
        from neuroscribe.study.planned_recording import record_planned  # noqa: PLC0415

        self._manifest = record_planned(
            self.path,
            self._plan,
            self._manifest,
            sites=sites,
            checkpoint_seconds=checkpoint_seconds,
            rows_memory_mb=rows_memory_mb,
            shard=shard,
            processes=processes,
            engine=engine,
            settings=settings,
        )
        if "shard" not in self._manifest:
            refresh_card(self.path)

    def explain(
        self,
        *,
        llm: str,
        units: str | Sequence[str] | None = None,
        explainer: str = "token_activation_pairs",
        exemplars: str = "top",
        form: Form = "phrase",
        candidates: int = 1,
        revisions: int = 0,
        simulator: str = "auto",
        embedder: str = "minilm",
        device: str = "auto",
        options: LLMOptions | None = None,
        dry_run: bool = False,
    ) -> Outcome | Estimate:
        """Ask an LLM what each unit fires on.

        Args:
            llm: its spec, such as `openai:gpt-5-mini` or `mock`.
            units: selectors; None is every unit.
            explainer: a registered name.
            exemplars: the selection of exemplars that are shown: a registered name.
            form: `phrase`, `label` or `sentence`.
            candidates: explanations asked for, of which the best on `valid` is selected.
            revisions: rounds in which an explanation is mended by what the subject does on
                sentences written for it.
            simulator: what rates candidates: a registered name, or `auto`.
            embedder: the sentence encoder, where one is needed.
            device: where the subject and the encoder run, where they are needed.
            options: limits on cost and speed.
            dry_run: only estimate requests, tokens and cost.

        Returns:
            What was done; with `dry_run` the estimate.

        Raises:
            InputError: an unknown name, or the subject that was recorded is not at hand.
        """
        chosen = self.units(units)
        method = Method(
            explainer=explainer,
            exemplars=exemplars,
            form=form,
            candidates=candidates,
            revisions=revisions,
        )
        with self._session(llm, options) as session:
            services = self._services(
                session,
                simulator=simulator,
                # Contrast needs texts that are near and yet silent.
                negatives="hard",
                embedder=embedder,
                device=device,
            )
            stage = estimate_explaining if dry_run else explain_study
            outcome = stage(self._reader, chosen, method, services, session)
        if not dry_run:
            refresh_card(self.path)
        return outcome

    def score(
        self,
        *scorers: str,
        llm: str,
        simulator: str = "auto",
        negatives: str = "random",
        embedder: str = "minilm",
        device: str = "auto",
        units: str | Sequence[str] | None = None,
        options: LLMOptions | None = None,
        dry_run: bool = False,
    ) -> Outcome | Estimate:
        """Score the selected explanations on held-out sequences.

        Args:
            scorers: registered names; `simulation` if none is given.
            llm: the simulating or judging LLM.
            simulator: a registered name, or `auto` for the best that the LLM can serve.
            negatives: which silent sequences judges are shown: a registered name.
            embedder: the sentence encoder, where one is needed.
            device: where the subject and the encoder run, where they are needed.
            units: selectors; None is every explained unit.
            options: limits on cost and speed.
            dry_run: only estimate requests, tokens and cost.

        Returns:
            What was done; with `dry_run` the estimate.
        """
        peers = self._explained()
        explanations = self._of_units(peers, units)
        with self._session(llm, options) as session:
            services = self._services(
                session,
                simulator=simulator,
                negatives=negatives,
                embedder=embedder,
                device=device,
            )
            stage = estimate_scoring if dry_run else score_study
            outcome = stage(
                self._reader,
                explanations,
                scorers or ("simulation",),
                services,
                session,
                peers=peers,
                seed=self.manifest["recorder"]["seed"],
            )
        if not dry_run:
            refresh_card(self.path)
        return outcome

    def status(self) -> StudyStatus:
        """What is done, left and failed, and what it has cost."""
        return status_of(self.path, self.manifest)

    def unit(self, unit: str | UnitId) -> UnitReport:
        """Everything the study knows of one unit; a heat map in a notebook.

        Raises:
            SubjectError: the unit was not recorded.
        """
        unit = UnitId.parse(unit) if isinstance(unit, str) else unit
        if unit.site not in self.widths:
            known = ", ".join(self.widths)
            raise SubjectError(f"site {unit.site!r} was not recorded; there are: {known}")
        (record,) = self._reader.unit_records([unit])
        return UnitReport(
            record=record,
            explanations=self._reader.unit_explanations(unit),
            scores=self._reader.unit_scores(unit),
        )

    def units(self, selector: str | Sequence[str] | None = None) -> list[UnitId]:
        """The units that a selector names; None names every unit and side that was recorded.

        Raises:
            SubjectError: an unknown site or unit.
        """
        if selector is None:
            return self._reader.units()
        return select_units(
            selector,
            self.widths,
            seed=self.manifest["recorder"]["seed"],
            density=self._reader.density_by_index,
            # What was recorded is there whole; what was imported may have gaps.
            there=self._reader.indices() if "imported" in self.manifest else None,
        )

    def table(self, name: str) -> Table:
        """One of the study's tables; nothing is read before a `to_` method is called.

        Raises:
            StoreError: there is no such table.
        """
        return Table(self.path, name)

    def export(
        self,
        format: str,  # noqa: A002 -- the word for it
        out: str | Path,
        *,
        units: str | Sequence[str] | None = None,
        **options: str | float | bool,
    ) -> Transfer:
        """Write the study in another format.

        Args:
            format: a registered name, such as `hub`, `openai`, `neuronpedia` or `csv`.
            out: a directory or file that is not there yet.
            units: selectors; None writes all.
            options: of the format.

        Raises:
            InputError: an unknown format or option, or `out` is there already.
        """
        write = registry.load("exporter", format)
        chosen = None if units is None else self.units(units)
        transfer: Transfer = write(
            self.path, Path(out), units=chosen, **options_of("exporter", format, options)
        )
        return transfer

    @staticmethod
    def import_from(
        source: str | Path,
        path: str | Path,
        *,
        format: str,  # noqa: A002 -- the word for it
        **options: str | float | bool,
    ) -> Transfer:
        """Make a study of another tool's results, or (CSV) add to one.

        Args:
            source: the file or folder to read.
            path: directory of the new study, or of the one that is added to.
            format: a registered name, such as `openai`, `saedashboard`, `delphi` or `csv`.
            options: of the format.

        Raises:
            InputError: an unknown format or option, or a damaged source; nothing was changed.
        """
        read = registry.load("importer", format)
        transfer: Transfer = read(source, Path(path), **options_of("importer", format, options))
        refresh_card(Path(path))
        return transfer

    def verify(self, *, spot_check: int = 20, seed: int = 0, device: str = "auto") -> "Report":
        """Check files, hashes, references, splits and values, and say what is wrong and where.

        Args:
            spot_check: exemplars that are compared with a fresh forward pass; 0 for none.
            seed: of their choice.
            device: where the subject runs.
        """
        # Only this needs to know the whole format.
        from neuroscribe.study.verifying import verify_study  # noqa: PLC0415

        return verify_study(
            self.path, self.manifest, spot_check=spot_check, seed=seed, device=device
        )

    def compact(self) -> dict[str, Change]:
        """Put many small parts together and drop superseded rows; the current rows stay.

        Returns:
            By table, its parts and bytes before and after.

        Raises:
            StoreError: the disk is full, or another compaction is under way; nothing is lost.
        """
        return compact(self.path)

    def _session(self, llm: str, options: LLMOptions | None) -> Session:
        remove_leftovers(self.path)
        return open_session(llm, journal=self.path / JOURNAL, options=options or LLMOptions())

    def _services(self, session: Session, **choices: str) -> Services:
        return Services(self._reader, self.manifest, session, **choices)

    def _explained(self) -> list[Explanation]:
        """The selected explanations of all units."""
        explanations = [e for e in self._reader.explanations() if e.status == "ok" and e.selected]
        if not explanations:
            raise StudyError(
                f"{self.path} has no explanations yet; run `neuroscribe explain {self.path}` first"
            )
        return explanations

    def _of_units(
        self, explanations: list[Explanation], units: str | Sequence[str] | None
    ) -> list[Explanation]:
        if units is None:
            return explanations
        wanted = set(self.units(units))
        chosen = [explanation for explanation in explanations if explanation.unit in wanted]
        if not chosen:
            raise StudyError(f"none of the units {units!r} has an explanation; explain them first")
        return chosen
