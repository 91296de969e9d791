"""Where an answer's time went: one trace from the update to the last edit, over OTLP."""

from __future__ import annotations

import pytest

from tests.bot.conversation import Talk
from tests.bot.running_bot import RunningBot
from tests.support.otlp_receiver import collect_spans, span_attributes

pytestmark = pytest.mark.functional

QUESTION = "Что такое лоб?"
# The question, its answer, who asks, and every key of this world.
PRIVATE = [QUESTION, "лоб", "anna", "Anna", "Анна", "sk-of-the-tests"]


def test_an_answer_is_one_trace_from_its_update_to_the_last_edit(telegram, provider, settings):
    with collect_spans() as spans, RunningBot(settings):
        answer = Talk(telegram, settings).say(QUESTION)
    (update,) = spans.named("update")
    turn = ("update", "turn")
    assert span_attributes(update)["merlin.kind"] == "message"
    (asked,) = spans.named("chat")
    assert spans.path(asked) == (*turn, "answer", "chat")
    (sent,), edits = spans.named("sendMessage"), spans.named("editMessageText")
    assert {spans.path(each)[:2] for each in (sent, *edits)} == {turn}
    assert {span.trace_id for span in (asked, sent, *edits)} == {update.trace_id}
    # In the order of what is told by them: the question waits for nothing that comes after it.
    times = [update.start_time_unix_nano, sent.start_time_unix_nano]
    times += [asked.events[0].time_unix_nano, asked.end_time_unix_nano]
    assert asked.events[0].name == "first_token"
    assert sorted(times) == times
    assert edits[-1].end_time_unix_nano <= update.end_time_unix_nano
    document = span_attributes(asked)
    assert (document["gen_ai.request.model"], document["gen_ai.usage.output_tokens"] > 0) == (
        "stand-in-base",
        True,
    )
    for secret in (*PRIVATE, answer.text, telegram.token, telegram.token.partition(":")[2]):
        assert secret.encode() not in spans.bodies
