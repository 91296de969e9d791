"""Group commit: many waiting writes share one transaction, and each gets its own result."""

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from merlin.db.database import open_database
from merlin.db.driver_errors import DatabaseAway
from merlin.db.migrations import migrate
from merlin.db.notices import Notices
from merlin.db.tables import NOTICE
from merlin.db.writer import Store
from tests.support.waiting import longest

pytestmark = pytest.mark.integration


def write_notice(key):
    def work(database):
        Notices(database).notify("admins", key, {})
        if key.startswith("bad"):
            raise KeyError(key)
        return key

    return work


def submit(writer, work):
    return writer.do(lambda: work(writer.db))


def notice_keys(database):
    return [row.key for row in database.rows(NOTICE.select().order_by(NOTICE.id))]


def test_each_caller_gets_its_own_result_and_a_failure_rolls_back_only_itself(database):
    keys = [f"bad {n}" if n % 7 == 3 else f"good {n}" for n in range(100)]

    async def main(writer):
        return await asyncio.gather(
            *(submit(writer, write_notice(w)) for w in keys), return_exceptions=True
        )

    answers = with_writer(database, main)
    good = [key for key in keys if key.startswith("good")]
    assert [answer for answer in answers if isinstance(answer, str)] == good
    assert sum(isinstance(answer, KeyError) for answer in answers) == 14
    assert notice_keys(database) == good


def test_waiting_writes_share_a_transaction(database):
    transactions = []

    def note(database):
        transactions.append(transaction_id(database))

    with_writer(database, lambda writer: submit_together(writer, [note] * 700))
    assert len(transactions) == 700
    if database.dialect == "postgresql":
        assert [
            transactions.count(fromkey) for fromkey in dict.fromkeys(transactions)
        ] == [
            500,
            200,
        ]


def test_result_is_returned_after_the_commit(url, database):
    async def main(writer):
        await submit(writer, write_notice("first"))
        with open_database(url, read_only=True) as other:
            return notice_keys(other)

    assert with_writer(database, main) == ["first"]


def test_cancelled_caller_does_not_disturb_the_others(database):
    async def main(writer):
        tasks = [
            asyncio.ensure_future(submit(writer, write_notice(f"{n}")))
            for n in range(10)
        ]
        await asyncio.sleep(0)
        tasks[3].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers = with_writer(database, main)
    assert isinstance(answers[3], asyncio.CancelledError)
    assert [answers[n] for n in range(10) if n != 3] == [
        f"{n}" for n in range(10) if n != 3
    ]


def test_closing_stores_waiting_writes_and_accepts_no_more(database):
    async def main(writer):
        waiting = [
            asyncio.ensure_future(submit(writer, write_notice(f"{n}")))
            for n in range(50)
        ]
        await asyncio.sleep(0)
        writer.close()
        with pytest.raises(RuntimeError):
            await submit(writer, write_notice("late"))
        return await asyncio.gather(*waiting)

    assert len(with_writer(database, main)) == 50
    assert len(notice_keys(database)) == 50


def test_group_that_cannot_be_stored_fails_every_caller(tmp_path):
    url = f"sqlite://{tmp_path}/merlin.db"
    other = sqlite3.connect(Path(tmp_path / "merlin.db"), isolation_level=None)
    with open_database(url, busy_s=0.01) as database:
        migrate(database)
        other.execute("BEGIN IMMEDIATE")

        async def main(writer):
            some = [submit(writer, write_notice(f"{n}")) for n in range(3)]
            refused = await asyncio.gather(*some, return_exceptions=True)
            other.execute("ROLLBACK")
            return refused, await submit(writer, write_notice("after"))

        refused, after = with_writer(database, main)
        other.close()
        assert [error.key for error in refused] == ["store-busy"] * 3
        assert after == "after"
        assert notice_keys(database) == ["after"]


def test_transaction_ended_by_sqlite_fails_every_caller_and_leaves_nothing(tmp_path):
    def end(database):
        database.sql("ROLLBACK")

    works = [write_notice("before"), end, write_notice("after")]
    with open_database(f"sqlite://{tmp_path}/merlin.db") as database:
        migrate(database)
        answers = with_writer(database, lambda writer: submit_together(writer, works))
        assert [type(answer) for answer in answers] == [DatabaseAway] * 3
        assert notice_keys(database) == []
        assert (
            with_writer(database, lambda writer: submit(writer, write_notice("again")))
            == "again"
        )
        assert notice_keys(database) == ["again"]


def transaction_id(database):
    if database.dialect == "postgresql":
        return database.sql("SELECT pg_current_xact_id()::text")[0][0]
    return "sqlite"


async def submit_together(writer, writes):
    """Run the writes at once, behind one that holds the writer; return their results."""
    started = threading.Event()
    go = threading.Event()

    def hold(_):
        started.set()
        go.wait(longest())

    first = asyncio.ensure_future(submit(writer, hold))
    await asyncio.to_thread(started.wait, 60)
    waiting = [asyncio.ensure_future(submit(writer, work)) for work in writes]
    await asyncio.sleep(0)
    go.set()
    await first
    return await asyncio.gather(*waiting, return_exceptions=True)


def with_writer(database, main):
    writer = Store(database)
    try:
        return asyncio.run(main(writer))
    finally:
        writer.close()


def test_process_without_a_writing_thread_is_told_so():
    for call in (Store().do, Store().read):
        with pytest.raises(RuntimeError, match="no writing thread"):
            asyncio.run(call(int))


def test_reading_sees_what_is_stored(database):
    async def main(writer):
        await submit(writer, write_notice("first"))
        return await writer.read(lambda: notice_keys(database))

    assert with_writer(database, main) == ["first"]


@pytest.mark.parametrize("locked_try", [1, 2])
def test_write_that_meets_a_lock_runs_again_and_fails_nobody(
    database, tmp_path, locked_try
):
    holder = sqlite3.connect(tmp_path / "held.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    waiting = sqlite3.connect(
        tmp_path / "held.db", 0, isolation_level=None, check_same_thread=False
    )
    tries = []

    def meet_lock(database):
        tries.append(1)
        Notices(database).notify("admins", "locked", {})
        if len(tries) == locked_try:
            waiting.execute("BEGIN IMMEDIATE")
        return "locked"

    works = [meet_lock, write_notice("bad"), write_notice("good")]
    answers = with_writer(database, lambda writer: submit_together(writer, works))
    for connection in (waiting, holder):
        connection.close()
    assert [answers[0], type(answers[1]), answers[2]] == ["locked", KeyError, "good"]
    assert notice_keys(database) == ["locked", "good"]


def test_end_of_an_event_loop_disturbs_no_write(database):
    may_write = threading.Event()

    def write_late(database):
        may_write.wait(longest())
        return write_notice("left")(database)

    async def leave(writer):
        waiting = asyncio.ensure_future(submit(writer, write_late))
        await asyncio.sleep(0)
        assert not waiting.done()

    writer = Store(database)
    try:
        asyncio.run(leave(writer))
        may_write.set()
        asyncio.run(submit(writer, write_notice("after")))
    finally:
        writer.close()
    assert notice_keys(database) == ["left", "after"]
