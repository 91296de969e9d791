"""Groups: what is for the bot, who asks, what administrators choose, and where a group goes."""

from __future__ import annotations

import pytest

from merlin.billing.quota import Allowance, Format
from merlin.sandbox.telegram.world import SEMINAR, STUDY
from tests.bot.conversation import NAMED, asked_texts, talk
from tests.bot.running_bot import RunningBot, add_live_model, rows, settings_of, states
from tests.support.plan_config import make_plan

pytestmark = pytest.mark.functional


@pytest.fixture
def anna(telegram, bot):
    return talk(telegram, bot)


@pytest.fixture
def vera(telegram, bot):
    return talk(telegram, bot, "vera@study")


def reasons(settings):
    return [reason for (reason,) in rows(settings, "SELECT reason FROM updates ORDER BY id")]


def quiet(telegram, settings, who, words, **more):
    """Let somebody say what is not for the bot; return why it was passed over."""
    before = len(telegram.answers("study"))
    telegram.say(who, words, **more)
    telegram.wait_for(lambda: telegram.pending() == [])
    telegram.wait_for(lambda: "waiting" not in states(settings))
    assert len(telegram.answers("study")) == before
    return reasons(settings)[-1] if reasons(settings) else ""


def test_a_mention_is_answered_under_it_and_is_no_part_of_the_question(anna, provider, telegram):
    anna.say(f"{NAMED}, что такое лоб?")
    assert asked_texts(provider) == ["что такое лоб?"]
    question = next(one for one in telegram.log("study") if NAMED in one.text)
    assert anna.last.message["reply_to_message"]["message_id"] == question.message_id


@pytest.mark.parametrize(
    ("said", "question"),
    [
        (f"{NAMED.upper()} а виски?", "а виски?"),
        (f"😀 скажи, {NAMED}, что такое лоб", "😀 скажи, что такое лоб"),
        (f"что такое лоб {NAMED}?", "что такое лоб?"),
    ],
)
def test_a_mention_is_cut_out_wherever_it_stands(anna, provider, said, question):
    anna.say(said)
    assert asked_texts(provider) == [question]


def test_a_reply_to_the_bot_is_a_question(anna, provider):
    answer = anna.say(f"{NAMED} что такое лоб?")
    anna.say("а виски?", reply_to=answer.message_id)
    assert asked_texts(provider)[0] == "что такое лоб?"
    assert asked_texts(provider)[-1].endswith("а виски?")


def test_a_bare_mention_asks_about_the_message_that_it_replies_to(anna, provider, telegram):
    telegram.switch("reads_all")
    telegram.say("boris@study", "что такое подбородок")
    asked_by_boris = telegram.log("study")[-1].message_id
    anna.telegram.wait_for(lambda: reasons(anna.settings) == ["not for the bot"])
    anna.say(NAMED, reply_to=asked_by_boris)
    assert asked_texts(provider) == ["что такое подбородок"]
    assert "Чтобы спросить" in anna.say(NAMED).text


def test_talk_among_people_is_passed_over_and_nobody_is_kept_for_it(telegram, bot, provider):
    telegram.switch("reads_all")
    assert quiet(telegram, bot, "boris@study", "Кто идёт обедать?") == "not for the bot"
    assert quiet(telegram, bot, "boris@study", "/new@other_bot") == "not for the bot"
    assert quiet(telegram, bot, "boris@study", "@other_bot что такое лоб?") == "not for the bot"
    assert rows(bot, "SELECT COUNT(*) FROM users") == [(0,)]
    assert rows(bot, "SELECT body FROM updates WHERE body <> ''") == []
    assert provider.calls("chat.create") == []


def test_a_forwarded_message_commands_and_asks_nothing(telegram, bot, provider):
    telegram.switch("reads_all")
    before = len(telegram.answers("study"))
    telegram.forward_words("anna@study", [("boris", "/settings"), ("boris", f"{NAMED} лоб?")])
    telegram.wait_for(lambda: reasons(bot) == ["not for the bot"] * 2)
    assert len(telegram.answers("study")) == before


def test_questions_carry_names_only_once_several_people_ask(telegram, bot, provider):
    talk(telegram, bot, "anna@study").say(f"{NAMED} что такое лоб?")
    assert asked_texts(provider) == ["что такое лоб?"]
    talk(telegram, bot, "boris@study").say(f"{NAMED} а виски?")
    assert asked_texts(provider) == ["Анна: что такое лоб?", "Борис: а виски?"]
    assert rows(bot, "SELECT COUNT(DISTINCT session_id) FROM turn") == [(1,)]


def test_each_topic_has_a_session_of_its_own(telegram, bot, provider):
    first = telegram.make_topic("boris@seminar", "Лоб")
    second = telegram.make_topic("boris@seminar", "Виски")
    telegram.wait_for(lambda: states(bot) == {"refused": 2})
    for thread, words in ((first, "лоб"), (second, "виски")):
        anna = talk(telegram, bot, f"anna@seminar#{thread}")
        anna.say(f"{NAMED} что такое {words}?")
        assert asked_texts(provider) == [f"что такое {words}?"]
        assert telegram.answers(f"seminar#{thread}")[-1].thread == thread
    assert rows(bot, "SELECT COUNT(*) FROM chat_session") == [(2,)]


