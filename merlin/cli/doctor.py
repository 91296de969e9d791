"""`merlin doctor`: is everything there that Merlin needs; a finding a thing, nothing changed."""

from __future__ import annotations

import json
import os
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from merlin.app import models
from merlin.app.actor import Actor
from merlin.cli.failures import sentence
from merlin.cli.health import illness, plain_reason
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import print_json, print_message, print_table
from merlin.config import BOT_TOKEN, Config, bot_id, credential, is_engine, process_names
from merlin.config.settings import ProviderConfig, RepositoryConfig
from merlin.core.errors import ConfigError, MerlinError, NotFound
from merlin.db.processes import Heartbeats
from merlin.git.repository import GitSource
from merlin.providers.documents import is_walled
from merlin.wiring.context import reading, reading_context
from merlin.wiring.daemon import forge_of, trainer

LEAST_FREE = 1 << 30
ANSWER_S = 15.0


app = typer.Typer()


@app.command()
def doctor(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Check everything that Merlin needs: configuration, credentials, folders, services."""
    found = [(each, sentence(each.key, each.arguments)) for each in examine(configuration(config))]
    if json:
        print_json([{"what": one.what, "good": one.is_good, "detail": told} for one, told in found])
    else:
        lines = [[_mark(one), one.what, told] for one, told in found]
        print_table(["col-good", "col-what", "col-detail"], lines)
    if not all(one.is_good for one, _ in found):
        sys.exit(1)
    if any(one.is_idle for one, _ in found):
        print_message("doctor-start")


def _mark(found: Examined) -> str:
    if found.is_idle:
        return "–"
    return "✔" if found.is_good else "✘"


@dataclass(frozen=True, slots=True)
class Examined:
    """One thing looked at, and what was found: a text by its key, with what fills it.

    What is not started yet (`is_idle`) is no fault: `merlin run` starts it.
    """

    what: str
    is_good: bool
    key: str
    arguments: Mapping[str, object]
    is_idle: bool = False


_Good = tuple[str, Mapping[str, object]]


def examine(config: Config) -> Iterator[Examined]:
    """Yield a finding for each thing, good or not, as soon as it was looked at."""
    yield _tried("state_dir", partial(_folder, config.state_dir))
    yield _tried("database", partial(_database, config))
    if config.repository is not None:
        yield _tried("git", _git)
        yield _tried("repository", partial(_repository, config.repository))
        if config.repository.statuses is not None:
            yield _tried("repository.statuses", partial(_forge, config))
    if config.datasets.default:
        yield _tried("datasets.default", partial(_default, config))
    yield _tried("telegram", partial(_telegram, config.telegram.base_url))
    yield _tried("documents", _walls)
    is_new = _was_never_started(config)
    for provider in config.providers:
        found = _tried(f"provider {provider.name}", partial(_provider, provider))
        # The engine of this machine cannot answer before it is started; its key is wanted now.
        is_idle = is_new and is_engine(config, provider) and found.key == "error-provider-busy"
        yield _idle(found.what) if is_idle else found
    for process in process_names(config):
        found = _tried(process, partial(_process, config, process))
        yield _idle(process) if is_new and not found.is_good else found


def _was_never_started(config: Config) -> bool:
    """Return whether no process of Merlin has ever run on this database."""
    try:
        with reading(config) as database:
            return not Heartbeats(database).all()
    except NotFound:
        return True
    except MerlinError:
        return False  # what is wrong with the database is a finding of its own


def _idle(what: str) -> Examined:
    return Examined(what, is_good=True, key="doctor-idle", arguments={}, is_idle=True)


def _tried(what: str, look: Callable[[], _Good]) -> Examined:
    try:
        key, arguments = look()
    except MerlinError as error:
        return Examined(what, is_good=False, key=error.key, arguments=error.arguments)
    except OSError as error:
        told = {"message": str(error)}
        return Examined(what, is_good=False, key="error-plain", arguments=told)
    return Examined(what, is_good=True, key=key, arguments=arguments)


def _folder(folder: Path) -> _Good:
    """Look at the state's folder, or at where it would be made."""
    place = next(each for each in (folder, *folder.parents) if each.exists())
    told = {"folder": str(folder)}
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        raise MerlinError(f"{place} cannot be written to", "doctor-folder-closed", **told)
    free = shutil.disk_usage(place).free
    if free < LEAST_FREE:
        raise MerlinError(f"{free >> 20} MiB free", "doctor-folder-full", free=free >> 20, **told)
    return "doctor-folder", {"free": free >> 30, **told}


def _database(config: Config) -> _Good:
    try:
        with reading(config) as database:
            database.quick_check()
            return "doctor-database", {"dialect": database.dialect}
    except NotFound:
        return "doctor-database-new", {}


def _git() -> _Good:
    path = shutil.which("git")
    if path is None:
        raise ConfigError("git is not installed", "git-absent")
    return "doctor-git", {"path": path}


def _repository(repository: RepositoryConfig) -> _Good:
    """Ask the repository itself; the mirror is the daemon's."""
    told = {"url": repository.url, "branch": repository.branch}
    place = (repository.url, repository.branch, repository.directory)
    with TemporaryDirectory(prefix="merlin-") as folder:
        newest = GitSource(*place, Path(folder), timeout_s=ANSWER_S).newest()
    if newest is None:
        raise MerlinError("no such branch", "doctor-no-branch", **told)
    return "doctor-repository", {"commit": newest[:7], **told}


def _forge(config: Config) -> _Good:
    """Ask the forge for the project by the token; whether it may write nobody tells beforehand."""
    forge = forge_of(config)
    if forge is None:
        raise ConfigError("no forge", "config-no-forge")
    with closing(forge):
        forge.check()
    return "doctor-forge", {"project": forge.project}


def _walls() -> _Good:
    """Look whether the kernel keeps the reader of people's documents from files and network."""
    if not is_walled():
        raise MerlinError("no filter of system calls", "doctor-no-walls")
    return "doctor-walls", {}


def _default(config: Config) -> _Good:
    """Compare the default dataset with what was seen in the repository, once something was."""
    try:
        with reading_context(config) as ctx:
            seen = models.dataset_names(ctx, Actor.operator())
    except NotFound:
        seen = []
    told = {"dataset": config.datasets.default, "known": ", ".join(seen)}
    if seen and config.datasets.default not in seen:
        raise MerlinError("no such dataset", "doctor-no-default", **told)
    return "doctor-default", told


def _telegram(base_url: str) -> _Good:
    token = credential(BOT_TOKEN)
    bot_id(token)
    try:
        with urllib.request.urlopen(f"{base_url}/bot{token}/getMe", timeout=ANSWER_S) as answer:  # noqa: S310 - judged when the configuration was read
            return "doctor-telegram", {"bot": json.load(answer)["result"]["username"]}
    except urllib.error.HTTPError as error:
        if error.code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND):
            raise ConfigError("Telegram does not know the token", "bot-bad-token") from None
        raise _away(base_url, plain_reason(error)) from None
    except OSError as error:
        raise _away(base_url, plain_reason(error)) from None
    except (ValueError, KeyError, TypeError):
        raise _away(base_url, "not an answer of the Bot API") from None


def _away(url: str, reason: str) -> MerlinError:
    return MerlinError(f"{url}: {reason}", "doctor-telegram-away", url=url, reason=reason)


def _provider(provider: ProviderConfig) -> _Good:
    with trainer(provider, ANSWER_S) as service:
        return "doctor-provider", {"count": len(service.models())}


def _process(config: Config, process: str) -> _Good:
    ill = illness(config, process)
    if ill is not None:
        raise ill
    return "doctor-well", {}
