"""Intents in memory, for tests without a database."""

from merlin.db.intents import Intent, IntentState


class Intents:
    """Implements the part of `core.intent.Intents` that committing needs."""

    def __init__(self):
        self.by_key = {}

    def open(self, key, kind):
        return self.by_key.setdefault(key, Intent(key, kind, IntentState.READY))

    def mark_sending(self, key, at):
        self.by_key[key] = Intent(key, "change", IntentState.SENDING, sent_at=at)

    def ready(self, key):
        self.by_key[key] = Intent(key, "change", IntentState.READY)

    def mark_done(self, key, outside_id):
        self.by_key[key] = Intent(key, "change", IntentState.DONE, outside_id)
