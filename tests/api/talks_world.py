"""One's own data in tests: talks as the bot leaves them, and one api for many tests."""

from __future__ import annotations

from site_world import ANNA

from merlin.chat.sessions import ChatPlace, Sessions
from merlin.chat.turns import Question, StoredAnswer, Turns
from merlin.core.messages import Usage
from merlin.db.personal_data import TRACES

BOT = 8700000001


class Talk:
    """One bot's chat with a person, or in a group."""

    def __init__(self, site, user_id=ANNA, bot=BOT, chat_id=None):
        self._sessions = Sessions(site.database, bot)
        self._turns = Turns(site.database, bot)
        self.user_id = user_id
        self.session = self._sessions.open(ChatPlace(chat_id or user_id, user_id))
        self.session_id = self.session.session_id

    def ask(self, update_id, words="Что такое граф?", answer="Вершины и рёбра.", **more):
        """Ask and answer; return the turn's number."""
        question = Question(self.session_id, update_id, self.user_id, words, **more)
        turn = self._turns.ask(question, None)
        told = {"model_id": "stand-in-base", "provider": "chat", "standing": "serving"}
        spent = {"usage": Usage(10, 5), "cost_micro": 7, "currency": "USD"}
        self._turns.write(update_id, StoredAnswer(answer, **told, **spent))
        self._sessions.touch(self.session_id, words)
        return turn.turn_id


def forgotten(site):
    """Return the site with nothing kept of any person, so that the next test begins anew."""
    with site.database.atomic():
        for traces in TRACES:
            site.database.change(traces.table.delete())
    return site
