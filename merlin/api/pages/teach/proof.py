"""Proof: what the checker says of an edit and what the edit changes, as a page shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from merlin.api.pages.visit import Visit

_STYLES = {"+": ("add", "+"), "-": ("del", "−"), "@": ("at", "")}
_HEADERS = ("--- ", "+++ ")
# More of one file nobody reads on a page; git has it all.
MOST_LINES = 600


@dataclass(frozen=True, slots=True)
class FindingView:
    """One finding; `style` is bad for an error, warn for all else."""

    style: str
    words: str
    place: str


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a difference; `sign` says to who cannot see colours what it is."""

    style: str
    sign: str
    words: str


@dataclass(frozen=True, slots=True)
class FileView:
    """One file that is changed."""

    path: str
    lines: tuple[DiffLine, ...]


@dataclass(frozen=True, slots=True)
class ProofView:
    """What would come of an edit; `is_whole`: course.yaml is written anew, without comments."""

    is_good: bool
    is_whole: bool
    findings: tuple[FindingView, ...]
    around: tuple[FindingView, ...]
    files: tuple[FileView, ...]
    tokens: int = 0


def proof_of(visit: Visit, said: Mapping[str, Any]) -> ProofView:
    """Return a preview of the api, or a problem with findings, as it is shown."""
    findings = said.get("findings", [])
    return ProofView(
        is_good=bool(said.get("is_good")),
        is_whole=bool(said.get("is_whole")),
        findings=findings_of(visit, findings),
        around=findings_of(visit, said.get("around", [])),
        files=tuple(
            FileView(each["path"], diff_lines(each["difference"])) for each in said.get("files", [])
        ),
        tokens=int(said.get("tokens", 0)),
    )


def findings_of(visit: Visit, told: Sequence[Mapping[str, Any]]) -> tuple[FindingView, ...]:
    """Return findings as they are shown, errors first."""
    shown = [
        FindingView(
            "bad" if each["severity"] == "error" else "warn",
            each["text"],
            visit.say("at-line", path=each["path"], line=str(each["line"])),
        )
        for each in told
    ]
    return tuple(sorted(shown, key=lambda finding: finding.style))


def diff_lines(difference: str | None) -> tuple[DiffLine, ...]:
    """Return the lines of a unified difference without its headers; none for None."""
    return tuple(_lines(difference or ""))


def _lines(difference: str) -> Iterator[DiffLine]:
    for place, line in enumerate(difference.splitlines()):
        if place < len(_HEADERS) and line.startswith(_HEADERS):
            continue
        if place > MOST_LINES:
            yield DiffLine("at", "", "…")
            return
        style, sign = _STYLES.get(line[:1], ("", ""))
        yield DiffLine(style, sign, line)
