"""Intents in memory, for what has no database."""

from __future__ import annotations

from merlin.db.intents import Intent, IntentState


class Intents:
    """Fulfils `core.intent.Intents` as far as committing asks."""

    def __init__(self):
        self.found = {}

    def open(self, key, kind):
        return self.found.setdefault(key, Intent(key, kind, IntentState.READY))

    def sending(self, key, at):
        self.found[key] = Intent(key, "change", IntentState.SENDING, sent_at=at)

    def ready(self, key):
        self.found[key] = Intent(key, "change", IntentState.READY)

    def done(self, key, outside_id):
        self.found[key] = Intent(key, "change", IntentState.DONE, outside_id)
