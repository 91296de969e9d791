"""Parts that several pages show.

List, table and confirmation, whose templates are in `component_parts.html`; counts by day as a
drawing, one bar a day, that stretches to its place; the way to the next part of a long list; what
the checker says of an edit and what the edit changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from merlin.api.pages.page import PageRequest
from merlin.app.changes import PreviewView
from merlin.core.web.templates import Badge
from merlin.dataset.finding import Finding, Severity

HIGH = 100


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a list: `href` "" leads nowhere, `chip` is where it stands, `end` a sum."""

    title: str
    about: str
    href: str = ""
    chip: Badge | None = None
    end: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; `style` is "r" for numbers, "break" for long words."""

    words: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of words."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Confirm:
    """What was asked for, once more before it is done; `fields` come with the second form."""

    title: str
    question: str
    yes: str
    action: str
    no_href: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Count:
    """One day or week."""

    words: str
    count: int
    bad: int = 0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; places are units of a drawing as wide as there are bars, `HIGH` high."""

    x: float
    y: float
    height: float
    bad_y: float
    bad_height: float


@dataclass(frozen=True, slots=True)
class Bars:
    """The drawing; `first` and `last` stand below its ends, `most` beside its top."""

    wide: int
    bars: tuple[Bar, ...]
    most: int
    first: str
    last: str


def bars_of(counts: Sequence[Count]) -> Bars | None:
    """Return the drawing of counts, None where all of them are 0."""
    most = max((each.count for each in counts), default=0)
    if not most:
        return None
    bars = tuple(_bar(place, each, most) for place, each in enumerate(counts))
    return Bars(len(counts), bars, most, counts[0].words, counts[-1].words)


def _bar(place: int, each: Count, most: int) -> Bar:
    height = round(HIGH * each.count / most, 1)
    bad = round(HIGH * min(each.bad, each.count) / most, 1)
    return Bar(place + 0.12, HIGH - height, height, HIGH - bad, bad)


def next_href(visit: PageRequest, cursor: str) -> str:
    """Return this page's address with the cursor of the next part, "" without one."""
    if not cursor:
        return ""
    kept = [
        (name, value)
        for name, value in visit.request.query_params.multi_items()
        if name not in {"cursor", "asked", "launch"}
    ]
    return f"{visit.request.scope['path']}?{urlencode([*kept, ('cursor', cursor)])}"


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


def proof_view(visit: PageRequest, seen: PreviewView) -> ProofView:
    """Return what would come of an edit as it is shown."""
    return ProofView(
        is_good=seen.is_good,
        is_whole=seen.is_whole,
        findings=finding_views(visit, seen.findings),
        around=finding_views(visit, seen.around),
        files=tuple(FileView(each.path, diff_lines(each.difference)) for each in seen.files),
        tokens=seen.tokens,
    )


def finding_views(visit: PageRequest, findings: Sequence[Finding]) -> tuple[FindingView, ...]:
    """Return findings as they are shown, errors first."""
    shown = [
        FindingView(
            "bad" if each.severity is Severity.ERROR else "warn",
            each.text(visit.language),
            visit.say("at-line", path=each.path, line=str(each.line)),
        )
        for each in findings
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
