"""Sign in inside Telegram, and by the bot; by password on the page.

Both set an HttpOnly cookie. Inside Telegram's frame, where a browser may refuse cookies, the
token is also returned, to be sent as `Authorization: Bearer`.

By the bot: the page shows two digits and a link, the person confirms in the bot.
"""

from datetime import datetime
from http import HTTPStatus

from fastapi import Depends
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.sign_ins import MAX_BYTES, LoginState, read_telegram_data
from merlin.api import auth
from merlin.api.auth import (
    POLL_S,
    remember_browser,
    require_same_origin,
    token_of,
)
from merlin.api.problems import Problem, problems
from merlin.api.schema import Body, Shape, operation_router
from merlin.api.services import services_of
from merlin.app import sign_in
from merlin.app.accounts import OwnAccount
from merlin.app.bot_settings import BOT_ID, Settings
from merlin.app.sign_in import NewSignIn
from merlin.core.log import get_logger

log = get_logger(__name__)

router = operation_router(
    prefix="/api/auth",
    tags=["sign-in"],
    dependencies=[Depends(require_same_origin)],
    responses=problems(403),
)


class TelegramBody(Body):
    """The init data that Telegram passes to a Mini App."""

    init_data: str = Field(
        min_length=1,
        max_length=MAX_BYTES,
        description="Value of `window.Telegram.WebApp.initData`.",
    )


class SignedInView(Shape):
    """The result of a sign-in."""

    user: OwnAccount
    expires_at: datetime
    token: str | None = Field(
        default=None,
        description="Bearer token, for Telegram Mini Apps; null if a cookie is set instead.",
    )


@router.post("/telegram", summary="Sign in with Telegram", responses=problems(401))
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
    if person is None:
        raise Problem(HTTPStatus.UNAUTHORIZED, "telegram-data")
    entered = await ctx.write(sign_in.sign_in_by_telegram, person, token_of(request))
    remember_browser(request, response, entered)
    return _sign_in_view(entered, entered.token)


def _sign_in_view(entered: NewSignIn, token: str | None = None) -> SignedInView:
    expires_at = entered.sign_in.expires_at
    return SignedInView(user=entered.user, expires_at=expires_at, token=token)


class LoginView(Shape):
    """A sign-in that awaits confirmation in the bot."""

    key: str = Field(description="Key of the sign-in; the bot accepts it as `/start login_<key>`.")
    number: int = Field(description="Two-digit number that the bot also shows, for comparison.")
    url: str | None = Field(
        description="Link that opens the bot; null if the bot's name is unknown."
    )
    expires_at: datetime
    poll_s: int = Field(description="Polling interval for `/api/auth/wait`, in seconds.")


class LoginStatus(Shape):
    """The state of a sign-in through the bot; `signed_in` is set once POST has completed it."""

    state: LoginState
    number: int | None = None
    expires_at: datetime | None = None
    signed_in: SignedInView | None = None


@router.post("/start", summary="Start a sign-in through the bot")
async def start_login(request: Request, response: Response) -> LoginView:
    """Start a sign-in that is confirmed in the bot: open `url`, then poll `/api/auth/wait`."""
    login, key, url = await auth.start_login(request, response)
    return LoginView(
        key=key, number=login.number, url=url or None, expires_at=login.expires_at, poll_s=POLL_S
    )


@router.get("/wait", summary="Get the state of a sign-in through the bot")
async def look_at_login(request: Request) -> LoginStatus:
    """Return the state of the sign-in that this browser started, without completing it."""
    login = await auth.look_at_login(request)
    if login is None:
        return LoginStatus(state=LoginState.EXPIRED)
    return LoginStatus(state=login.state, number=login.number, expires_at=login.expires_at)


@router.post("/wait", summary="Complete a sign-in through the bot")
async def finish_login(request: Request, response: Response) -> LoginStatus:
    """Return the state of the sign-in that this browser started, and complete it once confirmed."""
    entered = await auth.finish_login(request, response)
    if entered is None:
        return await look_at_login(request)
    return LoginStatus(state=LoginState.CONFIRMED, signed_in=_sign_in_view(entered))
