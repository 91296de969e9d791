"""Preset: a named system text: built in, the operator's from the config, or a person's own.

A session that chose one carries the text itself, so a later change of the preset leaves talks that
go on as they are.

Rows of people's own presets, in whatever chat they write. Names and texts are encrypted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from merlin.core.clock import iso
from merlin.core.i18n import text
from merlin.db.database import Repository, transaction
from merlin.db.tables import PRESET
from merlin.db.values import decrypt

if TYPE_CHECKING:
    from merlin.chat.model_catalogue import General
    from merlin.chat.sessions import Session

# The words that a session keeps in `preset`; a voice under VOICE is written down and summarised.
VOICE = "voice"
SUMMARY = "summary"
TRANSLATOR = "translator"
BUILT_IN = (TRANSLATOR, SUMMARY, VOICE)

MOST_OWN = 20
PROMPT_LENGTH = 4000
NAME_LENGTH = 40
PAIR_LENGTH = 60
_OWN = "own:"


@dataclass(frozen=True, slots=True)
class OwnPreset:
    """A system text that a person saved under a name of their own."""

    preset_id: int
    name: str
    prompt: str

    @property
    def key(self) -> str:
        """Return what a session that chose it keeps in `preset`."""
        return f"{_OWN}{self.preset_id}"


def built_in_prompt(language: str, name: str, pair: str = "") -> str:
    """Return the system text of a built-in preset; `pair` are the translator's languages."""
    if name == TRANSLATOR:
        return text(language, "preset-prompt-translator", pair=pair)
    return text(language, f"preset-prompt-{name}")


def told_by(session: Session, word: str, prompt: str, model: General | None = None) -> Session:
    """Return the session under a preset's text; `word` "" is a text that has no name."""
    if model is None:
        return replace(session, preset=word, system=prompt)
    return replace(session, preset=word, system=prompt, provider=model[0], model_id=model[1])


def untold(session: Session, model: General | None = None) -> Session:
    """Return the session without a system text of its own.

    `model` is that of the preset which ends: it was not the person's own choice and goes too.
    """
    bare = replace(session, preset="", system="")
    if model is not None and model == (session.provider, session.model_id):
        return replace(bare, provider=None, model_id=None)
    return bare


def room_for(presets: Sequence[OwnPreset], name: str) -> bool:
    """Return whether a person who has these may keep one more of this name."""
    return len(presets) < MOST_OWN or any(each.name == name for each in presets)


class OwnPresets(Repository):
    """One row a preset; they are a person's in whatever chat they write."""

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
