"""Options and helpers that commands share: configuration, JSON output, contexts, confirmation."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from merlin.cli import language
from merlin.cli.commands import exit_on_interrupt
from merlin.cli.output import print_json, print_message, translate_word
from merlin.core.errors import Refused
from merlin.core.i18n import text

if TYPE_CHECKING:
    from datetime import datetime

    from merlin.app.actor import Actor
    from merlin.app.context import Context
    from merlin.config import Config
    from merlin.core.heartbeat import Heartbeat
    from merlin.db.requests import Request

ConfigPath = Annotated[
    Path,
    typer.Option("--config", envvar="MERLIN_CONFIG", help="The configuration file."),
]
DatasetName = Annotated[str, typer.Argument(help="The dataset.")]
ModelName = Annotated[str, typer.Argument(help="Model ID, or its build.")]
OnlyDataset = Annotated[
    str | None, typer.Option("--dataset", help="Only entries of this dataset.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Base = Annotated[
    str,
    typer.Option(
        metavar="PROVIDER/MODEL",
        help="Ask this model. Default: the recipe's base model.",
    ),
]
Limit = Annotated[int | None, typer.Option(min=1, help="Maximum number of questions.")]
Yes = Annotated[
    bool, typer.Option("--yes", help="Accept the displayed price without confirmation.")
]
LARGEST_BUDGET = 1_000_000_000
DEFAULT = Path("config.yaml")


def configuration(path: Path) -> Config:
    """Load the configuration, and send later bug reports to its state folder.

    Unless MERLIN_LANGUAGE says otherwise, messages are in its language from here on. A folder
    `credentials` next to the file holds secrets by name, as systemd's own does. PostgreSQL's
    password is put into the environment, where libpq and its programs read it, and so is the
    encoder's folder.
    """
    with exit_on_interrupt():
        from merlin.config.credentials import credential
        from merlin.config.reading import load
        from merlin.config.settings import DATABASE_PASSWORD
        from merlin.core.encoder import ENCODER_FOLDER

        config = load(path)
    credentials = path.resolve().parent / "credentials"
    if credentials.is_dir():
        os.environ.setdefault("CREDENTIALS_DIRECTORY", str(credentials))
    os.environ.setdefault("MERLIN_LANGUAGE", config.language)
    os.environ.setdefault("MERLIN_REPORTS", str(config.state_dir / "reports"))
    os.environ[ENCODER_FOLDER] = str(config.encoder or "")
    if password := credential(DATABASE_PASSWORD, is_needed=False, is_header=False):
        os.environ[DATABASE_PASSWORD] = password
    return config


NoWait = Annotated[bool, typer.Option("--no-wait", help="Don't wait for the daemon.")]


def ask_daemon(
    path: Path,
    act: Callable[[Context, Actor], Request],
    key: str,
    *,
    json: bool,
    is_waiting: bool = True,
    **families: str,
) -> None:
    """Send the daemon a request, and show its result as `print_result` does.

    `families` translate values for people: `state="job"` shows the text `job-<state>`. Raises the
    daemon's errors.
    """
    from merlin.cli.daemon_requests import request_daemon

    result = request_daemon(configuration(path), act, is_waiting=is_waiting)
    if not is_waiting:
        key = "queued-only"
        families = {}
    if not json:
        translations = {
            name: translate_word(family, str(result[name]))
            for name, family in families.items()
        }
        result = {**result, **translations}
    print_result(result, key, json=json)


@contextmanager
def read_context(
    path: Path, dataset: str | None = None
) -> Iterator[tuple[Context, Actor]]:
    """Yield a read-only context and the operator as actor.

    Raises NotFound if there is no database yet, or the dataset was never seen.
    """
    from merlin.app.actor import Actor
    from merlin.wiring.context import open_reading_context

    with open_reading_context(configuration(path), dataset or "") as ctx:
        yield ctx, Actor.operator()


@contextmanager
def write_context(
    path: Path, *, makes_key: bool = False
) -> Iterator[tuple[Context, Actor]]:
    """Yield a context and the operator as actor; all writes are one transaction.

    With `makes_key`, create the key of people's texts if there is none.
    """
    from merlin.app.actor import Actor
    from merlin.wiring.context import open_writing_context

    with open_writing_context(configuration(path), makes_key=makes_key) as ctx:
        yield ctx, Actor.operator()


@contextmanager
def require_stopped(config: Config, others: Iterable[str] = ()) -> Iterator[None]:
    """Hold the daemon's lock, so that no process uses the database.

    Processes of this host that end are waited for. Raises Refused with the names of the running
    processes, `others` among them; LeadTaken if another command has the lock.
    """
    from datetime import timedelta

    from merlin.core.clock import utc_now
    from merlin.db.processes import Lead

    now = utc_now()
    ends_at = time.monotonic() + _ENDING_S
    # A process that was told to end may still send one that was under way.
    last_beats = timedelta(seconds=2)
    known: dict[str, datetime] = {}
    while True:
        beats = _list_live(config, now)
        goes_on = time.monotonic() > ends_at or any(
            beat.host != socket.gethostname()
            or beat.at > known.setdefault(beat.process, beat.at) + last_beats
            for beat in beats
        )
        if alive := {*others, *(beat.process for beat in beats if goes_on)}:
            names = ", ".join(sorted(alive))
            raise Refused("processes run", "processes-running", names=names)
        if not beats:
            break
        time.sleep(_LOOK_S)
    with Lead(config.state_dir, config.database):
        yield


# As long as a unit has for its end (TimeoutStopSec), and a little more.
_ENDING_S = 30.0
_LOOK_S = 0.1


def _list_live(config: Config, now: datetime) -> list[Heartbeat]:
    """Return the heartbeats of processes that use the database, as the engine does not."""
    from merlin.db.database import open_database
    from merlin.db.driver_errors import DatabaseDamaged
    from merlin.db.migrations import list_applied
    from merlin.db.processes import Heartbeats

    # A damaged database has no heartbeats to read, and a backup replaces it.
    with suppress(DatabaseDamaged), open_database(config.database) as database:
        beats = Heartbeats(database).list_all() if list_applied(database) else []
        return [
            beat
            for beat in beats
            if beat.process != "engine"
            and beat.is_alive(now)
            and (beat.host != socket.gethostname() or beat.has_process)
        ]
    return []


_YES = ("y", "yes", "д", "да")


def require_yes(
    question: str, refusal: str, *, is_confirmed: bool, **arguments: object
) -> None:
    """Ask for confirmation unless it is given. Raises Refused unless the answer is yes.

    `question` and `refusal` are message keys, `arguments` those of the question. Without a terminal
    the answer counts as no.
    """
    if is_confirmed:
        return
    is_yes = False
    if sys.stdin.isatty():
        line = f"{text(language(), question, **arguments)} {text(language(), 'cli-yes-or-no')}"
        answer = typer.prompt(line, default="", show_default=False, err=True)
        is_yes = answer.strip().casefold() in _YES
    if not is_yes:
        raise Refused("not confirmed", refusal)


def print_result(
    result: Mapping[str, object], key: str, *, json: bool, **shown: object
) -> None:
    """Print a result: as JSON, or as the message `key` with `shown`, by default with the result."""
    if json:
        print_json(result)
        return
    values = shown or result
    print_message(
        key, **{name: "" if value is None else value for name, value in values.items()}
    )
