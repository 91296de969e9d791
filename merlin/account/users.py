"""People who write to the bot, their roles, and their consents: to which text, and when.

Only what is needed to answer a person is stored; ended roles and consents stay as rows.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from itertools import islice
from typing import Any

from peewee import JOIN, SQL, fn

from merlin.billing.erased_people import ErasedPeople
from merlin.billing.quota import today
from merlin.core.clock import Clock, is_zone, iso, utc_now, zone_of
from merlin.core.errors import NotFound, Refused
from merlin.core.formatted_text import is_blank, remove_controls
from merlin.core.i18n import LANGUAGES, language_of
from merlin.core.permissions import Authority, Role
from merlin.db.audit import Audit, person_reference
from merlin.db.database import (
    Database,
    Repository,
    Row,
    transaction,
)
from merlin.db.tables import ACCOUNT, CONSENT, PERSON, ROLE_GRANT, TERM
from merlin.db.values import RowMap, decrypt, storable_text

_ORDER = tuple(Role)
# These run for every question and request: peewee takes 0.3 to 0.9 ms to build one.
_GRANTS = "SELECT user_id, role, scope FROM role_grant WHERE user_id = :user_id"
# One row for each running term and granted role.
_FIND = """
SELECT person.*, COALESCE(account.name, '') AS account, plan_term.plan AS term,
    role_grant.role, role_grant.scope
FROM person
LEFT JOIN account ON account.user_id = person.user_id
LEFT JOIN plan_term ON plan_term.user_id = person.user_id
    AND plan_term.starts_at <= :now AND plan_term.ends_at > :now
LEFT JOIN role_grant ON role_grant.user_id = person.user_id
WHERE person.user_id = :user_id
"""
_RECORD = """
INSERT INTO person (user_id, language_code, first_seen_at)
VALUES (:user_id, :language_code, :first_seen_at)
ON CONFLICT (user_id) DO UPDATE SET language_code = excluded.language_code
WHERE person.language_code <> excluded.language_code
"""


class Roles(Repository):
    """One row for each role that a person has; `admins` are those named in the configuration."""

    def __init__(
        self, db: Database, admins: Collection[int] = (), clock: Clock = utc_now
    ) -> None:
        super().__init__(db, clock)
        self._admins = tuple(admins)

    def authority(self, user_id: int) -> Authority:
        """Return a person's role with its scopes; without a grant they are a student."""
        return self.choose_authority(user_id, self.db.sql(_GRANTS, user_id=user_id))

    def choose_authority(self, user_id: int, grants: Iterable[Row]) -> Authority:
        """Return the authority that a person has by these grants, or by the configuration."""
        if user_id in self._admins:
            return Authority(Role.ADMIN)
        return _authority(grants)

    def list_authorities(self, user_ids: Collection[int]) -> Mapping[int, Authority]:
        """Return the authority of each of these people, by one query."""
        granted = dict[int, list[Row]]((user_id, []) for user_id in user_ids)
        for row in self.db.rows(
            ROLE_GRANT.select().where(ROLE_GRANT.user_id.in_([*granted]))
        ):
            granted[row.user_id].append(row)
        return {key: self.choose_authority(key, rows) for key, rows in granted.items()}

    @transaction
    def grant(
        self, user_id: int, role: Role, by: str, scope: str | None = None
    ) -> bool:
        """Grant a role in place of the previous one; a teacher's scopes accumulate.

        STUDENT revokes every other role. False if nothing changes. Raises Refused for a teacher
        without a scope, another role with one, and an admin of the configuration.
        """
        self._refuse_config_admin(user_id)
        if (role is Role.TEACHER) != bool(scope):
            raise Refused(f"{role} with scope {scope}", "role-scope")
        others = (ROLE_GRANT.user_id == user_id) & (ROLE_GRANT.role != role.value)
        is_changed = self.db.delete(ROLE_GRANT, others) > 0
        if role is not Role.STUDENT:
            new = {
                "user_id": user_id,
                "role": role.value,
                "scope": storable_text(scope or ""),
            }
            is_changed |= self.db.add_new(ROLE_GRANT, new)
        if is_changed:
            values = {"role": role.value, "scope": scope}
            Audit(self.db, self._clock).note(
                by, "role.grant", person_reference(user_id), values
            )
        return is_changed

    @transaction
    def revoke(self, user_id: int, by: str, scope: str | None = None) -> bool:
        """Revoke a role, or one scope of a teacher; False if there is none to revoke.

        Raises Refused for an admin of the configuration.
        """
        self._refuse_config_admin(user_id)
        of_user = ROLE_GRANT.user_id == user_id
        was = self.authority(user_id).role
        if scope is not None:
            of_user &= ROLE_GRANT.scope == storable_text(scope)
        is_changed = self.db.delete(ROLE_GRANT, of_user) > 0
        if is_changed:
            values = {"role": was.value, "scope": scope}
            Audit(self.db, self._clock).note(
                by, "role.revoke", person_reference(user_id), values
            )
        return is_changed

    def admins(self) -> list[int]:
        """Return the admins' ids: those of the configuration, then those granted the role."""
        is_admin = ROLE_GRANT.role == Role.ADMIN.value
        query = ROLE_GRANT.select(ROLE_GRANT.user_id).where(is_admin)
        granted = (
            row.user_id for row in self.db.rows(query.order_by(ROLE_GRANT.user_id))
        )
        return list(dict.fromkeys([*self._admins, *granted]))

    def teachers(self, scope: str) -> list[int]:
        """Return the ids of those who teach this course."""
        is_theirs = (ROLE_GRANT.role == Role.TEACHER.value) & (
            ROLE_GRANT.scope == scope
        )
        query = ROLE_GRANT.select(ROLE_GRANT.user_id).where(is_theirs)
        return [row.user_id for row in self.db.rows(query.order_by(ROLE_GRANT.user_id))]

    def _refuse_config_admin(self, user_id: int) -> None:
        if user_id in self._admins:
            text = f"{user_id} is an admin by the config"
            raise Refused(text, "role-config-admin", user=str(user_id))


