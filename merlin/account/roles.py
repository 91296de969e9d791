"""Rows of roles, the ended ones too."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from merlin.core.clock import Clock, from_iso, iso, utc_now
from merlin.core.errors import Refused
from merlin.core.permissions import Authority, Grant, Role
from merlin.db.audit import Audit
from merlin.db.audit import person_reference as told_user
from merlin.db.database import Database, Parameter, Prepared, Row, transaction
from merlin.db.tables import ROLE_GRANT
from merlin.db.values import storable_text

_ORDER = tuple(Role)
_STANDING = Prepared(
    ROLE_GRANT.select(ROLE_GRANT.role, ROLE_GRANT.scope).where(
        (ROLE_GRANT.user_id == Parameter("user_id")) & ROLE_GRANT.revoked_at.is_null()
    )
)


class Roles:
    """One row a grant; `admins` are those whom the config names."""

    def __init__(self, db: Database, admins: Collection[int] = (), clock: Clock = utc_now) -> None:
        self.db = db
        self._admins = tuple(admins)
        self._clock = clock
        self._audit = Audit(db, clock)

    def role_of(self, user_id: int) -> Role:
        """Return somebody's role; who was given none is a student."""
        return self.authority(user_id).role

    def authority(self, user_id: int) -> Authority:
        """Return somebody's role with its scopes."""
        if user_id in self._admins:
            return Authority(Role.ADMIN)
        rows = self.db.rows(_STANDING(user_id=user_id))
        # Two grants at one moment may leave two roles: the greater one counts.
        role = max((Role(row["role"]) for row in rows), key=_ORDER.index, default=Role.STUDENT)
        scopes = {row["scope"] for row in rows if row["role"] == role}
        return Authority(role, frozenset(scopes - {""}))

    @transaction
    def grant(self, user_id: int, role: Role, by: str, scope: str | None = None) -> bool:
        """Give a role, which ends the one before; a teacher's scopes add up.

        STUDENT takes every other role away. False when it was so already. Raises Refused where
        a teacher has no scope or anybody else has one, and for an admin of the config.
        """
        self._refuse_config_admin(user_id)
        if (role is Role.TEACHER) != bool(scope):
            raise Refused(f"{role} with scope {scope}", "role-scope", role=role.value)
        others = _counts(user_id) & (ROLE_GRANT.role != role.value)
        is_changed = self._end(others)
        if role is not Role.STUDENT:
            is_changed |= self._begin(user_id, role, by, scope or "")
        if is_changed:
            told = {"role": role.value, "scope": scope}
            self._audit.note(by, "role.grant", told_user(user_id), told)
        return is_changed

    @transaction
    def revoke(self, user_id: int, by: str, scope: str | None = None) -> bool:
        """Take a role away, or one scope of a teacher; False when there is none to take.

        Raises Refused for an admin of the config.
        """
        self._refuse_config_admin(user_id)
        counting = _counts(user_id)
        was = self.role_of(user_id)
        is_changed = self._end(counting if scope is None else counting & _of_scope(scope))
        if is_changed:
            told = {"role": was.value, "scope": scope}
            self._audit.note(by, "role.revoke", told_user(user_id), told)
        return is_changed

    def admins(self) -> list[int]:
        """Return the admins' ids: those of the config, then those who were made one."""
        granted = (each.user_id for each in self.granted() if each.role is Role.ADMIN)
        return list(dict.fromkeys([*self._admins, *granted]))

    def granted(self) -> list[Grant]:
        """Return every role that counts now, newest first; without the admins of the config."""
        counting = ROLE_GRANT.select().where(ROLE_GRANT.revoked_at.is_null())
        return [_grant(row) for row in self.db.rows(counting.order_by(ROLE_GRANT.id.desc()))]

    def _refuse_config_admin(self, user_id: int) -> None:
        if user_id in self._admins:
            words = f"{user_id} is an admin by the config"
            raise Refused(words, "role-config-admin", user=str(user_id))

    def _begin(self, user_id: int, role: Role, by: str, scope: str) -> bool:
        new = {
            "user_id": user_id,
            "role": role.value,
            "scope": storable_text(scope),
            "by_whom": storable_text(by),
            "at": iso(self._clock()),
        }
        return self.db.put(ROLE_GRANT.insert(new).on_conflict_ignore())

    def _end(self, those: Any) -> bool:
        ended = ROLE_GRANT.update({"revoked_at": iso(self._clock())})
        return self.db.change(ended.where(those)) > 0


def _counts(user_id: int) -> Any:
    return (ROLE_GRANT.user_id == user_id) & ROLE_GRANT.revoked_at.is_null()


def _of_scope(scope: str) -> Any:
    return ROLE_GRANT.scope == storable_text(scope)


def _grant(row: Row) -> Grant:
    return Grant(
        user_id=row["user_id"],
        role=Role(row["role"]),
        scope=row["scope"] or None,
        by=row["by_whom"],
        at=from_iso(row["at"]),
    )
