"""The table of roles of the docs site is what the program answers."""

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
    standing = Authority(role, scopes)
    found = (standing.may(permission, HERE), standing.may(permission, ELSEWHERE))
    assert found == {"●": (True, True), "◐": (True, False), "–": (False, False)}[mark]
