"""A user's own account: sign-ins, user name, password."""

import re
from datetime import timedelta

import pytest

from merlin.account.sign_ins import Logins
from merlin.account.users import Consents
from merlin.billing.ledger import Ledger
from merlin.billing.purchases import Order, Promise, Purchases
from merlin.billing.quota import Format
from merlin.billing.refunds import Refunds
from merlin.core.clock import iso, utc_now
from merlin.core.money import stars
from merlin.db.audit import Audit
from merlin.db.notices import Notices
from merlin.db.tables import SIGN_IN
from merlin.providers.payments import (
    Gateway,
    GatewayPayment,
    GatewayRefund,
    PaymentStatus,
)
from tests.api.chat_api import Conversation
from tests.api.running_api import ANNA, BORIS, check_page, run_api
from tests.api.sign_in_data import (
    PASSWORD,
    TELEGRAM_PUBLIC_KEY,
    freeze_login_throttle,
    set_bot_name,
    set_password,
    sign_in_by_password,
    signed_init_data,
    signed_out_browser,
)
from tests.support.migrated_databases import table_names

pytestmark = pytest.mark.functional

NEW = "девять синих ежей"


@pytest.fixture
def site(tmp_path):
    with run_api(tmp_path, telegram_keys=(TELEGRAM_PUBLIC_KEY,)) as site:
        set_bot_name(site)
        site.add_user(ANNA)
        site.add_user(BORIS)
        yield site


@pytest.fixture
def browser(site):
    """A browser of anna."""
    with site.browser_client(ANNA) as client:
        yield client


def save(browser, **form):
    """Save name and password on the page of the account: 303, or 422 with the reason."""
    return browser.post("/me/password", data=form)


def age_sign_ins(site):
    """Make every sign-in one hour older."""
    site.database.change(SIGN_IN.update({"at": iso(utc_now() - timedelta(hours=1))}))


def test_every_browser_is_signed_out_together_and_keys_end(site):
    program = site.key_headers(ANNA)
    with (
        site.browser_client(ANNA) as this_browser,
        site.browser_client(ANNA) as second_browser,
        site.browser_client(BORIS) as other,
    ):
        assert "«Выйти везде» отзывает и ключи API" in this_browser.get("/me").text
        assert this_browser.post("/me/sign-ins/close-all").status_code == 303
        assert this_browser.get("/api/user").status_code == 401
        assert second_browser.get("/api/user").status_code == 401
        assert other.get("/api/user").status_code == 200
    assert site.client.get("/api/user", headers=program).status_code == 401
    entry = Audit(site.db).list_newest()[0]
    assert (entry.action, entry.by, entry.arguments) == (
        "sign-in.close-all",
        "user:1001",
        {"closed": 2, "keys": 1},
    )


def find_tables_with(site, user_id):
    """Return the tables in which a person's id is found."""
    alone = re.compile(rf"(?<!\d){user_id}(?!\d)")
    return {
        name
        for name in table_names(site.database)
        for row in site.database.sql(f"SELECT * FROM {name}")  # noqa: S608 - our own names
        if any(alone.search(str(value)) for value in row)
    }


def test_person_deletes_all_their_data_on_a_page(site):
    with site.browser_client(ANNA) as anna, site.browser_client(ANNA) as other:
        anna.post(
            "/favourites", data={"add": site.course_id("algorithms"), "next": "/"}
        )
        check_page(
            anna.get("/me/erase"), "курсы в «Моих курсах»: 1", "входы в браузерах: 2"
        )
        check_page(anna.post("/me/erase", data={}), "Поставьте отметку", status=422)
        assert find_tables_with(site, ANNA)
        check_page(
            anna.post("/me/erase", data={"sure": "yes"}),
            "Всё удалено",
            "входы в браузерах: 2",
        )
        assert find_tables_with(site, ANNA) == {"notice"}  # the last message
        assert anna.get("/me", follow_redirects=False).status_code == 303
        assert other.get("/api/user").status_code == 401
    assert find_tables_with(site, BORIS)
    assert Audit(site.db).list_newest()[0].action == "user.erase"


