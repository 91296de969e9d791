"""How commands print: tables for people, one JSON document for programs.

Also the options for a period of days, in the configured time zone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merlin.cli import language
from merlin.core.clock import iso, start_of_day
from merlin.core.durable_files import is_disk_full
from merlin.core.errors import ConfigError, MerlinError
from merlin.core.formatted_text import escape_controls
from merlin.core.i18n import command_text, format_time, keys, text
from merlin.core.money import Amount

if TYPE_CHECKING:
    from rich.table import Table


def print_json(value: object) -> None:
    """Print one JSON document on stdout."""
    sys.stdout.write(to_json(value))


def to_json(value: object) -> str:
    """Return a JSON document as it is printed."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=_json_default) + "\n"


def record(view: Any, **names: str) -> dict[str, Any]:
    """Return a view as a dict for JSON, under its fields' aliases.

    `names` renames fields; a field renamed to "" is left out. The currency of an amount is a field
    of its own.
    """
    result: dict[str, Any] = {}
    for field in fields(view):
        name = names.get(field.name, field.metadata.get("alias", field.name))
        value = getattr(view, field.name)
        if isinstance(value, Amount):
            result |= {name: value.decimal, "currency": value.currency}
        elif name:
            result[name] = _json_value(value)
    return result


def _json_value(value: object) -> object:
    if is_dataclass(value):
        return record(value)
    if isinstance(value, list | tuple):
        return [_json_value(item) for item in value]
    return value


def _json_default(value: object) -> object:
    if isinstance(value, datetime):
        return iso(value)
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value)  # as REST writes it: a duration is "PT1M30S"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, with the value of a `field` or what `cell` makes of the record.

    `heading` ends the key of a Fluent text, and is the field's name unless that is given. A value
    with a `family` is translated by `translate_word`.
    """

    heading: str
    field: str = ""
    family: str = ""
    cell: Callable[[Any], object] | None = None

    def read(self, record: Mapping[str, Any]) -> object:
        """Return the value of one record."""
        value = self.cell(record) if self.cell else record[self.field or self.heading]
        return translate_word(self.family, str(value or "")) if self.family else value


def print_list(
    records: Sequence[Mapping[str, Any]],
    columns: Sequence[str | Column],
    *,
    json: bool = False,
    under: str = "",
    prefix: str = "col",
    empty: str = "",
) -> None:
    """Print records as a table or, with `json`, as one document, under the key `under` if set.

    A column that is a name has that field's values. The message `empty`, if set, replaces a table
    without rows.
    """
    if json:
        print_json({under: records} if under else records)
        return
    if empty and not records:
        print_message(empty)
        return
    listed = [
        Column(column) if isinstance(column, str) else column for column in columns
    ]
    rows = [[column.read(record) for column in listed] for record in records]
    print_table([f"{prefix}-{column.heading}" for column in listed], rows)


PIPE_WIDTH = 400


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; `headings` are Fluent keys. None prints as an empty cell."""
    from rich.console import Console

    table = format_table(headings, rows)
    if sys.stdout.isatty():
        Console().print(table)
        return
    # Without a terminal, keep each row on one line, without the padding of its last column: other
    # programs cut it as they like.
    console = Console(width=PIPE_WIDTH)
    with console.capture() as captured:
        console.print(table)
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def format_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """Return a table for `print_table`."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(text(language(), heading), overflow="fold")
    for row in rows:
        table.add_row(*(Text(format_cell(value)) for value in row))
    return table


# Line ends stay: some cells have several lines.
def format_cell(value: object) -> str:
    """Return the text of a cell: times to the second with their zone, yes or no, "" for None.

    Control characters, as of a commit's subject, are written as escapes.
    """
    if value is None:
        return ""
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, bool):
        return text(language(), "page-value-yes" if value else "page-value-no")
    return escape_controls(str(value))


def translate_word(family: str, name: str) -> str:
    """Return the text `<family>-<name>`, or `name` if there is none, as for a provider's states."""
    key = f"{family}-{name}"
    return text(language(), key) if key in keys(language()) else name


