"""What processes and commands work with: the database of a configuration, contexts over it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.models import dataset_names
from merlin.config import Config, credential, needed_repository
from merlin.config.settings import TEXT_KEY
from merlin.config.shop import YooKassaConfig
from merlin.core.errors import NotFound
from merlin.db.connections import require_whole, sqlite_path
from merlin.db.database import Database, DatabaseDamaged, open_database
from merlin.db.encryption import Cipher, key_path, load_or_make_key
from merlin.db.migrations import migrate, pending

if TYPE_CHECKING:
    from merlin.git.repository import GitSource
    from merlin.providers.openai_chat import OpenAIChat
    from merlin.providers.yookassa import YooKassaGateway


@contextmanager
def opened(config: Config) -> Iterator[Database]:
    """Yield the database with its cipher, its schema up to date; closed at the end.

    Raises ConfigError for a key that is none, Refused after half of a restore.
    """
    require_whole(config.state_dir)
    with open_database(config.database, cipher=_existing_cipher(config)) as database:
        _upgrade(config, database)
        yield database


def _upgrade(config: Config, database: Database) -> None:
    if pending(database):
        from merlin.db.backup import keep_before_upgrade

        keep_before_upgrade(config.state_dir, config.database, database)
        migrate(database)


def _existing_cipher(config: Config) -> Cipher | None:
    """Return the cipher of people's texts; where no key was made yet, none was encrypted."""
    is_made = text_key() is not None or key_path(config.state_dir).exists()
    return make_cipher(config) if is_made else None


def make_cipher(config: Config) -> Cipher:
    """Return the cipher of people's texts, its key made where there is none. Raises ConfigError."""
    return load_or_make_key(config.state_dir, text_key())


def text_key() -> str | None:
    """Return the credential with the keys of people's texts, None where they lie in a file."""
    return credential(TEXT_KEY, is_needed=False) or None


@contextmanager
def opened_whole(config: Config) -> Iterator[Database]:
    """Yield the database of a process: looked through for damage, its schema up to date.

    A process that went on with a damaged file would damage more of it. Raises DatabaseDamaged, and
    Refused after half of a restore.
    """
    require_whole(config.state_dir)
    url = config.database
    try:
        with open_database(url) as database:
            database.quick_check()
            _upgrade(config, database)
            yield database
    except DatabaseDamaged as fault:
        arguments = {"found": fault.arguments["found"], "path": str(sqlite_path(url))}
        raise DatabaseDamaged(str(fault), "store-damaged-start", **arguments) from fault


@contextmanager
def reading(config: Config) -> Iterator[Database]:
    """Yield the database for reading only. Raises NotFound when there is nothing to read yet."""
    require_whole(config.state_dir)
    path, url = config.state_dir / "merlin.db", config.database
    nothing = NotFound("nothing has been recorded yet", "nothing-recorded")
    if url.startswith("sqlite:") and url.endswith(str(path)) and not path.exists():
        raise nothing
    with open_database(url, read_only=True, cipher=_existing_cipher(config)) as database:
        if pending(database):
            raise nothing
        yield database


@contextmanager
def reading_context(config: Config, dataset: str = "") -> Iterator[Context]:
    """Yield a context for reading only.

    Raises NotFound before anything was recorded, and for a dataset that was never seen.
    """
    with reading(config) as database:
        ctx = Context(config=config, db=database)
        known = dataset_names(ctx, Actor.operator()) if dataset else ()
        if dataset and dataset not in known:
            arguments = {"dataset": dataset, "known": ", ".join(known) or "none"}
            raise NotFound(f"no dataset {dataset}", "dataset-unknown", **arguments)
        yield ctx


@contextmanager
def writing_context(config: Config, *, makes_key: bool = False) -> Iterator[Context]:
    """Yield a command's context; all that is written becomes one transaction.

    With `makes_key` the key of people's texts is made where there is none.
    """
    with opened(config) as database, database.atomic():
        if makes_key:
            database.cipher = make_cipher(config)
        yield Context(config=config, db=database)


def answerers_of(
    config: Config, *, all_needed: bool = True, in_pieces: bool = True
) -> dict[str, OpenAIChat]:
    """Return a client for each provider, in order; to be closed in the loop that asks.

    Where not all are needed, for those with a credential. Raises ConfigError for a credential
    that is needed and missing.
    """
    from merlin.providers.openai_chat import OpenAIChat

    keys = [credential(provider.credential, is_needed=all_needed) for provider in config.providers]
    return {
        each.name: OpenAIChat(each.base_url, key, in_pieces=in_pieces, project=each.folder)
        for each, key in zip(config.providers, keys, strict=True)
        if key
    }


def yookassa_gateway(shop: YooKassaConfig) -> YooKassaGateway:
    """Return the gateway of a shop at YooKassa. Raises ConfigError without its credentials."""
    from merlin.providers.yookassa import YooKassaGateway

    return YooKassaGateway(shop, credential(shop.shop_id), credential(shop.secret_key))


def source_of(config: Config) -> GitSource:
    """Return the repository's mirror. Raises ConfigError without a repository."""
    from merlin.git.repository import GitSource

    settings, mirror = needed_repository(config), config.state_dir / "mirror.git"
    return GitSource(
        settings.url, settings.branch, settings.directory, mirror, push_notes=settings.push
    )
