"""Opening, transactions, threads and faults, on SQLite and PostgreSQL."""

import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from peewee import IntegrityError

from merlin.account.users import Consents
from merlin.app.inbox import Dialog, Dialogs
from merlin.core.clock import utc_now
from merlin.core.errors import ConfigError, MerlinError, NotFound
from merlin.db.connections import connect
from merlin.db.database import (
    Database,
    lock_user,
    open_database,
    require_storage,
    transaction,
)
from merlin.db.driver_errors import DatabaseAway, DatabaseDamaged
from merlin.db.encryption import Cipher
from merlin.db.migrations import migrate
from merlin.db.processes import read_change_counter
from merlin.db.tables import (
    CHANGE_COUNTER,
    INTENT,
    NOTICE,
    PERSON,
    SETTING,
)
from tests.support.ending import wait_for_end
from tests.support.machine import become_another_user
from tests.support.refusals import refusal_key
from tests.support.transaction_pooler import run_pooler
from tests.support.waiting import longest

pytestmark = pytest.mark.integration


def sqlite_path(url):
    return Path(url.removeprefix("sqlite://"))


@pytest.mark.parametrize(
    "url", ["", "mysql://here/x", "sqlite://", "sqlite://host/x", "x.db"]
)
def test_other_urls_are_refused_as_a_configuration_error(url):
    with pytest.raises(ConfigError):
        open_database(url)


def test_folder_in_place_of_the_sqlite_file_is_named(tmp_path):
    for is_read_only in (False, True):
        with pytest.raises(ConfigError, match=f"{tmp_path} is a folder") as caught:
            open_database(f"sqlite://{tmp_path}", read_only=is_read_only)
        assert (caught.value.key, caught.value.arguments["path"]) == (
            "store-folder",
            str(tmp_path),
        )


def test_sqlite_file_and_folder_are_accessible_only_to_their_owner(tmp_path):
    with open_database(f"sqlite://{tmp_path}/state/merlin.db"):
        folder = tmp_path / "state"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        modes = {
            path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()
        }
    assert modes
    assert set(modes.values()) == {0o600}


def test_sqlite_is_durable_and_enforces_foreign_keys(tmp_path):
    with open_database(f"sqlite://{tmp_path}/merlin.db") as database:
        pragmas = ("journal_mode", "synchronous", "foreign_keys")
        assert [database.sql(f"PRAGMA {name}")[0][0] for name in pragmas] == [
            "wal",
            2,
            1,
        ]


def test_read_only_database_cannot_be_written(url):
    with open_database(url, read_only=True) as database:
        assert read_change_counter(database) == 0
        with pytest.raises(DatabaseAway, match=r"read-?only"):
            database.announce_change()
        assert read_change_counter(database) == 0


def test_pooler_that_refuses_options_at_the_start_can_be_read(postgresql):
    with (
        run_pooler(postgresql.create(template="empty")) as url,
        open_database(url, read_only=True) as database,
    ):
        assert read_change_counter(database) == 0


def test_reading_does_not_create_a_missing_file(tmp_path):
    with pytest.raises(DatabaseAway):
        open_database(f"sqlite://{tmp_path}/merlin.db", read_only=True)
    assert not list(tmp_path.iterdir())


def test_unreachable_server_raises_database_away(postgresql):
    with pytest.raises(DatabaseAway):
        open_database(f"{postgresql.url('postgres')}_that_is_not_there")


def test_plain_statement_reads_named_columns_and_counts_what_it_stores(database):
    add = "INSERT INTO setting (name, value) VALUES (:name, :value) ON CONFLICT DO NOTHING"
    assert database.run(add, name="a:b?", value="5%") == 1
    assert database.run(add, name="a:b?", value="6%") == 0
    database.run_many(add, [{"name": name, "value": ""} for name in "cd"])
    find = "SELECT name, value FROM setting WHERE value LIKE '5%' AND name = :name"
    (row,) = database.sql(find, name="a:b?")
    assert (row.name, row.value) == row == ("a:b?", "5%")
    assert len(database.sql("SELECT 1 FROM setting")) == 3


def test_rows_are_added_counted_found_changed_and_deleted(database):
    first = database.add(NOTICE, make_notice("a"))
    assert database.add(NOTICE, make_notice("b")) > first
    is_first = NOTICE.id == first
    assert database.count(NOTICE, NOTICE.to_whom == "admins") == 2
    assert database.update(NOTICE, is_first, key="c")
    query = NOTICE.select(NOTICE.key).where(is_first)
    assert database.get_row(query, NotFound("none")).key == "c"
    with database.atomic():
        assert database.rows(database.for_update(query)) == [("c",)]
    assert database.delete(NOTICE, is_first) == 1
    assert not database.has(NOTICE, is_first)
    assert not database.update(NOTICE, is_first, key="d")
    with pytest.raises(NotFound, match="none"):
        database.get_row(query, NotFound("none"))


