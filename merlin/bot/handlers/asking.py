"""Asking: from a question and its session to an answer that is ready to be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merlin.bot.event import Event
from merlin.bot.kit import Kit
from merlin.bot.words import written
from merlin.chat.desk import Onlooker
from merlin.chat.reply import Trouble
from merlin.chat.route import Wish, choices
from merlin.chat.session import Session
from merlin.chat.turn import Written
from merlin.chat.window import MOST_TURNS, fit
from merlin.core.message import Message
from merlin.core.notice import ADMINS


@dataclass(frozen=True, slots=True)
class Talk:
    """The session that a question belongs to, and what was said in it before."""

    session: Session
    history: Sequence[Message]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is to be shown and kept, and what admins should hear of."""

    written: Written
    troubles: tuple[Trouble, ...] = ()


async def open_talk(kit: Kit, event: Event) -> Talk:
    """Return the chat's open session and its newest turns."""

    def work() -> Talk:
        session = kit.rows.sessions.open(event.chat_id, event.update.user_id)
        return Talk(session, kit.rows.turns.history(session.session_id, MOST_TURNS))

    return await kit.store.do(work)


async def ask(kit: Kit, event: Event, talk: Talk, onlooker: Onlooker) -> Answer:
    """Ask the models of the session's route, as they stand at this moment."""
    services = kit.services
    dataset = talk.session.dataset or services.default_dataset
    wish = Wish(dataset, talk.session.model_id, services.general)
    route = choices(kit.rows.shelf, kit.store.read, wish)
    reply = await kit.desk.reply(route, fit(talk.history, event.text), onlooker)
    return Answer(written(reply, event.language), reply.troubles)


def report(kit: Kit, answer: Answer) -> None:
    """Tell admins of each trouble once an hour; to be called within the store's work."""
    hour = f"{kit.services.clock():%Y-%m-%dT%H}"
    for trouble in answer.troubles:
        told = {
            "provider": trouble.provider,
            "model": trouble.model_id,
            "reason": trouble.reason,
        }
        once = f"answer:{trouble.kind}:{trouble.provider}:{trouble.model_id}:{hour}"
        kit.rows.notices.tell(ADMINS, f"notice-answer-{trouble.kind}", told, once)
