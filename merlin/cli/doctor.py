"""`merlin doctor`: is everything there that Merlin needs; a finding a thing, nothing changed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import typer

from merlin.account.users import Roles, Users
from merlin.app import models
from merlin.app.actor import Actor
from merlin.app.health import HealthView, health
from merlin.cli import doctor_checks as checks
from merlin.cli.doctor_checks import Good, fault
from merlin.cli.failures import sentence
from merlin.cli.health import illness
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import print_json, print_message, print_table
from merlin.config import Config, is_engine, need_credentials, process_names
from merlin.core.errors import MerlinError, NotFound
from merlin.core.i18n import day_argument
from merlin.db.encryption import key_path
from merlin.db.keyring import Reencryption, key_ids
from merlin.db.processes import Heartbeats
from merlin.training.models import ModelState
from merlin.training.promote import Promotions
from merlin.wiring.context import reading, reading_context, text_key

_SUNSET_DAYS, _SPENT = 30, 0.9
_MAX_WAIT = timedelta(minutes=10)

app = typer.Typer()


@app.command()
def doctor(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Check everything that Merlin needs: configuration, credentials, folders, services."""
    found = [(each, sentence(each.key, each.arguments)) for each in examine(configuration(config))]
    if json:
        print_json(
            [{"what": one.what, "good": one.is_good, "detail": detail} for one, detail in found]
        )
    else:
        lines = [[_mark(one), one.what, detail] for one, detail in found]
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


_Look = tuple[str, Callable[[], Good]]


def examine(config: Config) -> Iterator[Examined]:
    """Yield a finding for each thing, good or not, as soon as it was looked at."""
    for what, look in (*_of_machine(config), *_of_state(config), *_of_repository(config)):
        yield _tried(what, look)
    is_new = _was_never_started(config)
    for what, look in (*_of_telegram(config), *_of_world(config)):
        yield _tried(what, look)
    for provider in config.providers:
        found = _tried(f"provider {provider.name}", partial(checks.check_provider, provider))
        # The engine of this machine cannot answer before it is started; its key is wanted now.
        is_idle = is_new and is_engine(config, provider) and found.key == "error-provider-busy"
        yield _idle(found.what) if is_idle else found
    for what, look in (*_of_running(config), *_of_processes(config)):
        found = _tried(what, look)
        yield _idle(what) if is_new and not found.is_good else found


def _of_machine(config: Config) -> Iterator[_Look]:
    yield "state_dir", partial(checks.check_folder, config.state_dir)
    yield "file system", partial(checks.check_file_system, config.state_dir)
    yield "permissions", partial(checks.check_rights, config.state_dir)
    yield "memory", checks.check_memory
    yield "timezone", checks.check_zones
    yield "clock", partial(checks.check_clock, config.telegram.base_url)
    yield "api.listen", partial(checks.check_port, config, "api")
    if "engine" in process_names(config):
        yield "engine.listen", partial(checks.check_port, config, "engine")
    for section, tls in (("api.tls", config.api.tls), ("engine.tls", config.engine.tls)):
        if tls is not None:
            yield section, partial(checks.check_certificate, tls, section)
    if checks.has_units():
        yield "systemd", checks.check_units


def _of_state(config: Config) -> Iterator[_Look]:
    yield "credentials", partial(_credentials, config)
    yield "database", partial(_database, config)
    yield "text.key", partial(_text_key, config)
    if not config.database.startswith("sqlite:"):
        yield "pg_dump", checks.check_dump_programs
    if any(model.path for model in config.engine.models.values()):
        yield "engine.models", partial(_bases, config)


def _of_repository(config: Config) -> Iterator[_Look]:
    if config.repository is not None:
        yield "git", checks.check_git
        yield "repository", partial(checks.check_repository, config.repository)
        if config.repository.push:
            yield "repository.push", partial(checks.check_push, config.repository)
        if config.repository.statuses is not None:
            yield "repository.statuses", partial(checks.check_forge, config)
    if config.datasets.default:
        yield "datasets.default", partial(_default, config)


def _of_telegram(config: Config) -> Iterator[_Look]:
    yield "telegram", partial(checks.check_telegram, config.telegram.base_url)
    if config.telegram.mode == "polling":
        yield "telegram.mode", partial(checks.check_webhook, config.telegram)
    yield "telegram.admins", partial(_admins, config)
    yield "documents", checks.check_walls


def _of_world(config: Config) -> Iterator[_Look]:
    if config.payments.yookassa is not None:
        yield "payments.yookassa", partial(checks.check_yookassa, config.payments.yookassa)
    if config.api.openid is not None:
        yield "api.openid", partial(checks.check_openid, config.api.openid)
    if config.tracing is not None:
        yield "tracing.endpoint", partial(checks.check_traces, config.tracing.endpoint)


