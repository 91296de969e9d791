"""What the bot has asked a person for and waits to hear; it survives restarts, and is encrypted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from merlin.core.clock import Clock, from_iso, iso, utc_now
from merlin.db.database import Database, Parameter, Prepared, transaction
from merlin.db.tables import DIALOG
from merlin.db.values import decrypt

# Who writes after so long has forgotten what was asked, and asks something.
LASTS = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Dialog:
    """The step that the next message belongs to, and what was said so far (JSON values).

    `asked_by` is the update that led to it, `asked_at` when it was stored.
    """

    step: str
    said: Mapping[str, Any] = field(default_factory=dict)
    asked_by: int = 0
    asked_at: datetime | None = None

    def awaits(self, update_id: int, now: datetime) -> bool:
        """Return whether words that came with this update are what was asked for.

        What was on its way before is not, nor what comes when nobody thinks of it any more.
        """
        is_forgotten = self.asked_at is not None and now - self.asked_at > LASTS
        return update_id > self.asked_by and not is_forgotten


# Within the sealed words, beside what was said: the update that led to the dialog.
_SAID, _BY = "said", "by"
_GET = Prepared(
    DIALOG.select()
    .where(
        (DIALOG.bot_id == Parameter("bot"))
        & (DIALOG.chat_id == Parameter("chat_id"))
        & (DIALOG.user_id == Parameter("user_id"))
    )
    .limit(1)
)


class Dialogs:
    """What one bot waits to hear."""

    def __init__(self, db: Database, bot_id: int, clock: Clock = utc_now) -> None:
        self.db = db
        self._bot_id = bot_id
        self._clock = clock

    def get(self, chat_id: int, user_id: int) -> Dialog | None:
        """Return what is waited for, None for nothing."""
        row = self.db.row(_GET(bot=self._bot_id, chat_id=chat_id, user_id=user_id))
        said = decrypt(self.db.cipher, row["said"]) if row is not None else None
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
            "said": self.db.cipher.seal(json.dumps(kept, ensure_ascii=False)),
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
