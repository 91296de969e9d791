"""`merlin health`, and the health of a process as `merlin doctor` sees it."""

import socket
import ssl
import sys
import urllib.error
from contextlib import suppress
from email.message import Message
from typing import Annotated

import typer

from merlin.cli.options import DEFAULT, ConfigPath, configuration
from merlin.config import INSTALLATION_HEADER, Config, installation_id
from merlin.config.engine import EngineConfig
from merlin.config.settings import ApiConfig
from merlin.core.clock import Clock, utc_now
from merlin.core.errors import ConfigError, MerlinError, NotFound
from merlin.core.heartbeat import Heartbeat, health_problem
from merlin.core.network import fetch_url, url_place
from merlin.core.probe import PROCESSES, report_health

PROBE_S = 5.0
OTHER_INSTALLATION = "unhealthy-other-installation"

app = typer.Typer()


@app.command()
def health(
    process: Annotated[str, typer.Argument(help="daemon, bot, api or engine.")],
    config: ConfigPath = DEFAULT,
) -> None:
    """Check whether a process is alive: exit 0, or 1 with the reason."""
    state_dir = configuration(config).state_dir
    if process not in PROCESSES:
        raise ConfigError(f"no process {process}", "health-unknown", process=process)
    sys.exit(report_health(state_dir, process))


def health_error(
    config: Config, process: str, clock: Clock = utc_now
) -> MerlinError | None:
    """Return why a process is unhealthy, None if it is healthy.

    Other than a probe it asks the servers themselves, and the database about the others.
    """
    if process == "engine":
        return _probe_server(local_url(config.engine), config, "engine.listen")
    if process == "api":
        return _probe_server(local_url(config.api), config, "api.listen")
    begun = clock()
    try:
        beats = _read_heartbeats(config, process)
    except MerlinError as error:
        return error
    # They don't age while a busy machine reads them.
    return health_problem(beats, begun) and health_problem(beats, clock())


def plain_reason(error: OSError) -> str:
    """Return why a call failed, without the wrapping of urllib and Python."""
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    code = f"{error.code} " if isinstance(error, urllib.error.HTTPError) else ""
    return code + (getattr(inner, "strerror", "") or str(inner))


def local_url(listener: ApiConfig | EngineConfig) -> str:
    """Return the address of a server on this machine."""
    return f"{'https' if listener.tls else 'http'}://{url_place(listener.address)}"


def _probe_server(server_url: str, owner: Config, setting: str) -> MerlinError | None:
    """Return why no server answers, or that it is not the owner's; None if all is well."""
    url = f"{server_url}/healthz"
    try:
        installation = fetch_local(url, PROBE_S)[0].get(INSTALLATION_HEADER)
    except OSError as error:
        reason = plain_reason(error)
        return MerlinError(
            f"{url}: {error}", "unhealthy-silent", url=url, reason=reason
        )
    with suppress(OSError):  # a user who may not look at the state folder cannot tell
        if installation and installation != installation_id(owner):
            named = {"url": url, "setting": setting}
            return MerlinError(f"{url}: another Merlin", OTHER_INSTALLATION, **named)
    return None


def fetch_local(url: str, timeout_s: float) -> tuple[Message, bytes]:
    """Return the headers and the body of a response of a server on this machine."""
    # Its certificate does not name the loopback address.
    context = ssl._create_unverified_context() if url.startswith("https") else None  # noqa: S323 - see above
    return fetch_url(url, timeout_s, tls=context)


def _read_heartbeats(config: Config, process: str) -> list[Heartbeat]:
    from merlin.db.processes import Heartbeats
    from merlin.wiring.context import open_read_only

    try:
        with open_read_only(config) as database:
            beats = [
                beat
                for beat in Heartbeats(database).list_all()
                if beat.process == process
            ]
    except NotFound:
        return []
    # With a webhook several bots may run: judge the one on this host.
    if process == "bot" and config.telegram.mode == "webhook":
        beats = [beat for beat in beats if beat.host == socket.gethostname()]
    return beats
