"""`merlin billing reconcile`: the ledger against what the tills say; nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from merlin.cli.loading import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import as_json, say, table, word
from merlin.cli.period import Since, Until, ends_of

if TYPE_CHECKING:
    from merlin.wiring.reconciling import Reconciled


def reconcile(
    since: Since = None, until: Until = None, config: ConfigPath = DEFAULT, json: AsJson = False
) -> None:
    """Compare the ledger with YooKassa's list, and show what the bot found of Stars at night.

    Changes nothing; exits with 1 where anything differs.
    """
    from merlin.wiring.reconciling import reconcile as compared
    from merlin.wiring.selling import watched

    settings = configuration(config)
    first, last = ends_of(settings, since, until)
    with watched(settings) as sales:
        came = compared(sales, first, last)
    if json:
        as_json({"since": first, "until": last, **_compared(came)})
    else:
        _tell(came)
    if not came.is_clean:
        raise typer.Exit(1)


def _compared(came: Reconciled) -> dict[str, Any]:
    found = [
        {
            "difference": each.difference.value,
            "till_id": each.outside_id,
            "order": each.purchase_id,
            "ledger": each.ours.decimal if each.ours else None,
            "till": each.theirs.decimal if each.theirs else None,
        }
        for each in came.found
    ]
    return {
        "clean": came.is_clean,
        "yookassa": None if came.payments is None else {"payments": came.payments, "found": found},
        "stars": came.stars,
        "faults": list(came.wrong),
    }


def _tell(came: Reconciled) -> None:
    rows: list[Sequence[object]] = [
        [
            word("differs", each.difference.value),
            each.outside_id,
            each.purchase_id,
            each.ours and each.ours.decimal,
            each.theirs and each.theirs.decimal,
        ]
        for each in came.found
    ]
    rows += [
        [word("differs-stars", str(each.get("kind"))), each.get("charge"), "", "", ""]
        for each in (came.stars or {}).get("differences", ())
    ]
    rows += [[word("differs", "ledger"), "", "", fault, ""] for fault in came.wrong]
    if rows:
        names = ("differs", "till-id", "order", "ledger", "theirs")
        table([f"billing-col-{name}" for name in names], rows)
    if came.payments is None:
        say("billing-no-shop")
    else:
        say("billing-compared", payments=came.payments, found=len(came.found))
    if came.stars is None:
        say("billing-stars-never")
    else:
        at, count = str(came.stars.get("at", "")), len(came.stars.get("differences", ()))
        say("billing-stars-compared", at=at, found=count)
