"""Write a new study from units, exemplars and explanations that another tool made.

A study is built beside its place, under a temporary name, and put there whole, so a damaged source
leaves nothing behind. Rows go to disk by the ten thousand; what grows with the source is a hash per
distinct sequence (about 200 bytes), the distinct token strings and the names of the units. What the
source does not tell stays missing. Where it gives token strings alone, token ids are invented: the
strings' numbers in order of appearance, which tell equal tokens apart from others and say nothing
of the subject's vocabulary. The manifest carries `imported` with the source and notes for people.
"""

import hashlib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, final

from neuroscribe._version import __version__
from neuroscribe.datasets.interchange.imported_rows import RowBuffer, exemplar_row, unit_row
from neuroscribe.datasets.interchange.piece_text import text_of
from neuroscribe.datasets.interchange.transfer import require_absent
from neuroscribe.datasets.manifest import write_manifest
from neuroscribe.datasets.schema import SCHEMAS
from neuroscribe.datasets.splits import split_of
from neuroscribe.datasets.store import temporary_path
from neuroscribe.errors import RecordError, StoreError
from neuroscribe.records import (
    Exemplar,
    Explanation,
    Judgement,
    Score,
    Sequence as TokenSequence,
    Simulation,
    Split,
    UnitId,
)


@final
class StudyBuilder:
    """Builds a study; use it as a context manager, which cleans up where something fails.

    ```
    with StudyBuilder(root, format="openai", source="...", subject="gpt2-xl") as builder:
        builder.site("mlp.5", kind="mlp", layer=5)
        sequence = builder.sequence([" rain", " fell"], split="train")
        exemplar = Exemplar(sequence=sequence, activations=(2.0, 0.5), kind="top", rank=0)
        builder.unit(UnitId("mlp.5", 1021), {"mean": 0.1}, [exemplar])
        written = builder.finish()
    ```
    """

    def __init__(
        self,
        root: Path,
        *,
        format: str,  # noqa: A002 -- the word for it
        source: str,
        subject: str = "unknown",
        corpus: str = "unknown",
        notes: Sequence[str] = (),
        imported_at: datetime | None = None,
    ) -> None:
        """Begin a study.

        Args:
            root: the new study's directory, absent or empty.
            format: registered name of the importer.
            source: where the data came from.
            subject: name of the model.
            corpus: name of the texts.
            notes: sentences on what the data are and what is not known of them.
            imported_at: now if None; explanations of unknown date get it.

        Raises:
            InputError: something is there already.
        """
        require_absent(root)
        self.imported_at = imported_at or datetime.now(UTC)
        self._root = root
        self._work = temporary_path(root)
        self._about = {"format": format, "source": source}
        self._subject = subject
        self._corpus = corpus
        self._notes = list(notes)
        self._sites: dict[str, dict[str, Any]] = {}
        self._units: set[UnitId] = set()
        self._sequence_ids: dict[bytes, int] = {}
        self._vocabulary: dict[str, int] = {}
        self._n_tokens = 0
        self._invented_ids = False
        self._rows = RowBuffer(self._work)

    def __enter__(self) -> "StudyBuilder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        shutil.rmtree(self._work, ignore_errors=True)

    def note(self, sentence: str) -> None:
        """Add a sentence to the provenance notes; the same one once."""
        if sentence not in self._notes:
            self._notes.append(sentence)

    def site(
        self,
        name: str,
        *,
        kind: str,
        layer: int | None = None,
        width: int | None = None,
        module: str | None = None,
        two_signed: bool = False,
    ) -> None:
        """Describe a site, before its first unit.

        Args:
            name: such as `mlp.5`.
            kind: unit source, such as `mlp` or `sae`.
            layer: index of the block, from 0.
            width: number of its units; None is one more than the largest index that comes.
            module: dotted path of the hooked module, where it is known.
            two_signed: whether strongly negative values carry meaning of their own.
        """
        self._sites[name] = {
            "name": name,
            "kind": kind,
            "layer": layer,
            "module": module,
            "side": None,
            "width": width or 0,
            "two_signed": two_signed,
        }

    def sequence(
        self,
        tokens: Sequence[str],
        *,
        token_ids: Sequence[int] | None = None,
        token_bytes: Sequence[bytes] | None = None,
        split: Split | None = None,
        document_id: str | None = None,
    ) -> TokenSequence:
        """The sequence of these tokens; it is written when it comes for the first time.

        Args:
            tokens: what each shows; their concatenation is the text, unless `token_bytes` is.
            token_ids: the subject's; None invents ids.
            token_bytes: of each token, where tokens may be parts of characters.
            split: None lets the text decide, as in a recording.
            document_id: None names the sequence after itself, so each is a document of its own.

        Returns:
            The same id for the same tokens (and ids) in the same split.
        """
        tokens = _whole_characters(tokens)
        text, offsets = text_of(token_bytes or [token.encode() for token in tokens])
        split = split or split_of(text)
        if token_ids is None:
            self._invented_ids = True
            known = self._vocabulary
            token_ids = [known.setdefault(token, len(known)) for token in tokens]
        key = _hash_of(split, tokens, token_ids)
        is_new = key not in self._sequence_ids
        sequence_id = self._sequence_ids.setdefault(key, len(self._sequence_ids))
        sequence = TokenSequence(
            sequence_id=sequence_id,
            document_id=document_id or f"sequence-{sequence_id}",
            split=split,
            token_ids=tuple(token_ids),
            tokens=tuple(tokens),
            text=text,
            token_bytes_offsets=offsets,
        )
        if is_new:
            self._n_tokens += len(tokens)
            self._rows.add("sequences", [sequence])
        return sequence

    def unit(
        self, unit: UnitId, statistics: Mapping[str, Any], exemplars: Iterable[Exemplar] = ()
    ) -> None:
        """Add a unit.

        Args:
            unit: of a site that was described.
            statistics: columns of the table `units`, as far as they are known.
            exemplars: of it, in any order; their activations may hold NaN for what is missing.

        Raises:
            RecordError: it came before, its site was not described, or a statistic has no column.
        """
        if unit in self._units:
            raise RecordError(f"unit {unit} comes twice")
        if unit.site not in self._sites:
            raise RecordError(f"unit {unit} is of a site that was not described: call site() first")
        self._rows.add("units", [unit_row(unit, statistics)])
        self._rows.add("exemplars", [exemplar_row(unit, exemplar) for exemplar in exemplars])
        self._units.add(unit)
        site = self._sites[unit.site]
        site["width"] = max(site["width"], unit.index + 1)

    def explanation(self, explanation: Explanation) -> str:
        """Add an explanation; returns its id."""
        self._rows.add("explanations", [explanation])
        return explanation.explanation_id

    def simulation(self, simulation: Simulation) -> None:
        """Add a simulation."""
        self._rows.add("simulations", [simulation])

    def judgement(self, judgement: Judgement) -> None:
        """Add a judgement."""
        self._rows.add("judgements", [judgement])

    def score(self, score: Score) -> None:
        """Add a score."""
        self._rows.add("scores", [score])

    def finish(self) -> dict[str, int]:
        """Put the study in its place.

        Returns:
            How many rows each table has.

        Raises:
            RecordError: there is no unit.
            StoreError: the disk is full.
        """
        if not self._units:
            raise RecordError(f"{self._about['source']} holds no unit: there is no study to make")
        self._rows.flush()
        if self._invented_ids:
            self.note(
                "token ids are invented (numbers of the token strings): the source has strings only"
            )
        write_manifest(self._work, self._manifest())
        try:
            self._root.parent.mkdir(parents=True, exist_ok=True)
            self._work.replace(self._root)
        except OSError as error:
            raise StoreError(f"cannot write {self._root}: {error.strerror}") from error
        return {
            table: self._rows.written[table] for table in SCHEMAS if table in self._rows.written
        }

    def _manifest(self) -> dict[str, Any]:
        unknown = ("revision", "architecture", "weights_sha256", "tokenizer_sha256", "dtype")
        return {
            "versions": {"neuroscribe": __version__},
            "subject": {
                "name": self._subject,
                **dict.fromkeys(unknown),
                "sites": sorted(self._sites.values(), key=_site_order),
            },
            "corpus": {"name": self._corpus, "revision": None, "licence": None},
            # The seed of later draws; nothing was recorded here.
            "recorder": {"seed": 0},
            "recorded": {"sequences": len(self._sequence_ids), "tokens": self._n_tokens},
            "imported": {
                **self._about,
                "at": self.imported_at.isoformat(timespec="seconds"),
                "notes": self._notes,
            },
        }


def _hash_of(split: Split, tokens: Sequence[str], token_ids: Sequence[int]) -> bytes:
    # Token by token, since ("ab", "c") and ("a", "bc") have one text.
    parts = repr((split, list(tokens), list(token_ids)))
    return hashlib.blake2b(parts.encode(), digest_size=16).digest()


def _site_order(site: Mapping[str, Any]) -> tuple[int, str]:
    return (-1 if site["layer"] is None else site["layer"], site["name"])


def _whole_characters(tokens: Sequence[str]) -> Sequence[str]:
    """The tokens, with halves of surrogate pairs (JSON may hold them) replaced by U+FFFD."""
    try:
        "".join(tokens).encode()
    except UnicodeEncodeError:
        pairs = [token.encode("utf-16", "surrogatepass") for token in tokens]
        return [pair.decode("utf-16", "replace") for pair in pairs]
    return tokens
