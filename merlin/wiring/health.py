"""Whether a process is well, as an outsider sees it; for probes and HEALTHCHECK."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from functools import partial
from http.client import HTTPException
from urllib.parse import urlsplit

from merlin.config import Config
from merlin.core.clock import utc_now
from merlin.core.errors import ConfigError, MerlinError, NotFound
from merlin.core.heartbeat import Heartbeat
from merlin.daemon.services import EngineLook
from merlin.db.processes import Heartbeats
from merlin.wiring.database import reading
from merlin.wiring.processes import is_engine

ANSWER_S, ENGINE_S = 5.0, 2.0
# Who listens on every address is asked on the loopback.
_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not listened on


class NotWell(MerlinError):
    """A process does not do what it is there for; the text says how that shows."""


def illness(config: Config, process: str) -> MerlinError | None:
    """Return what is wrong with a process, None when it is well. Raises ConfigError."""
    if process == "engine":
        return _silent(config.engine.address)
    if process == "api":
        return _silent(config.api.address, by_tls=config.api.tls is not None)
    if process in ("daemon", "bot"):
        return _still(config, process)
    raise ConfigError(f"no process {process}", "health-unknown", process=process)


def engine_look(config: Config) -> EngineLook | None:
    """Return what asks Merlin's own engine whether it lives; None where no provider is one.

    It may run on another machine or in another container: it is the provider with its key.
    """
    for provider in config.providers:
        if is_engine(config, provider) or provider.credential == config.engine.credential:
            asked = urlsplit(provider.base_url)
            url = f"{asked.scheme}://{asked.netloc}/healthz"
            return EngineLook(asked.hostname or "", partial(_answers, url))
    return None


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=ENGINE_S):  # noqa: S310 - judged with the configuration
            return True
    except (OSError, HTTPException):
        return False


def place_of(address: tuple[str, int]) -> str:
    """Return how an address that a process listens on is written in a URL of this machine."""
    host = _HERE.get(address[0], address[0])
    return f"{f'[{host}]' if ':' in host else host}:{address[1]}"


def plain_reason(error: OSError) -> str:
    """Return why a call failed, without what urllib and Python put around it."""
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    told = inner.strerror if isinstance(inner, OSError) else str(inner)
    code = f"{error.code} " if isinstance(error, urllib.error.HTTPError) else ""
    return code + (told or str(inner))


def _silent(address: tuple[str, int], *, by_tls: bool = False) -> MerlinError | None:
    url = f"{'https' if by_tls else 'http'}://{place_of(address)}/healthz"
    # Whether it lives is asked here, not who it is: a certificate names no loopback address.
    context = ssl._create_unverified_context() if by_tls else None  # noqa: S323 - see above
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_S, context=context):  # noqa: S310 - ours
            return None
    except OSError as error:
        told = {"url": url, "reason": plain_reason(error)}
        return NotWell(f"{url}: {error}", "ill-silent", **told)


def _still(config: Config, process: str) -> MerlinError | None:
    """Return why a process that writes heartbeats is not well."""
    try:
        with reading(config) as database:
            beats = [beat for beat in Heartbeats(database).all() if beat.process == process]
    except NotFound:
        beats = []
    except MerlinError as error:
        return error
    if not beats:
        return NotWell("no heartbeat", "ill-never")
    newest = max(beats, key=lambda beat: beat.at)
    if newest.is_alive(utc_now()):
        return _failing(newest)
    at = newest.at.isoformat(timespec="seconds")
    return NotWell(f"silent since {at}", "ill-still", at=at)


def _failing(beat: Heartbeat) -> MerlinError | None:
    """Return which step of a live process fails by a bug again and again."""
    for step, reason in beat.failing.items():
        return NotWell(f"{step} fails: {reason}", "ill-failing", step=step, reason=reason)
    return None