def make_notice(once):
    at = "2026-11-30T12:00:00Z"
    row = {"once": once, "to_whom": "admins", "key": "k", "arguments": "{}"}
    return {**row, "created_at": at}


def test_only_rows_whose_keys_are_missing_are_added(database):
    database.add_missing(SETTING, [{"name": "a", "value": "1"}])
    rows = [{"name": name, "value": "2"} for name in "ab"]
    database.add_missing(SETTING, rows)
    assert database.rows(SETTING.select().order_by(SETTING.name)) == [
        ("a", "1"),
        ("b", "2"),
    ]
    with pytest.raises(IntegrityError):
        database.transact(lambda: database.add_many(SETTING, rows))


def test_rows_of_another_bot_are_not_seen(database):
    database.cipher = Cipher({"a": bytes(32)}, "a")
    Dialogs(database, 7).put(-5, 1001, Dialog("fix", {"words": "лоб"}))
    assert Dialogs(database, 7).get(-5, 1001).replies == {"words": "лоб"}
    assert Dialogs(database, 8).get(-5, 1001) is None
    assert [Dialogs(database, bot).end(-5, 1001) for bot in (8, 7)] == [False, True]


def test_texts_need_a_key(url):
    with open_database(url) as database:
        assert not database.has_cipher
        with pytest.raises(ConfigError) as caught:
            database.cipher.seal("words")
    assert caught.value.key == "store-no-text-key"


def test_row_is_revoked_once(database):
    consents = Consents(database)
    consents.give(1001, "1")
    assert [consents.revoke(1001) for _ in range(2)] == [True, False]


def test_locked_person_is_recorded_first_where_rows_are_locked(database):
    for _ in range(2):
        with database.atomic():
            lock_user(database, 1001, utc_now)
    is_there = database.has(PERSON, PERSON.user_id == 1001)
    assert is_there == database.is_shared


def test_upsert_stores_a_row_or_changes_the_row_of_its_key(database):
    for value in ("1", "2"):
        database.upsert(SETTING, {"name": "a"}, {"value": value})
    database.upsert(SETTING, {"name": "b"}, {"value": "3"})
    chosen = SETTING.select(SETTING.name, SETTING.value)
    rows = database.rows(chosen.order_by(SETTING.name))
    assert rows == [("a", "2"), ("b", "3")]


def test_failed_transaction_is_rolled_back(database):
    with pytest.raises(KeyError):
        database.transact(lambda: fail_after(database, "a"))
    assert read_change_counter(database) == 0
    assert not database.rows(INTENT.select())


def test_inner_part_is_stored_with_the_whole(database):
    intents = NestedIntents(database)

    def lose():
        intents.one("lost")
        raise KeyError("stop")

    with pytest.raises(KeyError):
        database.transact(lose)
    with database.atomic():
        intents.one("kept")
    assert [row.key for row in database.rows(INTENT.select())] == ["kept"]


def test_caught_failure_of_an_inner_transaction_leaves_nothing(database):
    tellers = NestedIntents(database)

    def whole():
        tellers.one("first")
        with pytest.raises(KeyError):
            database.transact(lambda: tellers.all("inner", "bad"))
        tellers.one("last")

    database.transact(whole)
    rows = database.rows(INTENT.select().order_by(INTENT.key))
    assert [row.key for row in rows] == ["first", "last"]


def test_snapshot_within_a_transaction_sees_its_writes(database):
    with database.atomic():
        database.put(INTENT.insert(_intent("outer")))
        with database.snapshot():
            assert database.rows(INTENT.select(INTENT.key)) == [("outer",)]


def test_snapshot_does_not_change(database):
    with database.snapshot():
        assert read_change_counter(database) == 0
        run_in_thread(database.announce_change)
        assert read_change_counter(database) == 0
    assert read_change_counter(database) == 1


def test_concurrent_increments_are_not_lost(database):
    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(database.announce_change) for _ in range(80)]:
            future.result()
    assert read_change_counter(database) == 80


def test_connections_of_ended_threads_are_closed(database):
    for _ in range(5):
        run_in_thread(lambda: read_change_counter(database))
    registry = database._handle.registry
    assert len(registry._open) <= 2


