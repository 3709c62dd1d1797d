"""Is any text in two splits? That is what would make scores dishonest.

Whether a document is in the right split cannot be told, since the text of a whole document is not
stored. What can be told is whether a document, the same tokens, or the same text but for case and
white space (see `datasets.splits`) are in two splits. Documents are compared by what is kept of
them. Hashes find the candidates, and their rows are compared before anything is said, so a
collision accuses nobody.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from neuroscribe.study.verifying.parts import Part
from neuroscribe.study.verifying.report import Inspection
from neuroscribe.study.verifying.sequence_index import Seen, normalised, small_hash


def check_splits(seen: Seen, tables: Sequence[Part], inspection: Inspection) -> None:
    """Report every sequence whose document, tokens or text is in another split too."""
    check = inspection["splits"]
    check.cover("sequences", sum(part.n_rows for part in tables))
    candidates = {each for group in seen.same_tokens() for each in group}
    by_tokens: dict[tuple[int, ...], list[_Row]] = defaultdict(list)
    by_name: dict[str, list[_Row]] = defaultdict(list)
    documents = seen.suspicious_documents()
    for row in _rows_of(tables, candidates, documents):
        if row.sequence_id in candidates:
            by_tokens[row.token_ids].append(row)
        if small_hash(row.document_id.encode()) in documents:
            by_name[row.document_id].append(row)
    reported: set[int] = set()
    for members in by_tokens.values():
        reported |= _report(members, "has the same tokens as", inspection)
    by_text: dict[str, list[_Row]] = defaultdict(list)
    for name, members in by_name.items():
        if len({row.split for row in members}) > 1:
            how = f"is of the same document, {name!r}, as"
            reported |= _report(members, how, inspection)
        elif members[0].sequence_id not in reported:
            by_text["".join(normalised(row.text) for row in members)].append(members[0])
    for members in by_text.values():
        _report(members, "begins a document of the same text as the one of", inspection)


@dataclass(frozen=True, kw_only=True)
class _Row:
    file: str
    row: int
    sequence_id: int
    document_id: str
    split: str
    token_ids: tuple[int, ...]
    text: str


def _rows_of(tables: Sequence[Part], ids: set[int], documents: set[int]) -> Iterator[_Row]:
    if not ids and not documents:
        return
    wanted = pa.array(sorted(ids), pa.int64())
    for part in tables:
        for rows in part.batches():
            names = rows.column("document_id").to_pylist()
            chosen = pc.is_in(rows.column("sequence_id"), value_set=wanted).to_pylist()
            for at, name in enumerate(names):
                if chosen[at] or (documents and small_hash(name.encode()) in documents):
                    yield _Row(
                        file=part.file,
                        row=rows.first + at,
                        sequence_id=rows.column("sequence_id")[at].as_py(),
                        document_id=name,
                        split=rows.text("split", at),
                        token_ids=tuple(rows.column("token_ids")[at].as_py()),
                        text=rows.text("text", at),
                    )


def _report(members: Sequence[_Row], how: str, inspection: Inspection) -> set[int]:
    """Report each split's first against the first of all; the ids that were reported."""
    first = members[0]
    said = {first.split}
    reported = set()
    for row in members[1:]:
        if row.split in said:
            continue
        said.add(row.split)
        reported.add(row.sequence_id)
        inspection["splits"].find(
            f"of {row.split}, {how} sequence {first.sequence_id} of {first.split}: "
            "scores on the one say nothing where the other was shown",
            table="sequences",
            file=row.file,
            row=row.row,
            about=f"sequence {row.sequence_id}",
        )
    return reported