def _of_running(config: Config) -> Iterator[_Look]:
    """Yield what is there only once Merlin has run."""
    if config.telegram.mode == "webhook":
        yield "telegram.mode", partial(checks.check_webhook, config.telegram)
    if config.api.public_url:
        yield "api.public_url", partial(checks.check_public_url, config.api.public_url)
    for purpose, choice in config.named_models:
        yield f"chat.{purpose}", partial(checks.check_model, config, choice)
    yield "backup", partial(checks.check_backup, config)
    yield "live models", partial(_live_models, config)
    yield "sunset", partial(_seen, config, _sunset)
    yield "budget.per_month", partial(_seen, config, _budget)
    yield "queues", partial(_seen, config, _queues)


def _of_processes(config: Config) -> Iterator[_Look]:
    for process in process_names(config):
        yield process, partial(_process, config, process)


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


def _tried(what: str, look: Callable[[], Good]) -> Examined:
    try:
        key, arguments = look()
    except MerlinError as error:
        return Examined(what, is_good=False, key=error.key, arguments=error.arguments)
    except OSError as error:
        values = {"message": str(error)}
        return Examined(what, is_good=False, key="error-plain", arguments=values)
    return Examined(what, is_good=True, key=key, arguments=arguments)


def _credentials(config: Config) -> Good:
    need_credentials(config)
    return "doctor-credentials", {}


def _database(config: Config) -> Good:
    try:
        with reading(config) as database:
            database.quick_check()
            return "doctor-database", {"dialect": database.dialect}
    except NotFound:
        return "doctor-database-new", {}


def _text_key(config: Config) -> Good:
    """Look whether each key is here that has encrypted a stored text."""
    given, path = text_key(), key_path(config.state_dir)
    here = key_ids(path, given) if given or path.exists() else []
    try:
        with reading(config) as database:
            missing = Reencryption(database).counts().keys() - set(here)
    except NotFound:
        missing = set()
    if missing:
        raise fault("doctor-no-text-key", keys=", ".join(sorted(missing)))
    return "doctor-text-key" if here else "doctor-text-key-new", {"keys": ", ".join(here)}


def _bases(config: Config) -> Good:
    """Look whether the base models that lie on this machine are where they shall be."""
    for name, base in config.engine.models.items():
        if base.path and not Path(base.path).exists():
            raise fault("doctor-no-base", name=name, path=base.path)
    return "doctor-bases", {}


def _default(config: Config) -> Good:
    """Compare the default dataset with what was seen in the repository, once something was."""
    try:
        with reading_context(config) as ctx:
            seen = models.dataset_names(ctx, Actor.operator())
    except NotFound:
        seen = []
    arguments = {"dataset": config.datasets.default, "known": ", ".join(seen)}
    if seen and config.datasets.default not in seen:
        raise MerlinError("no such dataset", "doctor-no-default", **arguments)
    return "doctor-default", arguments


def _admins(config: Config) -> Good:
    """Look whether there is an admin whom the bot can write to."""
    admins, silent = [*config.telegram.admins], list[int]()
    try:
        with reading(config) as database:
            admins = Roles(database, admins).admins()
            known = map(Users(database).get, admins)
            silent = [
                each
                for each, user in zip(admins, known, strict=True)
                if user is None or not user.is_reachable
            ]
    except NotFound:
        pass
    if not admins:
        raise fault("doctor-no-admins")
    if silent:
        raise fault("doctor-silent-admins", ids=", ".join(map(str, silent)))
    return "doctor-admins", {"count": len(admins)}


def _live_models(config: Config) -> Good:
    """Look whether the provider still has each model that is live."""
    with reading(config) as database:
        serving = Promotions(database).serving()
    gone = sorted(name for name, each in serving.items() if each.model.state is ModelState.GONE)
    if gone:
        raise fault("doctor-model-gone", dataset=gone[0])
    return "doctor-live-models", {"count": len(serving)}


def _seen(config: Config, judge: Callable[[HealthView], Good]) -> Good:
    with reading_context(config) as ctx:
        return judge(health(ctx, Actor.operator(), 0))


def _sunset(view: HealthView) -> Good:
    for sunset in view.sunsets:
        if sunset.days_left <= _SUNSET_DAYS:
            arguments = {
                "model": sunset.model,
                "name": sunset.used_for,
                "date": day_argument(sunset.ends),
            }
            raise fault("doctor-sunset", **arguments)
    return "doctor-no-sunset", {}


def _budget(view: HealthView) -> Good:
    for each in view.budget:
        if each.cap_micro and each.spent_micro >= _SPENT * each.cap_micro:
            raise fault("doctor-budget-spent", provider=each.provider)
    return "doctor-budget", {}


def _queues(view: HealthView) -> Good:
    for queue in view.queues:
        if queue.oldest is not None and view.now - queue.oldest > _MAX_WAIT:
            raise fault("doctor-queue-waits", queue=queue.name, count=queue.waiting)
    return "doctor-queues", {}


def _process(config: Config, process: str) -> Good:
    ill = illness(config, process)
    if ill is not None:
        raise ill
    return "doctor-well", {}