def test_lock_held_too_long_is_reported_as_busy(tmp_path):
    url = f"sqlite://{tmp_path}/merlin.db"
    with open_database(url, busy_s=0.01) as database:
        migrate(database)
        other = sqlite3.connect(sqlite_path(url), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(MerlinError, match="busy"):
            database.announce_change()
        assert read_change_counter(database) == 0
        other.execute("ROLLBACK")
        other.close()
        database.announce_change()
        assert read_change_counter(database) == 1


def test_postgresql_deadlock_is_retried(postgresql):
    url = postgresql.reset()
    barrier = threading.Barrier(2)
    tries = []

    def cross(database, first, second):
        def work():
            tries.append(first)
            _touch(database, first)
            if len(tries) <= 2:
                barrier.wait(longest())
            _touch(database, second)

        database.transact(work)

    with open_database(url) as database:
        database.add_many(INTENT, [_intent("a"), _intent("b")])
        with ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(cross, database, *pair) for pair in ("ab", "ba")]
            for future in futures:
                future.result()
        finds = [
            row.empty_finds for row in database.rows(INTENT.select(INTENT.empty_finds))
        ]
    assert finds == [2, 2]
    # PostgreSQL ends one of the two; on a busy machine it may end the other as well, once.
    assert len(tries) in {3, 4}


def test_connections_ended_by_a_server_restart_fail_no_call(postgresql):
    url = postgresql.reset()
    with open_database(url) as database:
        database.announce_change()
        query = "SELECT pg_terminate_backend(pid, ?) FROM pg_stat_activity"
        others = "WHERE pid <> pg_backend_pid() AND datname = current_database()"
        with open_database(url) as other:
            other.sql(f"{query} {others}", round(1000 * longest()))
        database.announce_change()
        assert read_change_counter(database) == 2


def test_connection_lost_within_a_transaction_fails_that_one_alone(postgresql):
    url = postgresql.reset()
    own = "SELECT pg_backend_pid()"
    with open_database(url) as database, open_database(url) as other:
        assert database.connection_counter == {"connections": 1}
        ((process,),) = database.sql(own)

        def lose_connection():
            other.sql("SELECT pg_terminate_backend(?, ?)", process, 60_000)
            database.sql(own)

        with pytest.raises(DatabaseAway), database.atomic():
            lose_connection()
        assert database.sql(own) != [(process,)]
        database.quick_check()  # is of files alone


@pytest.mark.parametrize("whose", ["ROLE writer", "DATABASE shared"])
def test_session_that_began_read_only_is_not_taken_for_the_server(postgresql, whose):
    """A failover or a full disk left every process read-only until it was started anew."""
    url = postgresql.reset().replace("//postgres@", "//writer@")
    with closing(psycopg.connect(postgresql.url("postgres"), autocommit=True)) as admin:
        admin.execute("CREATE ROLE writer LOGIN SUPERUSER")
        admin.execute(f"ALTER {whose} SET default_transaction_read_only = on")
        try:
            with open_database(url) as database, ThreadPoolExecutor(1) as other:
                for work in (database.announce_change, database.require_writable):
                    for run in (lambda w: w(), lambda w: other.submit(w).result()):
                        with pytest.raises(DatabaseAway) as refused:
                            run(work)
                        assert refused.value.key == "store-read-only"
                admin.execute(f"ALTER {whose} RESET default_transaction_read_only")
                database.announce_change()
                other.submit(database.announce_change).result()
                assert read_change_counter(database) == 2
        finally:
            admin.execute(f"ALTER {whose} RESET default_transaction_read_only")
            admin.execute("DROP ROLE writer")


def test_connection_has_an_age_at_which_it_is_opened_anew(postgresql):
    """The address of a demoted server leads to another one, and the old one still reads."""
    own = "SELECT pg_backend_pid()"
    with open_database(postgresql.reset()) as database:
        assert database.sql(own) == database.sql(own)
        database._handle.max_age_s = 0.0
        database.close()
        assert database.sql(own) != database.sql(own)
        with database.atomic():
            assert database.sql(own) == database.sql(own)


def test_writes_are_tried_without_a_change(url):
    with open_database(url) as database:
        database.require_writable()
        assert read_change_counter(database) == 0
    require_storage(url)


def test_disk_without_room_is_told_before_a_write_fails(tmp_path):
    url = f"sqlite://{tmp_path}/merlin.db"
    require_storage(url)  # may be made
    with open_database(url) as database:
        migrate(database)
        for require in (database.require_writable, partial(require_storage, url)):
            assert (
                refusal_key(DatabaseAway, require, min_free=1 << 80) == "store-no-room"
            )


