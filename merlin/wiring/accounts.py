"""Accounts, from the command line: people without Telegram, user names, passwords."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from merlin.account.accounts import Accounts, check_name, check_password_strength, hash_password
from merlin.account.roles import Roles
from merlin.account.sign_ins import SignIns
from merlin.account.users import Users
from merlin.config import Config
from merlin.core.errors import NotFound
from merlin.core.permissions import Role
from merlin.db.database import Database
from merlin.wiring.database import make_cipher, opened
from merlin.wiring.users import operator

Shown = dict[str, Any]
_RANDOM_BYTES = 12


@dataclass(frozen=True, slots=True)
class NewAccount:
    """Somebody to be added; `password` None: one is made up."""

    name: str
    role: Role = Role.STUDENT
    scope: str | None = None
    password: str | None = field(default=None, repr=False)


def add_account(config: Config, new: NewAccount) -> Shown:
    """Add somebody without Telegram; return what was made, a password that was made up too.

    Raises Refused, and adds nobody then, for a name, password or role that cannot be.
    """
    name = check_name(new.name)
    password, kept = _password(new.password, name)
    with opened(config) as database, database.atomic():
        roles = Roles(database, config.telegram.admins)
        accounts = Accounts(database)
        user_id = accounts.make(name, operator())
        accounts.set_password(user_id, kept, operator())
        if new.role is not Role.STUDENT or new.scope:
            roles.grant(user_id, new.role, operator(), new.scope)
        standing = roles.standing(user_id)
    told = {"user": user_id, "name": name, "role": standing.role.value}
    shown = None if new.password else password
    return {**told, "scopes": sorted(standing.scopes), "password": shown}


def give_name(config: Config, user_id: int, name: str) -> str:
    """Give somebody a user name; return it. Raises NotFound, Refused for a taken one."""
    given = check_name(name)
    with opened(config) as database, database.atomic():
        if Users(database).get(user_id) is None:
            raise NotFound(f"no user {user_id}", "account-no-user", user=str(user_id))
        Accounts(database).set_name(user_id, given, operator())
    return given


def give_password(config: Config, name: str, password: str | None) -> Shown:
    """Give an account a new password and end its sign-ins; return one that was made up too.

    Raises NotFound for a name that nobody has, Refused for an easy password.
    """
    with opened(config) as database:
        account = Accounts(database).named(name)
        if account is None:
            raise NotFound(f"no account {name}", "account-no-account", name=name)
        given, kept = _password(password, account.name)
        with database.atomic():
            Accounts(database).set_password(account.user_id, kept, operator())
            _sign_ins(config, database).close_all(account.user_id)
    shown = None if password else given
    return {"user": account.user_id, "name": account.name, "password": shown}


def _password(given: str | None, name: str) -> tuple[str, str]:
    """Return a password and its hash."""
    password = given if given is not None else secrets.token_urlsafe(_RANDOM_BYTES)
    check_password_strength(password, name)
    return password, hash_password(password)


def _sign_ins(config: Config, database: Database) -> SignIns:
    database.cipher = make_cipher(config)
    return SignIns(database)
