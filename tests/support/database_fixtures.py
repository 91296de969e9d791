"""Database fixtures: fresh SQLite files, and fresh databases of one real PostgreSQL server.

Tests of the database layer, races (`on_both_databases`) and tests that open a second connection run
on both; the others on SQLite, and by `make test-postgresql` on PostgreSQL.
"""

import inspect
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Barrier

import pytest

from merlin.account.users import User
from merlin.app.context import Context
from merlin.app.inbox import Inbox
from merlin.app.outbox import Outbox
from merlin.chat.sessions import ChatPlace, Sessions
from merlin.chat.turns import Question, StoredAnswer, Turns
from merlin.db.database import open_database
from merlin.db.encryption import Cipher
from merlin.db.intents import Intents
from tests.billing.plan_shop import ANNA, BORIS, Shop
from tests.db.pipeline_rows import BOT, PipelineRows
from tests.support.config import make_config
from tests.support.migrated_databases import IS_POSTGRESQL, create_migrated
from tests.support.waiting import longest, wait_until


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request, tmp_path):
    """Yield the URL of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite://{tmp_path}/state/merlin.db"
        return
    server = request.getfixturevalue("postgresql")
    database_url = server.create()
    yield database_url
    server.drop(database_url)


def pytest_generate_tests(metafunc):
    parameters = {*inspect.signature(metafunc.function).parameters}
    is_race = {"url", "run_beside", "run_at_once"} & parameters
    is_of_layer = metafunc.definition.path.parent.name == "db"
    if "dialect" in metafunc.fixturenames and (is_race or is_of_layer):
        metafunc.parametrize("dialect", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def dialect(request):
    """Return "sqlite" or "postgresql"."""
    return getattr(request, "param", "postgresql" if IS_POSTGRESQL else "sqlite")


@pytest.fixture
def url(request, dialect, tmp_path):
    """Return the URL of a migrated database without rows."""
    if dialect == "postgresql":
        return request.getfixturevalue("postgresql").reset()
    sqlite_url = f"sqlite://{tmp_path}/state/merlin.db"
    create_migrated(sqlite_url)
    return sqlite_url


@pytest.fixture
def database(url, cipher):
    with open_database(url, cipher=cipher) as opened:
        yield opened


@pytest.fixture
def intents(tmp_path):
    """Return the intents of a SQLite database, for tests of calls that store them."""
    sqlite_url = f"sqlite://{tmp_path}/intents/merlin.db"
    create_migrated(sqlite_url)
    with open_database(sqlite_url) as database:
        yield Intents(database)


class ManualClock:
    """A clock that changes only when `move` is called."""

    def __init__(self):
        self.now = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)

    def __call__(self):
        return self.now

    def move(self, seconds):
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def cipher():
    return Cipher({"k": b"k" * 32}, "k")


@pytest.fixture
def ctx(database, clock):
    """Return the context of a process with a minimal configuration."""
    return Context(config=make_config(), db=database, clock=clock, bot_id=BOT)


@pytest.fixture
def inbox(database, clock):
    return Inbox(database, BOT, clock)


@pytest.fixture
def outbox(database, clock):
    return Outbox(database, BOT, clock)


@pytest.fixture
def sessions(database, clock):
    return Sessions(database, BOT, clock)


@pytest.fixture
def turns(database, clock):
    return Turns(database, BOT, clock)


PRIVATE = ChatPlace(ANNA, ANNA)
HERE = StoredAnswer("Тут.")


@pytest.fixture
def store_question(sessions, turns):
    """Return a function that stores a question of anna with its answer; it returns the turn.

    Another `place` names another person. With a `dataset` it is the first one of a new session.
    """
    numbers = count(1)

    def store(text="Где?", answer=HERE, place=PRIVATE, dataset=None, **fields):
        session = sessions.open(place)
        if dataset is not None:
            session = replace(sessions.renew(place), dataset=dataset)
            sessions.change(session)
        number = next(numbers)
        asked = Question(session.session_id, number, place.user_id, text, **fields)
        turn = turns.ask(asked, None)
        if answer is not None:
            turns.write(number, answer)
        return turn

    return store


@pytest.fixture
def world(database, clock):
    """Return the rows of a pipeline: commits, builds, jobs and models."""
    return PipelineRows(database, clock)


@pytest.fixture
def shop(database, clock):
    """Yield a shop with two registered customers; in the end its ledger breaks no rule."""
    shop = Shop(database, clock)
    shop.users.record([User(ANNA, "ru"), User(BORIS, "en")])
    yield shop
    assert shop.find_faults() == []


@pytest.fixture
def until():
    """Return a function that waits for a condition."""
    return wait_until


@pytest.fixture
def run_beside(database, url, cipher):
    """Return a function that runs two acts in concurrent transactions; the first commits first.

    `second` gets a database of its own; its result is returned.
    """

    def run(first, second):
        def run_second():
            with open_database(url, cipher=cipher) as other_database:
                return other_database.transact(lambda: second(other_database))

        def run_first():
            first()
            pending = pool.submit(run_second)
            # Where the second cannot begin before the commit.
            if database.dialect != "sqlite":
                wait_until(
                    lambda: database.sql("SELECT 1 FROM pg_locks WHERE NOT granted")
                )
            return pending

        with ThreadPoolExecutor(1) as pool:
            return database.transact(run_first).result()

    return run


@pytest.fixture
def run_at_once(url, cipher):
    """Return a function that runs an act several times at once; it returns the results.

    Each `act(number, database)` is in a thread of its own, with a database of its own.
    """

    def run(act, count):
        gate = Barrier(count)

        def run_one(number):
            with open_database(url, cipher=cipher) as own_database:
                gate.wait(longest())
                return act(number, own_database)

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(run_one, range(count)))

    return run