def test_storage_that_cannot_be_written_or_read_is_told(postgresql):
    address = f"{postgresql.reset()}?options=-cdefault_transaction_read_only%3Don"
    assert refusal_key(DatabaseAway, require_storage, address) == "store-read-only"
    # The folder of the test itself is closed to others.
    with TemporaryDirectory() as folder:
        path = Path(folder, "merlin.db")
        path.touch(0o600)
        Path(folder).chmod(0o755)
        for mode, key in ((0o600, "store-unavailable"), (0o644, "store-read-only")):
            path.chmod(mode)
            with become_another_user(), pytest.raises(DatabaseAway) as caught:
                require_storage(f"sqlite://{path}")
            assert caught.value.key == key


def test_full_disk_is_reported_and_loses_nothing_stored(tmp_path):
    with open_database(f"sqlite://{tmp_path}/merlin.db") as database:
        migrate(database)
        database.announce_change()
        (pages,) = database.sql("PRAGMA page_count")[0]
        database.sql(f"PRAGMA max_page_count = {pages}")
        many = [_intent(f"key {n} {'x' * 200}") for n in range(500)]
        with pytest.raises(DatabaseAway, match="full"):
            database.transact(lambda: database.add_many(INTENT, many))
        assert not database.rows(INTENT.select())
        assert read_change_counter(database) == 1
        database.sql("PRAGMA max_page_count = 100000")
        database.transact(lambda: database.add_many(INTENT, many))
        assert len(database.rows(INTENT.select())) == 500


def test_intact_file_passes_the_check_and_a_damaged_one_is_reported(tmp_path):
    path = tmp_path / "merlin.db"
    with open_database(f"sqlite://{path}") as database:
        migrate(database)
        database.add_many(INTENT, (_intent(f"key {n} {'x' * 200}") for n in range(500)))
        database.quick_check()
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[:half] + b"\x5a" * 9000 + content[half + 9000 :])
    with pytest.raises(DatabaseDamaged), open_database(f"sqlite://{path}") as database:
        database.quick_check()


def test_file_that_is_not_a_database_is_reported(tmp_path):
    (tmp_path / "merlin.db").write_bytes(b"not a database at all " * 100)
    with pytest.raises(DatabaseDamaged):
        open_database(f"sqlite://{tmp_path}/merlin.db")


def fail_after(database, key):
    database.announce_change()
    database.put(INTENT.insert(_intent(key)))
    raise KeyError("stop")


def test_server_lost_between_two_calls_raises_database_away():
    unreachable = Database(
        connect("postgresql://merlin@127.0.0.1:1/x", read_only=False, busy_s=1)
    )
    with unreachable, pytest.raises(DatabaseAway):
        unreachable.rows(CHANGE_COUNTER.select())


def _intent(key):
    blank = {"outside_id": "", "sent_at": None, "empty_finds": 0}
    return {"key": key, "kind": "upload", "state": "ready", **blank}


class NestedIntents:
    """Rows whose methods call each other, each in a transaction."""

    def __init__(self, database):
        self.db = database

    @transaction
    def all(self, *keys):
        for key in keys:
            self.one(key)

    @transaction
    def one(self, key):
        self.db.put(INTENT.insert(_intent(key)))
        if key == "bad":
            raise KeyError(key)


def _touch(database, key):
    more = INTENT.update({"empty_finds": INTENT.empty_finds + 1})
    database.change(more.where(INTENT.key == key))


def run_in_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    wait_for_end(thread)


def test_number_over_the_integer_range_is_not_found(tmp_path):
    with open_database(f"sqlite://{tmp_path}/merlin.db") as database:
        migrate(database)
        with pytest.raises(NotFound):
            database.row(INTENT.select().where(INTENT.empty_finds == 10**20))


def test_nul_in_a_text_is_replaced_whatever_the_way(url):
    sent = "a\0b"
    with open_database(url) as database:
        database.upsert(SETTING, {"name": "peewee"}, {"value": sent})
        database.sql("INSERT INTO setting VALUES (?, ?)", "place", sent)
        database.run("INSERT INTO setting VALUES (:n, :v)", n="name", v=sent)
        database.run_many("INSERT INTO setting VALUES (:n, :v)", [{"n": 1, "v": sent}])
        stored = {row.value for row in database.rows(SETTING.select())}
        assert stored == {"a\ufffdb"}
        assert database.count(SETTING, SETTING.value == sent) == 4
