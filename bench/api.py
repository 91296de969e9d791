"""Measure the public API against plain FastAPI, and with ten thousand courses.

`python -m bench api [ROW…] [--json]`. Server and clients have a core each. Both servers read the
same SQLite file; connections are kept alive, rate limits are off.
"""

import argparse
import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote

from bench.api_catalogue import LESSONS, queries
from bench.api_sides import (
    Figures,
    RunningServer,
    catalogue,
    merlin_command,
    plain_command,
    run_server,
)
from bench.chat_figures import Figure, format_row

RUNS, CALLS = 3, 1500
FEW, MANY, CLIENTS = 100, 10_000, 8
LIST = "/api/courses"
PEOPLE, COURSES_EACH, RACERS = 20, 250, 32


def run(arguments: Sequence[str] = ()) -> None:
    """Print each row as soon as it is measured."""
    parser = argparse.ArgumentParser(prog="python -m bench api")
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help="all by default")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(arguments)
    for name in args.rows or ROWS:
        for figure in ROWS[name]():
            print(json.dumps(asdict(figure)) if args.json else format_row(figure), flush=True)


def _measure_median(server: RunningServer, *paths: str, **arguments: object) -> Figures:
    """Return the run with the median number of answers per second, after a warm-up run."""
    server.measure_gets(*paths, **{**arguments, "calls": 200})
    runs = [server.measure_gets(*paths, **{"calls": CALLS, **arguments}) for _ in range(RUNS)]
    runs.sort(key=lambda figures: float(figures["answers_per_s"]))
    return runs[len(runs) // 2]


def compare_lists() -> list[Figure]:
    """Compare the list of 100 courses with plain FastAPI: cached, and not modified."""
    with catalogue(FEW) as state:
        with run_server(plain_command, state) as server:
            plain_figures = _measure_median(server, LIST)
        with run_server(merlin_command, state) as server:
            cached = _measure_median(server, LIST)
            read_etag = server.read_etag(LIST)
            not_modified = _measure_median(server, LIST, headers={"If-None-Match": read_etag})
    assert set(not_modified["statuses"]) == {"304"}, not_modified
    key = "answers_per_s"
    return [
        Figure.ratio("list of 100 courses, cached", cached, plain_figures, key, 3.0, 4.0),
        Figure.ratio("list of 100 courses, 304", not_modified, plain_figures, key, 3.0, 4.0),
    ]


def measure_large() -> list[Figure]:
    """Request pages, searches and materials of 10,000 courses with 100,000 materials."""
    words = [f"{LIST}/search?limit=20&query={quote(query)}" for query in queries(500)]
    with catalogue(MANY) as state:
        pages = [f"{LIST}?semester={semester}" for semester in range(1, 13)]
        materials = [f"{LIST}/{n + 1}/materials/{n * LESSONS + 1}" for n in range(0, MANY, 7)]
        with run_server(merlin_command, state) as server:
            pages_read, searched, material_read = (
                _measure_median(server, *paths, clients=CLIENTS)
                for paths in (pages, words, materials)
            )
    for figures in (pages_read, searched, material_read):
        assert set(figures["statuses"]) == {"200"}, figures
    return [
        Figure.at_most("10,000 courses, a semester, p99", pages_read, "p99_ms", 10, 8),
        Figure.at_most("10,000 courses, search, p99", searched, "p99_ms", 30, 20),
        Figure.at_most("100,000 materials, one of them, p99", material_read, "p99_ms", 10, 8),
    ]


def measure_keep_alive() -> list[Figure]:
    """Measure one kept-alive connection, which must not show the 44 ms of Nagle's algorithm."""
    with catalogue(FEW) as state, run_server(merlin_command, state) as server:
        course_list = _measure_median(server, LIST, calls=300)
        probe = _measure_median(server, "/healthz", calls=300)
    return [
        Figure.at_most("keep-alive GET of the list, p50", course_list, "p50_ms", 5, 1),
        Figure.at_most("keep-alive GET of /healthz, p50", probe, "p50_ms", 5, 1),
    ]


def race_favourites() -> list[Figure]:
    """Add 250 favourites for each of 20 people over 32 connections, each favourite twice."""
    with catalogue(COURSES_EACH) as state:
        keys = _create_keys(state)
        # Keys are used in turn, so each person gets every course twice.
        bodies = [course for course in range(1, COURSES_EACH + 1) for _ in range(2 * PEOPLE)]
        with run_server(merlin_command, state) as server:
            figures = server.measure_favourites(clients=RACERS, bodies=bodies, keys=keys)
        with closing(sqlite3.connect(state / "merlin.db")) as database:
            stored = database.execute("SELECT user_id, course_id FROM favourite").fetchall()
    expected = {
        (user, course) for user in range(1, PEOPLE + 1) for course in range(1, COURSES_EACH + 1)
    }
    statuses = figures["statuses"]
    assert statuses == {"201": len(expected), "200": len(expected)}, statuses
    figures["wrong"] = len(stored) - len(set(stored)) + len(set(stored) ^ expected)
    return [
        Figure.at_most(
            "10,000 racing POSTs of favourites, wrong or double", figures, "wrong", 0, 0
        ),
    ]


def _create_keys(state: Path) -> list[str]:
    """Create an API key for each person."""
    from merlin.account.api_keys import ApiKeys, Scope
    from merlin.account.users import User, Users
    from merlin.db.database import open_database
    from merlin.db.encryption import load_or_make_key

    cipher = load_or_make_key(state, None)
    with open_database(f"sqlite://{state}/merlin.db", cipher=cipher) as database:
        people = range(1, PEOPLE + 1)
        Users(database).record([User(user) for user in people])
        rows = ApiKeys(database)
        return [rows.make(user, "bench", [Scope.FAVOURITES_WRITE])[1] for user in people]


ROWS: dict[str, Callable[[], list[Figure]]] = {
    "plain": compare_lists,
    "many": measure_large,
    "start": measure_keep_alive,
    "race": race_favourites,
}