def test_a_question_counts_in_the_plan_of_whoever_asks(telegram, tmp_path, provider):
    plan = make_plan("free", {}, {Format.TEXT: Allowance(day=1)})
    settings = settings_of(tmp_path, telegram, provider, plans=(plan,))
    add_live_model(settings, "stand-in-base")
    with RunningBot(settings):
        anna = talk(telegram, settings)
        anna.say(f"{NAMED} раз?")
        assert "кончились" in anna.say(f"{NAMED} два?").text
        boris = talk(telegram, settings, "boris@study")
        boris.say(f"{NAMED} три?")
    assert len(provider.calls("chat.create")) == 2


def test_only_the_asker_asks_again_and_everybody_rates(telegram, bot, anna):
    answer = anna.say(f"{NAMED} что такое лоб?")
    boris = talk(telegram, bot, "boris@study")
    boris.press("again:1", answer.message_id)
    assert boris.alerts()[-1] == "Это не ваш ответ."
    boris.press("rate:up:1", answer.message_id)
    anna.press("rate:down:1", answer.message_id)
    found = rows(bot, "SELECT user_id, value FROM rating ORDER BY user_id")
    assert found == [(1001, "down"), (1002, "up")]


def test_a_rating_of_another_chats_answer_is_refused(telegram, bot, anna):
    answer = anna.say(f"{NAMED} что такое лоб?")
    private = talk(telegram, bot, "anna")
    private.say("Тайный вопрос")
    boris = talk(telegram, bot, "boris@study")
    boris.press("rate:up:2", answer.message_id, forged=True)
    assert rows(bot, "SELECT COUNT(*) FROM rating") == [(0,)]


def test_administrators_choose_what_is_answered(telegram, bot, provider):
    vera = talk(telegram, bot, "vera@study")
    page = vera.say("/settings")
    assert "Отвечаю: на упоминания и ответы мне" in page.text
    answer = talk(telegram, bot).say(f"{NAMED} лоб?")
    vera.press("Только упоминания", page.message_id)
    said = next(one for one in telegram.answers("study") if one.message_id == page.message_id)
    assert "Отвечаю: когда меня упомянули" in said.text
    assert quiet(telegram, bot, "anna@study", "а?", reply_to=answer.message_id) == "not for the bot"
    vera.press("И всё со знаком «?»", page.message_id)
    said = next(one for one in telegram.answers("study") if one.message_id == page.message_id)
    assert "/setprivacy" in said.text
    telegram.switch("reads_all")
    talk(telegram, bot).say("что такое виски?")
    assert asked_texts(provider)[-1].endswith("что такое виски?")
    question = next(one for one in telegram.log("study") if one.text == "что такое виски?")
    before = len(provider.calls("chat.create"))
    quiet(telegram, bot, "boris@study", "а ты знаешь?", reply_to=question.message_id)
    assert len(provider.calls("chat.create")) == before


def test_a_students_forged_settings_change_nothing(anna, vera):
    page = vera.say("/settings")
    assert "Это могут только админы группы" in anna.say("/settings").text
    for data in ("group:hears:mention", "group:renew:leaders", "group:language:en"):
        anna.press(data, page.message_id)
        assert "Это могут только админы группы" in anna.alerts()[-1]
    anna.press("group:show", page.message_id, forged=True)
    assert rows(anna.settings, "SELECT COUNT(*) FROM group_setting") == [(0,)]
    for data in ("group:hears:everything", "group:dataset:ffffffffffff", "group", "group:x:y"):
        vera.press(data, page.message_id, forged=True)
    assert rows(anna.settings, "SELECT COUNT(*) FROM group_setting") == [(0,)]


def test_a_group_speaks_its_language_about_its_dataset(telegram, settings, provider):
    add_live_model(settings, "ft:of-physics", dataset="physics", number=2)
    with RunningBot(settings):
        vera = talk(telegram, settings, "vera@study")
        page = vera.say("/settings")
        vera.press("📚 Выбрать темы", page.message_id)
        vera.press("physics", page.message_id)
        vera.press("English", page.message_id)
        said = next(one for one in telegram.answers("study") if one.message_id == page.message_id)
        assert "Topics: physics" in said.text
        assert "To ask, mention" in vera.say("/help").text
        assert rows(settings, "SELECT dataset, language FROM group_setting") == [("physics", "en")]
        vera.say(f"{NAMED} что такое масса?")
        tried = [call.body["model"] for call in provider.calls("chat.create")]
        assert tried[0] == "ft:of-physics"


def test_only_administrators_begin_anew_where_they_said_so(anna, vera):
    page = vera.say("/settings")
    vera.press("Новый разговор: админы", page.message_id)
    anna.say(f"{NAMED} лоб?")
    assert "Это могут только админы группы" in anna.say("/clear").text
    assert rows(anna.settings, "SELECT COUNT(*) FROM turn") == [(1,)]
    vera.say("/clear")
    assert len(rows(anna.settings, "SELECT id FROM chat_session WHERE deleted_at <> ''")) == 1


