"""Makes the n-th operation of this process fail: a statement, file write, program or call.

A Python audit hook (PEP 578) reports each operation before it runs, and SQLite's trace callback
each statement; the code under test is unchanged.
"""

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
from tests.billing.plan_shop import Shop
from tests.support.migrated_databases import create_migrated
from tests.support.opened_databases import open_with_key
from tests.support.pipeline_lab import Lab
from tests.support.stand_ins import ProviderStandIn
from tests.support.waiting import wait_until

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class _Traced(sqlite3.Connection):
    """A connection that interrupts a statement, as a full disk does: its transaction rolls back."""

    def __init__(self, should_fail, *arguments, **options):
        super().__init__(*arguments, **options)
        self.set_trace_callback(
            lambda statement: should_fail(statement) and self.interrupt()
        )


class FaultInjector:
    """Counts operations inside `on` and fails the n-th: disk full, connection lost, refused."""

    def __init__(self):
        self._left = self._at = 0
        self.last = ""
        sys.addaudithook(self._audit)
        sqlite3.connect = partial(
            sqlite3.connect, factory=partial(_Traced, self.should_fail)
        )

    @contextmanager
    def on(self, number):
        """Fail the operation of this number in the block (0: none); `last` names it, else ""."""
        self._left = number
        self.last = ""
        try:
            yield self
        finally:
            self._left = 0

    def should_fail(self, operation):
        """Return whether this operation is to fail."""
        if not self._left:
            return False
        self._left -= 1
        if self._left:
            return False
        self.last = operation
        return True

    def _audit(self, event, arguments):
        if not self._left:
            return
        if event == "open":
            path, _, flags = arguments
            if (
                flags & _WRITES
                and isinstance(path, str)
                and self.should_fail(f"open {path}")
            ):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        elif event in {"os.rename", "os.mkdir", "os.link"}:
            if self.should_fail(f"{event} {arguments[0]}"):
                raise OSError(
                    errno.ENOSPC, os.strerror(errno.ENOSPC), str(arguments[0])
                )
        elif event == "subprocess.Popen":
            if self.should_fail(f"{event} {arguments[1]}"):
                raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        elif event == "socket.connect" and self.should_fail(f"{event} {arguments[1]}"):
            raise ConnectionRefusedError(
                errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED)
            )


FAULTS = FaultInjector()


def fail_each(step, prepare, act, check):
    """Fail every `step`-th operation of an act, one per run; return how many failed.

    Each run gets the value of `prepare(number)`; `check` then requires a correct final state.
    """
    for number in range(1, 100_000):
        prepared = prepare(number)
        # The scheduler and the server survive any error of one call.
        with FAULTS.on(1 + (number - 1) * step), suppress(Exception):
            act(prepared)
        check(prepared)
        if not FAULTS.last:
            return number - 1
    raise AssertionError("the operations never end")


@contextmanager
def _lab(folder):
    with ProviderStandIn(key="stand-in") as provider:
        lab = Lab.with_dataset(folder, provider.base_url)
        lab.until_serving("trial-1")
        yield lab, provider


def _serving(lab):
    return lab.status()["serving"]["build"]


def fail_commits(folder, step=1):
    """Fail while a commit is processed: fetch, check, build, launch, poll, promote, note."""
    with _lab(folder) as (lab, provider):

        def prepare(number):
            lab.repository.commit_example("trial", 100 + number)
            return 1 + number

        def check(builds):
            # The retry after an outage waits some seconds.
            wait_until(lambda: lab.tick() or _serving(lab) == f"trial-{builds}")
            launch_keys = [
                job["asked"]["metadata"]["merlin_launch"]
                for job in provider.jobs_created()
            ]
            assert len(launch_keys) == len(set(launch_keys)) == builds
            build_folders = [
                path.name
                for path in (lab.config.state_dir / "builds" / "trial").iterdir()
            ]
            assert len(build_folders) == builds, build_folders

        return fail_each(step, prepare, lambda _: lab.tick(rounds=3), check)


def fail_edits(folder, step=1):
    """Fail while an edit is committed to its branch."""
    with _lab(folder) as (lab, _):
        git = lab.repository.git
        git("config", "receive.denyCurrentBranch", "updateInstead")

        def prepare(number):
            text = f"messages:\n  - user: Где вопрос {number}?\n  - assistant: Здесь.\n"
            change_request = ChangeRequest(
                telegram_editor(7, "Борис"), "7", datetime.now(UTC)
            )
            changes = make_changes(
                "trial", [Edit(f"examples/e{number}.yaml", None, text)], change_request
            )
            with open_with_key(lab.config) as database:
                Changes(database).put(changes)
            return changes[0]

        def check(change):
            lab.tick("changes")
            by_batch = f"--grep=Merlin-Id: {change.batch}"
            wait_until(lambda: git("log", by_batch) or lab.tick("changes"))
            assert (
                len(git("log", "--format=%H", "--", f"datasets/{change.path}").split())
                == 1
            )
            path = lab.repository.folder / "datasets" / change.path
            assert path.read_text(encoding="utf-8") == change.text
            assert git("status", "--porcelain") == ""

        return fail_each(step, prepare, lambda _: lab.tick("changes"), check)


@contextmanager
def _database(folder):
    url = f"sqlite://{folder}/merlin.db"
    create_migrated(url)
    with open_database(url, cipher=Cipher({"k": b"k" * 32}, "k")) as database:
        yield database


def fail_payments(folder, step=1):
    """Fail while YooKassa reports a payment; it reports it again."""
    with _database(folder) as database:
        shop = Shop(database, utc_now)

        def pay(purchase):
            shop.pay(purchase, f"pay-{purchase.purchase_id}")

        def check(purchase):
            pay(purchase)
            assert shop.find_faults() == []
            entries = shop.billing.ledger.entries(purchase.purchase_id)
            assert [entry.kind.value for entry in entries] == ["payment", "grant"]
            assert len(shop.billing.terms.list_of_user(purchase.user_id)) == 1

        return fail_each(step, lambda number: shop.order(2000 + number), pay, check)


def fail_updates(folder, step=1):
    """Fail while Telegram delivers an update; it delivers it again."""
    with _database(folder) as database:
        inbox = Inbox(database, 1)

        def prepare(number):
            sender = {"id": 1001, "is_bot": False, "first_name": "Anna"}
            message = {
                "message_id": number,
                "from": sender,
                "chat": {"id": 1001},
                "text": "Что?",
            }
            return read_update({"update_id": number, "message": message})

        def store(update):
            database.transact(lambda: inbox.store([update], None))

        def check(update):
            store(update)
            query = "SELECT COUNT(*) FROM telegram_update WHERE update_id = ?"
            assert database.sql(query, update.update_id)[0][0] == 1

        return fail_each(step, prepare, store, check)


SCENARIOS = (fail_commits, fail_edits, fail_payments, fail_updates)
