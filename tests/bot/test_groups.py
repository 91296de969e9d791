"""Groups: messages for the bot, who asks, links to the private chat, migration to a supergroup."""

from dataclasses import replace

import pytest

from merlin.account.users import Consents, Users
from merlin.billing.quota import Allowance, Format
from merlin.db.database import open_database
from merlin.db.tables import COURSE
from merlin.sandbox.telegram.arguments import typed_fields
from merlin.sandbox.telegram.world import BOT_NAME, STUDY
from tests.bot.conversation import MENTION, join_group_chat, user_messages
from tests.bot.running_bot import (
    RunningBot,
    add_live_model,
    answer_texts,
    bot_settings,
    count_updates_by_state,
    kill_bot_at,
    russian_text,
    say_and_wait,
    select_rows,
    wait_for_windows,
    wait_until_ended,
)
from tests.bot.test_courses import course_row
from tests.support.faults import Fault, FaultKind
from tests.support.plan_config import make_plan
from tests.support.telegram_acts import report_bot_status

pytestmark = pytest.mark.functional


@pytest.fixture
def anna(telegram, bot):
    return join_group_chat(telegram, bot)


def skip_reasons(settings):
    return [
        reason
        for (reason,) in select_rows(
            settings, "SELECT reason FROM telegram_update ORDER BY id"
        )
    ]


def say_unanswered(telegram, settings, user, text):
    """Send a message that the bot must ignore; return the stored reason."""
    before = len(telegram.answers("study"))
    ended = len(skip_reasons(settings))
    say_and_wait(telegram, settings, text, ended + 1, who=user)
    assert len(telegram.answers("study")) == before
    return skip_reasons(settings)[-1]


def test_mention_is_answered_as_a_reply_and_removed_from_the_question(
    anna, provider, telegram
):
    anna.say(f"{MENTION}, что такое лоб?")
    assert user_messages(provider) == ["что такое лоб?"]
    question = next(
        message for message in telegram.log("study") if MENTION in message.text
    )
    assert anna.last.message["reply_to_message"]["message_id"] == question.message_id


def test_what_a_question_in_a_group_meant_is_not_kept(anna, provider, bot):
    with open_database(bot.database) as database:
        Consents(database).give(anna.user_id, "1")
    offered = {"known": False, "nearest": ["Что такое лоб?"]}
    provider.behave(fixed_answer="Не знаю.", extension=offered)
    refused = anna.say(f"{MENTION} лоб это чего?")
    provider.behave(fixed_answer="Верх лица.", extension={"known": True})
    anna.press("near:1:0", refused.message_id)
    assert user_messages(provider)[-1].endswith("Что такое лоб?")
    assert select_rows(bot, "SELECT kind FROM wording") == []


def test_reply_to_the_bot_is_a_question(anna, provider):
    answer = anna.say(f"{MENTION} что такое лоб?")
    anna.say("а виски?", reply_to=answer.message_id)
    assert user_messages(provider)[0] == "что такое лоб?"
    assert user_messages(provider)[-1].endswith("а виски?")


def test_mention_without_text_asks_about_the_message_it_replies_to(
    anna, provider, telegram
):
    telegram.turn_privacy_off()
    telegram.say("boris@study", "что такое подбородок")
    asked_by_boris = telegram.log("study")[-1].message_id
    anna.telegram.wait_for(lambda: skip_reasons(anna.settings) == ["not for the bot"])
    anna.say(MENTION, reply_to=asked_by_boris)
    assert user_messages(provider) == ["что такое подбородок"]
    assert "Чтобы спросить" in anna.say(MENTION).text


def test_group_messages_for_others_are_ignored_and_not_stored(telegram, bot, provider):
    telegram.turn_privacy_off()
    for said in ("Кто идёт обедать?", "/new@other_bot", "@other_bot что такое лоб?"):
        reason = say_unanswered(telegram, bot, "boris@study", said)
        assert reason == "not for the bot"
    assert select_rows(bot, "SELECT COUNT(*) FROM person") == [(0,)]
    assert select_rows(bot, "SELECT body FROM telegram_update WHERE body <> ''") == []
    assert provider.calls("chat.create") == []


def test_command_of_another_bot_is_ignored_and_help_explains(anna, telegram, bot):
    reason = say_unanswered(telegram, bot, "boris@study", "/roll_dice")
    assert reason == "no such command"
    assert "Чтобы спросить" in anna.say("/help").text


