"""Payments for admins: gifts, purchases, refunds with a reason, monthly sums."""

import re
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from merlin.billing.purchases import Order, Promise
from merlin.core.clock import utc_now
from merlin.core.money import roubles
from merlin.providers.payments import Gateway, GatewayPayment, Status
from tests.bot.admin_chat import StaffUser
from tests.bot.running_bot import RunningBot, add_live_model, select_rows
from tests.bot.stars_buyer import Buyer, ledger, query_billing, selling_settings
from tests.support.stand_ins import TelegramStandIn

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def selling_bot(tmp_path_factory):
    """One bot for all tests of this file; every buyer is a new user."""
    folder = tmp_path_factory.mktemp("refunds")
    with capture_logs(), TelegramStandIn() as telegram:
        settings = selling_settings(folder, telegram)
        add_live_model(settings, "stand-in-base")
        with RunningBot(settings):
            yield telegram, settings


@pytest.fixture
def buyer(selling_bot):
    return Buyer(*selling_bot)


@pytest.fixture
def vera(selling_bot):
    chat = StaffUser(*selling_bot)
    chat.say("/admin")
    return chat


def entry_kinds(buyer):
    return [entry[1:3] for entry in ledger(buyer.settings) if entry[0] == buyer.user_id]


def open_purchase(vera, buyer):
    """Open a buyer's newest purchase by buttons."""
    vera.press(f"a-user:{buyer.user_id}", forged=True)
    vera.press("Заказы")
    vera.press(vera.button_data("a-buy"))
    return vera.last.text


def test_stars_are_refunded_by_an_admin_with_a_reason(buyer, vera, selling_bot):
    telegram, settings = selling_bot
    buyer.order("Twenty voices")
    buyer.pay()
    card = open_purchase(vera, buyer)
    number = re.search(r"Номер заказа: (\w{8})$", card, re.MULTILINE)[1]
    vera.press("a-find", forged=True)
    vera.say(f"№ {number}")
    assert "оплачен" in vera.press(vera.button_data("a-buy")).text
    vera.press(vera.button_data("a-back"))
    assert "причину" in vera.last.text
    vera.say("Купили дважды")
    assert "Вернуть 50 ⭐" in vera.last.text
    yes = vera.button_data("a-back-yes")
    vera.press(yes)
    buyer.wait_for_text("Refunded")
    assert entry_kinds(buyer)[2:] == [("refund", 50), ("revocation", 0)]
    assert telegram.stars(buyer.who) == 5000
    assert "voice questions" not in buyer.say("/plan").text
    assert vera.press_forged(yes) == "Эта кнопка больше не действует."
    noted = select_rows(
        settings, "SELECT by_whom, arguments FROM audit WHERE action = 'payment.refund'"
    )
    assert any(by == "user:1003" and "Купили дважды" in entry for by, entry in noted)
    assert (
        len([message for message in telegram.answers(buyer.who) if "Refunded" in message.text]) == 1
    )
    assert "деньги возвращены" in open_purchase(vera, buyer)
    assert "пользователь 1003: Купили дважды" in vera.last.text
    assert not any(label.startswith("Вернуть") for label in vera.labels)


def subscribe(buyer):
    buyer.pay(buyer.order_subscription())


def test_refund_of_a_subscription_ends_it(buyer, vera, selling_bot):
    telegram, _ = selling_bot
    subscribe(buyer)
    open_purchase(vera, buyer)
    vera.press(vera.button_data("a-back"))
    vera.say("Передумал")
    vera.press(vera.button_data("a-back-yes"))
    buyer.wait_until_stopped()
    charge = buyer.payments()[0][3]
    assert telegram.subscriptions()[charge]["is_canceled"]
    assert all(term.ends_at <= utc_now() for term in buyer.terms())


def test_payments_of_a_renewed_subscription_are_refunded_by_their_time(buyer, vera, selling_bot):
    telegram, _ = selling_bot
    subscribe(buyer)
    open_purchase(vera, buyer)
    assert "Вернуть 300 ⭐" in vera.labels
    telegram.renew(buyer.who)
    telegram.wait_for(lambda: len(entry_kinds(buyer)) == 4)
    open_purchase(vera, buyer)
    assert len([label for label in vera.labels if label.startswith("Вернуть 300 ⭐ · ")]) == 2


def test_refund_refused_by_telegram_is_reported_and_revokes_nothing(buyer, selling_bot):
    telegram, settings = selling_bot
    buyer.order("Twenty voices")
    buyer.pay()
    (purchase,) = buyer.purchases()
    telegram.act(lambda acting: acting.world.transactions.clear())
    grant = query_billing(settings, lambda books: books.ledger.entries(purchase.purchase_id))[1]
    query_billing(
        settings, lambda books: books.refunds.request(grant.entry_id, None, "x", "cli:test")
    )
    states = "SELECT purchase_id, state FROM refund"
    refused = (purchase.purchase_id, "refused")
    telegram.wait_for(lambda: refused in select_rows(settings, states))
    assert entry_kinds(buyer) == [("payment", 50), ("grant", 50)]
    rows = select_rows(settings, "SELECT arguments FROM notice WHERE key = 'notice-stars-refused'")
    assert any(purchase.number in arguments for (arguments,) in rows)
    # So that no background task processes it first.
    StaffUser(telegram, settings).wait_for_text("Telegram не вернул 50 ⭐")


