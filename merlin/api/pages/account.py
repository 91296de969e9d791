"""My account: who I am, what is left of my plan, my keys, the browsers that I am signed in with.

Every act is a form of its own that leads back here.
"""

from __future__ import annotations

import json
from contextlib import suppress
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.accounts import LEAST, MOST
from merlin.account.api_keys import NEEDS, Scope
from merlin.api.auth import SIGN_IN, change_password, delete_cookie
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.page import FROM_HERE, Owning, PageRequest, refusal_text, render_page
from merlin.api.pages.plans import my_plan
from merlin.api.problems import Problem
from merlin.app import accounts
from merlin.app.actor import Actor
from merlin.app.ask import show_quota
from merlin.app.context import Context
from merlin.billing.plan import allowance_of
from merlin.core.errors import NotFound, Refused
from merlin.core.i18n import LANGUAGES
from merlin.core.web.assets import NEVER_KEPT, seen_other
from merlin.core.web.browser import LANGUAGE_COOKIE, set_preference

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Number = Annotated[int, Form(ge=1, le=2**53 - 1)]
Words = Annotated[str, Form(max_length=300)]
# What a new key is for unless its maker says otherwise.
_USUAL = frozenset({Scope.COURSES_READ, Scope.CHAT_WRITE})
_MOST_LABEL, _MOST_DAYS = 80, 3650
_SHORTEST_NAME, _LONGEST_NAME = 2, 64


@router.get("/me")
async def show_me(visit: Owning) -> Response:
    """Return my account."""
    return await _page(visit)


async def _page(visit: PageRequest, secret: str = "", wrong: str = "", form: str = "") -> Response:
    """Return the page; `secret` is a new key, shown this once; `wrong` why `form` did nothing."""

    def read(ctx: Context, actor: Actor) -> dict[str, Any]:
        return {
            "me": accounts.me(ctx, actor),
            "quota": show_quota(ctx, actor),
            "keys": accounts.list_keys(ctx, actor),
            "sign_ins": accounts.list_sign_ins(ctx, actor, visit.credential),
            "mine": my_plan(visit),
        }

    found = await visit.read(read)
    plan, has_plans = found["quota"].plan, found["me"].plan is not None
    left = [
        each for each in found["quota"].left.values() if not allowance_of(plan, each.kind).is_closed
    ]
    view = {
        **found,
        "plan": plan.titled(visit.language) if has_plans else "",
        "left": left if has_plans else [],
        "scopes": list(Scope),
        "offered": [each for each in Scope if each not in NEEDS or visit.may(NEEDS[each])],
        "usual": _USUAL,
        "secret": secret,
        "wrong_words": wrong,
        "form": form,
    }
    return render_page(visit, "me.html", view, keep=NEVER_KEPT, status=422 if wrong else 200)


@router.post("/me/keys", dependencies=FROM_HERE)
async def make_key(
    visit: Owning,
    label: Words = "",
    scopes: Annotated[list[Scope] | None, Form()] = None,
    days: Annotated[int, Form(ge=0, le=_MOST_DAYS)] = 0,
) -> Response:
    """Make a key and show it, this once."""
    label = " ".join(label.split())
    if not label or len(label) > _MOST_LABEL or not scopes:
        return await _page(visit, wrong=visit.say("key-needs"), form="key")
    asked = (label, scopes, days or None)
    try:
        made = await visit.write(accounts.make_key, *asked)
    except Refused as error:
        return await _page(visit, wrong=refusal_text(visit, error), form="key")
    return await _page(visit, secret=made.secret)


@router.post("/me/keys/revoke", dependencies=FROM_HERE)
async def revoke_key(visit: Owning, key_id: Number) -> Response:
    """End a key; one that has ended already is no trouble."""
    with suppress(NotFound):
        await visit.write(accounts.revoke_key, key_id)
    return seen_other("/me#keys")


@router.post("/me/sign-ins/close", dependencies=FROM_HERE)
async def close_sign_in(request: Request, visit: Owning, sign_in_id: Number) -> Response:
    """Sign one browser out."""
    response = seen_other("/me#sign-ins")
    with suppress(NotFound):
        await visit.write(accounts.close_sign_in, sign_in_id)
        if sign_in_id == visit.credential:
            delete_cookie(request, response, SIGN_IN)
    return response


@router.post("/me/sign-ins/close-all", dependencies=FROM_HERE)
async def close_all(request: Request, visit: Owning) -> Response:
    """Sign out everywhere, here too."""
    response = seen_other("/")
    await visit.write(accounts.close_sign_ins)
    delete_cookie(request, response, SIGN_IN)
    return response


@router.post("/me/language", dependencies=FROM_HERE)
async def set_language(visit: Owning, language: Words = "") -> Response:
    """Choose a language for the pages and the bot; "" leaves it to browser and Telegram."""
    chosen = language if language in LANGUAGES else None
    await visit.write(accounts.set_language, chosen)
    response = seen_other("/me")
    set_preference(response, visit.request, LANGUAGE_COOKIE, chosen or "")
    return response


@router.post("/me/password", dependencies=FROM_HERE)
async def set_password(
    request: Request,
    visit: Owning,
    name: Words = "",
    current: Words = "",
    password: Words = "",
) -> Response:
    """Take a user name, or set a password, or both."""
    name = name.strip()
    me = await visit.read(accounts.me)
    is_new = bool(name) and name != me.name
    if (is_new and not _SHORTEST_NAME <= len(name) <= _LONGEST_NAME) or (
        password and not LEAST <= len(password) <= MOST
    ):
        return await _page(visit, wrong=visit.say("password-shape"), form="password")
    try:
        if is_new:
            await visit.write(accounts.set_name, name)
        if password:
            await change_password(request, visit, password, current or None)
    except (Refused, Problem) as error:
        return await _page(visit, wrong=refusal_text(visit, error), form="password")
    return seen_other("/me#password")


@router.get("/me/export")
async def export(visit: Owning) -> Response:
    """Return everything that is kept of the person, as a file."""
    kept = await visit.read(accounts.export)
    content = json.dumps(kept, ensure_ascii=False, indent=2, default=str).encode("utf-8", "replace")
    headers = {
        "Content-Disposition": 'attachment; filename="merlin.json"',
        "Cache-Control": NEVER_KEPT,
    }
    return Response(content, HTTPStatus.OK.value, headers, "application/json")
