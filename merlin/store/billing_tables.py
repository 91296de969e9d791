"""The tables of what is bought; `store.migrations.m013_billing` makes them."""

from __future__ import annotations

from merlin.store.tables import Table


def _table(name: str, columns: str) -> Table:
    return Table(name, tuple(columns.split()), primary_key="id")


PURCHASE = _table(
    "purchase",
    "id user_id till plan promise amount currency is_test contact promo keeps_method renewal_id"
    " state outside_id pay_url reason created_at expires_at asked_at look_at looks",
)
LEDGER = _table(
    "ledger",
    "id key kind purchase_id till refers amount currency outside_id at by_what reason is_test",
)
TERM = _table("plan_term", "id user_id plan starts_at ends_at source key grant_id by_whom at")
REFUND = _table(
    "refund",
    "id purchase_id grant_id till payment_id amount currency reason by_whom state at look_at looks"
    " outside_id trouble",
)
RENEWAL = _table(
    "renewal",
    "id user_id plan till method method_title contact state consented_at next_at tries"
    " reminded_for",
)
PROMO = _table("promo", "id code plan days percent most_uses ends_at by_whom at stopped_at")
# Under a keyed hash instead of a name: what answers cost a day.
ANSWER_COST = Table("answer_cost", ("day", "mark", "currency", "micro"))
PROMO_USE = _table("promo_use", "id promo_id user_id purchase_id at")