def add_paid_purchase(buyer, *, is_test=False):
    """Add a purchase of 299 ₽; refunds in roubles are sent by the API, not by the bot."""
    promise = Promise("plus", {"ru": "Плюс", "en": "Plus"}, 30)
    order = Order(buyer.user_id, Gateway.YOOKASSA, promise, roubles(299), is_test=is_test)

    def work(books):
        purchase = books.purchases.order(order, timedelta(days=1))
        payment = GatewayPayment(
            f"yk-{purchase.purchase_id}",
            Status.SUCCEEDED,
            True,
            roubles(299),
            is_test,
            at=utc_now(),
        )
        return books.ledger.record_payment(purchase.purchase_id, payment)

    return query_billing(buyer.settings, work)


def test_roubles_can_be_refunded_in_part(buyer, vera, selling_bot):
    _, settings = selling_bot
    buyer.say("/start")
    add_paid_purchase(buyer)
    open_purchase(vera, buyer)
    vera.press(vera.button_data("a-back"))
    assert "299\N{NO-BREAK SPACE}₽" in vera.last.text
    for nonsense in ("всё", "300", "0", "-5", "1,999"):
        vera.say(nonsense)
        assert "Вернуть 99" not in vera.last.text
    # As the bot itself writes an amount.
    vera.say("99,90\N{NO-BREAK SPACE}₽")
    vera.say("Урок не состоялся")
    assert "99,90\N{NO-BREAK SPACE}₽" in vera.last.text
    assert "сократится" in vera.last.text
    yes = vera.button_data("a-back-yes")
    # Another bot on this database had an update of the same number.
    another = Buyer(*selling_bot)
    another.say("/start")
    grant, key = add_paid_purchase(another), f"update:{yes.partition(':')[2]}"
    query_billing(
        settings,
        lambda billing: billing.refunds.request(grant.entry_id, None, "Иное", "user:1002", key),
    )
    vera.press(yes)
    query = "SELECT amount, reason FROM refund WHERE by_whom = 'user:1003' AND amount = 9990"
    assert select_rows(settings, query) == [(9990, "Урок не состоялся")]


def test_refund_is_cancelled_by_any_other_button(buyer, vera, selling_bot):
    _, settings = selling_bot
    buyer.order("Twenty voices")
    buyer.pay()
    open_purchase(vera, buyer)
    vera.press(vera.button_data("a-back"))
    vera.say("Причина")
    yes = vera.button_data("a-back-yes")
    vera.press("Отмена")
    assert vera.press_forged(yes) == "Эта кнопка больше не действует."
    purchase = buyer.purchases()[0].purchase_id
    assert (purchase,) not in select_rows(settings, "SELECT purchase_id FROM refund")


def test_plan_is_given_for_some_days_and_the_user_is_notified(buyer, vera):
    buyer.say("/start")
    vera.press(f"a-user:{buyer.user_id}", forged=True)
    vera.press("Подарить план")
    vera.press("Плюс")
    vera.press("7 дней")
    assert "на 7 дней" in vera.last.text
    yes = vera.button_data("a-term-yes")
    vera.press(yes)
    buyer.wait_for_text("You got the plan “Plus”")
    vera.press(yes, forged=True)
    (term,) = buyer.terms()
    assert (term.ends_at - term.starts_at).days == 7
    assert term.by == "user:1003"


def test_month_and_newest_orders_are_shown(buyer, vera):
    buyer.order("Twenty voices")
    buyer.pay()
    vera.press("a-pay", forged=True)
    assert "Звёзды Telegram: " in vera.last.text
    assert "ЮKassa: " in vera.last.text
    vera.press("Последние заказы")
    assert any("Двадцать голосовых" in label for label in vera.labels)


def test_sandbox_payments_are_counted_separately(buyer, vera):
    buyer.say("/start")
    add_paid_purchase(buyer, is_test=True)
    vera.press("a-pay", forged=True)
    assert "\nЕщё 1 тестовый платёж: в суммы он не входит." in vera.last.text


def test_own_orders_are_shown_page_by_page(buyer):
    buyer.say("/start")
    for _ in range(9):
        add_paid_purchase(buyer)
    buyer.say("/plan")
    assert buyer.press("My orders").text.count("₽299") == 8
    assert buyer.press("›").text.count("₽299") == 1
    assert buyer.press("‹").text.count("₽299") == 8


def test_payment_question_shows_the_users_orders(buyer, vera, selling_bot):
    buyer.order("Twenty voices")
    buyer.pay()
    buyer.say("/lang")
    buyer.press("Time zone")
    buyer.press("Vladivostok")
    buyer.say("/paysupport I was charged twice")
    message = vera.wait_for_text("charged twice")
    # The time is in the zone of the reader.
    assert "(UTC) · «Двадцать голосовых» · 50 ⭐ · оплачен" in message.text
    vera.press("Заказы этого человека")
    assert str(buyer.user_id) in vera.last.text
    assert vera.last.message_id != message.message_id


def test_missing_order_or_user_is_reported(vera):
    for data in ("a-buy:nope", "a-back:1:nope", "a-term:424242", "a-back-yes:1"):
        assert vera.press_forged(data)
    vera.press("a-buys:424242:0", forged=True)
    assert "Заказов пока нет" in vera.last.text
