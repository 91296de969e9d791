"""The streamed answer of a course chat, for a page's script."""

from collections.abc import AsyncIterator

from merlin.api.openai_compat.requests import quota_error
from merlin.api.openai_compat.responses import answer_note, reply_error
from merlin.api.pages.page import PageContext
from merlin.api.question_stream import QuestionStream, Reserved
from merlin.app import course_chat
from merlin.app.ask import ChatQuestion, find_asker
from merlin.chat.answer import Ending, Reply
from merlin.core.errors import MerlinError
from merlin.core.i18n import text
from merlin.core.messages import Message
from merlin.openai_protocol.errors import ApiError
from merlin.openai_protocol.responses import DONE, event


class TurnStream(QuestionStream):
    """A chat question of a page: stored with its reservation, its answer with its cost."""

    is_kept = True

    def __init__(
        self,
        context: PageContext,
        question: ChatQuestion,
        session_id: int,
        *,
        is_stoppable: bool,
    ) -> None:
        self._question = question
        self._session_id = session_id
        asker = find_asker(
            context.services, question.user, question.language, question.number
        )
        super().__init__(context.request, asker, is_stoppable=is_stoppable)

    def reserve(self) -> Reserved:
        """Store the question and reserve it. Raises ApiError, NotFound, AskedAlready."""
        ctx = self.services
        question = self._question
        self.conversation, self.turn = course_chat.open_turn(
            ctx, question, self._session_id
        )
        if self.conversation.refusal is not None:
            raise quota_error(self.asker, self.conversation.refusal, ctx.clock())
        messages = (*self.conversation.history, Message("user", question.text))
        small_talk = self.conversation.small_talk
        return Reserved(
            self.conversation.request,
            self.conversation.first,
            messages,
            small_talk.note if small_talk else "",
        )

    def charge(self, reply: Reply) -> None:
        """Store the answer with its cost, or why there is none."""
        language = self._question.language
        if reply.ending is Ending.STOPPED:
            note_text = text(language, "page-stopped")
        else:
            note_text = str(
                reply_error(reply, language) or answer_note(language, reply)
            )
        course_chat.close_turn(
            self.services, self.conversation, self.turn, reply, note_text
        )

    async def events(self) -> AsyncIterator[bytes]:
        """Yield the ids of turn and session, then the answer's pieces, as events."""
        try:
            place = {"turn": self.turn.turn_id, "talk": self.turn.question.session_id}
            yield event(place)
            async for piece in self.pieces():
                yield event({"text": piece})
            await self.reply()
            yield DONE
        except (ApiError, MerlinError) as error:
            yield event({"error": str(error)})
        finally:
            self.stop.press()
