"""Who acts in tests: anna is a student, boris an editor, vera an admin."""

from merlin.app.actor import Actor
from merlin.core.permissions import Authority, Role
from tests.billing.plan_shop import ANNA, BORIS, VERA

STUDENT = Actor.person(ANNA, Authority())
EDITOR = Actor.person(BORIS, Authority(Role.EDITOR))
ADMIN = Actor.person(VERA, Authority(Role.ADMIN))


def make_teacher(*datasets, user_id=BORIS):
    """Return a teacher of these datasets."""
    return Actor.person(user_id, Authority(Role.TEACHER, frozenset(datasets)))
