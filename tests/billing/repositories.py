"""The repositories of billing on one database, for tests that read and write rows directly."""

from types import SimpleNamespace

from merlin.billing.ledger import Ledger
from merlin.billing.purchases import Purchases
from merlin.billing.refunds import Refunds
from merlin.billing.subscriptions import Subscriptions
from merlin.billing.terms import Terms
from merlin.core.clock import utc_now
from merlin.db.audit import Audit
from merlin.db.notices import Notices


def open_billing(database, clock=utc_now):
    """Return the repositories of billing by subject."""
    return SimpleNamespace(
        purchases=Purchases(database, clock),
        ledger=Ledger(database, clock),
        terms=Terms(database, clock),
        refunds=Refunds(database, clock),
        subscriptions=Subscriptions(database, clock),
        notices=Notices(database, clock),
        audit=Audit(database, clock),
    )
