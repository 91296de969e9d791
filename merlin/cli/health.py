"""`merlin health`: is a process well, as an outsider sees it, for probes and HEALTHCHECK."""

from __future__ import annotations

import socket
import ssl
import sys
import urllib.error
import urllib.request
from typing import Annotated

import typer

from merlin.cli.failures import sentence
from merlin.cli.options import DEFAULT, ConfigPath, configuration
from merlin.cli.output import print_message
from merlin.config import Config
from merlin.core.clock import utc_now
from merlin.core.errors import ConfigError, MerlinError, NotFound
from merlin.core.heartbeat import health_problem
from merlin.core.loopback import url_place

PROBE_S = 5.0

app = typer.Typer()


@app.command()
def health(
    process: Annotated[str, typer.Argument(help="daemon, bot, api or engine.")],
    config: ConfigPath = DEFAULT,
) -> None:
    """Tell whether a process is healthy: exit 0, or 1 with the reason."""
    reason = illness(configuration(config), process)
    if reason is None:
        print_message("health-good", process=process)
        return
    message = sentence(reason.key, reason.arguments)
    print_message("health-bad", process=process, reason=message)
    sys.exit(1)


def illness(config: Config, process: str) -> MerlinError | None:
    """Return what is wrong with a process, None when it is well. Raises ConfigError."""
    if process == "engine":
        return _silent(config.engine.address, by_tls=config.engine.tls is not None)
    if process == "api":
        return _silent(config.api.address, by_tls=config.api.tls is not None)
    if process in ("daemon", "bot"):
        return _still(config, process)
    raise ConfigError(f"no process {process}", "health-unknown", process=process)


def plain_reason(error: OSError) -> str:
    """Return why a call failed, without what urllib and Python put around it."""
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    reason = inner.strerror if isinstance(inner, OSError) else str(inner)
    code = f"{error.code} " if isinstance(error, urllib.error.HTTPError) else ""
    return code + (reason or str(inner))


def _silent(address: tuple[str, int], *, by_tls: bool = False) -> MerlinError | None:
    url = f"{'https' if by_tls else 'http'}://{url_place(address)}/healthz"
    # Whether it lives is asked here, not who it is: a certificate names no loopback address.
    context = ssl._create_unverified_context() if by_tls else None  # noqa: S323 - see above
    try:
        with urllib.request.urlopen(url, timeout=PROBE_S, context=context):  # noqa: S310 - ours
            return None
    except OSError as error:
        arguments = {"url": url, "reason": plain_reason(error)}
        return MerlinError(f"{url}: {error}", "ill-silent", **arguments)


def _still(config: Config, process: str) -> MerlinError | None:
    """Return why a process that writes heartbeats is not well."""
    # A server is asked over HTTP, many times an hour: without what a database takes.
    from merlin.db.processes import Heartbeats
    from merlin.wiring.context import reading

    try:
        with reading(config) as database:
            beats = [beat for beat in Heartbeats(database).all() if beat.process == process]
    except NotFound:
        beats = []
    except MerlinError as error:
        return error
    if process == "bot" and config.telegram.mode == "webhook":  # one of several bots, each its own
        beats = [beat for beat in beats if beat.host == socket.gethostname()]
    return health_problem(beats, utc_now())