PROVEN_PAGES = [
    ("/me/password", {"name": "petrova", "password": NEW}),
    ("/me/keys", {"label": "x", "scopes": ["account:read"]}),
    ("/me/erase", {"sure": "yes"}),
]


def list_told(site, user_id):
    """Return what the bot tells a person, oldest first."""
    return [
        each.key for each in reversed(Notices(site.db).list_newest(str(user_id), 10))
    ]


def test_old_browser_session_gives_no_password_no_key_and_no_erasure(site, browser):
    """A stolen session must not become lasting access: each of them needs a new sign-in."""
    age_sign_ins(site)
    for path, form in PROVEN_PAGES:
        check_page(
            browser.post(path, data=form),
            "войдите ещё раз через бота",
            'form="proof" name="next"',
            status=422,
        )
    account = browser.get("/api/user").json()
    assert (account["name"], account["has_password"]) == (None, False)
    assert site.database.sql("SELECT * FROM api_key") == []
    assert list_told(site, ANNA) == []


def test_confirmation_in_the_bot_makes_an_old_session_new_and_leads_back(site, browser):
    age_sign_ins(site)
    page = browser.post("/sign-in/code", data={"next": "/me#keys"}).text
    logins = Logins(site.db)
    login = logins.show(re.search(r"login_([\w-]+)", page)[1], ANNA)
    logins.settle(login.login_id, ANNA, is_own=True)
    done = browser.post("/sign-in/code/finish", data={"next": "/me#keys"})
    assert (done.status_code, done.headers["location"]) == (303, "/me#keys")
    assert 'form="proof"' not in browser.get("/me").text
    body = {"label": "мой бот", "scopes": ["chat:write"]}
    assert "Скопируйте ключ" in browser.post("/me/keys", data=body).text


@pytest.mark.parametrize(("path", "form"), PROVEN_PAGES)
def test_current_password_proves_an_old_session(site, path, form):
    set_password(site, BORIS, "boris")
    with site.browser_client(BORIS) as browser:
        age_sign_ins(site)
        before = find_tables_with(site, BORIS)
        for current in ("", "не тот пароль"):
            refused = browser.post(path, data={**form, "current": current})
            assert refused.status_code == 422
        assert find_tables_with(site, BORIS) == before
        assert browser.get("/api/user").json()["name"] == "boris"
        assert browser.post(path, data={**form, "current": PASSWORD}).status_code in (
            200,
            303,
        )


@pytest.mark.parametrize("lacking", ["label", "scopes"])
def test_key_without_a_name_or_a_scope_is_not_made(site, lacking, browser):
    form = {"label": "мой бот", "scopes": ["chat:write"]}
    del form[lacking]
    check_page(
        browser.post("/me/keys", data=form),
        "Назовите ключ",
        form.get("label", ""),
        status=422,
    )
    assert site.database.sql("SELECT * FROM api_key") == []


def test_consent_is_revoked_on_the_page(site, browser):
    Consents(site.db).give(ANNA, "2026-11-22")
    assert "/me/consent/revoke" in browser.get("/me").text
    assert "Согласие отозвано" in browser.post("/me/consent/revoke").text
    assert "/me/consent/revoke" not in browser.get("/me").text


def test_password_key_and_erasure_are_told_in_the_bot(site, browser):
    for path, form in PROVEN_PAGES[:2]:
        assert browser.post(path, data=form).status_code in (200, 303), path
    assert list_told(site, ANNA) == ["notice-password-set", "notice-key-made"]
    assert browser.post("/me/erase", data={"sure": "yes"}).is_success
    assert list_told(site, ANNA) == ["notice-erased"]


def refund_in_stars(site, user_id):
    """Store a paid pack and a refund of it that the bot has not sent; return the refund."""
    pack = Promise("pack", {}, None, {Format.VOICE: 1})
    price = stars(70)
    order = Order(user_id, Gateway.STARS, pack, price)
    purchase = Purchases(site.db).order(order, timedelta(hours=1))
    payment = GatewayPayment(
        "st1", PaymentStatus.SUCCEEDED, True, price, is_test=False, at=utc_now()
    )
    grant = Ledger(site.db).record_payment(purchase.purchase_id, payment)
    return Refunds(site.db).request(grant.entry_id, price, "по просьбе", "cli:vera")


