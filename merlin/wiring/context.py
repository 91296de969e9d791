"""Open the configured database, and construct contexts and clients for processes and commands."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from merlin.app.context import Context
from merlin.config import Config, require_repository
from merlin.config.credentials import credential, repository_url
from merlin.config.settings import TEXT_KEY
from merlin.config.shop import SHOP_ID, SHOP_KEY, YooKassaConfig
from merlin.core.durable_files import is_mark_old, share_lock
from merlin.core.errors import MerlinError
from merlin.core.heartbeat import Failures
from merlin.dataset.verdicts import require_known_dataset
from merlin.db import connections, keyring
from merlin.db.database import Database, open_database
from merlin.db.driver_errors import DatabaseAway, DatabaseDamaged
from merlin.db.encryption import Cipher, key_path, load_or_make_key
from merlin.db.migrations import list_applied, list_pending, migrate

if TYPE_CHECKING:
    from merlin.git.repository import GitSource
    from merlin.providers.openai_chat import OpenAIChat
    from merlin.providers.yookassa import YooKassaGateway

_AWAY_PAUSE_S = 2.0


@contextmanager
def open_migrated_database(config: Config) -> Iterator[Database]:
    """Yield the database with its cipher, after migrating its schema.

    Raises ConfigError for an invalid key, Unstartable after an interrupted restore and for a lost
    database.
    """
    connections.require_whole(config.state_dir)
    with open_database(
        config.database, cipher=_read_existing_cipher(config)
    ) as database:
        _upgrade(config, database)
        yield database


def _upgrade(config: Config, database: Database) -> None:
    if list_pending(database):
        if not list_applied(database):
            # With a schema it would be taken for a new one, and everybody in it would be forgotten.
            connections.require_no_builds(config.state_dir)
        migrate(database)


def _read_existing_cipher(config: Config) -> Cipher | None:
    """Return the cipher of stored texts, None if there is no key, as nothing is encrypted then."""
    given = text_key()
    has_key = given is not None or key_path(config.state_dir).exists()
    return load_or_make_key(config.state_dir, given) if has_key else None


def make_cipher(config: Config, database: Database) -> Cipher:
    """Return the cipher of the database's texts; create its key if nothing was encrypted yet.

    Raises ConfigError for an invalid key, if another key encrypted the texts, and on PostgreSQL
    without the credential: its other processes may have other folders.
    """
    given = text_key(is_needed=database.is_shared)
    keyring.require_key_of_texts(
        database, keyring.key_ids(key_path(config.state_dir), given)
    )
    return load_or_make_key(config.state_dir, given)


def text_key(*, is_needed: bool = False) -> str | None:
    """Return the credential with the keys of stored texts, None if they are in a file.

    Raises ConfigError if it `is_needed` and missing.
    """
    return credential(TEXT_KEY, is_needed=is_needed, is_header=False) or None


@contextmanager
def open_checked_database(config: Config) -> Iterator[Database]:
    """Yield a process's database after migrating its schema, and checking a file if that is due.

    Waits while the database is away, as running processes do: systemd would give up a process that
    ends at each start. A process that continued with a damaged file would damage it further. Raises
    DatabaseDamaged, Unstartable if it was lost or after an interrupted restore.
    """
    connections.require_whole(config.state_dir)
    try:
        with (
            _check_file(config) as check,
            _wait_for_database(config, check) as database,
        ):
            yield database
    except DatabaseDamaged as error:
        found = error.arguments["found"]
        path = str(connections.sqlite_path(config.database))
        raise DatabaseDamaged(
            str(error), "store-damaged-start", found=found, path=path
        ) from error


@contextmanager
def _check_file(config: Config) -> Iterator[Callable[[Database], None]]:
    """Yield what checks the whole file of an SQLite database if that is due.

    SQLite removes its log when the last process ends well. A check reads every page.
    """
    if not config.database.startswith("sqlite:"):
        yield lambda _: None
        return
    path = connections.sqlite_path(config.database)
    mark = Path(f"{path}.checked")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock, is_alone = share_lock(Path(f"{path}.lock"))
    except OSError:  # the database cannot be opened either, which tells why and waits
        yield Database.quick_check
        return
    was_left = is_alone and Path(f"{path}-wal").exists()

    def check(database: Database) -> None:
        if was_left or is_mark_old(mark):
            database.quick_check()
            with suppress(OSError):  # the disk is full: it is checked again
                mark.touch(0o600)

    try:
        yield check
    finally:
        os.close(lock)


def _wait_for_database(config: Config, check: Callable[[Database], None]) -> Database:
    from merlin.core.server import SLOW_START, notify

    failures = Failures()
    while True:
        notify(SLOW_START)
        try:
            with open_database(config.database) as database:
                check(database)
                _upgrade(config, database)
            failures.end()
            return open_database(config.database)
        except DatabaseAway as error:
            failures.add("the database is away, waiting", error)
        time.sleep(_AWAY_PAUSE_S)


@contextmanager
def open_read_only(config: Config) -> Iterator[Database]:
    """Yield the database read-only.

    Raises NotFound if nothing has been recorded yet, Unstartable if it was lost, MerlinError
    before an upgrade of the schema.
    """
    connections.require_whole(config.state_dir)
    url = config.database
    if url.startswith("sqlite:") and not connections.sqlite_path(url).exists():
        raise connections.not_recorded(config.state_dir)
    with open_database(
        url, read_only=True, cipher=_read_existing_cipher(config)
    ) as database:
        if list_pending(database):
            if list_applied(database):
                raise MerlinError("an earlier version's schema", "store-older-schema")
            raise connections.not_recorded(config.state_dir)
        yield database


@contextmanager
def open_reading_context(config: Config, dataset: str = "") -> Iterator[Context]:
    """Yield a read-only context.

    Raises NotFound if nothing has been recorded yet, or if the dataset is unknown.
    """
    with open_read_only(config) as database:
        if dataset:
            require_known_dataset(database, dataset)
        yield Context(config=config, db=database)


@contextmanager
def open_writing_context(
    config: Config, *, makes_key: bool = False
) -> Iterator[Context]:
    """Yield a command's context; all its writes are one transaction.

    `makes_key` creates the key of stored texts if there is none.
    """
    with open_migrated_database(config) as database, database.atomic():
        if makes_key:
            database.cipher = make_cipher(config, database)
        yield Context(config=config, db=database)


def create_chat_clients(
    config: Config, *, requires_all: bool = True, is_streaming: bool = True
) -> dict[str, OpenAIChat]:
    """Return a client for each provider, in order; close them in the event loop that uses them.

    Unless `requires_all`, only those with a credential. Raises ConfigError if a required credential
    is missing.
    """
    from merlin.providers.openai_chat import OpenAIChat

    return {
        provider.name: OpenAIChat(
            provider.base_url,
            key,
            api_version=provider.api_version or "",
            is_streaming=is_streaming,
        )
        for provider in config.providers
        if (key := credential(provider.credential, is_needed=requires_all))
    }


def yookassa_gateway(shop: YooKassaConfig) -> YooKassaGateway:
    """Return the gateway of a YooKassa shop. Raises ConfigError if a credential is missing."""
    from merlin.providers.yookassa import YooKassaGateway

    return YooKassaGateway(shop, credential(SHOP_ID), credential(SHOP_KEY))


def git_source(config: Config) -> GitSource:
    """Return the repository of datasets. Raises ConfigError if none is configured."""
    from merlin.git.repository import GitSource

    settings = require_repository(config)
    mirror = config.state_dir / "mirror.git"
    return GitSource(
        repository_url(settings), settings.branch, settings.directory, mirror
    )
