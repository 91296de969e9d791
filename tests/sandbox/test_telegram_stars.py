"""Stars in the stand-in, by the real client: paid, renewed, sent back, listed, stopped."""

from __future__ import annotations

import pytest
from telegram import LabeledPrice
from telegram.error import BadRequest

from merlin.core.errors import NotFound, Refused

pytestmark = pytest.mark.functional

MONTH = 2_592_000


def sold(ask, title="Вопросы", amount=100):
    prices = [LabeledPrice("Ещё 50", amount)]
    ask(lambda bot: bot.send_invoice(1001, title, "Ещё 50", "pack:50", "XTR", prices))


def agreed(ask):
    """Let the bot agree to what waits; return the payment that it hears of."""

    async def act(bot):
        asked = (await bot.get_updates())[-1]
        await bot.answer_pre_checkout_query(asked.pre_checkout_query.id, ok=True)
        (paid,) = await bot.get_updates(offset=asked.update_id + 1)
        await bot.get_updates(offset=paid.update_id + 1)
        return paid.message.successful_payment

    return ask(act)


def linked(ask, telegram, amount=100, **more):
    price = [LabeledPrice("месяц", amount)]
    link = ask(lambda bot: bot.create_invoice_link("План", "Месяц", "plan", "XTR", price, **more))
    assert link.startswith(telegram.page_url)
    return link.rsplit("/", 1)[1]


def test_stars_move_from_who_pays_and_an_invoice_shows_its_receipt(telegram_up, ask):
    sold(ask)
    telegram_up.pay("anna")
    paid = agreed(ask)
    assert not paid.is_recurring
    assert telegram_up.stars("anna") == 4900
    (invoice,) = telegram_up.answers("anna")
    assert not invoice.keys
    listed = ask(lambda bot: bot.get_star_transactions()).transactions
    assert [(one.id, one.amount, one.source.invoice_payload) for one in listed] == [
        (paid.telegram_payment_charge_id, 100, "pack:50")
    ]


def test_who_has_too_few_stars_does_not_pay(telegram_up, ask):
    sold(ask, amount=5001)
    with pytest.raises(Refused, match="не хватает"):
        telegram_up.pay("anna")
    assert not telegram_up.pending()


def test_stars_go_back_once(telegram_up, ask):
    sold(ask)
    telegram_up.pay("anna")
    charge = agreed(ask).telegram_payment_charge_id
    assert ask(lambda bot: bot.refund_star_payment(1001, charge))
    (update,) = telegram_up.pending()
    assert update["message"]["refunded_payment"]["telegram_payment_charge_id"] == charge
    assert telegram_up.stars("anna") == 5000
    with pytest.raises(BadRequest, match=r"(?i)charge_already_refunded"):
        ask(lambda bot: bot.refund_star_payment(1001, charge))
    for user_id, named in ((1002, charge), (1001, "nothing")):
        with pytest.raises(BadRequest, match=r"(?i)charge_not_found"):
            ask(lambda bot, who=user_id, what=named: bot.refund_star_payment(who, what))
    listed = ask(lambda bot: bot.get_star_transactions()).transactions
    assert [one.id for one in listed] == [charge, charge]
    assert listed[1].receiver.user.id == 1001


def test_a_subscription_is_renewed_until_it_is_stopped(telegram_up, ask):
    slug = linked(ask, telegram_up, subscription_period=MONTH)
    telegram_up.pay("anna", slug)
    first = agreed(ask)
    assert (first.is_recurring, first.is_first_recurring) == (True, True)
    telegram_up.renew("anna")
    (update,) = telegram_up.pending()
    again = update["message"]["successful_payment"]
    assert again["telegram_payment_charge_id"] != first.telegram_payment_charge_id
    assert "is_first_recurring" not in again
    charge = first.telegram_payment_charge_id
    ask(lambda bot: bot.edit_user_star_subscription(1001, charge, is_canceled=True))
    with pytest.raises(Refused, match="stopped"):
        telegram_up.renew("anna")
    ask(lambda bot: bot.edit_user_star_subscription(1001, charge, is_canceled=False))
    telegram_up.renew("anna", charge)
    assert telegram_up.stars("anna") == 4700
    with pytest.raises(BadRequest):
        ask(lambda bot: bot.edit_user_star_subscription(1002, charge, is_canceled=True))


@pytest.mark.parametrize(
    ("amount", "more", "words"),
    [
        (100, {"subscription_period": 86400}, "subscription_period_invalid"),
        (10_001, {"subscription_period": MONTH}, "stars_invoice_invalid"),
        (25_001, {}, "stars_invoice_invalid"),
        (0, {}, "stars_invoice_invalid"),
    ],
)
def test_a_link_is_made_for_what_telegram_takes_alone(telegram_up, ask, amount, more, words):
    with pytest.raises(BadRequest, match=f"(?i){words}"):
        linked(ask, telegram_up, amount, **more)


def test_what_is_not_there_is_neither_paid_nor_renewed(telegram_up, ask):
    for what in ("nothing", 7, 0):
        with pytest.raises(NotFound):
            telegram_up.pay("anna", what)
    with pytest.raises(NotFound):
        telegram_up.renew("anna")
    with pytest.raises(Refused):
        telegram_up.take_back("anna", "nothing")
