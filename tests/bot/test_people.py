"""User administration by buttons: search, roles, plans, gifts, blocking; audited, not forgeable."""

from dataclasses import replace

import pytest

from merlin.billing.quota import Allowance, Format
from merlin.core.permissions import Role
from tests.bot.admin_chat import ANNA, BORIS, VERA, StaffUser, add_admin, add_users, grant_role
from tests.bot.running_bot import RunningBot, select_rows
from tests.support.plan_config import make_plan

pytestmark = pytest.mark.functional

PLANS = (
    make_plan("free", {"ru": "Бесплатный"}, {Format.TEXT: Allowance(day=20)}),
    make_plan("full", {"ru": "Полный"}, {Format.TEXT: Allowance(day=500)}),
)


@pytest.fixture
def settings(settings):
    with_vera = add_admin(settings, plans=PLANS)
    add_users(with_vera, [ANNA, BORIS])
    return with_vera


@pytest.fixture
def chat(telegram, settings):
    with RunningBot(settings):
        chat = StaffUser(telegram, settings)
        chat.say("/admin")
        yield chat


def audit_rows(chat):
    return select_rows(chat.settings, "SELECT by_whom, action, target FROM audit ORDER BY id")


def test_users_are_listed_and_found_by_id(chat):
    chat.press("a-users:0")
    assert "3 человека" in chat.last.text
    chat.press("a-find")
    assert "Отмена" in chat.labels
    chat.say("1002")
    assert f"Без имени · {BORIS}" in chat.labels
    chat.say("нет такого")
    assert "Никого не нашлось. Пришлите другое имя или ID" in chat.last.text
    chat.press("a-users:0")
    chat.say("Что такое лоб?")
    assert "«Что такое лоб?»" in chat.last.text


def test_new_name_of_a_user_is_found_after_their_next_message(chat, telegram, settings):
    boris = StaffUser(telegram, settings, "boris")
    boris.start()
    person = replace(telegram.act(lambda acting: acting.person("boris")), first_name="Борислав")
    telegram.act(lambda acting: acting.world.people.update({BORIS: person}))
    boris.say("/info")
    chat.press("a-users:0")
    chat.press("a-find")
    chat.say("борислав")
    assert any(label.startswith(f"Борислав · {BORIS}") for label in chat.labels)


def test_user_list_has_pages(chat, settings):
    add_users(settings, range(5000, 5020))
    chat.press("a-users:0")
    assert "‹" not in chat.labels
    chat.press("›")
    assert {"‹", "›"} <= set(chat.labels)
    chat.press("a-users:2")
    assert "›" not in chat.labels


def test_block_requires_a_confirmation_stops_answers_and_can_be_lifted(chat, telegram):
    chat.press_forged(f"a-user:{ANNA}")
    chat.press("🚫 Закрыть доступ")
    assert "Закрыть доступ" in chat.last.text
    anna = StaffUser(telegram, chat.settings, "anna")
    assert "«Раз?»" in anna.say("Раз?").text
    chat.press(f"a-block-yes:{ANNA}")
    assert "доступ закрыт" in chat.last.text
    assert "закрыл вам доступ" in anna.say("Два?").text
    assert "закрыл" in anna.press_forged("new")
    assert "закрыл" not in anna.say("/delete_me").text
    chat.press("✅ Открыть доступ")
    assert "«Три?»" in anna.say("Три?").text
    assert audit_rows(chat) == [
        (f"user:{VERA}", "user.block", f"user:{ANNA}"),
        (f"user:{VERA}", "user.unblock", f"user:{ANNA}"),
    ]


def test_other_admins_are_notified_of_blocks_and_roles_but_the_actor_is_not(chat, telegram):
    grant_role(chat.settings, BORIS, Role.ADMIN)
    boris = StaffUser(telegram, chat.settings, "boris")
    boris.say("/start")
    StaffUser(telegram, chat.settings, "anna").say("/start")
    chat.press_forged(f"a-block-yes:{ANNA}")
    assert "доступ закрыт — пользователь 1003" in chat.last.text
    message = boris.wait_for_text("Доступ закрыт")
    assert message.text == f"Доступ закрыт: Анна · {ANNA}. Кто: пользователь {VERA}."
    boris.press("👥 Люди")
    assert boris.last.text.startswith(f"🚫 Анна · {ANNA}")
    chat.press_forged(f"a-role-yes:{ANNA}:editor")
    assert "редактор" in boris.wait_for_text("Роль выдана:").text
    chat.press_forged(f"a-role-yes:{ANNA}:admin")
    boris.wait_for_text("администратор")
    # The user is notified of the new role only; the acting admin of nothing.
    anna = [message.text for message in telegram.answers("anna") if "Роль выдана:" in message.text]
    rows = select_rows(chat.settings, "SELECT chat_id FROM outgoing WHERE key LIKE 'notice:%'")
    assert (anna, VERA in {chat_id for (chat_id,) in rows}) == ([], False)


