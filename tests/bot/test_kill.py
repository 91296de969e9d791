"""A bot killed at every kill point, and restarted: exactly one complete answer."""

import re
from dataclasses import replace

import pytest

from merlin.core.i18n import text
from tests.bot.running_bot import RunningBot, count_updates_by_state, kill_bot_at
from tests.support import kill_points
from tests.support.forked_processes import start_bot, wait_for_exit

pytestmark = pytest.mark.integration

QUESTION = "Что значит лоб?"
TOKEN_LIKE = re.compile(r"\d{6,}:[A-Za-z0-9_-]{30,}")
MINE = ("update.", "answer.")
DRAFT = "sendMessageDraft"


def kill_and_restart(telegram, settings, point, log, *questions):
    """Kill a bot at `point` with these questions, and let another one finish."""
    for question in questions:
        telegram.say("anna", question)
    kill_bot_at(point, settings, log)
    with RunningBot(settings):
        telegram.wait_for(
            lambda: (
                "waiting" not in count_updates_by_state(settings)
                and count_updates_by_state(settings)
            ),
            40,
        )
        telegram.wait_for(lambda: not telegram.pending())


def points_of(*subjects):
    return [name for name in kill_points.POINTS if name.startswith((*MINE, *subjects))]


# An answer that is shown in its placeholder is no message of the outbox.
OF_OUTBOX = {"answer.begun", "answer.noted"}


@pytest.mark.parametrize(
    "point", [name for name in points_of("placeholder.") if name not in OF_OUTBOX]
)
def test_killed_bot_ends_with_exactly_one_whole_answer(
    telegram, provider, settings, tmp_path, point
):
    log = tmp_path / "log"
    kill_and_restart(telegram, settings, point, log, QUESTION)
    texts = [message.text for message in telegram.answers("anna")]
    complete = [text for text in texts if text != "…"]
    assert len(complete) == 1
    assert f"«{QUESTION}»" in complete[0]
    # At worst a leftover placeholder stays above it.
    assert texts[:-1] == ["…"] * (1 if point == "placeholder.sent" else 0)
    assert count_updates_by_state(settings) == {"answered": 1}
    if point in ("answer.sent", "answer.recorded"):
        assert len(provider.calls("chat.create")) == 1
    assert not TOKEN_LIKE.search(log.read_text())


@pytest.mark.parametrize(
    ("point", "streaming"),
    [
        *((point, "drafts") for point in points_of("draft.")),
        *((point, "off") for point in points_of()),
    ],
)
def test_answer_of_the_outbox_is_repeated_only_with_a_mark(
    telegram, provider, settings, tmp_path, point, streaming
):
    settings = replace(settings, streaming=streaming)
    kill_and_restart(telegram, settings, point, tmp_path / "log", QUESTION)
    texts = [message.text for message in telegram.answers("anna")]
    assert all(f"«{QUESTION}»" in text for text in texts)
    # A row that was being sent says so: what Telegram got is not known.
    marks = {"answer.begun": [True], "answer.sent": [False, True]}.get(point, [False])
    assert [text.startswith("↻") for text in texts] == marks
    assert count_updates_by_state(settings) == {"answered": 1}
    assert not [*(settings.state_dir / "run").glob("*.sent")]
    assert len({call.body["draft_id"] for call in telegram.calls(DRAFT)}) <= 1
    if point.startswith("answer."):
        assert len(provider.calls("chat.create")) == 1


def test_placeholder_whose_id_was_lost_at_a_kill_is_ended_by_its_button(
    telegram, settings, tmp_path
):
    kill_and_restart(telegram, settings, "placeholder.sent", tmp_path / "log", QUESTION)
    orphan, answer = telegram.answers("anna")
    with RunningBot(settings):
        ((button,),) = orphan.message["reply_markup"]["inline_keyboard"]
        telegram.press("anna", button["callback_data"], orphan.message_id)
        telegram.wait_for(lambda: count_updates_by_state(settings) == {"answered": 2})
    orphan, answer = telegram.answers("anna")
    assert (orphan.text, orphan.message.get("reply_markup")) == (
        text("ru", "bot-stop-late"),
        None,
    )
    assert f"«{QUESTION}»" in answer.text


def test_rest_of_a_long_answer_is_sent_after_a_kill(
    telegram, provider, settings, tmp_path
):
    answer = " ".join(f"слово{n}" for n in range(1500))
    provider.behave(fixed_answer=answer)
    kill_and_restart(telegram, settings, "answer.sent", tmp_path / "log", QUESTION)
    texts = [message.text for message in telegram.answers("anna")]
    assert " ".join(part.strip() for part in texts) == answer


def test_waiting_questions_keep_their_order_after_a_kill(telegram, settings, tmp_path):
    questions = [f"вопрос {number}" for number in range(4)]
    kill_and_restart(
        telegram, settings, "placeholder.recorded", tmp_path / "log", *questions
    )
    texts = [message.text for message in telegram.answers("anna")]
    assert [
        f"«{question}»" in text for question, text in zip(questions, texts, strict=True)
    ] == ([True] * 4)


def test_stopping_bot_finishes_the_running_answer(
    telegram, provider, settings, tmp_path
):
    provider.behave(think_s=3600.0)
    child = start_bot(settings, tmp_path / "log")
    telegram.say("anna", QUESTION)
    telegram.wait_for(lambda: telegram.answers("anna"), 40)
    child.terminate()
    provider.behave(think_s=0.0)
    assert wait_for_exit(child, 60) == 0
    (answer,) = telegram.answers("anna")
    assert f"«{QUESTION}»" in answer.text
    assert count_updates_by_state(settings) == {"answered": 1}
