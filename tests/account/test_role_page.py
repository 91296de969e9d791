"""The roles table of the documentation agrees with the program."""

from __future__ import annotations

import pytest

from docs.build.roles import MEANINGS, role_table
from merlin.core.permissions import Authority, Permission, Role

pytestmark = pytest.mark.unit

HERE, ELSEWHERE = "algorithms", "networks"


def test_every_permission_says_what_it_means():
    assert set(MEANINGS) == set(Permission)


@pytest.mark.parametrize("permission", Permission)
@pytest.mark.parametrize("role", Role)
def test_each_mark_is_what_the_program_answers(role, permission):
    line = next(line for line in role_table().splitlines() if line.startswith(f"| `{permission}`"))
    mark = [cell.strip() for cell in line.split("|")][2 + list(Role).index(role)]
    scopes = frozenset({HERE}) if role is Role.TEACHER else frozenset()
    authority = Authority(role, scopes)
    answers = (authority.may(permission, HERE), authority.may(permission, ELSEWHERE))
    assert answers == {"●": (True, True), "◐": (True, False), "–": (False, False)}[mark]