def test_the_bot_greets_once_and_is_silent_when_taken_out(telegram, bot):
    vera = talk(telegram, bot, "vera@study")

    def greetings():
        return [one for one in telegram.answers("study") if "упомяните" in one.text]

    telegram.set_bot("vera@study", "kicked")
    telegram.wait_for(lambda: states(bot) == {"answered": 1})
    assert rows(bot, "SELECT COUNT(*) FROM group_setting WHERE gone_at IS NOT NULL") == [(1,)]
    telegram.set_bot("vera@study", "member")
    telegram.wait_for(lambda: len(greetings()) == 1)
    telegram.set_bot("vera@study", "administrator")
    telegram.wait_for(lambda: "waiting" not in states(bot) and len(reasons(bot)) >= 3)
    vera.say(f"{NAMED} лоб?")
    assert len(greetings()) == 1
    assert rows(bot, "SELECT COUNT(*) FROM group_setting WHERE gone_at IS NOT NULL") == [(0,)]


def test_a_group_takes_session_and_settings_into_its_supergroup(telegram, bot, provider):
    vera = talk(telegram, bot, "vera@study")
    page = vera.say("/settings")
    vera.press("English", page.message_id)
    talk(telegram, bot).say(f"{NAMED} что такое лоб?")
    telegram.migrate("boris@study")
    new_id = telegram.group("study").group_id
    telegram.wait_for(lambda: "migrated" in reasons(bot))
    telegram.wait_for(lambda: "waiting" not in states(bot))
    assert new_id != STUDY.group_id
    assert rows(bot, "SELECT DISTINCT chat_id FROM chat_session") == [(new_id,)]
    found = rows(bot, "SELECT chat_id, language, moved_to FROM group_setting ORDER BY chat_id DESC")
    assert found == [(STUDY.group_id, None, new_id), (new_id, "en", 0)]
    talk(telegram, bot).say(f"{NAMED} а виски?")
    assert asked_texts(provider) == ["что такое лоб?", "а виски?"]


def test_an_answer_is_sent_where_the_group_is_by_then(telegram, bot, provider):
    provider.behave(think_s=3600.0)
    telegram.say("anna@study", f"{NAMED} что такое лоб?")
    telegram.wait_for(lambda: telegram.answers("study"))
    telegram.migrate("boris@study")
    new_id = telegram.group("study").group_id
    telegram.wait_for(lambda: rows(bot, "SELECT DISTINCT chat_id FROM chat_session") == [(new_id,)])
    provider.behave(think_s=0.0)
    telegram.wait_for(lambda: telegram.pending() == [] and "waiting" not in states(bot))
    assert [one.text for one in telegram.answers(STUDY.group_id)] == ["…"]
    (answer,) = telegram.answers(new_id)
    assert "лоб" in answer.text
    assert rows(bot, "SELECT DISTINCT chat_id FROM chat_session") == [(new_id,)]
    assert set(states(bot)) == {"answered"}


def test_a_closed_topic_ends_the_question_and_counts_nothing(telegram, tmp_path, provider):
    plan = make_plan("free", {}, {Format.TEXT: Allowance(day=5)})
    settings = settings_of(tmp_path, telegram, provider, plans=(plan,))
    add_live_model(settings, "stand-in-base")
    with RunningBot(settings):
        thread = telegram.make_topic("boris@seminar", "Закрытая")
        telegram.close_topic(f"boris@seminar#{thread}")
        telegram.say(f"boris@seminar#{thread}", f"{NAMED} лоб?")
        telegram.wait_for(lambda: states(settings).get("failed") == 1)
        assert rows(settings, "SELECT state FROM quota_use") == [("returned",)]
        boris = talk(telegram, settings, "boris@seminar")
        boris.say(f"{NAMED} лоб?")
        assert telegram.answers("seminar")[-1].text
        assert telegram.group("seminar").group_id == SEMINAR.group_id


def test_a_person_who_asks_in_a_group_is_no_reader_of_broadcasts(telegram, bot, anna):
    anna.say(f"{NAMED} лоб?")
    assert rows(bot, "SELECT user_id, is_reachable FROM users") == [(1001, 0)]
    talk(telegram, bot, "anna").say("Вопрос")
    assert rows(bot, "SELECT user_id, is_reachable FROM users") == [(1001, 1)]


def test_a_corrected_question_is_answered_anew_whoever_opened_the_session(telegram, bot, provider):
    talk(telegram, bot, "anna@study").say(f"{NAMED} лоб?")
    boris = talk(telegram, bot, "boris@study")
    boris.say(f"{NAMED} виски?")
    message = next(one for one in telegram.log("study") if one.text.endswith("виски?"))
    boris._done(telegram.edit, message.message_id, f"{NAMED} скулы?")
    assert asked_texts(provider) == ["Анна: лоб?", "Борис: скулы?"]
    boris._done(telegram.edit, message.message_id, f"{NAMED}  скулы?")
    assert len(provider.calls("chat.create")) == 3
