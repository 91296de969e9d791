"""Tracing: one trace from the update to the last edit of an answer, over OTLP."""

import pytest

from tests.bot.conversation import ChatUser
from tests.bot.running_bot import RunningBot
from tests.support.otlp_receiver import collect_spans, span_attributes

pytestmark = pytest.mark.functional

QUESTION = "Что такое лоб?"
# Question, answer, user, and all keys of this test.
PRIVATE = [QUESTION, "лоб", "anna", "Anna", "Анна", "sk-of-the-tests"]


def test_answer_is_one_trace_from_its_update_to_the_last_edit(telegram, provider, settings):
    with collect_spans() as spans, RunningBot(settings):
        answer = ChatUser(telegram, settings).say(QUESTION)
    (update,) = spans.named("update")
    turn = ("update", "turn")
    assert span_attributes(update)["merlin.kind"] == "message"
    (chat_span,) = spans.named("chat")
    assert spans.path(chat_span) == (*turn, "answer", "chat")
    (send_span,), edits = spans.named("sendMessage"), spans.named("editMessageText")
    assert {spans.path(span)[:2] for span in (send_span, *edits)} == {turn}
    assert {span.trace_id for span in (chat_span, send_span, *edits)} == {update.trace_id}
    # In causal order: the question does not wait for later spans.
    times = [update.start_time_unix_nano, send_span.start_time_unix_nano]
    times += [chat_span.events[0].time_unix_nano, chat_span.end_time_unix_nano]
    assert chat_span.events[0].name == "first_token"
    assert sorted(times) == times
    assert edits[-1].end_time_unix_nano <= update.end_time_unix_nano
    document = span_attributes(chat_span)
    assert (document["gen_ai.request.model"], document["gen_ai.usage.output_tokens"] > 0) == (
        "stand-in-base",
        True,
    )
    for secret in (*PRIVATE, answer.text, telegram.token, telegram.token.partition(":")[2]):
        assert secret.encode() not in spans.bodies
