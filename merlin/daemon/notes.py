"""The tick of git notes: final verdicts written into the mirror, and brought to the repository.

A push that fails stands in nobody's way: notes are written all the same, and the push is tried
again after a pause that doubles.
"""

from __future__ import annotations

import time

from merlin.app.pipeline import PipelineHistory
from merlin.core.errors import SourceError
from merlin.daemon.services import DaemonServices

FIRST_PAUSE_S, LONGEST_PAUSE_S = 60.0, 3600.0


class NoteWriter:
    """Writes what is not noted yet; a lost database can be told by it what was."""

    def __init__(self, services: DaemonServices) -> None:
        self._services = services
        self._is_owed = True  # who was here before may have died before the push
        self._pause_s = FIRST_PAUSE_S
        self._share_at = 0.0

    def __call__(self) -> bool:
        """Write and push; return whether a note was written. Raises SourceError at the end."""
        failures: list[SourceError] = []
        count = self._write(failures)
        self._is_owed = self._is_owed or count > 0
        if self._is_owed and time.monotonic() >= self._share_at:
            self._share()
        if failures:
            raise failures[0]
        return count > 0

    def _write(self, failures: list[SourceError]) -> int:
        """Write the notes that can be written; return how many, add why others could not be."""
        count = 0
        for commit, words in PipelineHistory(self._services.db).unnoted():
            try:
                self._services.build_settings.source.note(commit, words)
            except SourceError as failure:
                failures.append(failure)
                continue
            PipelineHistory(self._services.db).noted(commit, words)
            count += 1
        return count

    def _share(self) -> None:
        try:
            self._services.build_settings.source.share_notes()
        except SourceError:
            self._share_at = time.monotonic() + self._pause_s
            self._pause_s = min(LONGEST_PAUSE_S, 2 * self._pause_s)
            raise
        self._is_owed, self._pause_s = False, FIRST_PAUSE_S
