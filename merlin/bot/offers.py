"""Offers: the buttons under an answer."""

from __future__ import annotations

from merlin.core.page import Button
from merlin.core.text import text

# What stands under an answer instead of the usual, by the word that the turn keeps.
FULL = "full"
# The same in a group, where nobody chooses a model.
SHARED = "shared"
# The session was left without a warning; behind the sign stands its newest turn.
RENEWED = "renewed:"
PLAN = "plan"
NONE = "none"

Rows = tuple[tuple[Button, ...], ...]


def stop_button(language: str, update_id: int) -> Button:
    """Return what ends an answer that is being written."""
    return Button(text(language, "bot-stop"), f"stop:{update_id}")


def offered(offer: str, turn_id: int, language: str) -> Rows:
    """Return the rows of buttons that an offer stands for."""
    if offer == NONE:
        return ()
    if offer == PLAN:
        return ((Button(text(language, "bot-button-plan"), "plan"),),)
    usual = _usual(turn_id)
    if offer.startswith(RENEWED):
        label = text(language, "bot-button-sum-old")
        return (usual, (Button(label, f"sum:{offer.removeprefix(RENEWED)}"),))
    if offer not in {FULL, SHARED}:
        return (usual,)
    fresh = Button(text(language, "bot-button-new"), "new")
    bigger = Button(text(language, "bot-button-bigger"), "model")
    return (
        usual,
        (Button(text(language, "bot-button-sum"), f"sum:{turn_id}"),),
        (fresh, bigger) if offer == FULL else (fresh,),
    )


def _usual(turn_id: int) -> tuple[Button, ...]:
    # Signs need no language and leave room for five in a row.
    return (
        Button("🔁", f"again:{turn_id}"),
        Button("👍", f"rate:up:{turn_id}"),
        Button("👎", f"rate:down:{turn_id}"),
        Button("✏️", f"fix:{turn_id}"),
        Button("ℹ️", f"why:{turn_id}"),
    )
