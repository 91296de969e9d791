"""Lets the n-th operation of this process fail: a statement, a written file, a program, a call.

Python itself tells an audit hook of each before it happens (PEP 578), SQLite tells a connection's
trace of each statement; our own code is as it is.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import sys
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial

from merlin.app.inbox import Inbox, read_update
from merlin.core.clock import utc_now
from merlin.dataset.changes import ChangeRequest, Changes, Edit, make_changes
from merlin.dataset.commit_message import telegram_editor
from merlin.db.database import open_database
from merlin.db.encryption import Cipher
from merlin.sandbox.provider.app import ProviderStandIn
from merlin.wiring.context import make_cipher, opened
from tests.billing.plan_shop import Counter
from tests.support.migrated_databases import put_migrated
from tests.support.pipeline_lab import Lab
from tests.support.waiting import wait_until

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class _Traced(sqlite3.Connection):
    """A connection that ends a statement as a full disk does: its transaction is rolled back."""

    def __init__(self, is_it, *arguments, **named):
        super().__init__(*arguments, **named)
        self.set_trace_callback(lambda statement: is_it(statement) and self.interrupt())


class FailAt:
    """Counts operations while it is `on`, and fails the n-th: full disk, lost or no connection."""

    def __init__(self):
        self._left = self._at = 0
        self.last = ""
        sys.addaudithook(self._hear)
        sqlite3.connect = partial(sqlite3.connect, factory=partial(_Traced, self.is_it))

    @contextmanager
    def on(self, number):
        """Fail the operation of this number within the block, 0: none; `last` is it, or ""."""
        self._left, self.last = number, ""
        try:
            yield self
        finally:
            self._left = 0

    def is_it(self, what):
        """Return whether this operation is the one that fails."""
        if not self._left:
            return False
        self._left -= 1
        if self._left:
            return False
        self.last = what
        return True

    def _hear(self, event, arguments):
        if not self._left:
            return
        if event == "open":
            path, _, flags = arguments
            if flags & _WRITES and isinstance(path, str) and self.is_it(f"open {path}"):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        elif event in {"os.rename", "os.mkdir", "os.link"}:
            if self.is_it(f"{event} {arguments[0]}"):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(arguments[0]))
        elif event == "subprocess.Popen":
            if self.is_it(f"{event} {arguments[1]}"):
                raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        elif event == "socket.connect" and self.is_it(f"{event} {arguments[1]}"):
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))


FAIL = FailAt()


def fail_each(step, prepare, act, check):
    """Let each `step`-th operation of an act fail; return how many did.

    Each has what `prepare(number)` returns for itself, and `check` lets it end well.
    """
    for number in range(1, 100_000):
        told = prepare(number)
        # A schedule and a server take any error of one call.
        with FAIL.on(1 + (number - 1) * step), suppress(Exception):
            act(told)
        check(told)
        if not FAIL.last:
            return number - 1
    raise AssertionError("it never ends")


@contextmanager
def _lab(folder):
    with ProviderStandIn(key="stand-in") as provider:
        lab = Lab(folder, provider.base_url)
        lab.repository.dataset()
        lab.repository.commit()
        lab.until_serving("trial-1")
        yield lab, provider


def _serving(lab):
    return lab.status()["serving"]["build"]


def fail_commits(folder, step=1):
    """Fail on the way of a commit: fetch, check, build, launch, poll, proof, promotion, note."""
    with _lab(folder) as (lab, provider):

        def prepare(number):
            lab.repository.example("trial", 100 + number)
            lab.repository.commit()
            return 1 + number

        def check(builds):
            # An outage is waited for, in seconds.
            wait_until(lambda: lab.tick() or _serving(lab) == f"trial-{builds}")
            keys = [job["asked"]["metadata"]["merlin_launch"] for job in provider.jobs_created()]
            assert len(keys) == len(set(keys)) == builds
            left = [path.name for path in (lab.config.state_dir / "builds" / "trial").iterdir()]
            assert len(left) == builds, left

        return fail_each(step, prepare, lambda _: lab.tick(rounds=3), check)


def fail_edits(folder, step=1):
    """Fail on the way of an edit to its commit on the branch."""
    with _lab(folder) as (lab, _):
        git = lab.repository.git
        git("config", "receive.denyCurrentBranch", "updateInstead")

        def prepare(number):
            text = f"messages:\n  - user: Где вопрос {number}?\n  - assistant: Здесь.\n"
            change_request = ChangeRequest(telegram_editor(7, "Борис"), "7", datetime.now(UTC))
            changes = make_changes(
                "trial", [Edit(f"examples/e{number}.yaml", None, text)], change_request
            )
            with opened(lab.config) as database:
                database.cipher = make_cipher(lab.config)
                Changes(database).put(changes)
            return changes[0]

        def check(change):
            lab.tick("changes")
            is_made = f"--grep=Merlin-Id: {change.batch}"
            wait_until(lambda: git("log", is_made) or lab.tick("changes"))
            assert len(git("log", "--format=%H", "--", f"datasets/{change.path}").split()) == 1
            found = lab.repository.folder / "datasets" / change.path
            assert found.read_text(encoding="utf-8") == change.text
            assert git("status", "--porcelain") == ""

        return fail_each(step, prepare, lambda _: lab.tick("changes"), check)


@contextmanager
def _database(folder):
    url = f"sqlite://{folder}/merlin.db"
    put_migrated(url)
    with open_database(url, cipher=Cipher({"k": b"k" * 32}, "k")) as database:
        yield database


def fail_payments(folder, step=1):
    """Fail where YooKassa tells of a payment; it tells again."""
    with _database(folder) as database:
        shop = Counter(database, utc_now)

        def pay(purchase):
            shop.pay(purchase, f"pay-{purchase.purchase_id}")

        def check(purchase):
            pay(purchase)
            assert shop.faults() == []
            entries = shop.ledger.entries(purchase.purchase_id)
            assert [entry.kind.value for entry in entries] == ["payment", "grant"]
            assert len(shop.billing.terms.of(purchase.user_id)) == 1

        return fail_each(step, lambda number: shop.order(2000 + number), pay, check)


def fail_updates(folder, step=1):
    """Fail where Telegram brings an update; it brings it again."""
    with _database(folder) as database:
        inbox = Inbox(database, 1)

        def prepare(number):
            who = {"id": 1001, "is_bot": False, "first_name": "Anna"}
            message = {"message_id": number, "from": who, "chat": {"id": 1001}, "text": "Что?"}
            return read_update({"update_id": number, "message": message})

        def store(update):
            database.transact(lambda: inbox.store([update], None))

        def check(update):
            store(update)
            counted = "SELECT COUNT(*) FROM updates WHERE update_id = ?"
            assert database.sql(counted, update.update_id)[0][0] == 1

        return fail_each(step, prepare, store, check)


WAYS = (fail_commits, fail_edits, fail_payments, fail_updates)
