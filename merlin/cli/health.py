"""`merlin health`: tell whether a process is healthy, for probes and HEALTHCHECK."""

import json
import os
import pickle
import select
import socket
import ssl
import sys
import urllib.error
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.message import Message
from http import HTTPStatus
from typing import Annotated, TypeVar, cast

import typer

from merlin.cli.failures import error_text
from merlin.cli.options import DEFAULT, ConfigPath, configuration
from merlin.cli.output import print_message
from merlin.config import INSTALLATION_HEADER, Config, installation_id
from merlin.config.engine import EngineConfig
from merlin.config.settings import ApiConfig
from merlin.core.clock import utc_now
from merlin.core.errors import ConfigError, MerlinError, NotFound
from merlin.core.heartbeat import STATE_ERRORS, Heartbeat, health_problem
from merlin.core.memory import without_modules
from merlin.core.network import fetch_url, url_place

PROBE_S = 5.0
T = TypeVar("T")
OTHER_INSTALLATION = "unhealthy-other-installation"
NO_DATABASE = "unhealthy-database"
# The keys of the errors by which an api that answers reports its database.
DATABASE_ERRORS = {*STATE_ERRORS.values(), NO_DATABASE}

app = typer.Typer()


@app.command()
def health(
    process: Annotated[str, typer.Argument(help="daemon, bot, api or engine.")],
    *,
    alive: Annotated[
        bool,
        typer.Option("--alive", help="Check only whether it is alive: if not, a restart can help."),
    ] = False,
    config: ConfigPath = DEFAULT,
) -> None:
    """Check whether a process is healthy: exit 0, or 1 with the reason."""
    check = liveness_error if alive else health_error
    if (reason := check(configuration(config), process)) is None:
        print_message("health-good", process=process)
        return
    print_message("health-bad", process=process, reason=error_text(reason.key, reason.arguments))
    sys.exit(1)


def health_error(config: Config, process: str) -> MerlinError | None:
    """Return the error of an unhealthy process, or None if it is healthy. Raises ConfigError."""
    if process == "engine":
        return _probe_server(local_url(config.engine))
    if process == "api":
        url = local_url(config.api)
        return _probe_server(url, config) or _probe_readiness(url)
    if process in ("daemon", "bot"):
        # Heartbeats are stored in the database: if that takes no writes, this is the error.
        # Imported here: probes of HTTP servers run often and do not need the database modules.
        with without_modules("psycopg"):  # peewee would import it: only PostgreSQL needs it
            from merlin.db.database import require_room, require_storage

        def read() -> list[Heartbeat]:
            require_storage(config.database)
            beats = _read_heartbeats(config, process)
            require_room(config.state_dir)
            return beats

        try:
            beats = _run_in_time(read)
        except MerlinError as error:
            return error
        return health_problem(beats, utc_now())
    raise ConfigError(f"no process {process}", "health-unknown", process=process)


def liveness_error(config: Config, process: str) -> MerlinError | None:
    """Return the error of a process that a restart could help, or None. Raises ConfigError.

    Unlike `health_error` it ignores a failing step, and a missing heartbeat while the database
    takes no writes.
    """
    if process == "api":
        return _probe_server(local_url(config.api))
    if process not in ("daemon", "bot"):
        return health_error(config, process)
    with without_modules("psycopg"):  # as above
        from merlin.db.database import open_database

    def find_problem() -> MerlinError | None:
        beats, now = _read_heartbeats(config, process), utc_now()
        if any(beat.is_alive(now) for beat in beats):
            return None
        if beats:
            with open_database(config.database) as database:
                database.require_writable()
        return health_problem(beats, now)

    try:
        return _run_in_time(find_problem)
    except MerlinError:
        return None


def _run_in_time(read: Callable[[], T]) -> T:
    """Return what a child process reads. Raises its errors; MerlinError if it is late or killed.

    A process that waits for a stalled disk cannot end, so the child waits in place of this one.
    """
    receiver, sender = os.pipe()
    child = os.fork()
    if not child:
        try:
            result: tuple[T | None, Exception | None] = read(), None
        except Exception as error:  # noqa: BLE001 - raised by the parent
            result = None, error
        with os.fdopen(sender, "wb") as stream:
            pickle.dump(result, stream)
        os._exit(0)
    os.close(sender)
    with os.fdopen(receiver, "rb") as stream:
        if not select.select([stream], [], [], PROBE_S)[0]:
            raise MerlinError("no answer", "unhealthy-stalled", seconds=int(PROBE_S))
        try:
            value, failure = pickle.load(stream)  # noqa: S301 - of our child
        except (EOFError, pickle.UnpicklingError):
            value, failure = None, MerlinError("the probe was killed", "unhealthy-killed")
    os.waitpid(child, 0)
    if failure is not None:
        raise failure
    return cast("T", value)


def plain_reason(error: OSError) -> str:
    """Return why a call failed, without the wrapping of urllib and Python."""
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    code = f"{error.code} " if isinstance(error, urllib.error.HTTPError) else ""
    return code + (getattr(inner, "strerror", "") or str(inner))


def local_url(listener: ApiConfig | EngineConfig) -> str:
    """Return the address of a server on this machine."""
    return f"{'https' if listener.tls else 'http'}://{url_place(listener.address)}"


def _probe_server(server_url: str, owner: Config | None = None) -> MerlinError | None:
    """Return why no server answers, or that it is not the owner's; None if all is well."""
    url = f"{server_url}/healthz"
    try:
        installation = fetch_local(url, PROBE_S)[0].get(INSTALLATION_HEADER)
    except OSError as error:
        reason = plain_reason(error)
        return MerlinError(f"{url}: {error}", "unhealthy-silent", url=url, reason=reason)
    with suppress(OSError):  # a user who may not look at the state folder cannot tell
        if owner and installation and installation != installation_id(owner):
            return MerlinError(f"{url}: another Merlin", OTHER_INSTALLATION, url=url)
    return None


def _probe_readiness(server_url: str) -> MerlinError | None:
    """Return why the database of the api stores nothing; None if it does, or if nobody may ask."""
    state, url = "silent", f"{server_url}/readyz"
    try:
        fetch_local(url, PROBE_S)
    except urllib.error.HTTPError as error:
        if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
            return None
        try:
            state = str(json.load(error)["database"])
        except (ValueError, LookupError, TypeError):  # no answer of Merlin's
            arguments = {"url": url, "reason": plain_reason(error)}
            return MerlinError(f"{url}: {error}", "unhealthy-silent", **arguments)
    except OSError:
        pass
    else:
        return None
    return MerlinError(f"the database is {state}", STATE_ERRORS.get(state, NO_DATABASE))


def fetch_local(
    url: str, timeout_s: float, headers: Mapping[str, str] | None = None
) -> tuple[Message, bytes]:
    """Return the headers and the body of a response of a server on this machine."""
    # Its certificate does not name the loopback address.
    context = ssl._create_unverified_context() if url.startswith("https") else None  # noqa: S323 - see above
    return fetch_url(url, timeout_s, headers, tls=context)


def _read_heartbeats(config: Config, process: str) -> list[Heartbeat]:
    from merlin.db.processes import Heartbeats
    from merlin.wiring.context import open_read_only

    try:
        with open_read_only(config) as database:
            beats = [beat for beat in Heartbeats(database).list_all() if beat.process == process]
    except NotFound:
        return []
    # With a webhook several bots may run: judge the one on this host.
    if process == "bot" and config.telegram.mode == "webhook":
        beats = [beat for beat in beats if beat.host == socket.gethostname()]
    return beats
