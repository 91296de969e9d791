"""Rows of the operator's texts; fulfils `chat.setting.Settings`."""

from __future__ import annotations

from merlin.core.clock import Clock, iso, utc_now
from merlin.store.chat_tables import SETTING
from merlin.store.database import Database, transaction
from merlin.store.values import plain


class SettingRows:
    """One row a text; what is shown to everybody is not sealed."""

    def __init__(self, db: Database, clock: Clock = utc_now) -> None:
        self.db = db
        self._clock = clock

    def get(self, name: str) -> str:
        """Return the text, "" where there is none."""
        found = self.db.value(SETTING.select(SETTING.value).where(SETTING.name == name))
        return "" if found is None else str(found)

    @transaction
    def put(self, name: str, value: str, by: str) -> None:
        """Keep the text and who wrote it; "" removes it."""
        if not value:
            self.db.change(SETTING.delete().where(SETTING.name == name))
            return
        newest = {"value": plain(value), "by_whom": plain(by), "at": iso(self._clock())}
        new = SETTING.insert({"name": name, **newest})
        self.db.put(new.on_conflict(conflict_target=(SETTING.name,), update=newest))
