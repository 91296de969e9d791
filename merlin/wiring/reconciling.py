"""The ledger against what the tills say, from the command line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from merlin.app.texts import Settings
from merlin.billing.ledger import Entry, EntryKind, faults
from merlin.billing.purchases import Till
from merlin.billing.report import Found, compare, missing
from merlin.core.errors import NotFound, PaymentError
from merlin.providers.payments import Payments, Seen
from merlin.wiring.selling import Sales

# Where the bot keeps what came of its nightly look at Telegram's own list.
STARS_COMPARED = "stars.reconciled"
UNKNOWN = "not_found"


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What was compared, and what differs.

    `payments` is how many YooKassa has of the time, None where there is no shop. `stars` is what
    the bot found last, None where it never looked. `wrong` are faults of the ledger itself.
    """

    payments: int | None
    found: Sequence[Found]
    stars: Mapping[str, Any] | None
    wrong: Sequence[str]

    @property
    def is_clean(self) -> bool:
        """Return whether nothing differs."""
        return not (self.found or self.wrong or (self.stars or {}).get("differences"))


def reconcile(sales: Sales, since: datetime, until: datetime) -> Reconciled:
    """Compare the ledger with YooKassa's list of a time. Raises TillAway, TillError, ConfigError.

    A payment counts by when it was made, which the two may see on two sides of a border: what one
    of them lacks is asked for by its name.
    """
    entries = [entry for entry, _ in sales.books.ledger.between(since, until)]
    stars_ = _stars(sales)
    wrong = [*faults(_whole(sales, {each.purchase_id for each in entries}))]
    shop = sales.config.selling.yookassa
    if shop is None:
        return Reconciled(None, (), stars_, wrong)
    from merlin.wiring.till import gateway_of

    gateway = gateway_of(shop)
    try:
        mine = [each for each in entries if each.till is Till.YOOKASSA]
        seen = asyncio.run(_seen(gateway, mine, since, until))
    finally:
        gateway.close()
    known = {each.purchase_id for each in mine} | _known(sales, seen)
    whole = [each for each in _whole(sales, known) if each.till is Till.YOOKASSA]
    there = {each.outside_id for each in seen}
    # Of a purchase named by the till, the payments of another time are not looked at.
    here = [*_of_time(whole, {each.outside_id for each in mine} | there)]
    return Reconciled(len(seen), compare(here, seen), stars_, wrong)


def _of_time(whole: Sequence[Entry], named: set[str]) -> Iterator[Entry]:
    """Yield the payments that are named, and everything that is no payment."""
    for each in whole:
        if each.kind is not EntryKind.PAYMENT or each.outside_id in named:
            yield each


async def _seen(
    payments: Payments, mine: Sequence[Entry], since: datetime, until: datetime
) -> list[Seen]:
    listed = [*await payments.between(since, until)]
    for outside_id in missing(mine, listed):
        try:
            listed.append(await payments.find(outside_id))
        except PaymentError as error:
            if error.code != UNKNOWN:
                raise
    return listed


def _known(sales: Sales, seen: Sequence[Seen]) -> set[str]:
    """Return the purchases that a till's payments name, as far as there are such."""
    found = set[str]()
    for each in seen:
        try:
            found.add(sales.books.purchases.get(each.purchase_id).purchase_id)
        except NotFound:
            continue
    return found


def _whole(sales: Sales, purchase_ids: set[str]) -> list[Entry]:
    found = [each for one in purchase_ids for each in sales.books.ledger.entries(one)]
    return sorted(found, key=lambda each: each.entry_id)


def _stars(sales: Sales) -> Mapping[str, Any] | None:
    said = Settings(sales.db).get(STARS_COMPARED)
    try:
        told = json.loads(said) if said else None
    except ValueError:
        return None
    return told if isinstance(told, Mapping) else None
