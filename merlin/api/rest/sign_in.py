"""Sign in inside Telegram; by the bot or by password: on the page.

It sets an HttpOnly cookie. Inside Telegram's frame, where a browser may refuse cookies, the
token is also returned, to be sent as `Authorization: Bearer`.
"""

from datetime import datetime
from http import HTTPStatus

from fastapi import Depends
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.sign_ins import MAX_BYTES, read_telegram_data
from merlin.api.auth import remember_browser, require_same_origin, token_of
from merlin.api.problems import Problem
from merlin.api.schema import Body, ResponseModel, operation_router
from merlin.api.services import services_of
from merlin.app import sign_in
from merlin.app.accounts import OwnAccount
from merlin.app.bot_settings import BOT_ID, Settings
from merlin.core.log import get_logger

log = get_logger(__name__)

router = operation_router(
    prefix="/api/auth",
    tags=["sign-in"],
    dependencies=[Depends(require_same_origin)],
)


class TelegramBody(Body):
    """The init data that Telegram passes to a Mini App."""

    init_data: str = Field(
        min_length=1,
        max_length=MAX_BYTES,
        description="Value of `window.Telegram.WebApp.initData`.",
    )


class SignedInView(ResponseModel):
    """The result of a sign-in."""

    user: OwnAccount
    expires_at: datetime
    token: str = Field(description="Bearer token, for a frame that stores no cookies.")


@router.post("/telegram", summary="Sign in with Telegram")
async def sign_in_by_telegram(
    request: Request, response: Response, body: TelegramBody
) -> SignedInView:
    """Sign in with the init data of a Telegram Mini App, which is valid for an hour."""
    ctx = services_of(request)
    bot_id = await ctx.read(lambda ctx: Settings(ctx.db).get(BOT_ID))
    person = read_telegram_data(
        body.init_data,
        ctx.clock(),
        int(bot_id) if bot_id.isdecimal() else 0,
        ctx.telegram_keys,
    )
    act, token = sign_in.sign_in_by_telegram, token_of(request)
    entered = await ctx.write(act, person, token) if person else None
    if entered is None:
        raise Problem(HTTPStatus.UNAUTHORIZED, "telegram-data")
    remember_browser(request, response, entered)
    expires_at = entered.sign_in.expires_at
    return SignedInView(user=entered.user, expires_at=expires_at, token=entered.token)
