"""The checks of `merlin doctor`: this machine first, then the services outside it."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from stat import S_IROTH, S_IXOTH
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, LiteralString

from cryptography.x509 import load_pem_x509_certificate

from merlin.cli.health import OTHER_INSTALLATION, health_error
from merlin.config import Config, require_provider, require_repository
from merlin.config.credentials import repository_url
from merlin.config.engine import EngineConfig
from merlin.config.faults import wrong_at
from merlin.config.reading import require_places
from merlin.config.settings import (
    ModelChoice,
    ProviderConfig,
    RepositoryConfig,
    TlsConfig,
)
from merlin.config.shop import YooKassaConfig
from merlin.core.clock import utc_now
from merlin.core.connections import tls_context
from merlin.core.errors import (
    ConfigError,
    GatewayUnavailable,
    MerlinError,
    NotFound,
    PaymentError,
    SourceError,
)
from merlin.core.i18n import format_time
from merlin.core.names import find_nearest
from merlin.core.network import url_place
from merlin.core.repository_place import parse_remote_url
from merlin.core.server import listen
from merlin.db.connections import open_session, sqlite_path
from merlin.db.driver_errors import driver_errors
from merlin.db.encryption import key_path
from merlin.engine.model_store import find_program, require_base_folder
from merlin.engine.trainers.base import Untrainable
from merlin.git.mirror import read_head
from merlin.git.repository import GitSource
from merlin.providers.documents import are_readers_confined
from merlin.wiring.context import git_source, yookassa_gateway
from merlin.wiring.engine import engine_folder
from merlin.wiring.providers import create_forge, training_client

if TYPE_CHECKING:
    from psycopg import Connection

MIN_FREE_BYTES = 1 << 30
MAX_CONNECTIONS_SHARE = 0.8
TIMEOUT_S = 15.0
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


def examine(
    path: Path, config: Config, *, has_repository_row: bool = False
) -> CheckMessage:
    """Look for what config.yaml names and this machine lacks; say what was not looked at.

    With `has_repository_row` another check tells of a repository that cannot be read. Raises
    ConfigError with every fault.
    """
    default = config.datasets.default
    known = None
    found = []
    if config.repository is not None:
        try:
            known = _list_datasets(config, config.repository)
        except (NotFound, SourceError) as error:
            line = "branch" if isinstance(error, NotFound) else "url"
            lack = wrong_at("repository", line, key=error.key, **error.arguments)
            found += [] if has_repository_row else [lack]
    if not default and "default" in config.datasets.model_fields_set:
        named = {"found": '""', "example": "neurotypology"}
        found.append(wrong_at("datasets", "default", key="config-wrong-form", **named))
    if default and known is not None and default not in known:
        near = find_nearest(default, known) or "none"
        named = {"dataset": default, "known": ", ".join(known) or "none", "near": near}
        found.append(wrong_at("datasets", "default", key="dataset-unknown", **named))
    closed = require_places(path, config, found)
    return "config-valid", {
        "default": default if known is None and default else "none",
        "closed": ", ".join(closed) or "none",
    }


def _list_datasets(
    config: Config, repository: RepositoryConfig
) -> Collection[str] | None:
    """Return the datasets that this machine knows, None if it knows none.

    A repository on this machine is read itself, of another one the mirror. Raises SourceError if
    the former cannot be read, NotFound if it lacks the branch.
    """
    source = git_source(config)
    folder = source.remote.folder
    if folder is None:
        with suppress(SourceError, OSError):  # another check tells of the mirror
            head = read_head(source.run, source.mirror) if source.has_mirror else None
            return source.dataset_trees(head) if head else None
        return None
    if not folder.is_dir():
        return None  # told by its path
    with open_repository(repository) as source:
        head = source.fetch()
        if head is None:
            named = {"url": repository.url, "branch": repository.branch}
            raise NotFound("no branch", "doctor-no-branch", **named)
        return source.dataset_trees(head)


def check_configuration(path: Path, config: Config) -> CheckMessage:
    """Check what `merlin config check` does."""
    _, arguments = examine(path, config, has_repository_row=True)
    return "doctor-config", arguments


def check_secrets(path: Path, config: Config) -> CheckMessage:
    """Check that nobody else may read the secrets beside the configuration and in its folders."""
    secrets = [*path.absolute().parent.glob("credentials/*")]
    secrets.append(key_path(config.state_dir))
    secrets += [tls.key for tls in (config.api.tls, config.engine.tls) if tls]
    if config.database.startswith("sqlite:"):
        secrets.append(sqlite_path(config.database))
    if everybodys := [str(each) for each in secrets if _may_everybody_read(each)]:
        raise check_failure("doctor-open-secrets", paths=shlex.join(everybodys))
    return "doctor-secrets", {}


def _may_everybody_read(file: Path) -> bool:
    try:
        modes = [each.stat().st_mode for each in (file, *file.absolute().parents)]
    except OSError:  # there is none, or it is closed to us
        return False
    readable, *passable = modes
    return bool(readable & S_IROTH) and all(mode & S_IXOTH for mode in passable)


def check_folder(folder: Path, min_free: int = MIN_FREE_BYTES) -> CheckMessage:
    """Check that the state folder, or its nearest existing parent, is writable and not full."""
    existing = _find_existing_parent(folder)
    arguments = {"folder": str(folder)}
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise check_failure("doctor-folder-closed", **arguments)
    free = shutil.disk_usage(existing).free
    if free < min_free:
        raise check_failure("doctor-folder-full", free=free >> 20, **arguments)
    return "doctor-folder", {"free": free >> 30, **arguments}


def _find_existing_parent(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def check_file_system(
    folder: Path, mounts_file: Path = Path("/proc/self/mounts")
) -> CheckMessage:
    """Check that the state folder is on a local disk."""
    existing = _find_existing_parent(folder).resolve()
    lines = mounts_file.read_text("utf-8", "replace").splitlines()
    mounts = {
        Path(place.replace("\\040", " ")): kind
        for _, place, kind, *_ in map(str.split, lines)
    }
    kind = next(
        (mounts[path] for path in (existing, *existing.parents) if path in mounts), "?"
    )
    if _REMOTE_FILE_SYSTEM.fullmatch(kind):
        raise check_failure("doctor-remote-disk", folder=str(folder), kind=kind)
    return "doctor-local-disk", {}


def check_document_reader() -> CheckMessage:
    """Tell what a malicious document that takes over its reader can still do on this machine."""
    return (
        "doctor-reader-confined" if are_readers_confined() else "doctor-reader-limited",
        {},
    )


def check_port(config: Config, process: str) -> CheckMessage:
    """Check that a process can listen on its configured address, or already does."""
    address = (config.api if process == "api" else config.engine).address
    error = health_error(config, process)
    if error is None:
        return "doctor-port-used", {"name": process}
    if error.key == OTHER_INSTALLATION:
        raise error
    listen(f"{process}.listen", *address).close()
    return "doctor-port", {"place": url_place(address)}


def check_tls(section: str, tls: TlsConfig) -> CheckMessage:
    """Check that a server can use its certificate with its key, and that it is valid today."""
    tls_context(tls.certificate, tls.key, f"{section}.tls")
    # The first is the server's own; those of its issuers follow.
    ends = load_pem_x509_certificate(tls.certificate.read_bytes()).not_valid_after_utc
    arguments = {"path": str(tls.certificate), "at": format_time(ends)}
    if ends < utc_now():
        raise check_failure("doctor-tls-ended", **arguments)
    return "doctor-tls", arguments


def check_bases(config: Config) -> CheckMessage:
    """Check that language models can be trained here, and that their bases are here, and whole."""
    from merlin.engine.model_download import require_extra

    require_extra()
    for name, base in config.engine.models.items():
        try:
            require_base_folder(name, base, engine_folder(config))
        except Untrainable as error:
            raise check_failure(error.key, **error.arguments) from error
    return "doctor-bases", {"names": ", ".join(config.engine.models)}


def check_vllm(engine: EngineConfig) -> CheckMessage:
    """Check that vLLM's program is here."""
    command = engine.answering.vllm_command
    found = find_program(command)
    if found is None:
        raise check_failure("doctor-no-vllm", command=command)
    return "doctor-vllm", {"command": found}


