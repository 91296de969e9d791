"""Rows of people's own presets, in whatever chat they write. Names and texts are encrypted."""

from __future__ import annotations

from typing import Any

from merlin.chat.preset import OwnPreset
from merlin.core.clock import Clock, iso, utc_now
from merlin.db.database import Database, transaction
from merlin.db.tables import PRESET
from merlin.db.values import decrypt


class OwnPresets:
    """One row a preset; they are a person's in whatever chat they write."""

    def __init__(self, db: Database, clock: Clock = utc_now) -> None:
        self.db = db
        self._clock = clock

    def of(self, user_id: int) -> list[OwnPreset]:
        """Return a person's presets, oldest first; one that no key opens is left out."""
        return self._found(PRESET.user_id == user_id)

    def find(self, user_id: int, preset_id: int) -> OwnPreset | None:
        """Return this one of the person's presets, None where it is not theirs."""
        return next(iter(self._found(_this(user_id, preset_id))), None)

    @transaction
    def put(self, user_id: int, name: str, prompt: str) -> OwnPreset:
        """Keep a text; under a name that the person has already it takes the old one's place."""
        sealed = self.db.cipher.seal(prompt)
        for old in self.of(user_id):
            if old.name == name:
                change = PRESET.update({"prompt": sealed})
                self.db.change(change.where(_this(user_id, old.preset_id)))
                return OwnPreset(old.preset_id, name, prompt)
        new = {
            "user_id": user_id,
            "name": self.db.cipher.seal(name),
            "prompt": sealed,
            "created_at": iso(self._clock()),
        }
        return OwnPreset(self.db.add(PRESET, new), name, prompt)

    @transaction
    def delete(self, user_id: int, preset_id: int) -> bool:
        """Delete a preset; False where it is not theirs."""
        return self.db.change(PRESET.delete().where(_this(user_id, preset_id))) > 0

    def _found(self, those: Any) -> list[OwnPreset]:
        found = []
        for row in self.db.rows(PRESET.select().where(those).order_by(PRESET.id)):
            name, prompt = (
                decrypt(self.db.cipher, row["name"]),
                decrypt(self.db.cipher, row["prompt"]),
            )
            if name and prompt:
                found.append(OwnPreset(row["id"], name, prompt))
        return found


def _this(user_id: int, preset_id: int) -> Any:
    return (PRESET.user_id == user_id) & (PRESET.id == preset_id)
