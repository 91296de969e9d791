"""The demo's tour: five steps from a question to a model that answers it otherwise.

Each step is done by an event, in whatever window it happened: an answer was sent, its source was
opened, a correction was sent, it was committed, and a model newer than that has answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from merlin.app.context import Context
from merlin.chat.turns import first_answer_at
from merlin.dataset.proposals import Proposals
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
    proposals = Proposals(ctx.db)
    committed_at = proposals.first_at(committed=True)
    done = {
        "ask": first_answer_at(ctx.db),
        "source": _source_opened_at(telegram),
        "correct": proposals.first_at(),
        "approve": committed_at,
        "again": committed_at and first_answer_at(ctx.db, newer_than=committed_at),
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
