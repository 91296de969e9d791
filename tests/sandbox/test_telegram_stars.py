"""Stars in the stand-in: payments and refunds."""

import asyncio

import pytest
from telegram import LabeledPrice
from telegram.error import BadRequest
from telegram.ext import ExtBot

from merlin.bot.bot_api import BotApi
from merlin.bot.stars import StarsGateway
from merlin.bot.transport import RateLimiter, limits_of
from merlin.core.money import Amount, Currency
from merlin.providers.payments import RefundRequest
from tests.sandbox.telegram_client import make_bot

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


async def refund_by_gateway(telegram, request):
    limiter = RateLimiter(limits_of(telegram.base_url))
    async with make_bot(telegram, ExtBot, rate_limiter=limiter) as bot:
        return await StarsGateway(BotApi(bot, None, None)).refund(request)


def test_stars_are_refunded_once(telegram, call):
    prices = [LabeledPrice("Ещё 50", 100)]
    call(
        lambda bot: bot.send_invoice(
            1001, "Вопросы", "Ещё 50", "pack:50", "XTR", prices
        )
    )
    telegram.pay("anna")
    charge = accept_payment(call).telegram_payment_charge_id
    assert call(lambda bot: bot.refund_star_payment(1001, charge))
    (update,) = telegram.pending()
    assert update["message"]["refunded_payment"]["telegram_payment_charge_id"] == charge
    assert telegram.stars("anna") == 5000
    with pytest.raises(BadRequest, match=r"(?i)charge_already_refunded"):
        call(lambda bot: bot.refund_star_payment(1001, charge))
    # So a refund that was sent before a kill is done, not refused.
    request = RefundRequest("r", charge, 1001, Amount(100, Currency.XTR))
    assert asyncio.run(refund_by_gateway(telegram, request)).is_done
    for user_id, charge_id in ((1002, charge), (1001, "nothing")):
        with pytest.raises(BadRequest, match=r"(?i)charge_not_found"):
            call(
                lambda bot, who=user_id, what=charge_id: bot.refund_star_payment(
                    who, what
                )
            )