def check_repository(config: Config) -> CheckMessage:
    """Check that the remote can be read and has the branch."""
    repository = require_repository(config)
    # Without its password.
    arguments = {
        "url": parse_remote_url(repository.url).url,
        "branch": repository.branch,
    }
    with open_repository(repository) as source:
        try:
            newest = source.remote_head()
        except SourceError as error:
            reason = error.as_argument()
            raise check_failure(
                "doctor-not-read", reason=reason, **arguments
            ) from error
    if newest is None:
        raise check_failure("doctor-no-branch", **arguments)
    return "doctor-repository", {**arguments, "commit": newest[:7]}


def check_mirror(config: Config) -> CheckMessage:
    """Check that the copy of the repository can be read, down to the folders of the datasets."""
    source = git_source(config)
    if not source.has_mirror:
        return "doctor-mirror-none", {}
    try:
        head = read_head(source.run, source.mirror)
        count = len(source.dataset_trees(head)) if head else 0
    except SourceError as error:
        # Not its whole text: that tells what to do about a repository elsewhere.
        reason = str(error.arguments.get("reason", error))
        raise check_failure("git-unreadable", reason=reason) from error
    return "doctor-mirror", {"count": count}


@contextmanager
def open_repository(repository: RepositoryConfig) -> Iterator[GitSource]:
    """Yield the remote repository with an empty mirror; that of the daemon stays unchanged."""
    with TemporaryDirectory(prefix="merlin-") as folder:
        yield GitSource(
            repository_url(repository),
            repository.branch,
            repository.directory,
            Path(folder),
            timeout_s=TIMEOUT_S,
        )


