"""How commands print: JSON, tables, pairs and messages, and the days that they are asked about."""

import errno
import os
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from merlin.cli import output
from merlin.core.errors import ConfigError, MerlinError

pytestmark = pytest.mark.unit

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MOSCOW = ZoneInfo("Europe/Moscow")


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (True, "yes"),
        (False, "no"),
        (NOON, "2026-03-01 12:00:00 UTC"),
        ("\x1b[31mred", r"\x1b[31mred"),
        (7, "7"),
    ],
)
def test_cell_is_written_for_people(monkeypatch, value, cell):
    monkeypatch.setenv("TZ", "UTC")
    assert output.format_cell(value) == cell


def test_progress_is_shown_at_a_terminal_only(capsys):
    with output.show_progress("doctor-progress", 2) as advance:
        advance()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, MerlinError), (errno.EACCES, ConfigError)]
)
def test_full_disk_is_no_error_of_the_command(number, kind):
    problem = OSError(number, os.strerror(number))
    error = output.unwritable_error(Path("archives"), problem)
    assert type(error) is kind
    assert error.arguments["path"] == "archives"
    assert error.arguments["reason"] == os.strerror(number)


@pytest.mark.parametrize(
    ("since", "until", "first", "last"),
    [
        ("2026-01-02", "2026-02-03", "2026-01-02", "2026-02-03"),
        (None, "2026-02-03", "2025-02-01", "2026-02-03"),
    ],
)
def test_days_begin_at_midnight_of_the_zone(since, until, first, last):
    given = [day and datetime.fromisoformat(day) for day in (since, until)]
    bounds = output.day_bounds(MOSCOW, *given)
    assert [bound.astimezone(MOSCOW).isoformat()[:19] for bound in bounds] == [
        f"{first}T00:00:00",
        f"{last}T00:00:00",
    ]
