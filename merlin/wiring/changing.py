"""What turns edits into commits, put together: rows, cipher, branch."""

from __future__ import annotations

from merlin.app.verdicts import EditorNewsFeed
from merlin.core.clock import utc_now
from merlin.daemon.changing import ChangeProcessor
from merlin.dataset.change_queue import Changes
from merlin.dataset.commit_batch import CommitSettings
from merlin.db.database import Database
from merlin.db.intents import Intents
from merlin.db.notices import Notices
from merlin.git.repository import GitSource


def changing(database: Database, source: GitSource) -> ChangeProcessor:
    """Return the tick that commits what waits."""
    return ChangeProcessor(
        CommitSettings(source.branch, Intents(database), utc_now),
        Changes(database),
        EditorNewsFeed(database),
        Notices(database),
        utc_now,
    )
