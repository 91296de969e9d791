"""Signing in and out, by Telegram or by password; the account, plan, keys and browsers.

Each action is a form that redirects back, and works without scripts.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import Form
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.accounts import check_password_strength, fold_name
from merlin.account.api_keys import (
    MAX_DAYS,
    MAX_LABEL_LENGTH,
    REQUIRED_PERMISSIONS,
    Scope,
)
from merlin.account.sign_ins import PAYLOAD, LoginState, SignIns
from merlin.api import auth
from merlin.api.auth import POLL_S, change_password, forget_sign_in, require_proof
from merlin.api.pages.errors import page_router
from merlin.api.pages.page import (
    PageContext,
    PublicContext,
    SignedInContext,
    refusal_text,
    render_page,
)
from merlin.api.pages.plans import my_plan
from merlin.api.problems import Problem, status_of
from merlin.api.schema import MAX_ID
from merlin.app import accounts, consent
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.limits import show_quota
from merlin.app.sign_in import Blocked
from merlin.billing.quota import allowance_of
from merlin.core.errors import NotFound, Refused
from merlin.core.i18n import text
from merlin.core.permissions import Authority
from merlin.core.web.assets import local_address, seen_other

router = page_router()
Next = Annotated[str, Form()]


@router.get("/sign-in")
async def sign_in(
    context: PublicContext,
    next: str = "/",  # noqa: A002 - the address
) -> Response:
    """Return the sign-in page; redirects if already signed in."""
    back = local_address(next)
    if context.user is not None:
        return seen_other(back)
    return _sign_in_page(context, back)


@router.post("/sign-in/password")
async def sign_in_by_password(
    request: Request,
    context: PublicContext,
    name: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    next: Next = "/",  # noqa: A002 - the form's field
) -> Response:
    """Sign in by user name and password, or show why it failed."""
    back = local_address(next)
    response = seen_other(back)
    user_name = name.strip()
    if not (user_name and password):
        wrong = context.say("both-needed")
        return _sign_in_page(context, back, 422, name=name, wrong_words=wrong)
    try:
        await auth.sign_in_by_password(request, response, user_name, password)
    except (Problem, Blocked) as error:
        wrong = refusal_text(context, error)
        return _sign_in_page(
            context, back, status_of(error), name=name, wrong_words=wrong
        )
    return response


def _sign_in_page(
    context: PageContext,
    back: str,
    status: int = 200,
    *,
    name: str = "",
    wrong_words: str = "",
) -> Response:
    view = {"next": back, "name": name, "wrong_words": wrong_words}
    return render_page(context, "sign_in.html", view, status=status)


@router.post("/sign-in/code")
async def sign_in_by_code(
    request: Request,
    context: PublicContext,
    next: Next = "/",  # noqa: A002
) -> Response:
    """Start a login that is confirmed in the bot, and show its number and link."""
    cookie_response = Response()
    login, key, url = await auth.start_login(request, cookie_response)
    command = "" if url else f"/start {PAYLOAD}{key}"
    back = local_address(next)
    state = LoginState.PENDING
    response = _code_page(context, back, state, login.number, url=url, command=command)
    for value in cookie_response.headers.getlist("set-cookie"):
        response.headers.append("set-cookie", value)
    return response


def _code_page(
    context: PageContext,
    back: str,
    state: LoginState,
    number: int,
    *,
    url: str = "",
    command: str = "",
) -> Response:
    """Return the page of a login that waits for confirmation; its link is shown once.

    `url` opens the bot; if the bot's name is unknown, `command` is the message to send to it.
    """
    view = {
        "next": back,
        "login_state": state.value,
        "number": number,
        "url": url,
        "command": command,
        "poll_s": POLL_S,
    }
    return render_page(context, "sign_in_code.html", view)


@router.post("/sign-in/code/finish")
async def finish(
    request: Request,
    context: PublicContext,
    next: Next = "/",  # noqa: A002
) -> Response:
    """Continue if the login was confirmed in the bot; else show its state."""
    back = local_address(next)
    response = seen_other(back)
    if await auth.finish_login(request, response) is not None:
        return response
    login = await auth.look_at_login(request)
    state, number = (login.state, login.number) if login else (LoginState.EXPIRED, 0)
    return _code_page(context, back, state, number)


@router.post("/sign-out")
async def sign_out(request: Request, context: PublicContext) -> Response:
    """Sign out of this browser; other browsers stay signed in."""
    response = seen_other("/")
    if context.token:
        user_id = context.user_id
        sign_in_id = context.credential
        await context.services.write(
            lambda ctx: SignIns(ctx.db, ctx.clock).close(user_id, sign_in_id)
        )
    forget_sign_in(request, response)
    return response


Number = Annotated[int, Form(ge=1, le=MAX_ID)]
FormText = Annotated[str, Form(max_length=300)]
# Preselected scopes of a new key.
_USUAL = frozenset({Scope.COURSES_READ, Scope.CHAT_WRITE})


@router.get("/me")
async def show_me(context: SignedInContext) -> Response:
    """Return the account page."""
    return await _page(context)


# The form of a new key.
_NEW_KEY: Mapping[str, object] = {"label": "", "scopes": _USUAL, "days": 365}


async def _page(
    context: PageContext,
    *,
    secret: str = "",
    wrong: str = "",
    form: str = "",
    name: str = "",
    key: Mapping[str, object] = _NEW_KEY,
    trained: Sequence[str] | None = None,
) -> Response:
    """Return the account page; `secret` is a new key, shown once.

    `wrong` is why `form` failed, `name` the user name that was typed, `key` the new key, `trained`
    the models that had learnt from corrections when the consent was revoked.
    """
    values = await context.read(_read_account, context.actor, context)
    plan = values["quota"].plan
    has_plans = values["me"].plan is not None
    left = [
        quota
        for quota in values["quota"].left.values()
        if not allowance_of(plan, quota.kind).is_closed
    ]
    view = {
        **values,
        "plan": plan.title_in(context.language) if has_plans else "",
        "left": left if has_plans else [],
        "scopes": list(Scope),
        "offered": [
            scope
            for scope in Scope
            if scope not in REQUIRED_PERMISSIONS
            or context.may(REQUIRED_PERMISSIONS[scope])
        ],
        "key": key,
        "secret": secret,
        "wrong_words": wrong,
        "form": form,
        "is_saved": context.request.query_params.get("said") == "saved",
        "typed_name": name,
        "trained": trained,
    }
    return render_page(context, "me.html", view, status=422 if wrong else 200)


def _read_account(ctx: Context, actor: Actor, context: PageContext) -> dict[str, Any]:
    """Return the values of the account page that are read from the database."""
    return {
        "me": accounts.read_own_account(ctx, actor, context.user),
        "has_proof": accounts.has_just_signed_in(ctx, actor, context.credential),
        "quota": show_quota(ctx, actor, context.user),
        "keys": accounts.list_keys(ctx, actor),
        "mine": my_plan(context),
        "has_consent": consent.has_consent(ctx, actor),
    }


@router.post("/me/keys")
async def make_key(
    request: Request,
    context: SignedInContext,
    label: FormText = "",
    scopes: Annotated[list[Scope] | None, Form()] = None,
    days: Annotated[int, Form(ge=0, le=MAX_DAYS)] = 0,
    current: FormText = "",
) -> Response:
    """Create a key and show it once."""
    typed = {"label": label, "scopes": scopes or (), "days": days}
    if not label.strip() or len(label) > MAX_LABEL_LENGTH or not scopes:
        return await _page(
            context, wrong=context.say("key-needs"), form="key", key=typed
        )
    try:
        await require_proof(request, context, current or None)
        new_key = await context.write(
            accounts.make_key, context.actor, label, scopes, days or None
        )
    except (Refused, Problem) as error:
        return await _page(
            context, wrong=refusal_text(context, error), form="key", key=typed
        )
    return await _page(context, secret=new_key.secret)


@router.post("/me/keys/revoke")
async def revoke_key(context: SignedInContext, key_id: Number) -> Response:
    """Revoke a key; does nothing if it is already revoked."""
    with suppress(NotFound):
        await context.write(accounts.revoke_key, context.actor, key_id)
    return seen_other("/me#keys")


@router.post("/me/sign-ins/close-all")
async def close_all(request: Request, context: SignedInContext) -> Response:
    """Sign out of all browsers, including the current one, and revoke all keys."""
    response = seen_other("/")
    await context.write(accounts.close_sign_ins, context.actor)
    forget_sign_in(request, response)
    return response


@router.post("/me/consent/revoke")
async def revoke_consent(context: SignedInContext) -> Response:
    """Revoke the consent to training on corrections; show which models had learnt from them."""
    return await _page(
        context, trained=await context.write(consent.revoke_consent, context.actor)
    )


@router.post("/me/password")
async def set_password(
    request: Request,
    context: SignedInContext,
    name: FormText = "",
    current: FormText = "",
    password: FormText = "",
) -> Response:
    """Set a user name, a password, or both."""
    name = name.strip()
    me = await context.read(accounts.read_own_account, context.actor)
    response = seen_other("/me?said=saved#password")
    try:
        # Before the name is changed.
        if password:
            check_password_strength(password, fold_name(name))
        if name and name != me.name:
            await require_proof(request, context, current or None)
            await context.write(accounts.set_name, context.actor, name)
        if password:
            await change_password(request, response, context, password, current or None)
    except (Refused, Problem) as error:
        return await _page(
            context, wrong=refusal_text(context, error), form="password", name=name
        )
    return response


@router.get("/me/erase")
async def ask_erase(context: SignedInContext) -> Response:
    """Return the page that lists what would be deleted, and asks for confirmation."""
    return await _erase_page(context)


async def _erase_page(context: PageContext, wrong: str = "") -> Response:
    counts = await context.read(accounts.count_records, context.actor)
    view = {
        "me": await context.read(
            accounts.read_own_account, context.actor, context.user
        ),
        "has_proof": await context.read(
            accounts.has_just_signed_in, context.actor, context.credential
        ),
        "records": accounts.list_record_kinds(counts),
        "wrong_words": wrong,
        "is_erased": False,
    }
    return render_page(context, "me_erase.html", view, status=422 if wrong else 200)


@router.post("/me/erase")
async def erase(
    request: Request,
    context: SignedInContext,
    sure: Annotated[Literal["yes", ""], Form()] = "",
    current: FormText = "",
) -> Response:
    """Delete all data of the person, and show what it was."""
    if not sure:
        return await _erase_page(context, context.say("erase-tick"))
    try:
        await require_proof(request, context, current or None)
    except Problem as error:
        return await _erase_page(context, refusal_text(context, error))
    if awaited := await context.write(accounts.prepare_erasure, context.actor):
        return await _erase_page(context, text(context.language, awaited))
    counts, models = await context.write(accounts.erase_from_browser, context.actor)
    stranger = replace(
        context, user=None, authority=Authority(), favourites=(), token=""
    )
    records = accounts.list_record_kinds(counts)
    view = {"is_erased": True, "records": records, "models": models}
    response = render_page(stranger, "me_erase.html", view)
    forget_sign_in(request, response)
    return response


@router.get("/me/export")
async def export(context: SignedInContext) -> Response:
    """Return all stored data of the person as a file."""
    data = await context.read(accounts.export, context.actor)
    content = json.dumps(data, ensure_ascii=False, indent=2).encode("utf-8", "replace")
    headers = {
        "Content-Disposition": f'attachment; filename="merlin-{context.user_id}.json"'
    }
    return Response(content, headers=headers, media_type="application/json")
