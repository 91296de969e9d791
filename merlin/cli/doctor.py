"""`merlin doctor`: check what decides whether Merlin can run, and change nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import typer

from merlin.account.users import Roles
from merlin.cli import doctor_checks as checks
from merlin.cli.doctor_checks import CheckMessage, check_failure
from merlin.cli.doctor_tried import list_trials
from merlin.cli.failures import error_text, path_error
from merlin.cli.health import health_error
from merlin.cli.key import find_missing_keys
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import (
    print_json,
    print_message,
    print_table,
    show_progress,
    translate_word,
)
from merlin.config import Config, is_engine, process_names
from merlin.config.credentials import need_credentials
from merlin.core.errors import MerlinError, NotFound
from merlin.db.database import require_storage
from merlin.db.encryption import key_path
from merlin.db.keyring import key_ids
from merlin.db.processes import Heartbeats
from merlin.engine.model_store import list_warnings
from merlin.wiring.context import open_read_only, text_key
from merlin.wiring.engine import engine_folder

app = typer.Typer()


@app.command()
def doctor(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Check what Merlin needs to run: credentials, folders, database, services, processes."""
    results = []
    # A service that does not answer takes a check 15 seconds.
    with show_progress("doctor-progress") as advance:
        for result in run_checks(config, configuration(config)):
            results.append((result, error_text(result.key, result.arguments)))
            advance()
    if json:
        print_json(
            [
                {"what": result.name, "good": result.is_good, "detail": detail}
                for result, detail in results
            ]
        )
    else:
        rows = [
            [_mark(result), _row_name(result.name), detail]
            for result, detail in results
        ]
        print_table(["col-good", "col-what", "col-detail"], rows)
    if not all(result.is_good for result, _ in results):
        sys.exit(1)
    if any(result.is_idle for result, _ in results):
        print_message("doctor-start")


def _row_name(name: str) -> str:
    """Return the name of a check for people; names of keys, files and processes stay."""
    for kind in ("provider", "tried"):
        if (named := name.removeprefix(f"{kind} ")) != name:
            return f"{translate_word('doctor-row', kind)} {named}"
    return translate_word("doctor-row", name.replace(" ", "-"))


