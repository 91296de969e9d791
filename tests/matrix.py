"""Count the tests of each marker in each room into docs/testing.md; `make docs` calls it.

A room is a folder of tests/. One collection, no test runs. A test without exactly one marker, or
a file that cannot be collected, ends with exit code 1 and leaves the page as it was.
"""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "testing.md"
MARKERS = ("unit", "functional", "integration", "load")
PROCESSES = ("daemon", "bot", "api", "engine")
WHOLE = ""  # tests that lie in no room speak of the whole
Cells = Mapping[tuple[str, str], int]

_HEAD = """\
# Tests, counted

Written by `tests/matrix.py` (`make docs`); not to be edited. A test with parameters counts once for
each case. What the markers and rooms mean: [Test](en/test.md), [Тесты](ru/test.md).

"""


class Tally:
    """Counts what pytest collects; `odd` names the tests without exactly one marker."""

    def __init__(self) -> None:
        self.cells: Counter[tuple[str, str]] = Counter()
        self.odd: list[str] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Take every collected test."""
        for item in session.items:
            markers = markers_of(item)
            if len(markers) == 1:
                self.cells[room_of(item.path), markers[0]] += 1
            else:
                self.odd.append(f"{item.nodeid}: {', '.join(markers) or 'no marker'}")


def markers_of(item: pytest.Item) -> list[str]:
    """Return which of the four markers a test carries."""
    return [name for name in MARKERS if item.get_closest_marker(name)]


def room_of(path: Path) -> str:
    """Return the folder of tests/ that a test file lies in, WHOLE for none."""
    steps = path.relative_to(ROOT / "tests").parts
    return steps[0] if len(steps) > 1 else WHOLE


def page(cells: Cells) -> str:
    """Return docs/testing.md: processes first, then the other rooms by name, then the sum."""
    others = sorted({room for room, _ in cells} - set(PROCESSES) - {WHOLE})
    rooms = [*PROCESSES, *others, WHOLE]
    lines = [_row("room", *MARKERS, "all"), _row(*["---"] * (len(MARKERS) + 2))]
    for room in rooms:
        counts = [cells.get((room, marker), 0) for marker in MARKERS]
        lines.append(_row(_name(room), *counts, sum(counts)))
    sums = [sum(cells.get((room, marker), 0) for room in rooms) for marker in MARKERS]
    lines.append(_row("**all**", *sums, sum(sums)))
    return _HEAD + "\n".join(lines) + "\n"


def _name(room: str) -> str:
    return f"`tests/{room}`" if room else "`tests/` (the whole)"


def _row(*cells: object) -> str:
    return f"| {' | '.join(str(cell or '–') for cell in cells)} |"


def main() -> int:
    """Collect, judge, write; return the exit code."""
    tally, said = Tally(), io.StringIO()
    with redirect_stdout(said):
        words = ["--collect-only", "-q", "-p", "no:cacheprovider", "--rootdir", str(ROOT)]
        code = pytest.main([*words, str(ROOT / "tests")], plugins=[tally])
    if code or tally.odd:
        sys.stderr.write("\n".join(tally.odd) + "\n" if tally.odd else said.getvalue())
        return 1
    PAGE.write_text(page(tally.cells), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}: {tally.cells.total()} tests\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
