"""The checks of `merlin doctor`: this machine first, then the services outside it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import urllib.error
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, timedelta
from email.message import Message
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, LiteralString
from urllib.parse import urlsplit

import psutil
from cryptography.x509 import load_pem_x509_certificate

from merlin.cli.health import DATABASE_ERRORS, OTHER_INSTALLATION, health_error, plain_reason
from merlin.config import BOT_TOKEN, Config, bot_id, credential, require_repository
from merlin.config.settings import (
    ModelChoice,
    ProviderConfig,
    RepositoryConfig,
    TelegramConfig,
    TlsConfig,
)
from merlin.config.shop import YooKassaConfig
from merlin.core.clock import has_zones, utc_now
from merlin.core.connections import tls_context
from merlin.core.errors import (
    ConfigError,
    GatewayUnavailable,
    MerlinError,
    NotFound,
    PaymentError,
    SourceError,
)
from merlin.core.i18n import cut, day_argument
from merlin.core.network import LOOPBACK, fetch_url, url_place
from merlin.core.server import listen
from merlin.db.backup import find_last_backup
from merlin.db.connections import open_session
from merlin.db.driver_errors import driver_errors
from merlin.engine.database import check_database
from merlin.engine.machine import read_free_memory
from merlin.git.remote_url import parse_remote_url
from merlin.git.repository import GitSource
from merlin.providers.documents import has_system_call_filter
from merlin.wiring.context import git_source, yookassa_gateway
from merlin.wiring.engine import engine_folder
from merlin.wiring.providers import create_forge, training_client

if TYPE_CHECKING:
    from psycopg import Connection

MIN_FREE_BYTES, MIN_FREE_INODES, MIN_MEMORY_BYTES = 1 << 30, 10_000, 256 << 20
MAX_CONNECTIONS_SHARE = 0.8
TIMEOUT_S, FETCH_TIMEOUT_S = 15.0, 120.0
_MAX_CLOCK_OFFSET_S = 30.0
_MAX_BRANCHES_LENGTH = 300
_MAX_BACKUP_AGE, _MIN_CERTIFICATE_VALIDITY = timedelta(days=2), timedelta(days=14)
# SQLite and file locks need a local file system.
_REMOTE_FILE_SYSTEM = re.compile(
    r"nfs4?|cifs|smb3|smbfs|afs|9p|virtiofs|ceph|lustre|gpfs"
    r"|fuse\.(sshfs|rclone|s3fs|ceph|glusterfs)"
)

# The result of a passed check: a message key and its arguments.
CheckMessage = tuple[str, Mapping[str, object]]


def check_failure(key: str, **arguments: object) -> MerlinError:
    """Return the error of a failed check; its message says what to do."""
    return MerlinError(key, key, **arguments)


def check_folder(folder: Path) -> CheckMessage:
    """Check that the state folder, or its nearest existing parent, is writable and not full."""
    existing = _find_existing_parent(folder)
    arguments = {"folder": str(folder)}
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise check_failure("doctor-folder-closed", **arguments)
    free = shutil.disk_usage(existing).free
    if free < MIN_FREE_BYTES:
        raise check_failure("doctor-folder-full", free=free >> 20, **arguments)
    inodes = os.statvfs(existing)  # without any in total where the file system makes them as needed
    if inodes.f_files and inodes.f_favail < MIN_FREE_INODES:
        raise check_failure("doctor-no-inodes", free=inodes.f_favail, **arguments)
    return "doctor-folder", {"free": free >> 30, **arguments}


def _find_existing_parent(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def check_file_system(folder: Path) -> CheckMessage:
    """Check that the state folder is on a local disk."""
    existing = _find_existing_parent(folder).resolve()
    mounts = {
        Path(disk_partition.mountpoint): disk_partition.fstype
        for disk_partition in psutil.disk_partitions(all=True)
    }
    kind = next((mounts[path] for path in (existing, *existing.parents) if path in mounts), "?")
    if _REMOTE_FILE_SYSTEM.fullmatch(kind):
        raise check_failure("doctor-remote-disk", folder=str(folder), kind=kind)
    return "doctor-local-disk", {}


def check_permissions(state_dir: Path) -> CheckMessage:
    """Check that other users of this machine cannot read the state or the credentials.

    Nor may root have left files that the user of the services cannot write.
    """
    folders = [state_dir, Path(os.environ.get("CREDENTIALS_DIRECTORY") or state_dir)]
    for folder in folders:
        if folder.exists() and folder.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise check_failure("doctor-open-folder", folder=shlex.quote(str(folder)))
    with suppress(FileNotFoundError, PermissionError):  # not there yet; another user asks
        paths = (*state_dir.iterdir(), *state_dir.glob("*/*")) if state_dir.stat().st_uid else ()
        for path in paths:
            if path.lstat().st_uid == 0 and path.name != "lost+found":
                arguments = {"path": str(path), "folder": shlex.quote(str(state_dir))}
                raise check_failure("doctor-root-file", **arguments)
    return "doctor-closed-folder", {}


def check_engine_database(config: Config) -> CheckMessage:
    """Check that the engine's database is whole and of a known version, without writing it."""
    exists = check_database(engine_folder(config) / "engine.db")
    return "doctor-database" if exists else "doctor-database-new", {"dialect": "sqlite"}


