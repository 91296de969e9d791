"""Preset: a named system text: built in, the operator's from the config, or a person's own.

A session that chose one carries the text itself, so a later change of the preset leaves talks that
go on as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from merlin.config.settings import PresetConfig
from merlin.core.i18n import language_of, text

if TYPE_CHECKING:
    from merlin.chat.route import General
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
class Preset:
    """One preset of the config; `title` by language, `model` answers instead of the assistant."""

    name: str
    title: Mapping[str, str] = field(default_factory=dict)
    prompt: str = ""
    model: tuple[str, str] | None = None

    def titled(self, language: str) -> str:
        """Return its title in a language, its name where it has none."""
        return self.title.get(language_of(language), self.name)


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


def read_presets(said: Mapping[str, PresetConfig]) -> tuple[Preset, ...]:
    """Return the presets of the configuration, in its order."""
    return tuple(
        Preset(name, dict(each.title.items()), each.prompt, each.model.pair if each.model else None)
        for name, each in said.items()
    )
