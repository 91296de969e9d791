"""What those who lead a course see and change of it."""

from __future__ import annotations

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.permissions import account_name, leads
from merlin.core.permissions import Permission
from merlin.course.catalogue import Catalogue, Course


def taught(ctx: Context, actor: Actor) -> list[Course]:
    """Return the courses that the actor leads, active or not, by semester; none for a student."""
    if not actor.may(Permission.EDIT_MATERIALS):
        return []
    name = account_name(ctx, actor)
    every = Catalogue(ctx.db).courses(active_only=False)
    return [each for each in every if leads(actor.standing, name, each)]
