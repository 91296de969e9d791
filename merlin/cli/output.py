"""How commands show things: a table for people, one JSON document for programs.

Also the days between which a command looks, in the config's time zone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merlin.cli import language
from merlin.core.clock import from_iso, in_zone, iso
from merlin.core.durable_files import write_durably
from merlin.core.errors import ConfigError
from merlin.core.i18n import keys, text, zone_name

if TYPE_CHECKING:
    from rich.table import Table


def print_json(value: object) -> None:
    """Print one JSON document on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=_plain) + "\n")


def record(view: Any, **names: str) -> dict[str, Any]:
    """Return a view as programs read it: its values by their names in JSON.

    `names` gives some another one, and leaves out those whose new name is "".
    """
    result = {}
    for field in fields(view):
        name = names.get(field.name, field.metadata.get("alias", field.name))
        if name:
            result[name] = _recorded(getattr(view, field.name))
    return result


def _recorded(value: object) -> object:
    if is_dataclass(value):
        return record(value)
    if isinstance(value, list | tuple):
        return [_recorded(each) for each in value]
    return value


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return iso(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


def print_list(
    records: Sequence[Mapping[str, Any]],
    columns: str,
    *,
    json: bool,
    under: str = "",
    prefix: str = "col",
    **cells: Callable[[Any], object],
) -> None:
    """Print records: one JSON document, `under` a name where it has one; or a table.

    A column is "heading", "heading=field" or "heading=field:family", whose words are translated.
    What else a column shows, `cells` say by its heading, of a record.
    """
    if json:
        print_json({under: records} if under else records)
        return
    headings, rows = [], [list[object]() for _ in records]
    for column in columns.split():
        heading, _, source = column.partition("=")
        name, _, family = (source or heading).partition(":")
        headings.append(f"{prefix}-{heading}")
        cell = cells.get(heading.replace("-", "_"))
        for row, each in zip(rows, records, strict=True):
            value = cell(each) if cell else each[name]
            row.append(translate_word(family, str(value or "")) if family else value)
    print_table(headings, rows)


WIDE = 400


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; `headings` are Fluent keys. Cells are text, None shows as nothing."""
    from rich.console import Console

    shown = format_table(headings, rows)
    # Without a terminal a row is a line, however long: other programs cut it as they like.
    Console(width=None if sys.stdout.isatty() else WIDE).print(shown)


def format_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """Return a table ready to be printed; see `table`."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(text(language(), heading), overflow="fold")
    for row in rows:
        table.add_row(*(Text(format_cell(value)) for value in row))
    return table


def format_cell(value: object) -> str:
    """Return one cell's text: times to the second with their zone, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        here = in_zone(value)
        return f"{here:%Y-%m-%d %H:%M:%S} {zone_name(here)}"
    return str(value)


def translate_word(family: str, name: str) -> str:
    """Return the text `<family>-<name>`; a name without one (a provider's own) stays as it is."""
    key = f"{family}-{name}"
    return text(language(), key) if key in keys(language()) else name


def format_local_time(moment: datetime | str | None) -> str:
    """Return a time, maybe an ISO one, as people read it: their own zone, to the second."""
    return format_cell(from_iso(moment) if isinstance(moment, str) else moment)


def print_pairs(values: Mapping[str, object], prefix: str = "col") -> None:
    """Print `heading: value` lines; a heading is the text `<prefix>-<name>`."""
    for name, value in values.items():
        heading = text(language(), f"{prefix}-{name.replace('_', '-')}")
        sys.stdout.write(f"{heading}: {format_cell(value)}\n")


def print_message(key: str, **arguments: object) -> None:
    """Say a sentence on stderr."""
    sys.stderr.write(text(language(), key, **arguments) + "\n")


@contextmanager
def show_progress(key: str, total: int | None = None) -> Iterator[Callable[[], None]]:
    """Yield what is called after each step: it moves a bar on a terminal, and nothing else."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bars:
        task = bars.add_task(text(language(), key), total=total)
        yield lambda: bars.advance(task)


def write_file(path: Path, message: str) -> None:
    """Write a text into a file, whole or not at all. Raises ConfigError where it cannot be."""
    write_whole(path, lambda place: place.write_text(message, encoding="utf-8", newline="\n"))


def write_whole(path: Path, fill: Callable[[Path], object]) -> None:
    """Let `fill` write a file, whole or not at all. Raises ConfigError where it cannot be."""
    try:
        # A device or a pipe (/dev/stdout, /dev/null) takes the text; a rename would replace it.
        if path.exists() and not path.is_file():
            fill(path)
        else:
            write_durably(path, fill)
    except OSError as error:
        raise unwritable_place(path, error) from error


def unwritable_place(path: Path, error: OSError) -> ConfigError:
    """Return the error for a file or a folder that cannot be written."""
    arguments = {"path": str(path), "reason": error.strerror or str(error)}
    return ConfigError(f"{path}: {error}", "export-unwritable", **arguments)


Since = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="From this day on. Default a year before the end."),
]
Until = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Up to this day, itself left out. Default to now."),
]
_USUAL_DAYS = 366


def day_bounds(
    zone: tzinfo, since: datetime | None, until: datetime | None
) -> tuple[datetime, datetime]:
    """Return the two ends of a time; days are those of a time zone, the config's."""
    from merlin.billing.report import day_start

    last = day_start(until.date(), zone) if until else datetime.now(UTC)
    day: date = since.date() if since else (last - timedelta(days=_USUAL_DAYS)).date()
    return day_start(day, zone), last
