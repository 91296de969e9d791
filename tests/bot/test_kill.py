"""A bot killed at every place where it matters, and started again: exactly one whole answer."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from merlin.core import killpoint
from tests.bot.running_bot import RunningBot, states
from tests.support.forked_processes import start_bot, wait_for_exit

pytestmark = pytest.mark.integration

QUESTION = "Что значит лоб?"
TOKEN_LIKE = re.compile(r"\d{6,}:[A-Za-z0-9_-]{30,}")
MINE = ("update.", "placeholder.", "answer.")
POINTS = tuple(point for point in killpoint.POINTS if point.startswith(MINE))


def killed_and_started_again(telegram, settings, point, log, *questions):
    """Let a bot die at `point` with these questions, and another one finish."""
    for question in questions:
        telegram.say("anna", question)
    child = start_bot(settings, log, MERLIN_CRASH_AT=point)
    assert wait_for_exit(child) == 137, log.read_text()
    with RunningBot(settings):
        telegram.wait_for(lambda: "waiting" not in states(settings) and states(settings), 40)
        telegram.wait_for(lambda: not telegram.pending())


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_ends_in_exactly_one_whole_answer(telegram, provider, settings, tmp_path, point):
    log = tmp_path / "log"
    killed_and_started_again(telegram, settings, point, log, QUESTION)
    texts = [one.text for one in telegram.answers("anna")]
    whole = [text for text in texts if text != "…"]
    assert len(whole) == 1
    assert f"«{QUESTION}»" in whole[0]
    # At worst an orphan placeholder stands above it.
    assert texts[:-1] == ["…"] * (1 if point == "placeholder.sent" else 0)
    assert states(settings) == {"answered": 1}
    if point in ("answer.sent", "answer.recorded"):
        assert len(provider.calls("chat.create")) == 1
    assert not TOKEN_LIKE.search(log.read_text())


def test_a_message_in_doubt_after_a_kill_is_repeated_once_with_a_mark(telegram, settings, tmp_path):
    at_once = replace(settings, streaming="off")
    log = tmp_path / "log"
    killed_and_started_again(telegram, at_once, "answer.sent", log, QUESTION)
    first, again = [one.text for one in telegram.answers("anna")]
    assert again.endswith(first)
    assert again.startswith("↻")


def test_the_tail_of_a_long_answer_comes_after_a_kill(telegram, provider, settings, tmp_path):
    words = " ".join(f"слово{n}" for n in range(1500))
    provider.behave(fixed_answer=words)
    killed_and_started_again(telegram, settings, "answer.sent", tmp_path / "log", QUESTION)
    texts = [one.text for one in telegram.answers("anna")]
    assert " ".join(part.strip() for part in texts) == words


def test_several_waiting_questions_keep_their_order_over_a_kill(telegram, settings, tmp_path):
    questions = [f"вопрос {number}" for number in range(4)]
    killed_and_started_again(
        telegram, settings, "placeholder.recorded", tmp_path / "log", *questions
    )
    texts = [one.text for one in telegram.answers("anna")]
    assert [f"«{question}»" in text for question, text in zip(questions, texts, strict=True)] == (
        [True] * 4
    )


def test_a_stop_lets_the_running_answer_end(telegram, provider, settings, tmp_path):
    provider.behave(think_s=3600.0)
    child = start_bot(settings, tmp_path / "log")
    telegram.say("anna", QUESTION)
    telegram.wait_for(lambda: telegram.answers("anna"), 40)
    child.terminate()
    provider.behave(think_s=0.0)
    assert wait_for_exit(child, 60) == 0
    (answer,) = telegram.answers("anna")
    assert f"«{QUESTION}»" in answer.text
    assert states(settings) == {"answered": 1}
