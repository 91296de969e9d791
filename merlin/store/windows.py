"""Rows of models' windows; fulfils `chat.window.Windows` and `chat.lineup.Listed`.

A model whose provider says nothing of its window has 0 tokens.
"""

from __future__ import annotations

from collections.abc import Mapping

from merlin.core.clock import Clock, iso, utc_now
from merlin.store.chat_tables import WINDOW
from merlin.store.database import Database, transaction
from merlin.store.prepared import Prepared, Slot

_TOKENS = Prepared(
    WINDOW.select(WINDOW.tokens)
    .where((WINDOW.provider == Slot("provider")) & (WINDOW.model_id == Slot("model_id")))
    .limit(1)
)


class WindowRows:
    """How many tokens each model takes, as its provider said last."""

    def __init__(self, db: Database, clock: Clock = utc_now) -> None:
        self.db = db
        self._clock = clock

    def get(self, provider: str, model_id: str) -> int | None:
        """Return the tokens that a model takes, None where nobody said."""
        found = self.db.value(_TOKENS(provider=provider, model_id=model_id))
        return int(found or 0) or None

    @transaction
    def put(self, provider: str, tokens: Mapping[str, int]) -> None:
        """Store what a provider says of its models, by their ids."""
        for model_id, most in tokens.items():
            key = {"provider": provider, "model_id": model_id}
            newest = {"tokens": most, "at": iso(self._clock())}
            new = WINDOW.insert({**key, **newest})
            is_news = WINDOW.tokens != most
            self.db.put(new.on_conflict(conflict_target=tuple(key), update=newest, where=is_news))

    def listed(self, provider: str) -> dict[str, int | None]:
        """Return the windows of a provider's models by their ids, None where nobody said."""
        those = WINDOW.select().where(WINDOW.provider == provider).order_by(WINDOW.model_id)
        return {row["model_id"]: row["tokens"] or None for row in self.db.rows(those)}

    @transaction
    def relist(self, provider: str, windows: Mapping[str, int | None]) -> None:
        """Store what a provider lists now; what it does not list any more is forgotten."""
        known = self.listed(provider)
        for gone in known.keys() - windows.keys():
            this = (WINDOW.provider == provider) & (WINDOW.model_id == gone)
            self.db.change(WINDOW.delete().where(this))
        # Where the provider does not say, what a refusal told stays.
        new = {model_id: most or known.get(model_id) or 0 for model_id, most in windows.items()}
        self.put(provider, new)
