"""Write the table of roles and what they may do into docs/roles.md; `make docs` calls it.

Made from `merlin.core.permissions.PERMISSIONS` alone, which is what the program itself asks.
"""

from __future__ import annotations

import sys
from pathlib import Path

from merlin.core.permissions import PERMISSIONS, Permission, Role

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "roles.md"
MEANINGS = {
    Permission.ASK: "ask questions, keep favourites, see and delete what is one's own",
    Permission.EDIT_EXAMPLES: "add, change and remove examples; each is a commit",
    Permission.EDIT_MATERIALS: "change the materials of a course; each change is a commit",
    Permission.REVIEW: "see what people allowed to be seen, judge proposals",
    Permission.WATCH: "see builds, jobs, models and their evaluation",
    Permission.LAUNCH: "launch and cancel jobs",
    Permission.PROMOTE: "promote, pin and roll back models",
    Permission.EDIT_TEXTS: "write the texts of the bot",
    Permission.USERS: "find people, give roles, block",
    Permission.GIFTS: "give plans and gifts",
    Permission.BROADCAST: "write to everybody",
    Permission.REFUNDS: "give money back",
}

_HEAD = """\
# Roles

Written by `tests/role_table.py` (`make docs`) from the one table that the program asks
(`merlin/core/permissions.py`); not to be edited.

```mermaid
erDiagram
    users ||--o{ role_grant : "has, over time"
    users ||--o| account : "may have a user name"
    users ||--o{ sign_in : "browsers"
    users ||--o{ api_key : "programs"
    role_grant { bigint user_id  text role  text scope  text revoked_at }
    course ||--o{ course_teacher : "names"
    account ||..o{ course_teacher : "by its name"
```

A person has one role; who was given none is a student. A teacher's counts in the courses and
datasets it was given for, and in the courses whose course.yaml names their user name; every other
role counts everywhere. The admins of `telegram.admins` are admins always. A key of the API may do
what its owner may, and of that only what its scopes allow.

"""
_FOOT = """
● everywhere · ◐ in the courses and datasets that were given · – no
"""


def page() -> str:
    """Return docs/roles.md."""
    lines = [_row("permission", *Role, "means"), _row(*["---"] * (len(Role) + 2))]
    for permission in Permission:
        marks = [_mark(role, permission) for role in Role]
        lines.append(_row(f"`{permission}`", *marks, MEANINGS[permission]))
    return _HEAD + "\n".join(lines) + "\n" + _FOOT


def _mark(role: Role, permission: Permission) -> str:
    if permission not in PERMISSIONS[role]:
        return "–"
    is_scoped = role is Role.TEACHER and permission not in PERMISSIONS[Role.STUDENT]
    return "◐" if is_scoped else "●"


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def main() -> int:
    """Write the page; return the exit code."""
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}: {len(Role)} roles\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