def check_memory() -> CheckMessage:
    """Check that there is free memory for one more process, also within a container's limit."""
    free = read_free_memory()
    if free < MIN_MEMORY_BYTES:
        raise check_failure("doctor-no-memory", free=free >> 20)
    return "doctor-memory", {}


def check_time_zones() -> CheckMessage:
    """Check that the time zone database is installed."""
    if not has_zones():
        raise check_failure("doctor-no-zones")
    return "doctor-zones", {}


def check_clock(url: str) -> CheckMessage:
    """Compare the clock with the Date header of a server; no answer is not this check's failure."""
    headers: Message | None
    try:
        headers, _ = fetch_url(url, TIMEOUT_S)
    except OSError as error:
        headers = error.headers if isinstance(error, urllib.error.HTTPError) else None
    try:
        date = parsedate_to_datetime(headers["Date"] if headers else "")
    except (TypeError, ValueError):  # no Date header, or not a date
        return "doctor-clock-not-compared", {}
    offset_s = abs((utc_now() - date.replace(tzinfo=UTC)).total_seconds())  # RFC 9110: always GMT
    if offset_s > _MAX_CLOCK_OFFSET_S:
        raise check_failure("doctor-clock-off", seconds=int(offset_s))
    return "doctor-clock", {}


def check_port(config: Config, process: str) -> CheckMessage:
    """Check that a process can listen on its configured address, or already does."""
    address = (config.api if process == "api" else config.engine).address
    error = health_error(config, process)
    if error is None or error.key in DATABASE_ERRORS:
        return "doctor-port-used", {"name": process}
    if error.key == OTHER_INSTALLATION:
        raise error
    listen(f"{process}.listen", *address).close()
    return "doctor-port", {"place": url_place(address)}


def check_certificate(tls: TlsConfig, section: str) -> CheckMessage:
    """Check that a certificate matches its key and stays valid for two weeks."""
    tls_context(tls.certificate, tls.key, section)
    valid_until = load_pem_x509_certificate(tls.certificate.read_bytes()).not_valid_after_utc
    arguments = {"path": str(tls.certificate), "date": day_argument(valid_until.date())}
    if valid_until - utc_now() < _MIN_CERTIFICATE_VALIDITY:
        raise check_failure("doctor-certificate-ends", **arguments)
    return "doctor-certificate", arguments


def check_backup(config: Config) -> CheckMessage:
    """Check the age of the last backup, unless another program makes backups."""
    if config.backups == "elsewhere":
        return "doctor-backup-elsewhere", {}
    backed_up_at = find_last_backup(config.state_dir)
    if backed_up_at is None:
        raise check_failure("doctor-no-backup")
    arguments = {"date": day_argument(backed_up_at.date())}
    if abs(utc_now() - backed_up_at) > _MAX_BACKUP_AGE:  # the clock may have been ahead then
        raise check_failure("doctor-old-backup", **arguments)
    return "doctor-backup", arguments


def check_programs(failure: str, *programs: str) -> CheckMessage:
    """Check that programs are installed; `failure` is the key of the error of one that is not."""
    for program in programs:
        if shutil.which(program) is None:
            raise check_failure(failure, program=program)
    return "doctor-program", {"path": shutil.which(programs[0])}


def has_systemd_units() -> bool:
    """Return whether Merlin is installed as systemd services."""
    return _systemctl("is-enabled", "merlin.target") not in {"", "not-found"}


def check_systemd_units(processes: Sequence[str]) -> CheckMessage:
    """Check that no unit has failed or is masked, and that systemd starts at boot what runs now."""
    listing = _systemctl("list-units", "--plain", "--no-legend", "merlin*.service")
    states = {name: state for name, _, state, *_ in map(str.split, listing.splitlines())}
    if failed := [name for name, state in states.items() if state == "failed"]:
        raise check_failure("doctor-failed-units", names=" ".join(failed))
    needed = [f"merlin-{name}.service" for name in processes]
    if masked := [name for name in needed if _systemctl("is-enabled", name).startswith("masked")]:
        raise check_failure("doctor-masked-units", names=" ".join(masked))
    units = ["merlin.target", *(name for name, state in states.items() if state == "active")]
    if disabled := [name for name in units if _systemctl("is-enabled", name) != "enabled"]:
        raise check_failure("doctor-disabled-units", names=" ".join(disabled))
    return "doctor-units", {}