def _authority(grants: Iterable[Row]) -> Authority:
    # Concurrent grants may leave two roles: the higher one counts.
    rows = [row for row in grants if row.role is not None]
    role = max((Role(row.role) for row in rows), key=_ORDER.index, default=Role.STUDENT)
    scopes = {row.scope for row in rows if row.role == role}
    return Authority(role, frozenset(scopes - {""}))


# Replaces the name of a person whose data was deleted.
ERASED = "user:erased"


@dataclass(frozen=True, slots=True)
class User:
    """One person by Telegram id; `language_code` is their client's language ("en-GB", "").

    `language` ("ru", "en") and `zone` (an IANA name) are their own choices, None without one.
    `plan` None is the default plan; `terms` are their current plans with an end. `shown_name` is
    their display name, for commits in their name, "" for none. `account` is their user name, "" for
    none, None if it was not read. Their day is counted in `day_zone` until `day_zone_until`.
    `is_plain`: they want messages as every client shows them.
    """

    user_id: int
    language_code: str = ""
    language: str | None = None
    zone: str | None = None
    plan: str | None = None
    is_blocked: bool = False
    shown_name: str = ""
    terms: tuple[str, ...] = ()
    account: str | None = field(default=None, compare=False)
    day_zone: str | None = field(default=None, compare=False)
    day_zone_until: datetime | None = field(default=None, compare=False)
    is_plain: bool = False

    @property
    def plans(self) -> tuple[str, ...]:
        """Return the names of all current plans other than the default one."""
        return self.terms if self.plan is None else (self.plan, *self.terms)

    def time_zone(self, default: str) -> tzinfo:
        """Return the zone of their day: their choice, else `default`."""
        return zone_of(self.zone or default)

    def counting_zone(self, default: str, now: datetime) -> tzinfo:
        """Return the zone whose day is counted: after a change the old one, to its border.

        Else a person whose day is used up would move to where the next one has begun.
        """
        if self.day_zone_until and now < self.day_zone_until:
            return zone_of(self.day_zone or default)
        return self.time_zone(default)

    def speaks(self, default: str) -> str:
        """Return the language of answers: their choice, else their client's, else `default`."""
        return language_of(self.language or self.language_code, default)


