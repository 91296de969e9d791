"""Rows of dialogs; fulfils `chat.dialog.Dialogs`. What was said is sealed."""

from __future__ import annotations

import json
from typing import Any

from merlin.chat.dialog import Dialog
from merlin.core.clock import Clock, from_iso, iso, utc_now
from merlin.store.chat_tables import DIALOG
from merlin.store.cipher import Cipher
from merlin.store.database import Database, transaction
from merlin.store.prepared import Prepared, Slot
from merlin.store.sealed import opened

# Within the sealed words, beside what was said: the update that led to the dialog.
_SAID, _BY = "said", "by"
_GET = Prepared(
    DIALOG.select()
    .where(
        (DIALOG.bot_id == Slot("bot"))
        & (DIALOG.chat_id == Slot("chat_id"))
        & (DIALOG.user_id == Slot("user_id"))
    )
    .limit(1)
)


class DialogRows:
    """What one bot waits to hear."""

    def __init__(self, db: Database, cipher: Cipher, bot_id: int, clock: Clock = utc_now) -> None:
        self.db = db
        self._cipher = cipher
        self._bot_id = bot_id
        self._clock = clock

    def get(self, chat_id: int, user_id: int) -> Dialog | None:
        """Return what is waited for, None for nothing."""
        row = self.db.row(_GET(bot=self._bot_id, chat_id=chat_id, user_id=user_id))
        said = opened(self._cipher, row["said"]) if row is not None else None
        if row is None or said is None:
            return None
        kept = json.loads(said)
        if set(kept) != {_SAID, _BY}:  # as earlier versions kept it
            kept = {_SAID: kept, _BY: 0}
        return Dialog(row["step"], kept[_SAID], kept[_BY], from_iso(row["at"]))

    @transaction
    def put(self, chat_id: int, user_id: int, dialog: Dialog) -> None:
        """Wait for this from now on, and for nothing else."""
        kept = {_SAID: dict(dialog.said), _BY: dialog.asked_by}
        newest = {
            "step": dialog.step,
            "said": self._cipher.seal(json.dumps(kept, ensure_ascii=False)),
            "at": iso(self._clock()),
        }
        key = {"bot_id": self._bot_id, "chat_id": chat_id, "user_id": user_id}
        new = DIALOG.insert({**key, **newest})
        self.db.put(new.on_conflict(conflict_target=tuple(key), update=newest))

    @transaction
    def end(self, chat_id: int, user_id: int) -> bool:
        """Wait for nothing; return whether something was waited for."""
        return self.db.change(DIALOG.delete().where(self._of(chat_id, user_id))) > 0

    def _of(self, chat_id: int, user_id: int) -> Any:
        chat = (DIALOG.bot_id == self._bot_id) & (DIALOG.chat_id == chat_id)
        return chat & (DIALOG.user_id == user_id)
