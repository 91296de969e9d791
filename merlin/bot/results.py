"""Results: what came of requests, shown in the messages that wait for them."""

from __future__ import annotations

from merlin.bot.services import BotServices
from merlin.core.log import get_logger
from merlin.core.page import Button, Page
from merlin.core.request import Request, RequestState
from merlin.core.text import text
from merlin.inbox.errand import Errand
from merlin.inbox.outgoing import Letter, Spot

log = get_logger(__name__)


class Results:
    """One round hands over what has come; each result once."""

    def __init__(self, services: BotServices) -> None:
        self._services = services
        self._rows = services.rows

    async def round(self) -> None:
        """Show every result that has come."""
        if await self._services.store.read(self._rows.outreach.errands.ended):
            await self._services.store.do(self._hand_over)

    def _hand_over(self) -> None:
        for errand, request in self._rows.outreach.errands.ended():
            if self._rows.outreach.errands.told(request.request_id):
                self._rows.outbox.put([self._letter(errand, request)])
                self._rows.wake.bump()

    def _letter(self, errand: Errand, request: Request) -> Letter:
        language = self._services.language_of(errand.chat_id)
        job = request.result.get("job")
        onward = Button(text(language, "admin-onward"), f"a-job:{job}" if job else errand.back)
        page = Page(result_words(request, language), buttons=((onward,),))
        key = f"result:{request.request_id}"
        return Letter(key, errand.chat_id, page, spot=Spot(edit_of=errand.message_id))


def result_words(request: Request, language: str) -> str:
    """Return what came of a request, or why it was refused."""
    result = dict(request.result)
    is_done = request.state is RequestState.DONE
    key = f"admin-did-{request.kind}" if is_done else str(result.get("key", ""))
    arguments = result if is_done else result.get("arguments")
    said = arguments if isinstance(arguments, dict) else {}
    try:
        words = text(language, key, **{name: _shown(said[name]) for name in said})
    except (KeyError, ValueError, TypeError):
        log.warning("a result has no text", key=key)
        words = str(result.get("message", "")) or text(language, "notice-untranslated", name=key)
    return f"✅ {words}" if is_done else f"⚠️ {text(language, 'admin-refused', reason=words)}"


def _shown(value: object) -> object:
    return "" if value is None else value