def test_blocked_user_gets_no_answer_in_a_group(anna, telegram, bot):
    anna.say(f"{MENTION} что такое лоб?")
    with open_database(bot.database) as database:
        Users(database).block(1001, "test", is_blocked=True)
    reason = say_unanswered(telegram, bot, "anna@study", f"{MENTION} а виски?")
    assert reason == "blocked"


@pytest.mark.usefixtures("bot")
def test_message_on_behalf_of_the_group_is_refused_in_words(telegram, provider):
    content = {**typed_fields(f"{MENTION} лоб?"), "sender_chat": STUDY.as_chat()}
    telegram.send(telegram.place("boris@study"), content)
    (refusal,) = telegram.wait_for(lambda: telegram.answers("study"))
    assert refusal.text == russian_text("groups-not-a-person")
    assert provider.calls("chat.create") == []


def test_bot_added_to_a_channel_says_nothing(telegram, bot):
    channel = replace(STUDY, group_id=-1_005_000_000_000, kind="channel")
    admin = telegram.person("boris").as_user()
    telegram.act(
        lambda acting: report_bot_status(
            acting.world, channel, admin, "left", "administrator"
        )
    )
    telegram.wait_for(lambda: count_updates_by_state(bot) == {"refused": 1}, 4)
    assert skip_reasons(bot) == ["not a group"]
    assert telegram.calls("sendMessage") == []
    assert select_rows(bot, "SELECT COUNT(*) FROM group_chat") == [(0,)]


def test_each_topic_has_its_own_session(telegram, bot, provider):
    for thread, topic in ((12, "лоб"), (14, "виски")):
        anna = join_group_chat(telegram, bot, f"anna@study#{thread}")
        anna.say(f"{MENTION} что такое {topic}?")
        assert user_messages(provider) == [f"что такое {topic}?"]
        assert telegram.answers(f"study#{thread}")[-1].thread == thread
    assert select_rows(bot, "SELECT COUNT(*) FROM chat_session") == [(2,)]


@pytest.mark.parametrize("error", ["message thread not found", "TOPIC_DELETED"])
def test_answer_in_a_lost_topic_of_a_private_chat_comes_beside_it(
    telegram, bot, provider, error
):
    telegram.closed_topics = {56: error}
    telegram.say("anna#56", "что такое лоб?")
    telegram.wait_for(lambda: telegram.answers("anna"))
    wait_until_ended(telegram, bot, 1)
    (answer,) = telegram.answers("anna")
    assert (answer.thread, "лоб" in answer.text) == (0, True)


@pytest.mark.parametrize(
    ("who", "error"),
    [("anna#56", "TOPIC_CLOSED"), ("anna@study#56", "TOPIC_DELETED")],
)
def test_answer_in_another_closed_topic_is_not_sent_elsewhere(
    telegram, bot, provider, who, error
):
    telegram.closed_topics = {56: error}
    telegram.say(who, f"{MENTION} что такое лоб?")
    wait_until_ended(telegram, bot, 1)
    assert telegram.answers("anna") == telegram.answers("study") == []


def test_question_counts_in_the_plan_of_the_asker(telegram, tmp_path, provider):
    plan = make_plan("free", {}, {Format.TEXT: Allowance(day=1)})
    settings = bot_settings(tmp_path, telegram, provider, plans=(plan,))
    add_live_model(settings, "stand-in-base")
    with RunningBot(settings):
        anna = join_group_chat(telegram, settings)
        anna.say(f"{MENTION} раз?")
        assert "кончились" in anna.say(f"{MENTION} два?").text
        boris = join_group_chat(telegram, settings, "boris@study")
        boris.say(f"{MENTION} три?")
    assert len(provider.calls("chat.create")) == 2


def test_only_the_asker_can_regenerate_but_everyone_can_rate(telegram, bot, anna):
    answer = anna.say(f"{MENTION} что такое лоб?")
    boris = join_group_chat(telegram, bot, "boris@study")
    boris.press("again:1", answer.message_id)
    assert boris.alerts()[-1] == "Этот ответ не ваш или уже удалён."
    for _ in range(2):  # a double click
        boris.press("rate:up:1", answer.message_id)
    anna.press("rate:down:1", answer.message_id)
    rows = select_rows(bot, "SELECT user_id, value FROM rating ORDER BY user_id")
    assert rows == [(1001, "down"), (1002, "up")]


