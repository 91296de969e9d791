"""One table of permissions by role; a teacher's role applies within their scopes."""

from __future__ import annotations

from itertools import pairwise

import pytest

from merlin.core.permissions import PERMISSIONS, Authority, Permission, Role

pytestmark = pytest.mark.unit


def test_every_role_has_its_line_in_the_table():
    assert set(PERMISSIONS) == set(Role)


def test_each_role_may_what_the_lesser_ones_may():
    lines = [PERMISSIONS[role] for role in Role]
    assert all(lesser <= greater for lesser, greater in pairwise(lines))


def test_an_admin_may_everything():
    assert all(Authority(Role.ADMIN).may(permission, "face") for permission in Permission)


@pytest.mark.parametrize(
    "permission", [permission for permission in Permission if permission is not Permission.ASK]
)
def test_a_student_may_only_ask(permission):
    assert Authority().may(Permission.ASK)
    assert not Authority().may(permission)


@pytest.mark.parametrize(
    ("scope", "is_allowed"), [("face", True), ("law", False), (None, True)], ids=str
)
def test_a_teacher_edits_in_their_own_scopes(scope, is_allowed):
    boris = Authority(Role.TEACHER, frozenset({"face"}))
    assert boris.may(Permission.EDIT_EXAMPLES, scope) is is_allowed
    assert boris.may(Permission.ASK, scope)


def test_an_editor_edits_everywhere_and_launches_nothing():
    boris = Authority(Role.EDITOR)
    assert boris.may(Permission.REVIEW, "law")
    assert not boris.may(Permission.LAUNCH, "law")
