"""The rules of a whole ledger, which no history may break."""

from merlin.billing.ledger import EntryKind, sum_refunds

RESTS_ON = {
    EntryKind.GRANT: EntryKind.PAYMENT,
    EntryKind.REFUND: EntryKind.GRANT,
    EntryKind.REVOCATION: EntryKind.GRANT,
}


def find_inconsistencies(entries):
    """Yield a line for each inconsistency; none for a consistent ledger."""
    known = {entry.entry_id: entry for entry in entries}
    for entry in entries:
        below = known.get(entry.refers)
        above = [each for each in entries if each.refers == entry.entry_id]
        name = f"{entry.kind.value} {entry.entry_id}"
        if entry.amount.minor < 0:
            yield f"{name}: a negative amount"
        if (below.kind if below else None) is not RESTS_ON.get(entry.kind):
            yield f"{name}: rests on {below}"
        elif below is not None and below.amount.currency is not entry.amount.currency:
            yield f"{name}: another currency"
        if entry.kind is EntryKind.PAYMENT and [each.amount for each in above] != [
            entry.amount
        ]:
            yield f"{name}: granted {above}"
        elif entry.kind is EntryKind.GRANT:
            paid = entry.amount.minor
            back = sum_refunds(above)
            revoked = sum(each.kind is EntryKind.REVOCATION for each in above)
            if back > paid or revoked != int(back == paid and back > 0):
                yield f"{name}: {back} of {paid} went back, {revoked} revocations"
