"""Entering: what follows once it is known who somebody is, however they have shown it."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from merlin.account.audit import user as told_user
from merlin.account.browser import agent_of
from merlin.account.sign_in import LONGEST, WITHIN_TELEGRAM, How, SignIn
from merlin.account.user import User
from merlin.api.cookies import SIGN_IN, Kept, keep, kept
from merlin.api.problems import Problem
from merlin.api.services import Rows


@dataclass(frozen=True, slots=True)
class Known:
    """Who somebody is; `source` marks what showed it, where that can be shown twice."""

    user_id: int
    how: How
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Entered:
    """A new sign-in with its token."""

    sign_in: SignIn
    token: str


def enter(request: Request, rows: Rows, who: Known) -> Entered:
    """Open a sign-in, in the transaction that runs; the one that this browser had ends.

    Raises Problem 403 for somebody who is blocked.
    """
    user = rows.users.get(who.user_id) or User(who.user_id)
    if user.is_blocked:
        raise Problem(HTTPStatus.FORBIDDEN, "blocked")
    token_before = kept(request, SIGN_IN)
    before = rows.sign_ins.find(token_before) if token_before else None
    if before is not None:
        rows.sign_ins.close(before.user_id, before.sign_in_id)
    agent = agent_of(request.headers.get("user-agent", ""))
    sign_in, token = rows.sign_ins.open(who.user_id, who.how, agent, who.source)
    if who.how is How.PASSWORD:
        whose = told_user(who.user_id)
        rows.audit.note(whose, "sign-in.password", whose, {"sign_in": sign_in.sign_in_id})
    return Entered(sign_in, token)


def let_keep(request: Request, response: Response, entered: Entered) -> None:
    """Give the browser its cookie; within Telegram one that its frame may keep."""
    is_framed = entered.sign_in.how is How.TELEGRAM
    # It is kept for as long as a sign-in can last; when it ends, the rows know.
    longest = WITHIN_TELEGRAM if is_framed else LONGEST
    seconds = int(longest.total_seconds())
    keep(request, response, Kept(SIGN_IN, entered.token, seconds, is_framed))
