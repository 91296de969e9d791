"""A look at everything that Merlin needs, one finding a thing; changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from merlin.config import Config, ProviderConfig, credential
from merlin.core.errors import MerlinError
from merlin.core.log import redact
from merlin.store.database import open_database
from merlin.wiring.health import illness
from merlin.wiring.providers import trainer

LEAST_FREE = 1 << 30


@dataclass(frozen=True, slots=True)
class Examined:
    """One thing looked at."""

    what: str
    is_good: bool
    detail: str


def examine(config: Config) -> list[Examined]:
    """Return a finding for each thing, good or not."""
    return list(_examined(config))


def _examined(config: Config) -> Iterator[Examined]:
    yield _tried("database", lambda: _database(config))
    yield _tried("disk", lambda: _disk(config))
    yield _tried("git", _git)
    yield _tried("TELEGRAM_BOT_TOKEN", lambda: _secret("TELEGRAM_BOT_TOKEN"))
    for provider in config.providers:
        yield _tried(f"provider {provider.name}", partial(_provider, provider))
    for process in ("daemon", "bot", "api"):
        reason = illness(config, process)
        yield Examined(process, reason is None, reason or "")


def _tried(what: str, look: Callable[[], str]) -> Examined:
    try:
        return Examined(what, is_good=True, detail=look())
    except (MerlinError, OSError) as error:
        return Examined(what, is_good=False, detail=redact(str(error)))


def _database(config: Config) -> str:
    with open_database(config.database, read_only=True) as database:
        database.quick_check()
        return database.dialect


def _disk(config: Config) -> str:
    free = shutil.disk_usage(config.state_dir).free
    if free < LEAST_FREE:
        raise OSError(f"{free >> 20} MiB free")
    return f"{free >> 30} GiB free"


def _git() -> str:
    path = shutil.which("git")
    if path is None:
        raise OSError("git is not installed")
    return path


def _secret(name: str) -> str:
    credential(name)
    return "set"


def _provider(provider: ProviderConfig) -> str:
    with trainer(provider) as service:
        return f"{len(service.models())} models"
