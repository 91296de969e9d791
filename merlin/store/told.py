"""Which model answered whom: what checkers and pages may know of a turn without its words."""

from __future__ import annotations

from merlin.chat.turn import TurnState
from merlin.store.chat_tables import TURN
from merlin.store.database import Database


class ToldTurns:
    """Turns whose whole answer stands in the chat."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def model_of(self, update_id: int) -> str | None:
        """Return the model that answered an update, None while the answer is not whole."""
        is_told = (TURN.update_id == update_id) & (TURN.state == TurnState.TOLD.value)
        found = self.db.value(TURN.select(TURN.model_id).where(is_told))
        return None if found is None else str(found)