class Consents(Repository):
    """One row for each answer; at most one of a person is in effect."""

    @transaction
    def give(self, user_id: int, text_version: str) -> bool:
        """Store a yes; one to a newer text replaces the previous one. False if nothing changes."""
        # Never one of the same text: another process may have just stored it.
        older = _match_current_consent(user_id) & (CONSENT.text_version != text_version)
        self._mark_revoked(CONSENT, older)
        given = {"text_version": text_version, "given_at": iso(self._clock())}
        return self.db.add_new(CONSENT, {"user_id": user_id, **given})

    @transaction
    def decline(self, user_id: int, text_version: str) -> None:
        """Store a refusal, so that the person is not asked again; does not revoke a consent."""
        if not self.has(user_id):
            no = {"text_version": text_version, "revoked_at": iso(self._clock())}
            self.db.add(CONSENT, {"user_id": user_id, **no})

    @transaction
    def revoke(self, user_id: int) -> bool:
        """Revoke a consent; False if none is in effect."""
        return self._mark_revoked(CONSENT, _match_current_consent(user_id))

    def has(self, user_id: int) -> bool:
        """Return whether a consent is in effect."""
        return self.db.has(CONSENT, _match_current_consent(user_id))

    def hold(self, user_id: int) -> bool:
        """Return whether a consent is in effect; it stays so until the transaction ends."""
        counting = CONSENT.select(CONSENT.id).where(_match_current_consent(user_id))
        return self.db.row(self.db.for_update(counting)) is not None

    def was_asked(self, user_id: int) -> bool:
        """Return whether the person ever answered yes or no."""
        return self.db.has(CONSENT, CONSENT.user_id == user_id)


def _match_current_consent(user_id: int) -> Any:
    return (CONSENT.user_id == user_id) & CONSENT.revoked_at.is_null()


_USERS = RowMap(User)


