"""Origin: what a correction corrects, as an editor may see it."""

from __future__ import annotations

from merlin.bot.event import Event
from merlin.bot.handlers.examples.sheet import cut
from merlin.bot.kit import Kit
from merlin.core.text import text
from merlin.dataset.masking import mask

_LETTERS = 500


def said_by_model(kit: Kit, event: Event, proposal_id: int) -> str:
    """Return what the model had answered, masked; "" where nobody knows it any more."""
    proposal = kit.rows.reviews.get(proposal_id)
    turn = kit.rows.turns.get(proposal.draft.turn_id)
    if turn is None or turn.written is None or turn.question.user_id != proposal.user_id:
        return ""
    masked = mask(turn.written.answer, event.language).words
    return text(event.language, "examples-model-said", words=cut(masked, _LETTERS))