def test_admin_cannot_block_themselves_or_another_admin(chat, settings):
    assert "Свои роль и доступ" in chat.press_forged(f"a-block-yes:{VERA}")
    grant_role(settings, BORIS, Role.ADMIN)
    assert "администратор" in chat.press_forged(f"a-block-yes:{BORIS}")
    assert select_rows(settings, "SELECT user_id FROM users WHERE is_blocked = 1") == []


def test_teacher_is_given_a_dataset_loses_it_and_is_notified(chat, telegram):
    chat.press_forged(f"a-user:{BORIS}")
    chat.press("🎓 Роль")
    chat.press("преподаватель")
    chat.press("neurotypology")
    assert "преподаватель (neurotypology)" in chat.last.text
    chat.press(chat.button_data("a-role-yes"))
    assert "Роль: преподаватель neurotypology" in chat.last.text
    boris = StaffUser(telegram, chat.settings, "boris")
    boris.wait_for_text("neurotypology")
    assert "⚙️ Обучение" in (boris.say("/admin"), boris.labels)[1]
    chat.press_forged(f"a-scopes:{BORIS}:0")
    chat.press("✅ neurotypology")
    chat.press("Убрать набор")
    boris.wait_for_text("студент")
    assert [action for _, action, _ in audit_rows(chat)] == ["role.grant", "role.revoke"]


def test_role_requires_a_confirmation_and_is_audited(chat, settings):
    chat.press_forged(f"a-role:{BORIS}")
    chat.press("редактор")
    assert select_rows(settings, "SELECT id FROM role_grant") == []
    chat.press(chat.button_data("a-role-yes"))
    assert select_rows(settings, "SELECT user_id, role FROM role_grant") == [(BORIS, "editor")]
    assert audit_rows(chat) == [(f"user:{VERA}", "role.grant", f"user:{BORIS}")]


def test_plan_is_assigned_by_its_title(chat, settings):
    chat.press_forged(f"a-plan:{ANNA}")
    chat.press("Полный")
    assert "План: Полный" in chat.last.text
    assert select_rows(settings, "SELECT plan FROM users WHERE user_id = 1001") == [("full",)]
    chat.press_forged(f"a-plan:{ANNA}")
    chat.press("Бесплатный")
    assert select_rows(settings, "SELECT plan FROM users WHERE user_id = 1001") == [(None,)]
    # The button of a plan that the configuration had before: its data is a hash, no name to show.
    assert chat.press_forged(f"a-plan-set:{ANNA}:0123456789") == "Эта кнопка больше не действует."


def test_questions_are_given_for_some_days_and_the_user_is_notified(chat, telegram, settings):
    chat.press_forged(f"a-user:{ANNA}")
    chat.press("🎁 Подарить вопросы")
    chat.press("голос")
    chat.say("нисколько")
    assert "Пришлите число" in chat.last.text
    chat.say("12")
    chat.press("30 дней")
    assert "Подарить 12 голосовых вопросов?" in chat.last.text
    chat.press(chat.button_data("a-gift-yes"))
    StaffUser(telegram, settings, "anna").wait_for_text("Вам подарили 12 голосовых вопросов.")
    rows = select_rows(settings, "SELECT user_id, format, amount, by_whom FROM quota_gift")
    assert rows == [(ANNA, "voice", 12, f"user:{VERA}")]
    assert audit_rows(chat) == [(f"user:{VERA}", "quota.gift", f"user:{ANNA}")]