def test_rating_of_another_chats_answer_is_refused(telegram, bot, anna):
    answer = anna.say(f"{MENTION} что такое лоб?")
    private = join_group_chat(telegram, bot, "anna")
    private.say("Тайный вопрос")
    boris = join_group_chat(telegram, bot, "boris@study")
    boris.press("rate:up:2", answer.message_id, forged=True)
    assert select_rows(bot, "SELECT COUNT(*) FROM rating") == [(0,)]


def test_anybody_starts_a_conversation_about_a_course(telegram, settings, provider):
    add_live_model(settings, "ft:of-physics", dataset="physics", number=2)
    with open_database(settings.database) as database:
        database.add(COURSE, course_row(1, "physics", "Физика"))
    with RunningBot(settings):
        anna = join_group_chat(telegram, settings)
        anna.say("/course")
        anna.press("Физика")
        join_group_chat(telegram, settings, "vera@study").say(
            f"{MENTION} что такое масса?"
        )
        assert provider.calls("chat.create")[0].body["model"] == "ft:of-physics"


def test_bot_greets_a_group_once_and_is_silent_after_removal(telegram, bot):
    vera = join_group_chat(telegram, bot, "vera@study")

    def count_greetings():
        texts = answer_texts(telegram, "study")
        return sum("упомяните" in text for text in texts)

    telegram.set_bot("vera@study", "kicked")
    telegram.wait_for(lambda: count_updates_by_state(bot) == {"answered": 1})
    gone = "SELECT COUNT(*) FROM group_chat WHERE gone_at IS NOT NULL"
    assert select_rows(bot, gone) == [(1,)]
    telegram.set_bot("vera@study", "member")
    telegram.wait_for(lambda: count_greetings() == 1)
    telegram.set_bot("vera@study", "administrator")
    telegram.wait_for(
        lambda: (
            "waiting" not in count_updates_by_state(bot) and len(skip_reasons(bot)) >= 3
        )
    )
    vera.say(f"{MENTION} лоб?")
    assert count_greetings() == 1
    assert select_rows(bot, gone) == [(0,)]


def test_placeholder_on_its_way_to_a_group_that_becomes_a_supergroup_is_not_sent(
    telegram, bot, logs
):
    telegram.faults.add(Fault("sendMessage", FaultKind.STATUS, status=500, times=None))
    telegram.say("boris@study", f"{MENTION} что такое лоб?")
    telegram.wait_for(lambda: "waiting" in count_updates_by_state(bot))
    telegram.migrate("boris@study")
    telegram.faults.clear()
    telegram.wait_for(lambda: "migrated" in skip_reasons(bot))
    telegram.wait_for(lambda: "waiting" not in count_updates_by_state(bot))
    (answer,) = telegram.answers("study")
    assert "«что такое лоб?»" in answer.text
    assert not [entry for entry in logs if entry["log_level"] == "error"]


@pytest.mark.parametrize("takes_edits", [True, False])
def test_supergroup_in_the_middle_of_an_answer_gets_it_once(
    telegram, bot, provider, takes_edits
):
    provider.behave(think_s=3600.0)
    telegram.say("boris@study", f"{MENTION} что такое лоб?")
    telegram.wait_for(lambda: telegram.answers("study"))
    telegram.migrate("boris@study", takes_edits=takes_edits)
    telegram.wait_for(lambda: "migrated" in skip_reasons(bot))
    provider.behave(think_s=0.0)
    telegram.wait_for(lambda: "waiting" not in count_updates_by_state(bot))
    (answer,) = telegram.answers("study")
    assert "«что такое лоб?»" in answer.text
    (placeholder,) = telegram.answers(str(STUDY.group_id))
    assert placeholder.text == (russian_text("groups-moved") if takes_edits else "…")
    assert placeholder.keys == [] or not takes_edits


