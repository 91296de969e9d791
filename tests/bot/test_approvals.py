"""Actions that need two admins: one requests them, the other approves by a button."""

from dataclasses import replace
from functools import partial

import pytest

from merlin.db.database import open_database
from merlin.db.tables import MODEL
from merlin.training.models import ModelState
from tests.bot.admin_chat import (
    ANNA,
    BORIS,
    CHAT,
    VERA,
    StaffUser,
    add_admin,
    add_users,
    lab_settings,
)
from tests.bot.running_bot import RunningBot, select_rows
from tests.support.config import make_config
from tests.support.pipeline_lab import Lab

pytestmark = pytest.mark.functional
ROLES = "SELECT user_id, role FROM role_grant"
FIND_ANNA = f"SELECT user_id FROM users WHERE user_id = {ANNA}"  # noqa: S608 - a number


@pytest.fixture
def settings(settings):
    config = make_config(providers=[CHAT], security={"two_people": ["role"]})
    with_approvals = add_admin(settings, config=config, admins=(VERA, BORIS))
    add_users(with_approvals, [ANNA, BORIS, VERA])
    return with_approvals


def has_answer(telegram, user, part):
    return any(part in answer.text for answer in telegram.answers(user))


def test_role_is_granted_after_another_admin_approves_it(telegram, settings):
    with RunningBot(settings):
        vera, boris = StaffUser(telegram, settings), StaffUser(telegram, settings, "boris")
        boris.say("/admin")
        vera.say("/admin")
        assert "Заявка 1 отправлена" in vera.press_forged(f"a-role-yes:{ANNA}:editor")
        assert select_rows(settings, ROLES) == []
        boris.wait_for_text("выдать роль: редактор")
        message = boris.last
        assert any("Подтвердить" in label for label in boris.labels)
        boris.say("/admin")
        assert "✋ Ждут подтверждения (1)" in boris.labels
        vera.say("/admin")
        assert "✋ Ждут подтверждения (1)" in vera.labels
        assert vera.press_forged("a-approve-yes:1").startswith("Свою заявку подтвердить нельзя")
        boris.press("a-approve:1:n", message.message_id, forged=True)
        boris.press(boris.button_data("a-approve-yes"))
        assert "Подтверждено, действие начато." in boris.last.text
        approved = f"действие начато: выдать роль: редактор. Кто: пользователь {BORIS}."
        telegram.wait_for(partial(has_answer, telegram, "vera", approved))
        assert select_rows(settings, ROLES) == [(ANNA, "editor")]
        assert select_rows(settings, "SELECT state, decided_by FROM approval") == [
            ("approved", f"user:{BORIS}")
        ]
        again = boris.press_forged("a-approve-yes:1")
        assert again == "Заявка 1 уже подтверждена, действие начато."


def test_asker_learns_that_the_daemon_refused_an_approved_action(telegram, provider, tmp_path):
    people = {"admins": [VERA, BORIS]}
    two_people = {"two_people": ["promote"]}
    lab = Lab(tmp_path, provider.base_url, telegram=people, security=two_people)
    lab.repository.dataset()
    lab.repository.commit()
    lab.until_serving("trial-1")
    settings = replace(lab_settings(lab, telegram), admins=(VERA, BORIS))
    with RunningBot(settings):
        vera, boris = StaffUser(telegram, settings), StaffUser(telegram, settings, "boris")
        vera.say("/admin")
        assert "Заявка 1 отправлена" in vera.press_forged("a-promote-yes:1")
        with open_database(settings.database) as database:
            gone = MODEL.update({"state": ModelState.GONE.value})
            database.transact(lambda: database.change(gone))
        boris.wait_for_text("Нужно ваше подтверждение")
        boris.say("/admin")
        boris.press("a-approve-yes:1", boris.last.message_id, forged=True)
        assert "Подтверждено, действие начато." in boris.last.text
        lab.tick("serve")
        failure = "Заявка 1 подтверждена, но выполнить её не получилось"
        telegram.wait_for(partial(has_answer, telegram, "vera", failure))
    assert select_rows(settings, "SELECT state FROM approval") == [("failed",)]


def test_role_of_a_person_who_has_deleted_their_data_is_not_granted(telegram, settings):
    with RunningBot(settings):
        vera, boris = StaffUser(telegram, settings), StaffUser(telegram, settings, "boris")
        vera.say("/admin")
        vera.press_forged(f"a-role-yes:{ANNA}:editor")
        anna = StaffUser(telegram, settings, "anna")
        anna.say("/delete_me")
        anna.press("forget:1")
        telegram.press("anna", "forget:2")
        telegram.wait_for(lambda: not select_rows(settings, FIND_ANNA))
        boris.wait_for_text("Нужно ваше подтверждение")
        boris.say("/admin")
        boris.press("a-approve-yes:1", boris.last.message_id, forged=True)
        assert "Человек, о котором шла речь, удалил свои данные." in boris.last.text
        assert "или удалил свои данные" in boris.press_forged(f"a-user:{ANNA}")