def _systemctl(*arguments: str) -> str:
    """Return the output of systemctl, or "" if it is not installed."""
    path = shutil.which("systemctl")
    if path is None:
        return ""
    result = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)  # noqa: S603 - no shell
    return result.stdout.strip()


_HOUR_S = 3600


def check_repository(config: Config) -> CheckMessage:
    """Check that the remote has the branch, and that git accepts a commit not fetched yet."""
    repository, fetched, mirror = require_repository(config), "", git_source(config)
    with suppress(NotFound, SourceError):
        fetched = mirror.resolve("HEAD")
    # Without its password.
    arguments = {"url": parse_remote_url(repository.url).url, "branch": repository.branch}
    with _open_repository(repository, FETCH_TIMEOUT_S) as source:
        try:
            newest = source.remote_head()
            branches = [] if newest else source.list_remote_branches()
            if newest not in (None, fetched):
                if newest and len(newest) == len(fetched):
                    source.borrow_objects(mirror)
                source.fetch()
        except SourceError as error:
            reason = error.as_argument()
            raise check_failure("doctor-not-read", reason=reason, **arguments) from error
    if newest is None:
        key = "doctor-other-branches" if branches else "doctor-no-branch"
        arguments["branches"] = cut(", ".join(branches), _MAX_BRANCHES_LENGTH)
        raise check_failure(key, **arguments)
    arguments["commit"] = newest[:7]
    with suppress(FileNotFoundError, KeyError):  # not there yet; an owner without a name
        if os.geteuid() == 0 and (user := config.state_dir.owner()) != "root":
            return "doctor-repository-as-root", {"user": user, **arguments}
    return "doctor-repository", arguments


def check_push(repository: RepositoryConfig) -> CheckMessage:
    """Check that the remote would accept a push, without pushing."""
    with _open_repository(repository, TIMEOUT_S) as source:
        source.check_push()
    return "doctor-push", {}


@contextmanager
def _open_repository(repository: RepositoryConfig, timeout_s: float) -> Iterator[GitSource]:
    """Yield the remote repository with an empty mirror; that of the daemon stays unchanged."""
    remote = (repository.url, repository.branch, repository.directory)
    with TemporaryDirectory(prefix="merlin-") as folder:
        yield GitSource(*remote, Path(folder), timeout_s=timeout_s)


def check_forge(config: Config) -> CheckMessage:
    """Check that the token can read the project; nothing shows write access before a write."""
    forge = create_forge(config)
    if forge is None:
        raise ConfigError("no forge", "config-no-forge")
    with closing(forge):
        forge.check()
    return "doctor-forge", {"project": forge.project}


def check_telegram(base_url: str) -> CheckMessage:
    """Check the bot's token by asking Telegram for the bot's name."""
    return "doctor-telegram", {"bot": _ask_telegram(base_url, "getMe", "username")["username"]}


def check_webhook(telegram: TelegramConfig) -> CheckMessage:
    """Check that Telegram sends updates to the configured place and that they arrive."""
    arguments = _ask_telegram(telegram.base_url, "getWebhookInfo", "url")
    url = str(arguments["url"])
    expected = telegram.webhook_url if telegram.mode == "webhook" else ""
    if url != expected:
        key = "doctor-other-webhook" if expected else "doctor-webhook-set"
        raise check_failure(key, url=url or "-", wanted=expected)
    since = utc_now().timestamp() - _HOUR_S
    if int(arguments.get("last_error_date", 0)) > since:
        arguments = {
            "waiting": arguments["pending_update_count"],
            "reason": arguments["last_error_message"],
        }
        raise check_failure("doctor-webhook-fails", url=url, **arguments)
    return "doctor-webhook" if url else "doctor-polling", {"url": url}


