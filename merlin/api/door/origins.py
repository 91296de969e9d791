"""Origins: where models come from, read once a model; what a model was made of never changes."""

from __future__ import annotations

from merlin.api.services import ApiServices
from merlin.chat.lineage import Origin

MOST = 1000


class Origins:
    """The origins that this process has looked up."""

    def __init__(self, services: ApiServices) -> None:
        self._services = services
        self._known: dict[str, Origin] = {}

    async def of(self, model_id: str | None) -> Origin | None:
        """Return where a model comes from, None for one that was not tuned here."""
        if not model_id:
            return None
        if model_id in self._known:
            return self._known[model_id]
        rows = self._services.rows
        found = await self._services.store.read(lambda: rows.lineage.origin(model_id))
        if found is not None and found.commit:
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[model_id] = found
        return found
