"""A summary is accepted only if it is short and invents neither numbers nor names."""

import asyncio
from collections.abc import Sequence

import pytest

from merlin.app.summaries import MAX_PARTS, check_summary, summarize
from merlin.chat.answer import Ending, Reply
from merlin.chat.sessions import BYTES_PER_TOKEN
from merlin.core.messages import Message

pytestmark = pytest.mark.unit

CONVERSATION = (
    "Вопрос: Когда Анна Петровна едет в Казань и за сколько?\n\n"
    "Ответ: 14 мая в 10:30, билет стоит 1 500 рублей, поезд 042. Потом позвонит Ковалёву."
)


def test_long_conversation_with_many_names_is_checked_in_one_pass():
    # One pass for each of them would take minutes.
    long = " ".join(f"и Анна{'а' * (n % 7)} взяла {n}" for n in range(5000))
    assert check_summary(f"Сказано: {long}", " ".join([long] * 5)) is None


@pytest.mark.parametrize(
    "summary",
    [
        "Анна Петровна едет в Казань 14 мая.",
        "О поездке Анны Петровны в Казань: билет за 1500 рублей, звонок Ковалёву.",
        "Поезд 042 в 10:30. Спросили: Когда? Ответили.",
        "1. Поездка.\n2. Цена — 1 500 рублей.",
        "Говорили с Merlin о Казани.",
        "Talked about a trip to Kazan on 14 May.",
    ],
)
def test_summary_of_stated_facts_is_accepted(summary):
    assert check_summary(summary, CONVERSATION) is None


@pytest.mark.parametrize(
    ("summary", "problem"),
    [
        ("", ("empty", "")),
        (" \n", ("empty", "")),
        ("слово " * 100, ("long", "")),
        ("Анна едет 15 мая.", ("number", "15")),
        ("Билет за 1600 рублей.", ("number", "1600")),
        ("Анна едет к Борису в Казань.", ("name", "Борису")),
    ],
)
def test_summary_with_invented_facts_is_rejected(summary, problem):
    assert check_summary(summary, CONVERSATION) == problem


def test_longer_conversation_may_have_a_longer_summary():
    conversation = "слово " * 1000
    assert check_summary("слово " * 200, conversation) is None
    assert check_summary("слово " * 300, conversation) == ("long", "")


class ScriptedModel:
    """A model with scripted replies that records its questions."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.questions: list[str] = []

    async def __call__(self, message: Message) -> Reply:
        self.questions.append(message.content)
        return self.replies.pop(0)


def whole_reply(words: str) -> Reply:
    return Reply(Ending.WHOLE, words)


def summarize_talk(
    model: ScriptedModel, talk: Sequence[Message], earlier: str = "", room: int = 4000
) -> str:
    return asyncio.run(summarize(model, "ru", talk, earlier, room))[0]


TALK = (Message("user", "Когда поезд?"), Message("assistant", "14 мая."))


def test_correct_summary_is_accepted_at_once():
    model = ScriptedModel(whole_reply("Поезд 14 мая."))
    assert summarize_talk(model, TALK) == "Поезд 14 мая."
    assert model.questions == ["Вопрос: Когда поезд?\n\nОтвет: 14 мая."]


def test_parts_contain_the_whole_conversation_in_order_within_the_limit():
    talk = [Message("user" if n % 2 == 0 else "assistant", f"речь {n} " * 30) for n in range(20)]
    talk.append(Message("user", "я" * 5000))
    model = ScriptedModel(*[whole_reply("Речь.")] * MAX_PARTS)
    assert summarize_talk(model, talk, room=500) == "Речь."
    parts = [question.removeprefix("Речь.\n\n") for question in model.questions]
    assert all(0 < len(part.encode()) <= 500 * BYTES_PER_TOKEN for part in parts)
    joined = "".join(parts)
    assert [joined.index(f"речь {n} ") for n in range(20)] == sorted(
        joined.index(f"речь {n} ") for n in range(20)
    )
    assert joined.count("я") == 5000
    assert parts[0].startswith("Вопрос: речь 0")
    assert summarize_talk(ScriptedModel(), []) == ""


def test_rejected_summary_is_retried_with_the_reason_and_then_given_up():
    model = ScriptedModel(whole_reply("Поезд 15 мая."), whole_reply("Поезд 14 мая."))
    assert summarize_talk(model, TALK) == "Поезд 14 мая."
    assert "15" in model.questions[1]
    model = ScriptedModel(whole_reply("Поезд 15 мая."), Reply(Ending.EMPTY))
    assert summarize_talk(model, TALK) == ""


def test_interrupted_summary_is_discarded():
    assert summarize_talk(ScriptedModel(Reply(Ending.CUT, "Поезд 14")), TALK) == ""
    assert summarize_talk(ScriptedModel(Reply(Ending.NOBODY)), TALK) == ""


def test_long_conversation_is_summarised_part_by_part():
    talk = [Message("user", f"{'а' * 700} {n}") for n in (1, 2)]
    model = ScriptedModel(whole_reply("Было 1."), whole_reply("Было 1 и 2."))
    assert summarize_talk(model, talk, "Ранее: 0.", room=400) == "Было 1 и 2."
    assert model.questions[0].startswith("Ранее: 0.")
    assert model.questions[1].startswith("Было 1.")


def test_conversation_with_too_many_parts_is_not_summarised():
    talk = [Message("user", "а" * 90) for _ in range(MAX_PARTS + 1)]
    model = ScriptedModel()
    assert summarize_talk(model, talk, room=50) == ""
    assert model.questions == []
