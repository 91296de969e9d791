"""What turns edits into commits, put together: rows, cipher, branch."""

from __future__ import annotations

from merlin.adapters.git_source import GitSource
from merlin.config import Config, credential
from merlin.core.clock import utc_now
from merlin.daemon.changing import Changing
from merlin.dataset.committing import Press
from merlin.store.changes import ChangeRows
from merlin.store.cipher import CREDENTIAL, Cipher, load_or_make_key
from merlin.store.database import Database
from merlin.store.intents import IntentRows
from merlin.store.news import NewsDesk
from merlin.store.notices import NoticeRows


def cipher_of(config: Config) -> Cipher:
    """Return the cipher of the configuration's key. Raises ConfigError."""
    return load_or_make_key(config.state_dir, credential(CREDENTIAL, is_needed=False) or None)


def changes_of(config: Config, database: Database) -> ChangeRows:
    """Return the rows of changes, sealed with the configuration's key. Raises ConfigError."""
    return ChangeRows(database, cipher_of(config))


def changing(database: Database, source: GitSource, cipher: Cipher) -> Changing:
    """Return the tick that commits what waits."""
    return Changing(
        Press(source.branch, IntentRows(database), utc_now),
        ChangeRows(database, cipher),
        NewsDesk(database),
        NoticeRows(database),
        utc_now,
    )
