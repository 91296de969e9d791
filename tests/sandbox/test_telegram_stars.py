"""Stars in the stand-in: payments and refunds."""

import pytest
from telegram import LabeledPrice
from telegram.error import BadRequest

pytestmark = pytest.mark.functional


def accept_payment(call):
    """Answer the pending pre-checkout query; return the successful payment."""

    async def act(bot):
        update = (await bot.get_updates())[-1]
        await bot.answer_pre_checkout_query(update.pre_checkout_query.id, ok=True)
        (paid,) = await bot.get_updates(offset=update.update_id + 1)
        await bot.get_updates(offset=paid.update_id + 1)
        return paid.message.successful_payment

    return call(act)


def test_stars_are_refunded_once(telegram, call):
    prices = [LabeledPrice("Ещё 50", 100)]
    call(lambda bot: bot.send_invoice(1001, "Вопросы", "Ещё 50", "pack:50", "XTR", prices))
    telegram.pay("anna")
    charge = accept_payment(call).telegram_payment_charge_id
    assert call(lambda bot: bot.refund_star_payment(1001, charge))
    (update,) = telegram.pending()
    assert update["message"]["refunded_payment"]["telegram_payment_charge_id"] == charge
    assert telegram.stars("anna") == 5000
    with pytest.raises(BadRequest, match=r"(?i)charge_already_refunded"):
        call(lambda bot: bot.refund_star_payment(1001, charge))
    for user_id, charge_id in ((1002, charge), (1001, "nothing")):
        with pytest.raises(BadRequest, match=r"(?i)charge_not_found"):
            call(lambda bot, who=user_id, what=charge_id: bot.refund_star_payment(who, what))