def _ask_telegram(base_url: str, method: str, field: str) -> Mapping[str, Any]:
    """Call the Bot API and return the result, which has `field`; no error contains the token."""
    token = credential(BOT_TOKEN)
    bot_id(token)
    try:
        _, body = fetch_url(f"{base_url}/bot{token}/{method}", TIMEOUT_S)
        result: dict[str, Any] = json.loads(body)["result"]
        return {field: result[field], **result}
    except OSError as error:
        code = error.code if isinstance(error, urllib.error.HTTPError) else 0
        if code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND):
            raise ConfigError("Telegram does not know the token", "bot-bad-token") from None
        reason: object = plain_reason(error)
    except (ValueError, KeyError, TypeError):
        reason = {"key": "doctor-not-bot-api", "arguments": {}}
    raise check_failure("doctor-telegram-unreachable", url=base_url, reason=reason)


def check_document_sandbox() -> CheckMessage:
    """Check that the kernel can isolate the document reader from files and the network."""
    if not has_system_call_filter():
        raise check_failure("doctor-no-sandbox")
    return "doctor-sandbox", {}


def check_postgresql(url: str) -> CheckMessage:
    """Check that sessions outlive transactions, and that enough connections are left.

    Behind a pooler in transaction mode two connections share a server process, or one changes it:
    locks and LISTEN, which belong to a session, are lost without an error.
    """
    with driver_errors(), ExitStack() as stack:
        sessions = [stack.enter_context(open_session(url, autocommit=True)) for _ in range(2)]
        # Twice in a row on each: a pooler hands out its servers in turn, or the last one again.
        first, second = ({_first(session, _SERVER_PID) for _ in range(2)} for session in sessions)
        used, limit = _first(sessions[0], _USED), _first(sessions[0], _LIMIT)
    if len(first) > 1 or len(second) > 1 or first & second:
        raise check_failure("doctor-pooler")
    arguments = {"used": used, "limit": limit}
    if used > MAX_CONNECTIONS_SHARE * limit:
        raise check_failure("doctor-few-connections", **arguments)
    return "doctor-connections", arguments


_SERVER_PID: LiteralString = "SELECT pg_backend_pid()"
_USED: LiteralString = "SELECT sum(numbackends)::int FROM pg_stat_database"
_LIMIT: LiteralString = """
SELECT current_setting('max_connections')::int
    - current_setting('superuser_reserved_connections')::int
"""


def _first(session: Connection, query: LiteralString) -> int:
    row = session.execute(query).fetchone()
    return int(row[0]) if row else 0


def check_provider(provider: ProviderConfig) -> CheckMessage:
    """Check that the provider answers, by listing its models."""
    with closing(training_client(provider, TIMEOUT_S)) as service:
        return "doctor-provider", {"count": len(service.models())}


def check_model(config: Config, choice: ModelChoice) -> CheckMessage:
    """Check that the provider has a model that the configuration names."""
    name, model = choice.pair
    provider = config.provider(name)
    if provider is None:
        raise ConfigError("no such provider", "config-no-provider", provider=name)
    with closing(training_client(provider, TIMEOUT_S)) as service:
        if model not in {known.model_id for known in service.models()}:
            raise check_failure("doctor-no-model", model=model, provider=name)
    return "doctor-model", {"model": model, "provider": name}


def check_yookassa(shop: YooKassaConfig) -> CheckMessage:
    """Check YooKassa's credentials by listing the payments of the last minute."""
    now = utc_now()
    try:
        asyncio.run(yookassa_gateway(shop).between(now - timedelta(minutes=1), now))
    except PaymentError as error:
        key = "doctor-no-shop"
        if error.code in ("unreachable", "no_answer"):
            key = "doctor-shop-unreachable"
        elif isinstance(error, GatewayUnavailable) or error.code.startswith(("http_", "unread")):
            key = "doctor-shop-fails"
        named = {"url": shop.base_url, "code": error.code, "reason": str(error)}
        raise check_failure(key, **named) from None
    return "doctor-shop", {}


def check_public_url(config: Config) -> CheckMessage:
    """Check that the api answers at its public URL, through DNS, proxy and certificate.

    A proxy on this machine must report its callers' addresses: else everyone counts as this
    machine, for the figures and for hooks without a secret.
    """
    url = config.api.public_url.rstrip("/")
    try:
        fetch_url(f"{url}/healthz", TIMEOUT_S)
    except OSError as error:
        raise check_failure("doctor-not-public", url=url, reason=plain_reason(error)) from None
    has_proxy = (urlsplit(url).port or 0) != config.api.address[1]
    if has_proxy and set(config.api.monitoring) <= {*LOOPBACK} and _shows_figures(f"{url}/metrics"):
        raise check_failure("doctor-proxy-silent", url=url)
    return "doctor-public", {"url": url}


def _shows_figures(url: str) -> bool:
    """Return whether our metrics can be read at a URL."""
    with suppress(OSError):
        return b"merlin_" in fetch_url(url, TIMEOUT_S)[1]
    return False