def test_erasure_on_a_page_waits_for_a_refund_in_stars_and_for_an_answer(site, browser):
    now = utc_now()
    sure = {"sure": "yes"}
    refund = refund_in_stars(site, ANNA)
    assert "возвращаются звёзды" in browser.post("/me/erase", data=sure).text
    returned = GatewayRefund("st1", "st1", refund.amount, is_done=True, at=now)
    Refunds(site.db).mark_done(refund.refund_id, returned)
    conversation = Conversation(site)
    conversation.add_question(1)
    assert "готовится ответ" in browser.post("/me/erase", data=sure).text
    conversation.add_answer(1)
    assert "Всё удалено" in browser.post("/me/erase", data=sure).text
    assert find_tables_with(site, ANNA) == {"notice"}  # the last message


# Weak ones: tests/account/test_accounts_password.py, tests/browser/test_course_account.py.
def test_password_requires_a_user_name(site, browser):
    assert save(browser, password=NEW).status_code == 422
    assert not browser.get("/api/user").json()["has_password"]


def test_password_change_signs_out_other_browsers(site):
    set_password(site, BORIS, "boris")
    with (
        site.browser_client(BORIS) as this_browser,
        site.browser_client(BORIS) as second_browser,
    ):
        assert second_browser.get("/api/user").status_code == 200
        assert save(this_browser, password=NEW, current=PASSWORD).status_code == 303
        assert this_browser.get("/api/user").status_code == 200
        assert second_browser.get("/api/user").status_code == 401
    actions = [entry.action for entry in Audit(site.db).list_newest(target="user:1002")]
    assert actions[0] == "account.password"


def test_user_name_is_changed_unless_the_password_beside_it_is_refused(site):
    set_password(site, BORIS, "boris")
    with site.browser_client(BORIS) as browser:
        assert save(browser, name="b.petrov", current=PASSWORD).status_code == 303
        long_name = save(browser, name="b" * 33, current=PASSWORD)
        check_page(long_name, "В логине от 2 до 32 знаков", status=422)
        # A refused password leaves the name unchanged.
        both = {"name": "boris.p", "current": PASSWORD, "password": "password1234"}
        assert browser.post("/me/password", data=both).status_code == 422
        assert browser.get("/api/user").json()["name"] == "b.petrov"
        assert "Сохранено." not in browser.get("/me").text
        check_page(
            browser.post(
                "/me/password", data={**both, "password": NEW}, follow_redirects=True
            ),
            "Сохранено.",
        )


def test_guesses_of_the_current_password_are_throttled(site):
    freeze_login_throttle(site)
    set_password(site, BORIS, "boris")
    with site.browser_client(BORIS) as browser:
        age_sign_ins(site)
        wrong = {"password": NEW, "current": "не тот пароль"}
        answers = [save(browser, **wrong).text for _ in range(6)]
    assert ["Слишком много" in answer for answer in answers] == [False] * 5 + [True]


def test_recent_telegram_sign_in_allows_password_reset(site):
    set_password(site, ANNA, "petrova")
    with signed_out_browser(site) as browser:
        browser.post("/api/auth/telegram", json={"init_data": signed_init_data(ANNA)})
        assert save(browser, password=NEW).status_code == 303
        sign_in_by_password(browser, "petrova", NEW)
        # A session that was signed in by password needs no old password.
        assert save(browser, password=PASSWORD).status_code == 422


def test_export_contains_only_the_users_own_data_without_secrets(site, browser):
    Conversation(site, user_id=BORIS).add_turn(2, "Чужой вопрос")
    Conversation(site).add_turn(1, "Мой вопрос")
    secret = site.key_headers(ANNA)["Authorization"].removeprefix("Bearer ")
    response = browser.get("/me/export")
    assert response.json()["user_id"] == ANNA
    assert "Мой вопрос" in response.text
    assert "Чужой вопрос" not in response.text
    assert secret not in response.text
    assert (
        response.headers["content-disposition"]
        == f'attachment; filename="merlin-{ANNA}.json"'
    )
    assert response.headers["cache-control"] == "no-store"
