"""Where a base lies: in a folder of its owner, or in the library under its name."""

from __future__ import annotations

from pathlib import Path

from merlin.core.errors import Refused
from merlin.engine.library.anatomy import check
from merlin.engine.library.card import Card, read_card
from merlin.engine.settings import ModelSettings
from merlin.engine.trainers import Untrainable

GGUF = ".gguf"


def is_gguf(model: ModelSettings) -> bool:
    """Return whether the base is one .gguf file."""
    return is_here(model) and Path(model.source).suffix.lower() == GGUF


def is_here(model: ModelSettings) -> bool:
    """Return whether the base comes from this machine; else from the hub."""
    return Path(model.source).is_absolute()


def is_in_place(model: ModelSettings) -> bool:
    """Return whether the base is a folder that is used where it lies."""
    return is_here(model) and not is_gguf(model)


def files_of(model: ModelSettings, root: Path) -> Path:
    """Return the folder that holds the base's files, or will."""
    return Path(model.source) if is_in_place(model) else root / model.name


def fits(model: ModelSettings, card: Card) -> bool:
    """Return whether the base that lies here is the one that the configuration means now.

    A .gguf file that is gone since it was converted is no longer needed.
    """
    return card.source == model.source and (is_here(model) or card.revision == model.revision)


def folder_of(model: ModelSettings, root: Path) -> Path:
    """Return the folder with everything that loads a base; `root` is the library.

    Quick: sizes are looked at, bytes are not. Raises Untrainable, whose words say what to run.
    """
    folder = files_of(model, root)
    card = read_card(root / model.name)
    if not is_in_place(model):
        if card is None:
            raise _untrainable("base_not_pulled", "library-not-pulled", model)
        if not fits(model, card):
            raise _untrainable("base_not_pulled", "library-other-source", model)
    if card is not None and fits(model, card):
        damaged = next(card.damage(folder), None)
        if damaged:
            raise _untrainable("base_damaged", "library-damaged", model, file=damaged)
    try:
        check(folder, is_embedding=model.is_embedding)
    except Refused as error:
        raise Untrainable("base_unusable", error.key, "model", **error.arguments) from error
    return folder


def _untrainable(code: str, key: str, model: ModelSettings, **told: object) -> Untrainable:
    return Untrainable(code, key, "model", name=model.name, **told)