def test_supergroup_gets_the_answer_of_a_bot_that_was_killed_in_the_group(
    telegram, settings, provider, tmp_path
):
    telegram.say("boris@study", f"{MENTION} что такое лоб?")
    kill_bot_at("placeholder.recorded", settings, tmp_path / "log")
    telegram.migrate("boris@study", takes_edits=True)
    # The same number as the placeholder's in the old group.
    assert len(telegram.answers(str(STUDY.group_id))) == 1
    with RunningBot(settings):
        telegram.wait_for(lambda: len(count_updates_by_state(settings)) == 1)
        telegram.wait_for(lambda: "waiting" not in count_updates_by_state(settings))
    (answer,) = telegram.answers("study")
    assert "«что такое лоб?»" in answer.text


def test_supergroup_keeps_the_session_of_the_group(telegram, bot, provider):
    join_group_chat(telegram, bot).say(f"{MENTION} что такое лоб?")
    telegram.migrate("boris@study")
    new_id = telegram.group("study").group_id
    telegram.wait_for(lambda: "migrated" in skip_reasons(bot))
    telegram.wait_for(lambda: "waiting" not in count_updates_by_state(bot))
    assert new_id != STUDY.group_id
    assert select_rows(bot, "SELECT DISTINCT chat_id FROM chat_session") == [(new_id,)]
    rows = select_rows(
        bot, "SELECT chat_id, moved_to FROM group_chat ORDER BY chat_id DESC"
    )
    assert rows == [(STUDY.group_id, new_id), (new_id, 0)]
    join_group_chat(telegram, bot).say(f"{MENTION} а виски?")
    assert user_messages(provider) == ["что такое лоб?", "а виски?"]


def read_linked_payload(telegram):
    """Return the payload of the private chat's link that the pressed button opens."""
    (call,) = [
        answered
        for answered in telegram.calls("answerCallbackQuery")
        if "url" in answered.body
    ]
    _, _, payload = call.body["url"].partition(f"/{BOT_NAME}?start=")
    return payload


def test_group_answer_is_corrected_in_the_private_chat(anna, telegram, bot):
    anna.say(f"{MENTION} что такое лоб?")
    anna.press("✏️")
    payload = read_linked_payload(telegram)
    alone = join_group_chat(telegram, bot, "anna")
    assert alone.start(payload).text.startswith("Можно ли учить модель")
    assert (
        "Напишите правильный ответ одним сообщением"
        in alone.press(russian_text("consent-yes")).text
    )
    # The same link does nothing for another user.
    refusal = join_group_chat(telegram, bot, "boris").start(payload).text
    assert refusal == "Этот ответ не ваш или уже удалён."


def test_group_chat_offers_no_private_features(telegram, provider, settings):
    """Sessions are listed, reopened and get another model only in the private chat."""
    provider.behave(context_window=150)
    with RunningBot(settings):
        wait_for_windows(telegram, settings)
        anna = join_group_chat(telegram, settings)
        assert anna.say("/t").keys == []
        anna.say(f"{MENTION} {'что такое лоб ' * 12}")
        assert [label for label in anna.labels if len(label) > 2] == ["Новый разговор"]
        anna.say("/t")
        assert "Все разговоры" not in anna.labels
        assert "/sessions" not in "".join(
            message.text for message in telegram.answers("study")
        )
        assert "больше не помню" in anna.say("/new").text


def test_personal_commands_in_a_group_link_to_the_private_chat(anna, telegram):
    message = anna.say("/export")
    (button,) = [key for row in message.keys for key in row]
    assert button["url"] == f"https://t.me/{BOT_NAME}?start=go_export"
    assert not message.message.get("document")
    private = join_group_chat(telegram, anna.settings, "anna")
    assert "document" in private.start("go_export").message
    assert "Здравствуйте" in private.start("go_clear").text


def test_plan_is_shown_in_the_private_chat(anna, telegram):
    answer = anna.say(f"{MENTION} что такое лоб?")
    anna.press("plan", answer.message_id, forged=True)
    payload = read_linked_payload(telegram)
    private = join_group_chat(telegram, anna.settings, "anna")
    assert private.start(payload).text == russian_text("plan-unlimited")


def test_forged_personal_buttons_do_nothing_in_a_group(anna):
    answer = anna.say(f"{MENTION} что такое лоб?")
    for data in ("session-drop:1", "forget:2", "cancel", "lang:en"):
        anna.press(data, answer.message_id, forged=True)
        assert anna.alerts()[-1] == "Это доступно только в личном чате со мной."
    assert select_rows(anna.settings, "SELECT COUNT(*) FROM turn") == [(1,)]
    assert anna.last.text == answer.text
