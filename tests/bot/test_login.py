"""A login confirmed in the bot: what is shown, who may confirm, and when it expires."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from merlin.account.sign_ins import Logins, LoginState
from merlin.app.bot_settings import BOT_ID, BOT_NAME, Settings
from merlin.core.clock import utc_now
from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from merlin.sandbox.telegram.world import ANNA, BOT_ID as NUMBER, BOT_NAME as NAME
from tests.bot.conversation import ChatUser

pytestmark = pytest.mark.functional

OVER = "больше не действует"


@pytest.fixture
def logins(anna):
    """Return the login repository, as the API uses it."""
    settings = anna.settings
    cipher = load_or_make_key(settings.state_dir, settings.text_key)
    with open_database(settings.database, cipher=cipher) as database:
        yield Logins(database)


def begin_login(anna, logins):
    """Start a sign-in in a browser, and let anna open its link."""
    login, key, browser = logins.start()
    question = anna.start(f"login_{key}")
    return SimpleNamespace(login=login, key=key, browser=browser, question=question)


def test_login_question_shows_the_code_and_confirmation_signs_in(anna, logins):
    started = begin_login(anna, logins)
    assert f"Код на странице: {started.login.number}" in started.question.text
    assert anna.labels == ["Это я, войти", "Это не я"]
    answered = anna.press("Это я, войти")
    assert answered.message_id == started.question.message_id
    assert (
        "Вход подтверждён, вернитесь на страницу. Выйти можно там же, в разделе «Мои устройства»"
        in answered.text
    )
    assert answered.keys == []
    assert logins.take(started.browser).user_id == ANNA.person_id


def test_refused_login_does_not_sign_in(anna, logins):
    started = begin_login(anna, logins)
    assert (
        "Вход отклонён. Никому не пересылайте ссылки для входа"
        in anna.press("Это не я").text
    )
    assert logins.of_browser(started.browser).state is LoginState.REFUSED
    assert logins.take(started.browser) is None


def test_login_of_another_person_is_refused(anna, logins, telegram):
    started = begin_login(anna, logins)
    boris = ChatUser(telegram, anna.settings, "boris")
    assert OVER in boris.start(f"login_{started.key}").text


def test_expired_login_link_and_button_are_refused(anna, logins):
    started = begin_login(anna, logins)
    expired_at = utc_now() - timedelta(seconds=1)
    logins.db.sql("UPDATE login_code SET expires_at = ?", expired_at.isoformat())
    assert OVER in anna.press("Это я, войти").text
    assert OVER in anna.start(f"login_{started.key}").text
    assert logins.of_browser(started.browser) is None


def test_bot_stores_its_id_and_name(anna, logins, telegram):
    settings = Settings(logins.db)
    telegram.wait_for(lambda: settings.get(BOT_NAME) != "")
    assert (settings.get(BOT_ID), settings.get(BOT_NAME)) == (str(NUMBER), NAME)
