"""Changes that become commits beside a site: what the daemon would do, without a repository."""

from __future__ import annotations

from merlin.dataset.changes import BatchResult, Changes, Conflict
from merlin.git.source import blob_id


class Keeper:
    """Commits what waits, as the daemon does, and lets the catalogue see it."""

    def __init__(self, site, datasets):
        self.site = site
        self.files = {name: dict(files) for name, files in datasets.items()}
        self.commits = 0

    def commit(self, *, is_seen=True):
        """Commit all that waits; return what became of the last batch."""
        landed = None
        while (batch := Changes(self.site.db).claim()) is not None:
            landed = self._landed(batch)
            Changes(self.site.db).settle(batch, landed)
        if is_seen:
            self.site.teach(self.files)
        return landed

    def _landed(self, batch):
        conflicts = {}
        for change in batch.changes:
            here = self.files[change.dataset].get(self._path(change))
            blob = None if here is None else blob_id(here)
            if blob != change.before:
                conflicts[change.change_id] = Conflict(blob, here)
        if conflicts:
            return BatchResult(None, conflicts)
        for change in batch.changes:
            files = self.files[change.dataset]
            files.pop(self._path(change), None)
            if change.text is not None:
                files[self._path(change)] = change.text
        self.commits += 1
        return BatchResult(f"{self.commits:040x}")

    def _path(self, change):
        return change.path.removeprefix(f"{change.dataset}/")
