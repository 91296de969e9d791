"""Me: what somebody who is signed in is told of themselves."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from merlin.account.account import is_of_telegram
from merlin.account.role import PERMISSIONS, Permission, Role, Standing
from merlin.account.user import User
from merlin.api.services import ApiServices
from merlin.billing.plan import plan_of
from merlin.course.leading import leads


class Me(BaseModel):
    """A person, as only they see it."""

    model_config = ConfigDict(frozen=True)

    id: int
    name: str | None = Field(description="the user name, null without one")
    shown_name: str = Field(description="what Telegram says they are called, or the user name")
    language: str | None = Field(description="ru or en where they chose one in the bot")
    zone: str = Field(description="the time zone that their days turn in")
    role: Role
    scopes: list[str] = Field(description="the courses and datasets that a teacher was given")
    permissions: list[Permission] = Field(description="what the role allows, a teacher's in scope")
    courses: list[int] = Field(description="ids of the courses that they lead")
    plan: str | None = Field(description="the plan, null where nothing is limited")
    has_password: bool
    has_telegram: bool


def me(services: ApiServices, user: User, standing: Standing) -> Me:
    """Return what somebody is told of themselves; reads rows."""
    rows = services.rows
    account = rows.accounts.of(user.user_id)
    name = account.name if account else ""
    plan = plan_of(services.plans, user.plans).name if services.plans else None
    return Me(
        id=user.user_id,
        name=name or None,
        shown_name=user.shown_name or name,
        language=user.language,
        zone=user.zone or services.timezone,
        role=standing.role,
        scopes=sorted(standing.scopes),
        permissions=sorted(PERMISSIONS[standing.role]),
        courses=_led(services, standing, name),
        plan=plan,
        has_password=account is not None and account.has_password,
        has_telegram=is_of_telegram(user.user_id),
    )


def me_of(services: ApiServices, user_id: int) -> Me:
    """Return what somebody is told of themselves, by their number; reads rows."""
    user = services.rows.users.get(user_id) or User(user_id)
    return me(services, user, services.rows.roles.standing(user_id))


def _led(services: ApiServices, standing: Standing, name: str) -> list[int]:
    if not standing.may(Permission.EDIT_MATERIALS):
        return []
    courses = services.rows.courses.courses(active_only=False)
    return [each.course_id for each in courses if leads(standing, name, each)]
