"""What `merlin doctor` looks at: this machine first, then what Merlin needs outside of it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import stat
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from email.message import Message
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from cryptography.x509 import load_pem_x509_certificate

from merlin.cli.health import illness, plain_reason
from merlin.config import BOT_TOKEN, Config, bot_id, credential
from merlin.config.settings import (
    ModelChoice,
    OpenIdConfig,
    ProviderConfig,
    RepositoryConfig,
    TelegramConfig,
    TlsConfig,
)
from merlin.config.shop import YooKassaConfig
from merlin.core.clock import has_zones, utc_now
from merlin.core.connections import tls_context
from merlin.core.errors import ConfigError, MerlinError, PaymentError
from merlin.core.i18n import day_argument
from merlin.core.loopback import url_place
from merlin.core.server import listen
from merlin.db.backup import last_backup
from merlin.git.repository import GitSource
from merlin.providers.documents import is_walled
from merlin.providers.openid import Issuer, OpenIdRefused, new_sign_in_state
from merlin.wiring.context import yookassa_gateway
from merlin.wiring.providers import forge_of, trainer

MIN_FREE, MIN_MEMORY = 1 << 30, 256 << 20
ANSWER_S = 15.0
_CLOCK_S = 30.0
_BACKUP_AGE, _CERTIFICATE_LEFT = timedelta(days=2), timedelta(days=14)
# SQLite and locks need a file system of this machine.
_REMOTE = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "fuse.rclone", "fuse.s3fs"}

# What was found good: a text by its key, with what fills it.
Good = tuple[str, Mapping[str, object]]


def fault(key: str, **arguments: object) -> MerlinError:
    """Return what is wrong as an error whose text says what to do."""
    return MerlinError(key, key, **arguments)


def check_folder(folder: Path) -> Good:
    """Look at the state's folder, or at where it would be made."""
    place = _existing(folder)
    arguments = {"folder": str(folder)}
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        raise fault("doctor-folder-closed", **arguments)
    free = shutil.disk_usage(place).free
    if free < MIN_FREE:
        raise fault("doctor-folder-full", free=free >> 20, **arguments)
    return "doctor-folder", {"free": free >> 30, **arguments}


def _existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.exists())


def check_file_system(folder: Path) -> Good:
    """Look whether the state lies on a disk of this machine."""
    place = _existing(folder).resolve()
    mounts = {
        Path(disk_partition.mountpoint): disk_partition.fstype
        for disk_partition in psutil.disk_partitions(all=True)
    }
    kind = next((mounts[each] for each in (place, *place.parents) if each in mounts), "?")
    if kind in _REMOTE:
        raise fault("doctor-remote-disk", folder=str(folder), kind=kind)
    return "doctor-local-disk", {}


def check_rights(state_dir: Path) -> Good:
    """Look whether others on this machine can read the state or the credentials."""
    secret = [state_dir, Path(os.environ.get("CREDENTIALS_DIRECTORY") or state_dir)]
    for folder in secret:
        if folder.exists() and folder.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise fault("doctor-open-folder", folder=str(folder))
    return "doctor-closed-folder", {}


def check_memory() -> Good:
    """Look whether there is memory for a process more."""
    free = psutil.virtual_memory().available
    if free < MIN_MEMORY:
        raise fault("doctor-no-memory", free=free >> 20)
    return "doctor-memory", {}


def check_zones() -> Good:
    """Look whether this machine knows time zones."""
    if not has_zones():
        raise fault("doctor-no-zones")
    return "doctor-zones", {}


def check_clock(url: str) -> Good:
    """Compare the clock with that of a server; one that is silent is another finding."""
    headers: Message | None = None
    with suppress(OSError):
        try:
            with urllib.request.urlopen(url, timeout=ANSWER_S) as answer:  # noqa: S310 - judged when the configuration was read
                headers = answer.headers
        except urllib.error.HTTPError as refusal:
            headers = refusal.headers
    date = headers["Date"] if headers is not None else None
    if date is None:
        return "doctor-clock-alone", {}
    off = abs((utc_now() - parsedate_to_datetime(date)).total_seconds())
    if off > _CLOCK_S:
        raise fault("doctor-clock-off", seconds=int(off))
    return "doctor-clock", {}


