"""Options that commands share: the configuration, JSON, and how they ask the daemon."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from merlin.cli import language
from merlin.cli.output import print_json, print_message, translate_word
from merlin.core.errors import Refused
from merlin.core.i18n import text

if TYPE_CHECKING:
    from merlin.app.actor import Actor
    from merlin.app.context import Context
    from merlin.config import Config
    from merlin.db.requests import Request


ConfigPath = Annotated[
    Path, typer.Option("--config", envvar="MERLIN_CONFIG", help="The configuration file.")
]
Dataset = Annotated[str | None, typer.Option("--dataset", help="Only this dataset's.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Base = Annotated[
    str,
    typer.Option(metavar="PROVIDER/MODEL", help="Ask this model. Default the recipe's base."),
]
Limit = Annotated[int | None, typer.Option(min=1, help="Ask so many questions at most.")]
AnswerTokens = Annotated[
    int | None, typer.Option(min=1, help="Cut each answer off after so many tokens.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Pay the price shown without asking.")]
Budget = Annotated[
    float | None,
    typer.Option(min=0, help="Spend no more than this, in the provider's currency."),
]
DEFAULT = Path("config.yaml")


def configuration(path: Path) -> Config:
    """Return the configuration; from here on bug reports go to its state folder.

    A folder `credentials` beside the file holds secrets by name, as systemd's own does. The
    password of PostgreSQL goes where libpq reads it, its programs' too.
    """
    from merlin.config import credential, load
    from merlin.config.settings import DATABASE_PASSWORD

    config = load(path)
    beside = path.resolve().parent / "credentials"
    if beside.is_dir():
        os.environ.setdefault("CREDENTIALS_DIRECTORY", str(beside))
    os.environ.setdefault("MERLIN_REPORTS", str(config.state_dir / "reports"))
    if password := credential(DATABASE_PASSWORD, is_needed=False):
        os.environ[DATABASE_PASSWORD] = password
    return config


NoWait = Annotated[bool, typer.Option("--no-wait", help="Do not wait for the daemon.")]


def ask_daemon(
    path: Path,
    act: Callable[[Context, Actor], Request],
    key: str,
    *,
    json: bool,
    is_waiting: bool = True,
    **families: str,
) -> None:
    """Ask the daemon by an act, and show its answer as `print_result` does.

    `families` translate values for people: `state="job"` shows the text `job-<state>`. Raises what
    the daemon refused with.
    """
    from merlin.cli.daemon_requests import ask

    result = ask(configuration(path), act, print_message, is_waiting=is_waiting)
    if not json:
        words = {name: translate_word(each, str(result[name])) for name, each in families.items()}
        result = {**result, **words}
    print_result(result, key, json=json)


@contextmanager
def reading(path: Path, dataset: str | None = None) -> Iterator[tuple[Context, Actor]]:
    """Yield what acts that read need: the context, and who sits here.

    Raises NotFound before anything was recorded, and for a dataset that was never seen.
    """
    from merlin.app.actor import Actor
    from merlin.wiring.context import reading_context

    with reading_context(configuration(path), dataset or "") as ctx:
        yield ctx, Actor.operator()


@contextmanager
def changing(path: Path, *, makes_key: bool = False) -> Iterator[tuple[Context, Actor]]:
    """Yield what acts that change need; all that they write becomes one transaction.

    With `makes_key` the key of people's texts is made where there is none.
    """
    from merlin.app.actor import Actor
    from merlin.wiring.context import writing_context

    with writing_context(configuration(path), makes_key=makes_key) as ctx:
        yield ctx, Actor.operator()


@contextmanager
def require_stopped(config: Config) -> Iterator[None]:
    """Hold the daemon's place while no process works with the database.

    Raises Refused, naming those that run.
    """
    from merlin.core.clock import utc_now
    from merlin.db.database import open_database
    from merlin.db.migrations import applied
    from merlin.db.processes import Heartbeats, Lead

    lead = Lead(config.state_dir, config.database)
    if not lead.take():
        raise Refused("the daemon is running", "processes-running", names="daemon")
    with lead:
        with open_database(config.database) as database:
            beats = Heartbeats(database).all() if applied(database) else []
        now = utc_now()
        if alive := sorted(beat.process for beat in beats if beat.is_alive(now)):
            raise Refused("processes run", "processes-running", names=", ".join(alive))
        yield


def require_yes(question: str, refusal: str, *, is_given: bool, **arguments: object) -> None:
    """Ask a question by its key, unless the answer is given. Raises Refused for another than yes.

    `refusal` is its key, also where nobody can be asked; `arguments` fills the question.
    """
    if is_given:
        return
    if not sys.stdin.isatty() or not typer.confirm(
        text(language(), question, **arguments), err=True
    ):
        raise Refused("not confirmed", refusal)


def print_result(result: Mapping[str, object], key: str, *, json: bool, **shown: object) -> None:
    """Show a result: one JSON document, or the sentence `key` with its values, or with `shown`."""
    if json:
        print_json(result)
        return
    values = shown or result
    print_message(key, **{name: "" if each is None else each for name, each in values.items()})
