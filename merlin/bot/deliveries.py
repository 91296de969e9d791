"""What Telegram took, in a file until the database says so: a kill in between leaves no doubt.

A transaction waits for a group of others and for the disk, a line of a file for neither. Each
process has a file of its own, which the next start on this machine reads. It is emptied whenever
the database knows everything in it, and is not synced: it survives a kill, no power failure.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from merlin.app.inbox import Owner
from merlin.core.log import get_logger

log = get_logger(__name__)
_ENDING = ".sent"
# After a kill the last line may be incomplete, after a power failure a file may hold anything.
_LINE = re.compile(rb"^(\d{1,18}) (\d{1,18})\n", re.MULTILINE)


class DeliveryJournal:
    """The messages that were sent and are not stored as sent yet."""

    def __init__(self, folder: Path, owner: Owner) -> None:
        self._folder = folder
        self._owner = owner
        self._path = folder / f"{owner.pid}-{owner.started}{_ENDING}"
        # The messages in it that the database does not know.
        self._unknown: set[int] = set()

    def add(self, outgoing_id: int, message_id: int) -> None:
        """Write that a message of the outbox is in the chat under this number."""
        self._unknown.add(outgoing_id)
        try:
            with self._path.open("a") as file:
                file.write(f"{outgoing_id} {message_id}\n")
        except OSError as error:
            # A full disk: the message stays in doubt until its row is stored.
            log.warning("a delivery was not written down", reason=str(error))

    def settle(self, outgoing_id: int) -> None:
        """Note that the database knows what became of a message."""
        self._unknown.discard(outgoing_id)
        if not self._unknown:
            with suppress(OSError):
                self._path.unlink()

    def read(self) -> Iterator[tuple[int, int]]:
        """Yield what processes of this machine sent last: the message of the outbox, its number."""
        for path in self._folder.glob(f"*{_ENDING}"):
            for outgoing_id, message_id in _LINE.findall(path.read_bytes()):
                yield int(outgoing_id), int(message_id)

    def delete_old(self) -> None:
        """Delete the files of dead processes, after the database knows what they say."""
        for path in self._folder.glob(f"*{_ENDING}"):
            pid, _, started = path.stem.partition("-")
            writer = replace(self._owner, pid=int(pid), started=int(started))
            if self._owner.is_dead(str(writer)):
                path.unlink()
