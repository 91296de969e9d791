"""Asked: what the daemon is asked for by a button, and the message that waits for its answer."""

from __future__ import annotations

from collections.abc import Mapping

from merlin.bot.event import Event
from merlin.bot.handlers.office import panel
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, alert
from merlin.core.request import RequestKind
from merlin.core.text import text
from merlin.inbox.errand import Errand


def ask(
    kit: Kit,
    event: Event,
    kind: RequestKind,
    arguments: Mapping[str, object],
    target: str,
    back: str,
) -> Screen:
    """Ask the daemon, note it in the audit, and let this message wait for what comes of it.

    To be called within the store's work. `target` is what it is done to, as the audit names it.
    """
    if kit.rows.outreach.errands.waits(event.chat_id, event.message_id):
        return alert(text(event.language, "admin-asked-already"))
    request_id = kit.rows.requests.ask(kind, arguments, panel.by(event))
    kit.rows.audit.note(panel.by(event), f"ask.{kind.value}", target, dict(arguments))
    errand = Errand(request_id, event.chat_id, event.message_id, event.update_id, back)
    kit.rows.outreach.errands.note(errand)
    title = text(event.language, "admin-asked")
    now = kit.services.clock()
    beats = [beat for beat in kit.rows.heartbeats.all() if beat.process == "daemon"]
    words = "admin-asked-wait" if any(beat.is_alive(now) for beat in beats) else "admin-asked-late"
    return panel.panel(title, text(event.language, words), rows=[panel.back(event, back)])
