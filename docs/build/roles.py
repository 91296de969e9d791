"""The table of roles and what they may do, as the program itself asks it.

Made from `merlin.core.permissions.PERMISSIONS` alone.
"""

from __future__ import annotations

from merlin.core.permissions import PERMISSIONS, Permission, Role

MEANINGS = {
    Permission.ASK: "ask questions, keep favourites, see and delete their own data",
    Permission.EDIT_EXAMPLES: "add, change and remove examples; each is a commit",
    Permission.EDIT_MATERIALS: "change the materials of a course; each change is a commit",
    Permission.REVIEW: "see what people consented to show, review proposals",
    Permission.WATCH: "see builds, jobs, models and their tests",
    Permission.LAUNCH: "start and stop trainings",
    Permission.PROMOTE: "make models live, pin and roll back",
    Permission.EDIT_TEXTS: "edit the bot's texts",
    Permission.USERS: "find people, give roles, block",
    Permission.GIFTS: "give plans and gifts",
    Permission.BROADCAST: "send broadcasts",
    Permission.REFUNDS: "refund payments",
}


def role_table() -> str:
    """Return who may do what, for docs/roles.md."""
    lines = [_row("permission", *Role, "means"), _row(*["---"] * (len(Role) + 2))]
    for permission in Permission:
        marks = [_mark(role, permission) for role in Role]
        lines.append(_row(f"`{permission}`", *marks, MEANINGS[permission]))
    return "\n".join(lines)


def _mark(role: Role, permission: Permission) -> str:
    if permission not in PERMISSIONS[role]:
        return "–"
    is_scoped = role is Role.TEACHER and permission not in PERMISSIONS[Role.STUDENT]
    return "◐" if is_scoped else "●"


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"