def test_gift_button_pressed_twice_gives_once(chat, telegram, settings):
    chat.press_forged(f"a-gift-ask:{ANNA}:voice:10:30")
    data, message_id = chat.button_data("a-gift-yes"), chat.last.message_id
    ended = chat._count_ended()
    telegram.press("vera", data, message_id)
    telegram.press("vera", data, message_id, forged=True)
    telegram.wait_for(lambda: chat._count_ended() == ended + 2)
    assert select_rows(settings, "SELECT amount FROM quota_gift") == [(10,)]
    assert [action for _, action, _ in audit_rows(chat)] == ["quota.gift"]
    chat.press_forged(f"a-gift-ask:{ANNA}:voice:10:30")
    chat.press(chat.button_data("a-gift-yes"))
    assert select_rows(settings, "SELECT amount FROM quota_gift") == [(10,), (10,)]


def test_amount_written_while_its_form_is_cancelled_is_not_taken(chat, telegram, settings):
    chat.press_forged(f"a-user:{ANNA}")
    chat.press("🎁 Подарить вопросы")
    chat.press("текст")
    form, cancel = chat.last.message_id, chat.button_data("cancel")

    def cancel_and_write(who):
        telegram.act(lambda acting: (acting.press(who, cancel, form), acting.say(who, "5")))

    shown = len(telegram.answers("vera"))
    chat._act(cancel_and_write, count=2)
    telegram.wait_for(lambda: len(telegram.answers("vera")) > shown)
    assert "никуда не отправлен" in chat.last.text
    assert select_rows(settings, "SELECT step FROM dialog") == []


@pytest.mark.parametrize("amount", ["0", "-5", "99999999999", "x"])
def test_invalid_gift_amount_gives_nothing(chat, settings, amount):
    assert "Подарить можно" in chat.press_forged(f"a-gift-yes:{ANNA}:text:{amount}:7")
    assert select_rows(settings, "SELECT id FROM quota_gift") == []


STAFFS_BUTTONS = (
    *("a-home", "a-health", "a-users:0", f"a-user:{VERA}", f"a-role-yes:{ANNA}:admin"),
    *(f"a-role-yes:{BORIS}:admin", f"a-block-yes:{VERA}", f"a-plan-set:{ANNA}:x"),
    *(f"a-gift-yes:{ANNA}:text:100:0", f"a-term:{ANNA}", f"a-term-yes:{ANNA}:x:30:1"),
    *("a-jobs:0", "a-job:1", "a-losses:1", "a-cancel:1", "a-cancel-yes:1", "a-launch"),
    *("a-pay", "a-pays", "a-buy:x", f"a-buys:{ANNA}:0", "a-back:1:x", "a-back-yes:1"),
    *("a-models", "a-promote:1", "a-promote-yes:1"),
    "a-scores:1",
    *("ex", "ex:home", "ex:ds:x", "ex:add:x", "ex:save", "ex:list:x:0", "ex:one:x:y", "ex:del:x:y"),
    *("ex:queue:0", "ex:prop:1", "ex:no:1", "ex:no-yes:1", "ex:changes:0", "ex:take", "ex:picked"),
    *("ex:edit:x:y:a", "ex:import:x", "ex:look", "ex:undo:0123456789"),
)


def test_staff_buttons_forged_by_a_student_do_nothing(chat, telegram, settings):
    anna = StaffUser(telegram, settings, "anna")
    assert "/examples" in anna.say("/examples").text
    before = anna.say("/admin").text
    assert "Нет такой команды" in before or "/admin" in before
    for data in STAFFS_BUTTONS:
        assert anna.press_forged(data) == "Эта кнопка больше не действует.", data
    assert anna.last.text == before
    assert audit_rows(chat) == []
    for table in ("request", "change", "dialog", "refund"):
        assert select_rows(settings, f"SELECT COUNT(*) FROM {table}") == [(0,)]  # noqa: S608 - our own


def test_admin_who_loses_the_role_during_a_dialog_changes_nothing(chat, telegram, settings):
    grant_role(settings, BORIS, Role.ADMIN)
    boris = StaffUser(telegram, settings, "boris")
    boris.say("/admin")
    boris.press_forged(f"a-gift-n:{ANNA}:text")
    grant_role(settings, BORIS, Role.STUDENT)
    assert "Это действие вам больше недоступно" in boris.say("50").text
    assert select_rows(settings, "SELECT id FROM quota_gift") == []
