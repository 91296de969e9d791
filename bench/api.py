"""The open API against plain FastAPI, and by itself with ten thousand courses.

`python -m bench api [ROW…] [--json]`. The server has one core, the clients have another; both
sides answer from the same SQLite file, over kept-alive connections. Limits of calls are lifted.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote

from bench.api_catalogue import LESSONS, queries
from bench.api_sides import Figures, Serving, Side, catalogue, ours, plain, serving, unkept
from bench.chat_figures import Figure, shown

RUNS, CALLS = 3, 1500
FEW, MANY, CLIENTS = 100, 10_000, 8
LIST = "/api/courses"
PEOPLE, EACH, RACERS = 20, 250, 32


def run(arguments: Sequence[str] = ()) -> None:
    """Print each row as soon as it is measured."""
    parser = argparse.ArgumentParser(prog="python -m bench api")
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help="all by default")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(arguments)
    for name in args.rows or ROWS:
        for figure in ROWS[name]():
            print(json.dumps(asdict(figure)) if args.json else shown(figure), flush=True)


def _runs(server: Serving, *paths: str, **asked: object) -> Figures:
    """Return the middle one of some runs, by answers a second; the first run warms up."""
    server.gets(*paths, **{**asked, "calls": 200})
    runs = [server.gets(*paths, **{"calls": CALLS, **asked}) for _ in range(RUNS)]
    runs.sort(key=lambda figures: float(figures["answers_per_s"]))
    return runs[len(runs) // 2]


def plainly() -> list[Figure]:
    """Compare the list of 100 courses: made anew, from kept bytes, and not modified."""
    with catalogue(FEW) as state:
        with serving(plain, state) as server:
            theirs = _runs(server, LIST)
        with serving(unkept, state) as server:
            anew = _runs(server, LIST)
        with serving(ours, state) as server:
            kept = _runs(server, LIST)
            tag = server.tag(LIST)
            same = _runs(server, LIST, headers={"If-None-Match": tag})
    assert set(same["statuses"]) == {"304"}, same
    key = "answers_per_s"
    return [
        Figure.ratio("list of 100 courses, made anew", anew, theirs, key, 3.0, 4.0),
        Figure.ratio("list of 100 courses, kept bytes", kept, theirs, key, 8.0, 12.0),
        Figure.ratio("list of 100 courses, 304", same, theirs, key, 8.0, 12.0),
    ]


def many() -> list[Figure]:
    """Ask `merlin api` for pages, words and materials of 10,000 courses with 100,000 materials."""
    return _large(ours, "")


def cold() -> list[Figure]:
    """Ask the same where no answer is kept: each call is the first of its kind."""
    return _large(unkept, ", nothing kept")


def _large(side: Side, how: str) -> list[Figure]:
    words = [f"{LIST}/search?limit=20&query={quote(query)}" for query in queries(500)]
    with catalogue(MANY) as state:
        pages = [f"{LIST}?limit=50{cursor}" for cursor in _cursors(state)]
        materials = [f"{LIST}/{n + 1}/materials/{n * LESSONS + 1}" for n in range(0, MANY, 7)]
        with serving(side, state) as server:
            listed, found, one = (
                _runs(server, *paths, clients=CLIENTS) for paths in (pages, words, materials)
            )
    for figures in (listed, found, one):
        assert set(figures["statuses"]) == {"200"}, figures
    return [
        Figure.most(f"10,000 courses, page of 50, p99{how}", listed, "p99_ms", 10, 8),
        Figure.most(f"10,000 courses, search, p99{how}", found, "p99_ms", 30, 20),
        Figure.most(f"100,000 materials, one of them, p99{how}", one, "p99_ms", 10, 8),
    ]


def _cursors(state: Path) -> list[str]:
    """Return cursors all over the catalogue."""
    from merlin.api.schema import cursor_after

    with closing(sqlite3.connect(state / "merlin.db")) as database:
        rows = database.execute("SELECT semester, slug FROM course WHERE id % 97 = 0").fetchall()
    return ["", *(f"&cursor={cursor_after(semester, slug)}" for semester, slug in rows)]


def start() -> list[Figure]:
    """Ask `merlin api` over one kept-alive connection: Nagle's 44 ms must not be there."""
    with catalogue(FEW) as state, serving(ours, state) as server:
        kept = _runs(server, LIST, calls=300)
        probe = _runs(server, "/healthz", calls=300)
    return [
        Figure.most("keep-alive GET of the list, p50", kept, "p50_ms", 5, 1),
        Figure.most("keep-alive GET of /healthz, p50", probe, "p50_ms", 5, 1),
    ]


def race() -> list[Figure]:
    """Let 32 connections keep 250 courses for each of 20 people, each of them twice."""
    with catalogue(EACH) as state:
        keys = _keys(state)
        # Person by person in turns, each course twice in a row of turns.
        bodies = [course for course in range(1, EACH + 1) for _ in range(2 * PEOPLE)]
        with serving(ours, state) as server:
            figures = server.keeps(clients=RACERS, bodies=bodies, keys=keys)
        with closing(sqlite3.connect(state / "merlin.db")) as database:
            kept = database.execute("SELECT user_id, course_id FROM favourite").fetchall()
    expected = {(user, course) for user in range(1, PEOPLE + 1) for course in range(1, EACH + 1)}
    made = figures["statuses"]
    assert made == {"201": len(expected), "200": len(expected)}, made
    wrong = len(kept) - len(set(kept)) + len(set(kept) ^ expected)
    figures["wrong"] = wrong
    return [
        Figure.most("10,000 racing POSTs of favourites, wrong or twice", figures, "wrong", 0, 0),
    ]


def _keys(state: Path) -> list[str]:
    """Return a key for each of the people."""
    from merlin.account.api_keys import ApiKeys, Scope
    from merlin.account.users import User, Users
    from merlin.db.database import open_database
    from merlin.db.encryption import load_or_make_key

    cipher = load_or_make_key(state, None)
    with open_database(f"sqlite://{state}/merlin.db", cipher=cipher) as database:
        people = range(1, PEOPLE + 1)
        Users(database).record_authors([User(user) for user in people])
        rows = ApiKeys(database)
        return [rows.make(user, "bench", [Scope.FAVOURITES_WRITE])[1] for user in people]


ROWS: dict[str, Callable[[], list[Figure]]] = {
    "plain": plainly,
    "many": many,
    "cold": cold,
    "start": start,
    "race": race,
}
