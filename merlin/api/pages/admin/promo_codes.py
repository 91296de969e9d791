"""Promo codes: what there is, a new one, one that nobody is to use any more."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Form
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.pages.errors import PageRoute
from merlin.api.pages.page import PageRequest, Selling, refusal_text, render_page
from merlin.app import payments
from merlin.billing.promo_codes import Promo, StoredPromo
from merlin.billing.quota import MOST
from merlin.billing.report import day_start
from merlin.core.clock import zone_of
from merlin.core.errors import NotFound, Refused
from merlin.core.web.assets import NEVER_KEPT, seen_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_MOST_CODES = 200
# A day and a time zone need room behind it.
_LAST = date.max - timedelta(days=2)


class NewCode(BaseModel):
    """What the form of a new code says; `uses` 0: any number of people; `ends` is the last day."""

    model_config = ConfigDict(frozen=True)

    code: str = Field(max_length=200)
    plan: str = Field(max_length=200)
    gives: Literal["percent", "days"]
    number: int = Field(ge=1, le=MOST)
    uses: int = Field(default=0, ge=0, le=MOST)
    ends: date | None = Field(default=None, le=date(2999, 12, 31))


@router.get("/admin/billing/promos")
async def show_codes(visit: Selling) -> Response:
    """Return the codes."""
    return await _page(visit)


@router.post("/admin/billing/promos")
async def add_code(request: Request, visit: Selling) -> Response:
    """Make a code; one that is there already, or gives what no code can, says so."""
    form = {name: str(value).strip() for name, value in (await request.form()).items()}
    typed = {name: value for name, value in form.items() if value}
    try:
        new = NewCode.model_validate(typed)
    except ValidationError:
        return await _page(visit, visit.say("promo-needs"), typed)
    is_percent, ends = new.gives == "percent", None
    if new.ends is not None:
        # The end of that day in the config's time zone.
        zone = zone_of(visit.services.config.timezone)
        ends = day_start(min(new.ends, _LAST) + timedelta(days=1), zone)
    promo = Promo(
        code=new.code,
        plan=new.plan,
        days=0 if is_percent else new.number,
        percent=new.number if is_percent else 0,
        most_uses=new.uses or None,
        ends_at=ends,
        by=visit.actor.name,
    )
    try:
        await visit.write(payments.add_code, promo)
    except NotFound:
        return await _page(visit, visit.say("promo-no-such-plan"), typed)
    except Refused as error:
        return await _page(visit, refusal_text(visit, error), typed)
    return seen_other("/admin/billing/promos")


@router.post("/admin/billing/promos/stop")
async def stop_code(visit: Selling, code: Annotated[str, Form(max_length=200)]) -> Response:
    """Let nobody use a code any more; one that is stopped already stays so."""
    try:
        await visit.write(payments.stop_code, code)
    except NotFound as error:
        return await _page(visit, refusal_text(visit, error))
    return seen_other("/admin/billing/promos")


async def _page(
    visit: PageRequest, wrong: str = "", typed: dict[str, str] | None = None
) -> Response:
    found = await visit.read(payments.list_codes)
    now = visit.services.clock()
    view = {
        "codes": [(each, code_state(each, now)) for each in found[:_MOST_CODES]],
        "plans": payments.plans_for_codes(visit.services),
        "wrong_words": wrong,
        "typed": typed or {},
    }
    status = 422 if wrong else 200
    return render_page(visit, "admin_promos.html", view, keep=NEVER_KEPT, status=status)


def code_state(promo: StoredPromo, now: datetime) -> str:
    """Return whether a code still counts, or why it does not."""
    if promo.stopped:
        return "stopped"
    if promo.ends_at is not None and promo.ends_at <= now:
        return "over"
    is_used_up = promo.most_uses is not None and promo.uses >= promo.most_uses
    return "used-up" if is_used_up else "on"
