"""Revenue by gateway, and rows for the accountant."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Self

from merlin.billing.ledger import Entry, EntryKind
from merlin.billing.purchases import Promise
from merlin.core.clock import in_zone
from merlin.core.money import Amount, Currency
from merlin.core.table_cells import escape_formula
from merlin.core.views import described
from merlin.providers.payments import Gateway

COLUMNS = (
    *("date", "kind", "order", "gateway", "plan", "title", "paid", "returned", "currency"),
    *("vat_code", "gateway_id", "test"),
)
_MONEY = frozenset({EntryKind.PAYMENT, EntryKind.REFUND})


_MINOR = "Amount in the smallest unit: kopecks, or whole Stars."


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """Payments and refunds of one gateway in a currency, and what they came to; no tests."""

    gateway: Gateway
    currency: Currency
    payments: int = 0
    paid: int = described(_MINOR, 0)
    refunds: int = 0
    returned: int = described(_MINOR, 0)

    @property
    def net(self) -> int:
        """Return payments minus refunds; negative if more was refunded from earlier payments."""
        return self.paid - self.returned

    def amount(self, minor: int) -> Amount:
        """Return kopecks or Stars as an amount of this currency."""
        return Amount(minor, self.currency)

    def __add__(self, entry: Entry) -> Self:
        """Return the total including a payment or refund."""
        minor = entry.amount.minor
        if entry.kind is EntryKind.PAYMENT:
            return replace(self, payments=self.payments + 1, paid=self.paid + minor)
        return replace(self, refunds=self.refunds + 1, returned=self.returned + minor)


def sum_by_gateway(entries: Iterable[Entry]) -> list[Total]:
    """Return the totals of real money for each gateway and currency, Stars last."""
    by_key: dict[tuple[Gateway, Currency], Total] = {}
    for entry in entries:
        if entry.kind in _MONEY and not entry.is_test:
            gateway, currency = key = entry.gateway, entry.amount.currency
            by_key[key] = by_key.get(key, Total(gateway=gateway, currency=currency)) + entry
    return [by_key[key] for key in sorted(by_key, reverse=True)]


def count_tests(entries: Iterable[Entry]) -> int:
    """Return the number of test payments, which are not real money."""
    return sum(entry.kind is EntryKind.PAYMENT and entry.is_test for entry in entries)


def export_rows(
    rows: Iterable[tuple[Entry, Promise]], zone: tzinfo, vat_code: int | None
) -> Iterator[Mapping[str, str]]:
    """Yield a row for every payment and refund, with COLUMNS as keys; formulas are escaped.

    `vat_code` is that of receipts, None if none are sent.
    """
    for entry, promise in rows:
        if entry.kind not in _MONEY:
            continue
        amount, is_payment = entry.amount.decimal, entry.kind is EntryKind.PAYMENT
        in_roubles = entry.amount.currency is Currency.RUB
        values = {
            "date": f"{in_zone(entry.at, zone):%Y-%m-%d %H:%M:%S}",
            "kind": entry.kind.value,
            "order": entry.purchase_id,
            "gateway": entry.gateway.value,
            "plan": promise.plan,
            "title": promise.title_in("ru"),
            "paid": amount if is_payment else "",
            "returned": "" if is_payment else amount,
            "currency": entry.amount.currency.value,
            "vat_code": str(vat_code) if vat_code is not None and in_roubles else "",
            "gateway_id": entry.outside_id,
            "test": "test" if entry.is_test else "",
        }
        yield {name: escape_formula(cell) for name, cell in values.items()}
