"""The streamed answer of a course chat, for a page's script."""

from collections.abc import AsyncIterator
from dataclasses import replace

from merlin.api.openai_compat.chat import ChatStream
from merlin.api.openai_compat.requests import Question, name_of, quota_error
from merlin.api.openai_compat.responses import answer_note, reply_error
from merlin.api.pages.page import PageContext
from merlin.app import course_chat
from merlin.app.ask import ChatQuestion, asker_of
from merlin.chat.answer import Ending, Reply
from merlin.chat.model_catalogue import Candidate
from merlin.core.errors import MerlinError
from merlin.core.i18n import text
from merlin.core.messages import Message
from merlin.openai_protocol.errors import ApiError
from merlin.openai_protocol.responses import DONE, event


class TurnStream(ChatStream):
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
        self._chat_question, self._session_id = question, session_id
        dataset = question.place.dataset
        chat_request = Question(name_of(dataset or ""), dataset, (Message("user", question.text),))
        asker = asker_of(context.services, question, dataset)
        super().__init__(context.request, context, chat_request, asker, is_stoppable=is_stoppable)

    def _reserve(self) -> Candidate | None:
        ctx = self._services
        self.conversation, self.turn = course_chat.open_turn(
            ctx, self._chat_question, self._session_id
        )
        if self.conversation.refusal is not None:
            raise quota_error(self._asker, self.conversation.refusal, ctx.clock())
        # Not from the question before: the transaction may run a second time.
        messages = (*self.conversation.history, Message("user", self._chat_question.text))
        self._question = replace(self._question, conversation=messages)
        return self.conversation.first

    def _charge(self, reply: Reply) -> None:
        language = self._chat_question.language
        if reply.ending is Ending.STOPPED:
            note_text = text(language, "page-stopped")
        else:
            note_text = str(reply_error(reply, language) or answer_note(language, reply))
        course_chat.close_turn(self._services, self.conversation, self.turn, reply, note_text)

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