class Users(Repository):
    """One row for each person, by Telegram id; names are encrypted.

    Without a cipher no name is stored or read.
    """

    @transaction
    def record(self, users: Sequence[User]) -> None:
        """Store people who wrote or signed in, each with their newest language."""
        by_user_id = {user.user_id: user for user in users}
        blocked = ErasedPeople(self.db, self._clock).find_blocked(by_user_id)
        for user in by_user_id.values():
            code = storable_text(user.language_code)
            seen_at = iso(self._clock())
            self.db.run(
                _RECORD,
                user_id=user.user_id,
                language_code=code,
                first_seen_at=seen_at,
            )
        for user_id in blocked:
            self._change(user_id, is_blocked=1)

    def get(self, user_id: int) -> User | None:
        """Return the user, None if they never wrote."""
        rows = self._read(user_id)
        return self._user(rows) if rows else None

    def get_with_authority(self, user_id: int, roles: Roles) -> tuple[User, Authority]:
        """Return the user as `get_or_new`, with their authority, by one query."""
        rows = self._read(user_id)
        if not rows:
            return User(user_id), roles.authority(user_id)
        return self._user(rows), roles.choose_authority(user_id, rows)

    def get_or_new(self, user_id: int) -> User:
        """Return the user, one without any settings if they never wrote."""
        return self.get(user_id) or User(user_id)

    @transaction
    def set_language(self, user_id: int, language: str | None) -> None:
        """Store the chosen language; None: their client's. Raises Refused for an unknown one."""
        if language is not None and language not in LANGUAGES:
            raise Refused(
                f"no language {language}", "account-no-language", language=language
            )
        self._change(user_id, language=language)

    @transaction
    def set_zone(self, user_id: int, zone: str | None, default: str = "UTC") -> None:
        """Store the chosen time zone; None: the configured one, `default`.

        Quotas count in it from the next border of a day on. Raises Refused if it is unknown.
        """
        if zone is not None and not is_zone(zone):
            raise Refused(f"no time zone {zone}", "account-no-zone", zone=zone)
        now = self._clock()
        before = self.get_or_new(user_id).counting_zone(default, now)
        day = {
            "day_zone": str(before),
            "day_zone_until": iso(today(now, before).day_ends),
        }
        self._change(user_id, zone=zone, **day)

    @transaction
    def set_plain(self, user_id: int, *, is_plain: bool) -> None:
        """Store whether they want plain messages."""
        self._change(user_id, is_plain=int(is_plain))

    @transaction
    def set_name(self, user_id: int, shown_name: str) -> None:
        """Store the display name; "" deletes it, as does one of which nothing can be seen.

        Direction marks are left out: they would turn the text around the name.
        """
        name = storable_text(remove_controls(shown_name))
        name = "" if is_blank(name) else name
        if self.db.has_cipher:
            self._change(user_id, shown_name=self.db.cipher.seal(name) if name else "")

    def find(self, text: str, limit: int = 20) -> list[User]:
        """Return the user of an id, or those whose name contains `text`, ignoring case."""
        if text.isascii() and text.isdigit():
            return self.list_of_ids([text])
        requested = text.strip().casefold()
        named = _newest().where(PERSON.shown_name != "")
        rows = self.db.rows(named) if requested and self.db.has_cipher else ()
        # Names are encrypted: each is decrypted until enough are found. 20,000 take half a second.
        found = (row for row in rows if requested in self._name(row).casefold())
        return self._users([*islice(found, limit)])

    def list_of_ids(self, texts: Collection[str]) -> list[User]:
        """Return the users of these ids; a text that is no id has none."""
        ids = [
            int(each)
            for each in texts
            if each.isdecimal() and len(each) < len(str(2**63))
        ]
        return self._users(self.db.rows(PERSON.select().where(PERSON.user_id.in_(ids))))

    def list_names(self, user_ids: Collection[int]) -> dict[int, tuple[str, str]]:
        """Return display name and user name of those of these people who are known, "" for none."""
        query = PERSON.select(PERSON.user_id, PERSON.shown_name, ACCOUNT.name)
        query = query.join(
            ACCOUNT, JOIN.LEFT_OUTER, on=(ACCOUNT.user_id == PERSON.user_id)
        )
        rows = (
            self.db.rows(query.where(PERSON.user_id.in_([*user_ids])))
            if user_ids
            else ()
        )
        return {row.user_id: (self._name(row), row.name or "") for row in rows}

    def count(self) -> int:
        """Return the number of people who have written."""
        return int(self.db.value(PERSON.select(fn.COUNT(SQL("*")))))

    def list_newest(self, offset: int, limit: int) -> list[User]:
        """Return users, newest first."""
        return self._users(self.db.rows(_newest().offset(offset).limit(limit)))

    @transaction
    def block(self, user_id: int, by: str, *, is_blocked: bool = True) -> bool:
        """Block or unblock a person; False if nothing changes.

        Raises NotFound for a person who never wrote.
        """
        if self._get_for_update(user_id).is_blocked == is_blocked:
            return False
        self._change(user_id, is_blocked=int(is_blocked))
        if not is_blocked:
            ErasedPeople(self.db, self._clock).unblock(user_id)
        whose = person_reference(user_id)
        Audit(self.db, self._clock).note(
            by, "user.block" if is_blocked else "user.unblock", whose
        )
        return True

    @transaction
    def set_plan(self, user_id: int, plan: str | None, by: str) -> None:
        """Assign a plan by its name; None: the default one. Raises NotFound like `block`."""
        values = {"from": self._get_for_update(user_id).plan, "to": plan}
        self._change(user_id, plan=plan)
        Audit(self.db, self._clock).note(
            by, "user.plan", person_reference(user_id), values
        )

    def _get_for_update(self, user_id: int) -> User:
        missing = NotFound(f"no user {user_id}", "account-no-user", user=str(user_id))
        found = self.db.for_update(PERSON.select().where(PERSON.user_id == user_id))
        self.db.get_row(found, missing)
        return self._user(self._read(user_id))

    def _change(self, user_id: int, **values: object) -> None:
        self.db.update(PERSON, PERSON.user_id == user_id, **values)

    def _read(self, user_id: int) -> list[Row]:
        return self.db.sql(_FIND, user_id=user_id, now=iso(self._clock()))

    def _user(self, rows: Sequence[Row]) -> User:
        terms = dict.fromkeys(row.term for row in rows if row.term is not None)
        return _USERS.read(rows[0], shown_name=self._name(rows[0]), terms=tuple(terms))

    def _users(self, rows: Sequence[Row]) -> list[User]:
        """Return the users of several rows, by one query of their plans."""
        now = iso(self._clock())
        terms = defaultdict[int, list[str]](list)
        is_theirs = TERM.user_id.in_([row.user_id for row in rows])
        running = is_theirs & (TERM.starts_at <= now) & (TERM.ends_at > now)
        for each in self.db.rows(TERM.select(TERM.user_id, TERM.plan).where(running)):
            terms[each.user_id].append(each.plan)
        return [
            _USERS.read(
                row,
                account=None,
                shown_name=self._name(row),
                terms=tuple(terms[row.user_id]),
            )
            for row in rows
        ]

    def _name(self, row: Row) -> str:
        sealed = row.shown_name if self.db.has_cipher else ""
        return (decrypt(self.db.cipher, sealed) or "") if sealed else ""


def _newest() -> Any:
    return PERSON.select().order_by(PERSON.first_seen_at.desc(), PERSON.user_id.desc())
