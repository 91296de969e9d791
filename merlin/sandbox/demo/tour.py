"""The demo's tour: five steps from a question to a model that answers it otherwise.

Each step is done by an event, in whatever window it happened: an answer was sent, its source was
opened, a correction was sent, it was committed, and a model newer than that has answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from peewee import fn

from merlin.app.context import Context
from merlin.chat.turns import TurnState
from merlin.core.clock import from_iso
from merlin.dataset.proposals import CHAT, ProposalState
from merlin.db.tables import MODEL, PROPOSAL, TURN
from merlin.sandbox.telegram.server import TelegramStandIn

# Who does each step.
STEPS = {"ask": "anna", "source": "anna", "correct": "anna", "approve": "boris", "again": "anna"}


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `at` is when it was done, None before."""

    key: str
    person: str
    at: datetime | None = None


def read_steps(ctx: Context, telegram: TelegramStandIn) -> list[Step]:
    """Return the five steps in their order."""
    answered = TURN.select(fn.MIN(TURN.written_at)).where(TURN.state != TurnState.ASKED.value)
    sent = PROPOSAL.select(fn.MIN(PROPOSAL.at)).where(PROPOSAL.origin == CHAT)
    is_committed = PROPOSAL.state == ProposalState.COMMITTED.value
    approved = PROPOSAL.select(fn.MIN(PROPOSAL.reviewed_at)).where(is_committed)
    committed_at = ctx.db.value(approved)
    again = answered.join(MODEL, on=MODEL.model_id == TURN.model_id)
    again = again.where((MODEL.created_at > committed_at) & (TURN.written_at > committed_at))
    done = {
        "ask": _time(ctx.db.value(answered)),
        "source": _source_opened_at(telegram),
        "correct": _time(ctx.db.value(sent)),
        "approve": _time(committed_at),
        "again": _time(ctx.db.value(again)) if committed_at else None,
    }
    return [Step(key, person, done[key]) for key, person in STEPS.items()]


def _source_opened_at(telegram: TelegramStandIn) -> datetime | None:
    """Return when somebody first pressed the key under an answer that tells where it is from."""
    pressed = telegram.act(
        lambda actions: [
            query.asked_at
            for query in actions.world.queries.values()
            if str(query.update.get("data", "")).startswith("why:")
        ]
    )
    return datetime.fromtimestamp(min(pressed), UTC) if pressed else None


def _time(stored: str | None) -> datetime | None:
    return from_iso(stored) if stored else None
