"""Years of use in a database: many rows like the first one of each table, all of them over.

Not of the tables of examples, which are as large as a dataset: each of its commits may read it.
"""

from merlin.core.clock import iso, utc_now
from merlin.db import tables as t

MANY = 2_000
FAR = 10_000_000
NOW = iso(utc_now())


def far(number):
    """Return an id that no other row has."""
    return FAR + number


def name(number):
    """Return a text that no other row has."""
    return f"h{number:039}"


def before(number):
    """Return the place of a row before all others."""
    return -number - 1


def always(value):
    """Return a column that is alike in every row."""
    return lambda _number: value


# Table -> its columns in which the rows differ from the first one, or which say that they are over.
HISTORY = {
    t.PERSON: {"user_id": far},
    t.AUDIT: {},
    t.COMMIT: {"sha": name, "position": before},
    t.VERDICT: {
        "commit_sha": name,
        "position": before,
        "status": lambda number: ("unchanged", "superseded", "rejected", "failed")[
            number % 4
        ],
        "sent_at": always(NOW),
        "updated_at": always(NOW),
    },
    t.BUILD: {"id": far, "number": before, "digest": name},
    t.JOB: {
        "id": far,
        "launch_key": name,
        "build_id": far,
        "created_at": always("2020-01-01"),
    },
    t.MODEL: {"build_id": far, "job_id": far, "model_id": name},
    t.PROMOTION: {"to_model": name},
    t.INTENT: {"key": name, "state": always("done")},
    t.REQUEST: {"state": always("done"), "created_at": always(NOW)},
    t.NOTICE: {"once": name, "handed_over_at": always(NOW)},
    t.CHANGE: {"change_id": name, "batch": name, "state": always("committed")}
    | {"is_reported": always(1), "commit_sha": name},
    t.SESSION: {"id": far, "chat_id": far, "user_id": far},
    t.TURN: {"session_id": far, "update_id": far, "user_id": far},
    t.TELEGRAM_UPDATE: {
        "update_id": far,
        "chat_id": far,
        "user_id": far,
        "state": always("answered"),
    }
    | {"finished_at": always(NOW)},
    t.OUTGOING: {
        "key": name,
        "chat_id": far,
        "state": always("sent"),
        "settled_at": always(NOW),
    },
    t.LEASE: {"chat_id": far, "owner": always("")},
    t.DIALOG: {"chat_id": far, "user_id": far, "at": always(NOW)},
    t.RATING: {"user_id": far},
    t.CONSENT: {"user_id": far},
    t.ACCOUNT: {"user_id": far, "name": name},
    t.SIGN_IN: {"token_hash": name, "source": always(None), "user_id": far},
    t.API_KEY: {"key_hash": name, "user_id": far},
    t.FAVOURITE: {"user_id": far},
    t.QUOTA_USE: {"update_id": far, "user_id": far, "state": always("charged")},
    t.PURCHASE: {
        "id": name,
        "outside_id": name,
        "user_id": far,
        "next_poll_at": always(None),
    },
    t.LEDGER: {"key": name, "purchase_id": name},
    t.TERM: {"key": name, "user_id": far},
}


def clone(db, table, numbers, **changes):
    """Add rows like the table's first one, each with these changes, by its number."""
    like = db.row(table.select())._asdict()
    if "id" not in changes:
        like.pop("id", None)
    rows = (
        {**like, **{name: make(n) for name, make in changes.items()}} for n in numbers
    )
    db.add_many(table, rows)


def add_history(db, but=()):
    """Add many rows to each table that has one, but not to those of these names."""
    for table, changes in HISTORY.items():
        if table.__name__ not in but and db.row(table.select()):
            clone(db, table, range(MANY), **changes)
