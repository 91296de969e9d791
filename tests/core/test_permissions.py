"""One table of permissions by role; a teacher's role applies within their scopes."""

from itertools import pairwise

import pytest

from merlin.core.permissions import PERMISSIONS, Authority, Permission, Role

pytestmark = pytest.mark.unit


def test_each_role_includes_the_permissions_of_lesser_roles():
    lines = [PERMISSIONS[role] for role in Role]
    assert all(lesser <= greater for lesser, greater in pairwise(lines))


@pytest.mark.parametrize(
    "permission",
    [permission for permission in Permission if permission is not Permission.ASK],
)
def test_student_may_only_ask(permission):
    assert Authority().may(Permission.ASK)
    assert not Authority().may(permission)


@pytest.mark.parametrize(
    ("scope", "is_allowed"), [("face", True), ("law", False), (None, True)], ids=str
)
def test_teacher_edits_only_in_their_own_scopes(scope, is_allowed):
    boris = Authority(Role.TEACHER, frozenset({"face"}))
    assert boris.may(Permission.EDIT_EXAMPLES, scope) is is_allowed
    assert boris.may(Permission.ASK, scope)


def test_editor_edits_everywhere_but_cannot_launch():
    boris = Authority(Role.EDITOR)
    assert boris.may(Permission.REVIEW, "law")
    assert not boris.may(Permission.LAUNCH, "law")
