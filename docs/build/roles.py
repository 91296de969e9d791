"""The table of roles and what they may do, as `Authority.may` answers."""

from merlin.core.permissions import Authority, Permission, Role

MEANINGS = {
    Permission.ASK: "ask questions, keep favourites, see and delete their own data",
    Permission.EDIT_EXAMPLES: "add, change and remove examples; each is a commit",
    Permission.EDIT_MATERIALS: "change the materials of a course; each change is a commit",
    Permission.REVIEW: "see what people consented to show, review proposals",
    Permission.WATCH: "see builds, jobs, models and their tests",
    Permission.LAUNCH: "start and stop trainings",
    Permission.PROMOTE: "make models live, pin and roll back",
    Permission.USERS: "find people, give roles, block",
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
    authority = Authority(
        role, frozenset({"own"}) if role is Role.TEACHER else frozenset()
    )
    if not authority.may(permission, "own"):
        return "–"
    return "●" if authority.may(permission, "other") else "◐"


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"
