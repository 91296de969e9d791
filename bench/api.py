"""Compare the list of courses with plain FastAPI: `python -m bench api [ROW…]`.

Server and client have a core each. Both servers read the same SQLite file; the connection is kept
alive, rate limits are off.
"""

from __future__ import annotations

import json
import os
import re
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from bench.figures import Figure, Figures, Meter, print_rows
from bench.processes import list_cores, start
from merlin.core.server import free_ports
from merlin.course.catalogue import KINDS
from merlin.dataset.files import mark_catalogue_changed
from merlin.db.database import open_database
from merlin.db.migrations import migrate
from merlin.db.tables import COURSE, MATERIAL

RUNS = 3
CALLS = 1500
WARM_UP = 200
COURSES = 100
LESSONS = 10
LIST = "/api/courses"
READY_S = 30.0
CONFIG = """\
state_dir: {state}
api:
  listen: 127.0.0.1:{port}
  limits: {{anonymous_per_min: 0, person_per_min: 0}}
"""
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ETAG = re.compile(rb"\r\netag: *([^\r]+)", re.IGNORECASE)


def run(arguments: Sequence[str] = ()) -> None:
    """Print each row as soon as it is measured."""
    print_rows(ROWS, arguments)


def compare_lists() -> list[Figure]:
    """Compare the list of 100 courses with plain FastAPI: cached, and not modified."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        _fill(state)
        plain_command = ["-m", "bench.api_plain", str(state / "merlin.db")]
        with _run_server(state, lambda port: [*plain_command, str(port)]) as server:
            plain = server.measure("")
        config = state / "config.yaml"

        def merlin_command(port: int) -> list[str]:
            config.write_text(CONFIG.format(state=state, port=port))
            return ["-m", "merlin", "api", "--config", str(config)]

        with _run_server(state, merlin_command) as server:
            cached = server.measure("")
            not_modified = server.measure(f"If-None-Match: {server.etag}\r\n")
            assert server.status == 304, server.status
    key = "answers_per_s"
    return [
        Figure.ratio("list of 100 courses, cached", cached, plain, key, 3.0),
        Figure.ratio("list of 100 courses, 304", not_modified, plain, key, 3.0),
    ]


class Server:
    """A running server and one connection to it."""

    def __init__(self, port: int, pid: int) -> None:
        self.status = 0
        self.etag = ""
        self._pid = pid
        self._socket = socket.create_connection(("127.0.0.1", port))

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def get(self, headers: str) -> None:
        """Read the list; `headers` are lines of the request."""
        self._socket.sendall(
            f"GET {LIST} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode()
        )
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._socket.recv(1 << 20)
        head, _, body = answer.partition(b"\r\n\r\n")
        self.status = int(head[9:12])
        length = _LENGTH.search(head)
        left = (int(length[1]) if length else 0) - len(body)
        while left > 0:
            left -= len(self._socket.recv(1 << 20))
        etag = _ETAG.search(head)
        self.etag = etag[1].decode() if etag else ""

    def measure(self, headers: str) -> Figures:
        """Return the run with the median number of answers per second, after a warm-up."""
        for _ in range(WARM_UP):
            self.get(headers)
        runs = []
        for _ in range(RUNS):
            meter = Meter(self._pid)
            for _ in range(CALLS):
                self.get(headers)
            runs.append(meter.read(CALLS))
        runs.sort(key=lambda figures: float(figures["answers_per_s"]))
        return runs[len(runs) // 2]


@contextmanager
def _run_server(
    state: Path, command: Callable[[int], Sequence[str]]
) -> Iterator[Server]:
    """Start a server on the first core, and connect from the last one."""
    os.sched_setaffinity(0, {list_cores()[-1]})
    (port,) = free_ports(1)
    process = start(command(port), state / "log")
    try:
        with closing(_connect(port, process.pid)) as server:
            yield server
    finally:
        process.kill()
        process.wait()


def _connect(port: int, pid: int) -> Server:
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        try:
            return Server(port, pid)
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise TimeoutError("the server does not answer")


def _fill(state: Path) -> None:
    """Create a database of courses of ten materials each, as commits would store them."""
    with open_database(f"sqlite://{state}/merlin.db") as database:
        migrate(database)
        counts = {
            kind: len(range(at, LESSONS, len(KINDS))) for at, kind in enumerate(KINDS)
        }
        about = {
            "description_ru": "Изучение основных алгоритмов. " * 8,
            "description_en": "Main. " * 20,
        }
        courses = (
            {
                "slug": f"course-{number:05d}",
                "semester": 1 + number % 8,
                "name_ru": f"Алгоритмы и структуры данных, часть {number}",
                "name_en": f"Algorithms and data structures {number}",
                "is_active": 1,
                "teachers": json.dumps([f"teacher-{number % 40}"]),
                **about,
                **counts,
            }
            for number in range(COURSES)
        )
        titles = {"title_ru": "Введение", "title_en": "Introduction", "text_path": ""}
        with database.atomic():
            database.add_many(COURSE, courses)
            materials = (
                {
                    "course_id": row["id"],
                    "place": lesson,
                    "lesson": 1 + lesson // len(KINDS),
                    "kind": KINDS[lesson % len(KINDS)],
                    "file_url": f"https://example.com/{row['slug']}/{lesson}.pdf",
                    **titles,
                }
                for row in database.rows(COURSE.select())
                for lesson in range(LESSONS)
            )
            database.add_many(MATERIAL, materials)
            mark_catalogue_changed(database)


ROWS: dict[str, Callable[[], list[Figure]]] = {"plain": compare_lists}
