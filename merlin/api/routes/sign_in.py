"""Signing in and out: within Telegram, by user name and password; `sign_in_code`: by the bot.

Every way ends in a cookie that no script can read. Within Telegram's frame, where a browser may
keep none, the token is answered too, to be sent as `Authorization: Bearer`.
"""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.sign_in import How
from merlin.account.telegram_data import MOST_BYTES, Signers, TelegramPerson, read_telegram_data
from merlin.account.user import User
from merlin.api.caller import Person
from merlin.api.cookies import BROWSER, SIGN_IN, Kept, forget, keep, kept
from merlin.api.described import problems
from merlin.api.entering import Entered, Known, enter, let_keep
from merlin.api.guessing import Guess, checked
from merlin.api.me import Me, me_of
from merlin.api.own_page import own_page
from merlin.api.problems import Problem
from merlin.api.services import ApiServices, Rows
from merlin.chat.setting import BOT_ID

YEAR_S = 365 * 24 * 3600


router = APIRouter(prefix="/api/auth", tags=["sign-in"], dependencies=[Depends(own_page)])
_Said = ConfigDict(frozen=True, extra="forbid")
_Shown = ConfigDict(frozen=True)


class TelegramSaid(BaseModel):
    """What Telegram gave the page that it opened."""

    model_config = _Said

    init_data: str = Field(
        min_length=1, max_length=MOST_BYTES, description="window.Telegram.WebApp.initData"
    )


class PasswordSaid(BaseModel):
    """A user name and its password."""

    model_config = _Said

    name: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=256)


class SignedInShown(BaseModel):
    """Somebody is signed in."""

    model_config = _Shown

    user: Me
    expires_at: datetime
    token: str | None = Field(default=None, description="within Telegram alone; else a cookie")


@router.post("/telegram", summary="Sign in within Telegram", responses=problems(401, 403, 422, 429))
async def sign_in_by_telegram(
    request: Request, response: Response, body: TelegramSaid
) -> SignedInShown:
    """Sign in the person for whom Telegram opened the page; its data counts for an hour."""
    services: ApiServices = request.app.state.services
    rows = services.rows
    signers = await services.store.read(lambda: _signers(services))
    person = read_telegram_data(body.init_data, signers, services.clock())
    if person is None:
        raise Problem(HTTPStatus.UNAUTHORIZED, "telegram-data")

    def work() -> tuple[Entered, Me]:
        _meet(rows, person)
        entered = enter(request, rows, Known(person.user_id, How.TELEGRAM, person.source))
        return entered, me_of(services, person.user_id)

    entered, told = await services.store.do(work)
    let_keep(request, response, entered)
    expires_at = entered.sign_in.expires_at
    return SignedInShown(user=told, expires_at=expires_at, token=entered.token)


def _signers(services: ApiServices) -> Signers:
    bot_id = services.rows.settings.get(BOT_ID)
    entrance = services.entrance
    return Signers(int(bot_id) if bot_id.isdecimal() else 0, entrance.keys, entrance.token)


def _meet(rows: Rows, person: TelegramPerson) -> None:
    rows.users.met(User(person.user_id, person.language_code))
    if person.name:
        rows.users.set_name(person.user_id, person.name)


@router.post(
    "/password", summary="Sign in by user name and password", responses=problems(401, 403, 422, 429)
)
async def sign_in_by_password(
    request: Request, response: Response, body: PasswordSaid
) -> SignedInShown:
    """Sign in by user name and password; who guesses waits ever longer."""
    services: ApiServices = request.app.state.services
    rows = services.rows
    browser = kept(request, BROWSER)
    account = await checked(request, Guess(body.name, body.password, browser))

    def work() -> tuple[Entered, Me, str]:
        entered = enter(request, rows, Known(account.user_id, How.PASSWORD))
        is_known = rows.accounts.knows(account.user_id, browser)
        met = "" if is_known else rows.accounts.meet(account.user_id)
        return entered, me_of(services, account.user_id), met

    entered, told, met = await services.store.do(work)
    let_keep(request, response, entered)
    if met:
        keep(request, response, Kept(BROWSER, met, YEAR_S))
    return SignedInShown(user=told, expires_at=entered.sign_in.expires_at)


@router.post(
    "/sign-out",
    summary="Sign out here",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(401, 403, 429),
)
async def sign_out(request: Request, response: Response, caller: Person) -> None:
    """End this sign-in; other browsers stay signed in."""
    services: ApiServices = request.app.state.services
    sign_ins = services.rows.sign_ins
    await services.store.do(lambda: sign_ins.close(caller.user_id, caller.credential))
    forget(request, response, SIGN_IN)
