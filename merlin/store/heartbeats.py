"""Rows of what each process said last; fulfils `core.heartbeat.Heartbeats`."""

from __future__ import annotations

from merlin.core.clock import from_iso, iso
from merlin.core.heartbeat import Heartbeat
from merlin.core.log import redact
from merlin.store.cipher import Cipher
from merlin.store.database import Database, Row, transaction
from merlin.store.keyring import HolderRows
from merlin.store.tables import HEARTBEAT
from merlin.store.values import dumped, loaded


class HeartbeatRows:
    """One row per process and host; with a cipher, its process says which keys it holds too."""

    def __init__(self, db: Database, cipher: Cipher | None = None) -> None:
        self.db = db
        self._holders = HolderRows(db, cipher)

    @transaction
    def beat(self, heartbeat: Heartbeat) -> None:
        """Store the newest words."""
        said = {
            "process": heartbeat.process,
            "host": heartbeat.host,
            "pid": heartbeat.pid,
            "since": iso(heartbeat.since),
            "at": iso(heartbeat.at),
            "step": heartbeat.step,
            "counters": dumped(dict(heartbeat.counters)),
            "failing": dumped({step: redact(why) for step, why in heartbeat.failing.items()}),
        }
        named = ("process", "host")
        new = [name for name in said if name not in named]
        self.db.put(HEARTBEAT.insert(said).on_conflict(conflict_target=named, preserve=new))
        self._holders.tell(heartbeat.process, heartbeat.at)

    def all(self) -> list[Heartbeat]:
        """Return every process's newest words, by process and host."""
        rows = self.db.rows(HEARTBEAT.select())
        return sorted(map(_heartbeat, rows), key=lambda each: (each.process, each.host))


def _heartbeat(row: Row) -> Heartbeat:
    return Heartbeat(
        process=row["process"],
        host=row["host"],
        pid=row["pid"],
        since=from_iso(row["since"]),
        at=from_iso(row["at"]),
        step=row["step"],
        counters=loaded(row["counters"]),
        failing=loaded(row["failing"]),
    )
