"""What a verification found: the checks, how much they covered, and what is wrong and where.

Damage rarely comes alone: a lost part of `sequences` leaves every exemplar without its sequence. So
a check keeps its first `MOST_FINDINGS` findings and counts the others. A check that could not be
made says why; that is no finding, and no proof that all is well either.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

MOST_FINDINGS = 20
"""Findings of one check that are kept; the others are counted."""

_ANEW = "restore the part from a copy of the study, or record into a new directory"


def _again(command: str) -> str:
    return (
        f"restore the part from a copy of the study, or delete it and run `neuroscribe {command}` "
        "again, which takes its answers from the journal"
    )


REMEDIES = {
    **dict.fromkeys(("sequences", "units", "exemplars", "vectors", "bits"), _ANEW),
    **dict.fromkeys(("explanations", "lessons"), _again("explain")),
    **dict.fromkeys(("simulations", "judgements", "scores"), _again("score")),
}
"""What to do about damage, by table."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong."""

    check: str
    """Name of the check that found it."""
    what: str
    """A sentence: what is wrong, with the value."""
    remedy: str
    """What to do about it."""
    table: str | None = None
    file: str | None = None
    """Path within the study."""
    row: int | None = None
    """Number of the row in the file, from 0."""
    about: str | None = None
    """Unit, sequence or explanation that the row is about."""

    def __str__(self) -> str:
        row = None if self.row is None else f"row {self.row:,}"
        place = ", ".join(part for part in (self.file, row, self.about) if part)
        return f"{place}: {self.what}" if place else self.what


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check and how far it came."""

    name: str
    covered: tuple[tuple[str, int], ...]
    """What was looked at, and how many of it."""
    n_findings: int
    not_checked: tuple[str, ...]
    """Why something of it could not be checked, one sentence each."""

    @property
    def ran(self) -> bool:
        """Whether anything was looked at."""
        return bool(self.covered) or self.n_findings > 0

    @property
    def passed(self) -> bool:
        """Whether it looked at something and all of that was right."""
        return self.ran and self.n_findings == 0


@dataclass(frozen=True, kw_only=True)
class Report:
    """The outcome of a verification."""

    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]
    """By check; at most `MOST_FINDINGS` of each."""

    @property
    def n_findings(self) -> int:
        """All findings, those that were only counted too."""
        return sum(check.n_findings for check in self.checks)

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return self.n_findings == 0

    def of(self, check: str) -> list[Finding]:
        """The findings of one check that were kept."""
        return [finding for finding in self.findings if finding.check == check]


@dataclass(kw_only=True)
class Examination:
    """A check under way."""

    name: str
    covered: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    n_findings: int = 0
    not_checked: list[str] = field(default_factory=list)

    @property
    def room(self) -> int:
        """Findings that are still kept."""
        return MOST_FINDINGS - len(self.findings)

    def cover(self, what: str, count: int = 1) -> None:
        """Count what was looked at."""
        self.covered[what] += count

    def leave(self, reason: str) -> None:
        """Say why something cannot be checked; the same reason once."""
        if reason not in self.not_checked:
            self.not_checked.append(reason)

    def find(
        self,
        what: str,
        *,
        table: str | None = None,
        file: str | None = None,
        row: int | None = None,
        about: str | None = None,
        remedy: str | None = None,
    ) -> None:
        """Report one thing that is wrong; without a remedy the table's is named."""
        self.n_findings += 1
        if self.room > 0:
            self.findings.append(
                Finding(
                    check=self.name,
                    what=what,
                    remedy=remedy or REMEDIES.get(table or "", _ANEW),
                    table=table,
                    file=file,
                    row=row,
                    about=about,
                )
            )

    def count(self, further: int) -> None:
        """Count findings that there is no room for."""
        self.n_findings += further

    def closed(self) -> Check:
        """What came of it."""
        return Check(
            name=self.name,
            covered=tuple(self.covered.items()),
            n_findings=self.n_findings,
            not_checked=tuple(self.not_checked),
        )


class Inspection:
    """All checks of one verification, in the order in which they begin."""

    def __init__(self, names: Sequence[str]) -> None:
        """Prepare the checks."""
        self._checks = {name: Examination(name=name) for name in names}

    def __getitem__(self, name: str) -> Examination:
        return self._checks[name]

    def report(self) -> Report:
        """Close all checks."""
        return Report(
            checks=tuple(check.closed() for check in self._checks.values()),
            findings=tuple(
                finding for check in self._checks.values() for finding in check.findings
            ),
        )