def check_forge(config: Config) -> CheckMessage:
    """Check that the token can read the project; nothing shows write access before a write."""
    forge = create_forge(config)
    if forge is None:
        raise ConfigError("no forge", "config-no-forge")
    with closing(forge):
        forge.check()
    return "doctor-forge", {"project": forge.project}


def check_telegram(config: Config) -> CheckMessage:
    """Check the bot's token by asking Telegram for the bot's name."""
    from merlin.bot.reach import ask_telegram

    me = ask_telegram(config, lambda bot: bot.get_me())
    return "doctor-telegram", {"bot": me.username}


def check_webhook(config: Config) -> CheckMessage:
    """Check that Telegram sends updates to the configured place and that they arrive."""
    from merlin.bot.reach import ask_telegram

    telegram = config.telegram
    found = ask_telegram(config, lambda bot: bot.get_webhook_info())
    expected = telegram.webhook_url if telegram.mode == "webhook" else ""
    if found.url != expected:
        key = "doctor-other-webhook" if expected else "doctor-webhook-set"
        raise check_failure(key, url=found.url or "-", wanted=expected)
    if found.last_error_date and found.last_error_date > utc_now() - timedelta(hours=1):
        waiting = found.pending_update_count
        reason = found.last_error_message
        raise check_failure(
            "doctor-webhook-fails", url=found.url, waiting=waiting, reason=reason
        )
    return "doctor-webhook" if found.url else "doctor-polling", {"url": found.url}


def check_postgresql(
    url: str, max_share: float = MAX_CONNECTIONS_SHARE
) -> CheckMessage:
    """Check that sessions outlive transactions, and that enough connections are left.

    Behind a pooler in transaction mode two connections share a server process, or one changes it:
    locks and LISTEN, which belong to a session, are lost without an error.
    """
    with driver_errors(), ExitStack() as stack:
        sessions = [
            stack.enter_context(open_session(url, autocommit=True)) for _ in range(2)
        ]
        # Twice in a row on each: a pooler hands out its servers in turn, or the last one again.
        first, second = (
            {_first(session, _SERVER_PID) for _ in range(2)} for session in sessions
        )
        used = _first(sessions[0], _USED)
        limit = _first(sessions[0], _LIMIT)
    if len(first) > 1 or len(second) > 1 or first & second:
        raise check_failure("doctor-pooler")
    arguments = {"used": used, "limit": limit}
    if used > max_share * limit:
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
    name, model = choice
    provider = require_provider(config, name)
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
        elif isinstance(error, GatewayUnavailable) or error.code.startswith(
            ("http_", "unread")
        ):
            key = "doctor-shop-fails"
        raise check_failure(
            key, url=shop.base_url, code=error.code, reason=str(error)
        ) from None
    return "doctor-shop", {}