def _mark(result: CheckResult) -> str:
    if result.is_idle or result.is_note:
        return "–" if result.is_idle else "·"
    return "✔" if result.is_good else "✘"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check: a message key and its arguments.

    `is_idle` marks what has not been started yet, which is not a failure: `merlin run` starts it.
    `is_note`: nothing failed, it is what Merlin's makers have tried, or what is advised.
    """

    name: str
    is_good: bool
    key: str
    arguments: Mapping[str, object]
    is_idle: bool = False
    is_note: bool = False


_Check = tuple[str, Callable[[], CheckMessage]]


def run_checks(path: Path, config: Config) -> Iterator[CheckResult]:
    """Yield the result of each check of the configuration at `path` as soon as it is known."""
    is_new = _was_never_started(config)
    unknown: Sequence[str] = ()
    for name, check in _checks(path, config):
        if name in unknown:
            continue
        result = _run_check(name, check)
        yield result
        if name == "database" and not result.is_good:
            # Api and engine are asked themselves.
            others = [
                each for each in ("daemon", "bot") if each in process_names(config)
            ]
            unknown = ["text.key", "telegram.admins", *others]
            named = {"names": ", ".join(unknown)}
            yield CheckResult(
                "not known", is_good=False, key="doctor-not-known", arguments=named
            )
    for provider in config.providers:
        check = partial(checks.check_provider, provider)
        result = _run_check(f"provider {provider.name}", check)
        # The local engine cannot answer before it is started, but its key must be set already.
        is_idle = (
            is_new
            and is_engine(config, provider)
            and result.key == "error-provider-busy"
        )
        yield _idle_result(result.name) if is_idle else result
    for name, check in _running_checks(config):
        if name in unknown:
            continue
        result = _run_check(name, check)
        yield _idle_result(name) if is_new and not result.is_good else result
    for name, key in list_warnings(config.engine.models, engine_folder(config)):
        row = f"engine.models.{name}"
        yield CheckResult(
            row, is_good=True, key=key, arguments={"name": name}, is_note=True
        )
    for name, (key, arguments) in list_trials(config):
        yield CheckResult(
            f"tried {name}", is_good=True, key=key, arguments=arguments, is_note=True
        )


def _checks(path: Path, config: Config) -> Iterator[_Check]:
    yield "config.yaml", partial(checks.check_configuration, path, config)
    yield "secrets", partial(checks.check_secrets, path, config)
    yield "state_dir", partial(checks.check_folder, config.state_dir)
    yield "file system", partial(checks.check_file_system, config.state_dir)
    yield "document reader", checks.check_document_reader
    yield from _server_checks(config)
    yield "credentials", partial(_check_credentials, config)
    yield "database", partial(_check_database, config)
    yield "text.key", partial(_check_text_key, config)
    if not config.database.startswith("sqlite:"):
        yield "postgresql", partial(checks.check_postgresql, config.database)
    if config.repository is not None:
        yield "repository", partial(checks.check_repository, config)
        yield "mirror.git", partial(checks.check_mirror, config)
        if config.repository.statuses is not None:
            yield "repository.statuses", partial(checks.check_forge, config)
    yield "telegram", partial(checks.check_telegram, config)
    if config.telegram.mode == "polling":
        yield "telegram.mode", partial(checks.check_webhook, config)
    yield "telegram.admins", partial(_check_admins, config)
    if config.payments.yookassa is not None:
        yield (
            "payments.yookassa",
            partial(checks.check_yookassa, config.payments.yookassa),
        )


def _server_checks(config: Config) -> Iterator[_Check]:
    """Yield the checks of what api and engine listen at, and of what the engine runs."""
    yield "api.listen", partial(checks.check_port, config, "api")
    has_engine = "engine" in process_names(config)
    if has_engine:
        yield "engine.listen", partial(checks.check_port, config, "engine")
    if config.api.tls is not None:
        yield "api.tls", partial(checks.check_tls, "api", config.api.tls)
    if has_engine and config.engine.tls is not None:
        yield "engine.tls", partial(checks.check_tls, "engine", config.engine.tls)
    if has_engine and config.engine.models:
        yield "engine.models", partial(checks.check_bases, config)
        if config.engine.serving == "vllm":
            yield "engine.serving", partial(checks.check_vllm, config.engine)


def _running_checks(config: Config) -> Iterator[_Check]:
    """Yield the checks of what exists only once Merlin has run."""
    if config.telegram.mode == "webhook":
        yield "telegram.mode", partial(checks.check_webhook, config)
    for purpose, choice in config.named_models.items():
        yield f"chat.{purpose}", partial(checks.check_model, config, choice)
    for process in process_names(config):
        yield process, partial(_check_process, config, process)


def _was_never_started(config: Config) -> bool:
    """Return whether no Merlin process has ever run on this database."""
    try:
        with open_read_only(config) as database:
            return not Heartbeats(database).list_all()
    except NotFound:
        return True
    except (MerlinError, OSError):
        return False  # a broken or closed database is reported by its own check


def _idle_result(name: str) -> CheckResult:
    return CheckResult(
        name, is_good=True, key="doctor-idle", arguments={}, is_idle=True
    )


def _run_check(name: str, check: Callable[[], CheckMessage]) -> CheckResult:
    try:
        key, arguments = check()
    except MerlinError as error:
        return CheckResult(
            name, is_good=False, key=error.key, arguments=error.arguments
        )
    except OSError as error:
        known = path_error(error) or MerlinError(str(error))
        return CheckResult(
            name, is_good=False, key=known.key, arguments=known.arguments
        )
    return CheckResult(name, is_good=True, key=key, arguments=arguments)


def _check_credentials(config: Config) -> CheckMessage:
    need_credentials(config)
    return "doctor-credentials", {}


def _check_database(config: Config) -> CheckMessage:
    try:
        require_storage(config.database)
        with open_read_only(config) as database:
            database.quick_check()
            return "doctor-database", {"dialect": database.dialect}
    except NotFound:
        return "doctor-database-new", {}


def _check_text_key(config: Config) -> CheckMessage:
    """Check that every key is present with which a stored text is encrypted."""
    present = key_ids(key_path(config.state_dir), text_key())
    if missing := find_missing_keys(config):
        raise check_failure("doctor-no-text-key", keys=", ".join(missing))
    return "doctor-text-key" if present else "doctor-text-key-new", {
        "keys": ", ".join(present)
    }


def _check_admins(config: Config) -> CheckMessage:
    """Check that there are admins."""
    admins = [*config.telegram.admins]
    with suppress(NotFound), open_read_only(config) as database:
        admins = Roles(database, admins).admins()
    if not admins:
        raise check_failure("doctor-no-admins")
    return "doctor-admins", {"count": len(admins)}


def _check_process(config: Config, process: str) -> CheckMessage:
    error = health_error(config, process)
    if error is not None:
        raise error
    return "doctor-healthy", {}