def check_port(config: Config, process: str) -> Good:
    """Look whether a process can listen where it shall, or does already."""
    address = (config.api if process == "api" else config.engine).address
    if illness(config, process) is None:
        return "doctor-port-used", {"name": process}
    try:
        listen(process, *address).close()
    except ConfigError as error:
        arguments = {"place": url_place(address), "reason": str(error.__cause__), "name": process}
        raise fault("doctor-port-taken", **arguments) from None
    return "doctor-port", {"place": url_place(address)}


def check_certificate(tls: TlsConfig, section: str) -> Good:
    """Look whether a server's certificate fits its key and stays good for two weeks."""
    tls_context(tls.certificate, tls.key, section)
    ends = load_pem_x509_certificate(tls.certificate.read_bytes()).not_valid_after_utc
    arguments = {"path": str(tls.certificate), "date": day_argument(ends.date())}
    if ends - utc_now() < _CERTIFICATE_LEFT:
        raise fault("doctor-certificate-ends", **arguments)
    return "doctor-certificate", arguments


def check_backup(config: Config) -> Good:
    """Look when the state was backed up last, unless another program does that."""
    if config.backups == "elsewhere":
        return "doctor-backup-elsewhere", {}
    at = last_backup(config.state_dir)
    if at is None:
        raise fault("doctor-no-backup")
    arguments = {"date": day_argument(at.date())}
    if utc_now() - at > _BACKUP_AGE:
        raise fault("doctor-old-backup", **arguments)
    return "doctor-backup", arguments


def check_dump_programs() -> Good:
    """Look for what a backup of PostgreSQL needs."""
    for program in ("pg_dump", "pg_restore"):
        if shutil.which(program) is None:
            raise fault("backup-no-program", program=program)
    return "doctor-program", {"path": shutil.which("pg_dump")}


def has_units() -> bool:
    """Return whether Merlin is installed as systemd's services here."""
    return _systemctl("is-enabled", "merlin.target") not in {"", "not-found"}


def check_units() -> Good:
    """Look whether systemd starts Merlin, and whether it has given a unit up."""
    listing = _systemctl("list-units", "--state=failed", "--plain", "--no-legend", "merlin*")
    if failed := [line.split()[0] for line in listing.splitlines()]:
        raise fault("doctor-failed-units", names=" ".join(failed))
    if _systemctl("is-enabled", "merlin.target") != "enabled":
        raise fault("doctor-disabled-units")
    return "doctor-units", {}


def _systemctl(*text: str) -> str:
    """Return what systemctl says, "" where there is none."""
    path = shutil.which("systemctl")
    if path is None:
        return ""
    done = subprocess.run([path, *text], capture_output=True, text=True, check=False)  # noqa: S603 - no shell
    return done.stdout.strip()


_HOUR_S = 3600


def check_git() -> Good:
    """Look for git."""
    path = shutil.which("git")
    if path is None:
        raise ConfigError("git is not installed", "git-absent")
    return "doctor-program", {"path": path}


def check_repository(repository: RepositoryConfig) -> Good:
    """Ask the repository itself; the mirror is the daemon's."""
    arguments = {"url": repository.url, "branch": repository.branch}
    with _source(repository) as source:
        newest = source.newest()
    if newest is None:
        raise fault("doctor-no-branch", **arguments)
    return "doctor-repository", {"commit": newest[:7], **arguments}


def check_push(repository: RepositoryConfig) -> Good:
    """Ask the repository whether it would take a push, without one."""
    with _source(repository) as source:
        source.check_push()
    return "doctor-push", {}


@contextmanager
def _source(repository: RepositoryConfig) -> Iterator[GitSource]:
    place = (repository.url, repository.branch, repository.directory)
    with TemporaryDirectory(prefix="merlin-") as folder:
        yield GitSource(*place, Path(folder), timeout_s=ANSWER_S)


def check_forge(config: Config) -> Good:
    """Ask the forge for the project by the token; whether it may write nobody tells beforehand."""
    forge = forge_of(config)
    if forge is None:
        raise ConfigError("no forge", "config-no-forge")
    with closing(forge):
        forge.check()
    return "doctor-forge", {"project": forge.project}


def check_telegram(base_url: str) -> Good:
    """Ask Telegram whose token it is."""
    return "doctor-telegram", {"bot": _ask_telegram(base_url, "getMe", "username")["username"]}


