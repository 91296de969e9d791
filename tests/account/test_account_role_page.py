"""docs/roles.md is what the table of roles says today."""

from __future__ import annotations

import pytest
from role_table import MEANINGS, PAGE, page

from merlin.core.permissions import Authority, Permission, Role

pytestmark = pytest.mark.unit

HERE, ELSEWHERE = "algorithms", "networks"


def test_the_page_is_the_table():
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"
    assert set(MEANINGS) == set(Permission)


@pytest.mark.parametrize("permission", Permission)
@pytest.mark.parametrize("role", Role)
def test_each_mark_is_what_the_program_answers(role, permission):
    line = next(line for line in page().splitlines() if line.startswith(f"| `{permission}`"))
    mark = [cell.strip() for cell in line.split("|")][2 + list(Role).index(role)]
    scopes = frozenset({HERE}) if role is Role.TEACHER else frozenset()
    standing = Authority(role, scopes)
    found = (standing.may(permission, HERE), standing.may(permission, ELSEWHERE))
    assert found == {"●": (True, True), "◐": (True, False), "–": (False, False)}[mark]
