"""How commands print: JSON, tables, pairs and messages, and the days that they are asked about."""

import errno
import json
import os
import pty
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from merlin.cli import output
from merlin.cli.output import Column
from merlin.core.errors import ConfigError, MerlinError
from merlin.core.money import Amount

pytestmark = pytest.mark.unit

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MOSCOW = ZoneInfo("Europe/Moscow")


@dataclass
class Part:
    number: int


@dataclass
class View:
    """What an act returns: fields of every kind that a document has."""

    name: str
    parts: tuple[Part, ...]
    paid: Amount
    at: datetime
    silence: timedelta
    inner: str = ""
    said: str = field(default="", metadata={"alias": "words"})


def test_json_of_a_view_is_as_rest_writes_it(capsys):
    view = View(
        "a", (Part(1), Part(2)), Amount(9990, "RUB"), NOON, timedelta(seconds=90)
    )
    output.print_json(output.record(view, name="title", inner=""))
    assert json.loads(capsys.readouterr().out) == {
        "title": "a",
        "parts": [{"number": 1}, {"number": 2}],
        "paid": "99.90",
        "currency": "RUB",
        "at": "2026-03-01T12:00:00.000000+00:00",
        "silence": "PT1M30S",
        "words": "",
    }


ROWS = [{"build": "a-1", "state": "good"}, {"build": "b-2", "state": "of-a-provider"}]
COLUMNS = ["build", Column("state", family="model"), Column("name", cell=len)]


def test_list_is_a_table_with_translated_words(capsys):
    output.print_list(ROWS, COLUMNS)
    heading, first, second = capsys.readouterr().out.splitlines()
    assert heading.split() == ["build", "state", "name"]
    assert first.split() == ["a-1", output.translate_word("model", "good"), "2"]
    assert second.split() == ["b-2", "of-a-provider", "2"]


@pytest.mark.parametrize(
    ("options", "document"),
    [({}, ROWS), ({"under": "builds"}, {"builds": ROWS})],
)
def test_list_for_programs_is_a_document(capsys, options, document):
    output.print_list(ROWS, COLUMNS, json=True, empty="builds-none", **options)
    assert json.loads(capsys.readouterr().out) == document


def test_list_without_rows_is_a_message(capsys):
    output.print_list([], COLUMNS, empty="builds-none")
    captured = capsys.readouterr()
    assert (captured.out, "merlin build" in captured.err) == ("", True)


def test_table_of_a_terminal_fits_its_width(monkeypatch):
    screen, terminal = pty.openpty()
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("TERM", "dumb")  # without colours, of 80 columns
    with os.fdopen(terminal, "w") as stdout, redirect_stdout(stdout):
        output.print_table(["col-build", "col-name"], [["a-1", "word " * 20]])
    lines = os.read(screen, 4096).decode().splitlines()
    os.close(screen)
    assert len(lines) > 2
    assert max(map(len, lines)) <= 80


def test_row_in_a_pipe_stays_one_line(capsys):
    output.print_table(["col-build", "col-name"], [["a-1", "word " * 20]])
    assert len(capsys.readouterr().out.splitlines()) == 2


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


def test_pairs_leave_no_blank_after_an_empty_value(capsys):
    output.print_pairs({"build": "a-1", "created_at": None})
    assert capsys.readouterr().out.splitlines() == ["build: a-1", "created:"]


def test_result_and_message_of_a_change_are_apart_and_name_the_next_command(capsys):
    output.print_line("why-general")
    output.print_message("did-unpin", dataset="trial", build="a-1")
    captured = capsys.readouterr()
    assert captured.out.startswith("This is a general model")
    assert captured.err.endswith("Next: merlin models list --dataset trial\n")


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


def test_period_without_an_end_ends_now():
    before = datetime.now(UTC)
    first, last = output.day_bounds(UTC, datetime.fromisoformat("2026-01-02"), None)
    assert first == datetime(2026, 1, 2, tzinfo=UTC)
    assert before <= last <= datetime.now(UTC)