def check_webhook(telegram: TelegramConfig) -> Good:
    """Ask Telegram where updates go, and whether they arrive there."""
    arguments = _ask_telegram(telegram.base_url, "getWebhookInfo", "url")
    url, requested = (
        str(arguments["url"]),
        telegram.webhook_url if telegram.mode == "webhook" else "",
    )
    if url != requested:
        key = "doctor-other-webhook" if requested else "doctor-webhook-set"
        raise fault(key, url=url or "-", wanted=requested)
    since = utc_now().timestamp() - _HOUR_S
    if int(arguments.get("last_error_date", 0)) > since:
        arguments = {
            "waiting": arguments["pending_update_count"],
            "reason": arguments["last_error_message"],
        }
        raise fault("doctor-webhook-fails", url=url, **arguments)
    return "doctor-webhook" if url else "doctor-polling", {"url": url}


def _ask_telegram(base_url: str, method: str, field: str) -> Mapping[str, Any]:
    """Return the object with this field that Telegram answers; no error holds the token."""
    token = credential(BOT_TOKEN)
    bot_id(token)
    try:
        with urllib.request.urlopen(f"{base_url}/bot{token}/{method}", timeout=ANSWER_S) as answer:  # noqa: S310 - judged when the configuration was read
            result: dict[str, Any] = json.load(answer)["result"]
            return {field: result[field], **result}
    except urllib.error.HTTPError as error:
        if error.code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND):
            raise ConfigError("Telegram does not know the token", "bot-bad-token") from None
        raise fault("doctor-telegram-away", url=base_url, reason=plain_reason(error)) from None
    except OSError as error:
        raise fault("doctor-telegram-away", url=base_url, reason=plain_reason(error)) from None
    except (ValueError, KeyError, TypeError):
        reason = "not an answer of the Bot API"
        raise fault("doctor-telegram-away", url=base_url, reason=reason) from None


def check_walls() -> Good:
    """Look whether the kernel keeps the reader of people's documents from files and network."""
    if not is_walled():
        raise fault("doctor-no-walls")
    return "doctor-walls", {}


def check_provider(provider: ProviderConfig) -> Good:
    """Ask a provider for its models."""
    with trainer(provider, ANSWER_S) as service:
        return "doctor-provider", {"count": len(service.models())}


def check_model(config: Config, choice: ModelChoice) -> Good:
    """Ask a provider whether it has a model that is relied on."""
    name, model = choice.pair
    provider = config.provider(name)
    if provider is None:
        raise ConfigError("no such provider", "config-no-provider", provider=name)
    with trainer(provider, ANSWER_S) as service:
        if model not in {each.model_id for each in service.models()}:
            raise fault("doctor-no-model", model=model, provider=name)
    return "doctor-model", {"model": model, "provider": name}


def check_yookassa(shop: YooKassaConfig) -> Good:
    """Ask YooKassa for the payments of the last minute."""
    now = utc_now()
    try:
        asyncio.run(yookassa_gateway(shop).between(now - timedelta(minutes=1), now))
    except PaymentError as error:
        raise fault("doctor-no-shop", reason=str(error)) from None
    return "doctor-shop", {}


def check_openid(open_id_config: OpenIdConfig) -> Good:
    """Ask the issuer for its description."""
    issuer = Issuer(open_id_config, credential(open_id_config.credential))
    try:
        asyncio.run(issuer.sign_in_url(new_sign_in_state(), open_id_config.issuer))
    except OpenIdRefused as error:
        raise fault("doctor-no-issuer", issuer=open_id_config.issuer, reason=str(error)) from None
    return "doctor-issuer", {"issuer": open_id_config.issuer}


def check_traces(endpoint: str) -> Good:
    """Send no span to the receiver of traces."""
    from merlin.core.trace_export import accepts_traces

    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it is told here
    if not accepts_traces(endpoint):
        raise fault("doctor-no-traces", url=endpoint)
    return "doctor-traces", {"url": endpoint}


def check_public_url(url: str) -> Good:
    """Ask the api as people reach it, through names, proxy and certificate."""
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/healthz", timeout=ANSWER_S):  # noqa: S310 - as above
            return "doctor-public", {"url": url}
    except OSError as error:
        raise fault("doctor-not-public", url=url, reason=plain_reason(error)) from None
