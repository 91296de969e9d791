"""The people of a database, from the command line: roles, blocks, plans, gifts."""

from __future__ import annotations

import getpass
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from merlin.account.accounts import Accounts
from merlin.account.roles import Roles
from merlin.account.users import Consents, User, Users
from merlin.billing.plan import Format, Source, plan_named, plan_of, read_plans
from merlin.billing.quota import Gift, Given, Left, Quotas
from merlin.billing.subscriptions import Terms
from merlin.config import Config
from merlin.core.clock import utc_now, zone_of
from merlin.core.errors import NotFound
from merlin.db.database import Database
from merlin.wiring.database import opened, reading

Shown = dict[str, Any]


@dataclass(frozen=True, slots=True)
class People:
    """The families of rows that tell of people."""

    config: Config
    users: Users
    roles: Roles
    quotas: Quotas
    consents: Consents
    accounts: Accounts
    terms: Terms

    def known(self, user_id: int) -> User:
        """Return the user. Raises NotFound for somebody who never wrote."""
        user = self.users.get(user_id)
        if user is None:
            raise NotFound(f"no user {user_id}", "account-no-user", user=str(user_id))
        return user


@contextmanager
def watched(config: Config) -> Iterator[People]:
    """Yield the people for reading. Raises NotFound before anything was recorded."""
    with reading(config) as database:
        yield _people(config, database)


@contextmanager
def changed(config: Config) -> Iterator[People]:
    """Yield the people for changing."""
    with opened(config) as database:
        yield _people(config, database)


def _people(config: Config, database: Database) -> People:
    return People(
        config,
        Users(database),
        Roles(database, config.telegram.admins),
        # Gifts and what is left count over all bots, so that none is named here.
        Quotas(database, bot_id=0),
        Consents(database),
        Accounts(database),
        Terms(database),
    )


def operator() -> str:
    """Return how the audit names whoever runs this command."""
    return f"cli:{getpass.getuser()}"


def line(people: People, user: User) -> Shown:
    """Return one person as a list shows them."""
    standing = people.roles.standing(user.user_id)
    account = people.accounts.of(user.user_id)
    return {
        "user": user.user_id,
        "name": user.shown_name,
        "account": account.name if account else "",
        "role": standing.role.value,
        "scopes": sorted(standing.scopes),
        "plan": plan_of(read_plans(people.config.plans), user.plans).name,
        "language": user.speaks(people.config.language),
        "blocked": user.is_blocked,
        "reachable": user.is_reachable,
    }


def card(people: People, user: User) -> Shown:
    """Return everything that there is to know about one person."""
    plan = plan_of(read_plans(people.config.plans), user.plans)
    zone = zone_of(user.zone or people.config.timezone)
    left = people.quotas.left(user.user_id, plan, zone)
    return {
        **line(people, user),
        "zone": user.zone or people.config.timezone,
        "terms_seen": user.terms_seen,
        "left": {kind.value: _left(each) for kind, each in left.items()},
        "gifts": [_gift(each) for each in people.quotas.gifts(user.user_id)],
        "consents": [asdict(each) for each in people.consents.of(user.user_id)],
    }


def _left(left: Left) -> Mapping[str, object]:
    return {
        "used": left.used,
        "limit": left.limit,
        "period": left.period.value,
        "resets_at": left.resets_at,
        "gifts": left.gifts,
        "remaining": left.remaining,
    }


def _gift(given: Given) -> Mapping[str, object]:
    gift = given.gift
    return {
        "gift": given.gift_id,
        "format": gift.kind.value,
        "amount": gift.amount,
        "used": given.used,
        "expires_at": gift.expires_at,
        "by": gift.by,
        "reason": gift.reason,
        "at": given.at,
    }


def set_plan(people: People, user_id: int, name: str) -> None:
    """Give somebody a plan of the config. Raises NotFound for an unknown plan or person."""
    if name not in people.config.plans:
        raise NotFound(f"no plan {name}", "quota-no-plan", plan=name)
    people.users.set_plan(user_id, name, operator())


def lend_plan(people: People, user_id: int, name: str, days: int) -> datetime:
    """Give somebody a plan of the config for so many days; return when it ends.

    Raises NotFound for an unknown plan, for a pack, and for somebody who never wrote.
    """
    plan = plan_named(read_plans(people.config.plans), name)
    if plan is None or plan.is_pack:
        raise NotFound(f"no plan {name}", "quota-no-plan", plan=name)
    people.known(user_id)
    key = f"gift:{secrets.token_hex(8)}"
    people.terms.add(user_id, name, days, Source.GIFT, key, operator())
    return next(each.ends_at for each in people.terms.of(user_id) if each.key == key)


def present(
    people: People, user_id: int, what: tuple[Format, int], days: int | None, reason: str
) -> Shown:
    """Give somebody so many questions of a format, to be used within `days`; return the gift.

    Raises NotFound for somebody who never wrote, Refused for an amount nobody means.
    """
    people.known(user_id)
    kind, amount = what
    until = None if days is None else utc_now() + timedelta(days=days)
    people.quotas.give(Gift(user_id, kind, amount, operator(), reason, until))
    return dict(_gift(people.quotas.gifts(user_id)[0]))
