"""Signing in by the bot: the page shows two digits and a link, the person says yes in the bot."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.browser import agent_of, place_of
from merlin.account.login import LIFE, PAYLOAD, LoginState
from merlin.account.sign_in import How
from merlin.api.cookies import LOGIN, Kept, forget, keep, kept
from merlin.api.described import problems
from merlin.api.entering import Entered, Known, enter, let_keep
from merlin.api.entrance import Gate
from merlin.api.limits import network_of
from merlin.api.me import Me, me_of
from merlin.api.own_page import own_page
from merlin.api.routes.sign_in import SignedInShown
from merlin.api.services import ApiServices
from merlin.chat.setting import BOT_NAME

# How often a page asks whether somebody has said yes in the bot.
POLL_S = 3
router = APIRouter(prefix="/api/auth", tags=["sign-in"], dependencies=[Depends(own_page)])


class LoginShown(BaseModel):
    """A login that waits for a yes in the bot."""

    model_config = ConfigDict(frozen=True)

    key: str = Field(description="what the bot is told: /start login_<key>")
    number: int = Field(description="two digits that the bot shows too")
    url: str | None = Field(description="opens the bot; null while its name is not known")
    expires_at: datetime
    poll_s: int = Field(description="how often /api/auth/wait may be asked")


class WaitShown(BaseModel):
    """How far a login has come; `signed_in` once it was confirmed and asked for by POST."""

    model_config = ConfigDict(frozen=True)

    state: LoginState
    number: int | None = None
    expires_at: datetime | None = None
    signed_in: SignedInShown | None = None


@router.post("/start", summary="Begin a sign-in by the bot", responses=problems(403, 429))
async def start_login(request: Request, response: Response) -> LoginShown:
    """Begin a login that is confirmed in the bot; open `url`, then ask /api/auth/wait."""
    services: ApiServices = request.app.state.services
    gate: Gate = request.app.state.gate
    gate.start(network_of(request.scope), gate.clock())
    agent = agent_of(request.headers.get("user-agent", ""))
    place = place_of(request.client.host if request.client else "")
    rows = services.rows
    started = await services.store.do(lambda: rows.logins.start(agent, place))
    name = await services.store.read(lambda: rows.settings.get(BOT_NAME))
    seconds = int(LIFE.total_seconds())
    keep(request, response, Kept(LOGIN, started.browser, seconds))
    link = f"{services.entrance.link_url.rstrip('/')}/{name}?start={PAYLOAD}{started.key}"
    return LoginShown(
        key=started.key,
        number=started.login.number,
        url=link if name else None,
        expires_at=started.login.expires_at,
        poll_s=POLL_S,
    )


@router.get("/wait", summary="Look how far a sign-in has come", responses=problems(403, 429))
async def look_at_login(request: Request) -> WaitShown:
    """Tell how far the login of this browser has come; changes nothing."""
    services: ApiServices = request.app.state.services
    browser = kept(request, LOGIN)
    login = await services.store.read(lambda: services.rows.logins.of_browser(browser))
    if login is None:
        return WaitShown(state=LoginState.EXPIRED)
    return WaitShown(state=login.state, number=login.number, expires_at=login.expires_at)


@router.post("/wait", summary="Sign in once the bot was told yes", responses=problems(403, 429))
async def finish_login(request: Request, response: Response) -> WaitShown:
    """Tell how far the login of this browser has come; sign in where it was confirmed."""
    services: ApiServices = request.app.state.services
    browser, rows = kept(request, LOGIN), services.rows

    def work() -> tuple[Entered, Me] | None:
        login = rows.logins.take(browser)
        if login is None or login.user_id is None:
            return None
        entered = enter(request, rows, Known(login.user_id, How.CODE))
        return entered, me_of(services, login.user_id)

    done = await services.store.do(work)
    if done is None:
        return await look_at_login(request)
    entered, told = done
    let_keep(request, response, entered)
    forget(request, response, LOGIN)
    signed_in = SignedInShown(user=told, expires_at=entered.sign_in.expires_at)
    return WaitShown(state=LoginState.CONFIRMED, signed_in=signed_in)
