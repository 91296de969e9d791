"""What turns edits into commits, put together: rows, cipher, branch."""

from __future__ import annotations

from merlin.app.verdicts import EditorNewsFeed
from merlin.config import Config, credential
from merlin.core.clock import utc_now
from merlin.daemon.changing import ChangeProcessor
from merlin.dataset.change_queue import Changes
from merlin.dataset.commit_batch import CommitSettings
from merlin.db.database import Database
from merlin.db.encryption import CREDENTIAL, Cipher, load_or_make_key
from merlin.db.intents import Intents
from merlin.db.notices import Notices
from merlin.git.repository import GitSource


def cipher_of(config: Config) -> Cipher:
    """Return the cipher of the configuration's key. Raises ConfigError."""
    return load_or_make_key(config.state_dir, credential(CREDENTIAL, is_needed=False) or None)


def changes_of(config: Config, database: Database) -> Changes:
    """Return the rows of changes, sealed with the configuration's key. Raises ConfigError."""
    return Changes(database, cipher_of(config))


def changing(database: Database, source: GitSource, cipher: Cipher) -> ChangeProcessor:
    """Return the tick that commits what waits."""
    return ChangeProcessor(
        CommitSettings(source.branch, Intents(database), utc_now),
        Changes(database, cipher),
        EditorNewsFeed(database),
        Notices(database),
        utc_now,
    )
