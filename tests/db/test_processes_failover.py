"""A standby takes over from its primary: the same URL keeps working, and no stored data is lost."""

import os
import select
import socket
import threading
from urllib.parse import quote, urlencode

import psycopg
import pytest

from merlin.core.clock import iso
from merlin.db.database import open_database
from merlin.db.driver_errors import DatabaseAway
from merlin.db.processes import Lead, read_change_counter
from merlin.db.tables import AUDIT, CHANGE_COUNTER
from tests.support.ending import wait_for_end
from tests.support.machine import skip_or_fail
from tests.support.postgresql import Server, reason_unavailable, server_folder
from tests.support.refusals import refusal_key
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.integration

MANY = 20


class Standby(Server):
    """A replica that follows another server."""

    def __init__(self, folder, primary):
        self.folder = folder
        self.owner = primary.owner
        self._connection = None
        if self.owner:
            os.chown(folder, self.owner["user"], self.owner["group"])
        self._run("pg_basebackup", "-R", "-c", "fast", "-d", primary.url("postgres"))
        self.start()

    def promote(self):
        self._run("pg_ctl", "-w", "promote")


@pytest.fixture
def folders():
    with server_folder() as first, server_folder() as second:
        yield first, second


@pytest.fixture
def servers(folders):
    """Yield a primary and a synchronous standby."""
    skip_or_fail(reason_unavailable())
    primary = Server(folders[0])
    standby = Standby(folders[1], primary)
    with psycopg.connect(primary.url("postgres"), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        connection.execute("SELECT pg_reload_conf()")
        follows = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
        wait_until(lambda: connection.execute(follows).fetchone() == (1,))
    yield primary, standby
    standby.stop()


def multi_host_url(*servers, **parameters):
    hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
    all_parameters = {
        "target_session_attrs": "read-write",
        "options": "-c synchronous_commit=remote_apply",
        **parameters,
    }
    return f"postgresql://postgres@{hosts}/shared?{urlencode(all_parameters, quote_via=quote)}"


def test_stored_data_survives_a_failover_to_the_standby(servers, tmp_path, clock):
    primary, standby = servers
    url = multi_host_url(primary, standby)
    stored = []
    errors = []
    is_over = threading.Event()

    def write(database):
        number = 0
        while not is_over.is_set():
            number += 1
            row = {
                "at": iso(clock()),
                "by_whom": "test",
                "action": "test",
                "arguments": "{}",
            }
            try:
                database.add(AUDIT, {**row, "target": str(number)})
            except DatabaseAway as error:
                errors.append(error)
            else:
                stored.append(str(number))

    with open_database(url) as database, Lead(tmp_path, url) as lead:
        writer = threading.Thread(target=write, args=(database,))
        writer.start()
        try:
            wait_until(lambda: len(stored) >= MANY)
            primary.stop("immediate")
            wait_until(lambda: errors)
            before = len(stored)
            standby.promote()
            wait_until(lambda: len(stored) >= before + MANY)
        finally:
            is_over.set()
            wait_for_end(writer)
        wait_until(lambda: _keeps_lead(lead))
        targets = {row.target for row in database.rows(AUDIT.select())}
    assert set(stored) <= targets


def test_standby_counts_as_read_only(servers):
    _, standby = servers
    with open_database(standby.url("shared")) as database:
        assert refusal_key(DatabaseAway, database.require_writable) == "store-read-only"


def test_server_that_ends_an_idle_transaction_counts_as_away(postgresql):
    url = f"{postgresql.reset()}?options=-c%20idle_in_transaction_session_timeout%3D1"
    with open_database(url) as database:

        def write_late():
            connection = database._handle.connection()
            select.select([connection.fileno()], [], [], longest())
            database.announce_change()
            database.add_new(CHANGE_COUNTER, {"id": 1, "counter": 0})

        # With the server's reason, or without it if the connection is closed before it is read.
        with pytest.raises(DatabaseAway):
            database.transact(write_late)
        assert read_change_counter(database) == 0


def _keeps_lead(lead):
    try:
        return lead.keep()
    except DatabaseAway:
        return False


@pytest.mark.parametrize(
    ("parameters", "milliseconds"), [({}, 10_000), ({"tcp_user_timeout": 1}, 1)]
)
def test_call_to_a_silent_server_times_out_as_configured(
    postgresql, parameters, milliseconds
):
    postgresql.reset()
    with open_database(multi_host_url(postgresql, **parameters)) as database:
        database.open()
        connection = database._handle.connection()
        with socket.socket(fileno=os.dup(connection.fileno())) as client_socket:
            timeout_ms = client_socket.getsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT
            )
            idle = client_socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
    assert (timeout_ms, idle) == (milliseconds, 5)