def print_pairs(values: Mapping[str, object]) -> None:
    """Print `heading: value` lines; a heading is the text `col-<name>`."""
    for name, value in values.items():
        heading = text(language(), f"col-{name.replace('_', '-')}")
        line = f"{heading}: {format_cell(value)}"
        sys.stdout.write(
            f"{line.rstrip()}\n"
        )  # an empty value leaves no blank at the end


def print_line(key: str, **arguments: object) -> None:
    """Print a text that belongs to the result."""
    sys.stdout.write(escape_controls(text(language(), key, **arguments)) + "\n")


def print_message(key: str, **arguments: object) -> None:
    """Print a message on stderr, and what to run next if it tells of a change."""
    sys.stderr.write(escape_controls(command_text(language(), key, **arguments)) + "\n")
    print_next(key, **arguments)


# By the key of the message about a change: the next sensible command.
NEXT_COMMANDS = {
    "account-did-name": "merlin users list {user}",
    "account-did-plan": "merlin users list {user}",
    "account-did-plan-days": "merlin users list {user}",
    "account-did-role": "merlin users list {user}",
    "billing-refund-started": "merlin billing check",
    "config-valid": "merlin doctor",
    "did-accept": "merlin models list --dataset {dataset}",
    "did-build": "merlin log",
    "did-cancel": "merlin jobs launch {dataset}",
    "did-commit": "merlin log {dataset}",
    "did-launch": "merlin jobs events {job}",
    "did-pin": "merlin models unpin {dataset}",
    "did-rollback": "merlin models unpin {dataset}",
    "did-switch": 'merlin ask --dataset {dataset} "…"',
    "did-unpin": "merlin models list --dataset {dataset}",
    "key-rotated": "merlin key list",
    "migrate-db-done": "merlin config check",
    "queued-only": "merlin status",
    "change-queued": "merlin status",
    "restore-done": "merlin doctor",
    "upgrade-done": "merlin doctor",
}


def print_next(key: str, **arguments: object) -> None:
    """Print the next sensible command on stderr, if the table has one for `key`."""
    if key in NEXT_COMMANDS:
        sys.stdout.flush()  # what it follows
        command = NEXT_COMMANDS[key].format(**arguments)
        sys.stderr.write(
            escape_controls(text(language(), "next-command", command=command)) + "\n"
        )


@contextmanager
def show_progress(key: str, total: int | None = None) -> Iterator[Callable[[], None]]:
    """Yield a function that advances a progress bar by one step; no bar without a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(
        console=console, disable=not console.is_terminal, transient=True
    ) as bars:
        task = bars.add_task(text(language(), key), total=total)
        yield lambda: bars.advance(task)


def unwritable_error(path: Path, error: OSError) -> MerlinError:
    """Return the error for a file or folder that cannot be written.

    A full disk is no error of the command: it exits as in `merlin.cli.failures`.
    """
    arguments = {"path": str(path), "reason": error.strerror or str(error)}
    kind = MerlinError if is_disk_full(error) else ConfigError
    return kind(f"{path}: {error}", "export-unwritable", **arguments)


Since = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"], help="First day. Default: a year before the end."
    ),
]
Until = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"], help="Day of the end, not included; default: now."
    ),
]
_DEFAULT_DAYS = 366


def day_bounds(
    zone: tzinfo, since: datetime | None, until: datetime | None
) -> tuple[datetime, datetime]:
    """Return the start and end of a period; days begin at midnight in `zone`."""
    last = start_of_day(until.date(), zone) if until else datetime.now(UTC)
    # No day is before the year 1.
    days = min(_DEFAULT_DAYS, last.toordinal() - 1)
    day: date = since.date() if since else (last - timedelta(days=days)).date()
    return start_of_day(day, zone), last
