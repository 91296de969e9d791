"""Measure what people do in a database of a million turns against a small one.

`python -m bench scale [--postgres URL]`. The databases are filled once and kept for a day in
`~/.cache/merlin/scale`, on PostgreSQL as databases of that server. Each act is done in turns on all
of them, over HTTP on the loopback interface. The model answers at once, within the process.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import yaml

from bench.processes import time_command
from merlin.account.users import Consents
from merlin.app.actor import Actor
from merlin.app.inbox import Inbox, read_update
from merlin.app.lineage import find_source
from merlin.app.outbox import Outbox, OutgoingMessage
from merlin.billing.quota import Allowance, Format
from merlin.chat.answer import AnswerService
from merlin.config.reading import load
from merlin.core.clock import iso, utc_now
from merlin.core.formatted_text import FormattedMessage
from merlin.dataset.builds import NO_END
from merlin.db import migrations, tables as t
from merlin.db.copying import copy_database
from merlin.db.database import Database, open_database
from merlin.db.encryption import digest, load_or_make_key
from merlin.providers.base import Answer
from tests.api.running_api import ANNA, NOT_LIMITED, VERA, Site, run_site
from tests.api.staff_api import run_full_api
from tests.billing.plan_shop import Shop
from tests.support.plan_config import make_plan
from tests.support.process_settings import ProcessSettings
from tests.support.serving_models import insert_live_model

# The small one has as many rows as its pages show at once.
SIZES = {"small": 2_000, "10⁴": 10_000, "10⁶": 1_000_000}
ROUNDS = 15
MOST_RATIO = 1.5
MOST_BACKUP_S = 60
KEPT_S = 86_400
# Increases with each change of what is filled in.
VERSION = 4
FIRST = 1_000_000
TEXTS = 500
# One of those who asked ten questions in a year.
PERSON = FIRST + 2
ROWS = Path(__file__).with_suffix(".yaml")
# ruff: noqa: S608 - only our own names and numbers are put into these statements
CACHE = Path.home() / ".cache/merlin/scale"
MODEL = "stand-in-base"
PAGES = {
    "board": "/admin/board",
    "table of examples": "/datasets/trial/examples",
    "commits": "/datasets/trial/commits",
    "unanswered questions": "/datasets/trial/unanswered",
    "models": "/admin/models",
    "people": "/admin/users",
    "people, a search": "/admin/users?query=person7",
}


class _Model:
    """A provider that answers at once."""

    async def stream(self, *_: object) -> AsyncIterator[Answer]:
        yield Answer(text="Понятие значит ответ.", finish_reason="stop")

    async def aclose(self) -> None:
        pass


def run(arguments: Sequence[str] = ()) -> None:
    """Fill what is missing; print the median of each act and its ratios."""
    parser = argparse.ArgumentParser(prog="python -m bench scale")
    parser.add_argument(
        "--postgres", metavar="URL", help="a server to create databases on"
    )
    server = parser.parse_args(arguments).postgres
    places = {name: _prepare(name, turns, server) for name, turns in SIZES.items()}
    with ExitStack() as stack:
        acts = {
            name: stack.enter_context(_open(*place)) for name, place in places.items()
        }
        rows = {what: _measure(acts, what) for what in next(iter(acts.values()))}
    print(f"| what | {' | '.join(SIZES)} | most |\n|---|{'---|' * len(SIZES)}---|")
    for what, medians in rows.items():
        _print_row(what, medians, f"≤ {MOST_RATIO:g}×")
    backups = {name: _measure_backup(*place) for name, place in places.items()}
    _print_row("backup", backups, f"≤ {MOST_BACKUP_S} s")


def _print_row(what: str, medians: dict[str, float], most: str) -> None:
    small = medians["small"]
    cells = [f"{1000 * each:.1f} ms ({each / small:.2f}×)" for each in medians.values()]
    print(f"| {what} | {' | '.join(cells)} | {most} |", flush=True)


def _measure(
    acts: dict[str, dict[str, Callable[[], Any]]], what: str
) -> dict[str, float]:
    """Return the median time of an act on each database, after one that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(ROUNDS + 1):
        for name, of_name in acts.items():
            started_at = time.perf_counter()
            of_name[what]()
            times[name].append(time.perf_counter() - started_at)
    return {name: statistics.median(each[1:]) for name, each in times.items()}


@contextmanager
def _open(folder: Path, url: str, key: str) -> Iterator[dict[str, Callable[[], Any]]]:
    """Run the pages on a database; yield what people do there."""
    settings = ProcessSettings(
        database=url,
        state_dir=folder / "state",
        config=load(folder / "config.yaml"),
        listening=NOT_LIMITED,
        default_dataset="trial",
        plans=(make_plan("usual", {}, {Format.TEXT: Allowance(day=1_000_000)}),),
        text_key=key,
    )
    models: dict[str, Any] = {"stand-in": _Model()}
    services = {"answer_service": AnswerService(models)}
    with (
        run_site(settings, lambda *parts: Site(folder, *parts), services) as site,
        site.browser_client(VERA) as vera,
        site.browser_client(PERSON) as person,
    ):
        chat = f"/courses/{site.course_id('algorithms')}/chat"

        def see(client: Any, address: str) -> None:
            answer = client.get(address)
            assert answer.status_code == 200, (address, answer.text)

        def ask() -> None:
            answer = person.post(
                chat, data={"q": f"Что такое граф {time.monotonic_ns()}?"}
            )
            assert answer.status_code == 303, answer.text

        yield {
            "question → stored answer": ask,
            **{what: partial(see, vera, address) for what, address in PAGES.items()},
            "why of an answer": partial(
                find_source, site.services, Actor.operator(), FIRST + 2
            ),
            "/metrics": partial(see, site.client, "/metrics"),
            "export of one person": partial(see, person, "/me/export"),
        }


def _measure_backup(folder: Path, url: str, key: str) -> float:
    """Return how long `merlin backup` takes."""
    config = folder / "backup.yaml"
    target = folder / "backups"
    settings = yaml.safe_load((folder / "config.yaml").read_text("utf-8"))
    config.write_text(yaml.safe_dump({**settings, "database": url}), "utf-8")
    arguments = ("backup", str(target), "--config", str(config))
    duration_s = time_command(*arguments, MERLIN_TEXT_KEY=key)
    shutil.rmtree(target)
    return duration_s


def _prepare(name: str, turns: int, server: str | None) -> tuple[Path, str, str]:
    """Return the folder, the URL and the text key of a database, filled unless it is kept."""
    folder = CACHE / f"{'postgresql' if server else 'sqlite'}-{name}"
    mark = folder / "filled"
    url = _find_url(folder, name, server)
    filled = f"{VERSION} {turns} {url} {_digest_schema()}"
    is_kept = mark.exists() and mark.read_text() == filled
    if not is_kept or time.time() - mark.stat().st_mtime > KEPT_S:
        started_at = time.monotonic()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _fill(folder, url, turns, server)
        mark.write_text(filled)
        print(f"filled {name} in {time.monotonic() - started_at:.0f} s", flush=True)
    return folder, url, (folder / "state" / "text.key").read_text("ascii").strip()


def _digest_schema() -> str:
    """Return what differs once a migration was added, or changed before its release."""
    files = sorted(Path(migrations.__file__).parent.glob("*.sql"))
    return digest("".join(file.read_text("utf-8") for file in files))


def _find_url(folder: Path, name: str, server: str | None) -> str:
    if server is None:
        return f"sqlite://{folder}/state/merlin.db"
    return f"{server.rpartition('/')[0]}/merlin_scale_{SIZES[name]}"


def _fill(folder: Path, url: str, turns: int, server: str | None) -> None:
    """Make a site with a live model and a row of each kind, then the years of use."""
    with run_full_api(folder) as site:
        insert_live_model(
            site.db, MODEL, number=2, dataset="algorithms", provider="stand-in"
        )
        _add_first_rows(site)
        course = site.course
    if server is not None:
        database = url.rpartition("/")[2]
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{database}" TEMPLATE template0')
        with open_database(url) as target:
            migrations.migrate(target)
        copy_database(folder / "state" / "merlin.db", url)
    with open_database(url, cipher=load_or_make_key(folder / "state", None)) as db:
        with db.atomic():
            _add_years(db, turns, course)
        if server is not None:
            db.sql("ANALYZE")  # as autovacuum does
            for name in ("turn", "chat_session"):  # the next id is the highest again
                db.sql(
                    f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), MAX(id)) FROM {name}"
                )


def _add_first_rows(site: Any) -> None:
    """Add what `run_full_api` has none of: the first row of a table is the model of its others."""
    site.sign_in(ANNA)
    Consents(site.db).give(ANNA, "1")
    Shop(site.db, utc_now).buy(VERA)
    said = {"chat": {"id": ANNA}, "from": {"id": ANNA}, "text": "?"}
    Inbox(site.db, site.bot_id).store(
        [read_update({"update_id": 1, "message": said})], None
    )
    message = OutgoingMessage("first", ANNA, FormattedMessage("!"), 1)
    Outbox(site.db, site.bot_id).put([message])
    now = utc_now()
    used = {"bot_id": site.bot_id, "update_id": 1, "user_id": ANNA, "format": "text"}
    used |= {"state": "used", "pack_id": None}
    used |= {"day": f"{now:%Y-%m-%d}", "month": f"{now:%Y-%m}"}
    site.db.add(t.QUOTA_USE, {**used, "at": iso(now)})


def _add_years(db: Database, turns: int, course: int) -> None:
    """Add the rows of `scale.yaml`, each like the first one of its table, by one SQL a table."""
    commits = turns * 365 // 10_000
    sizes = {"turns": turns, "people": turns // 10, "commits": commits}
    sizes |= {"trainings": commits // 4 + 1, "examples": turns * 3 // 100}
    # Encrypting each text would take longer.
    db.sql("CREATE TEMP TABLE texts (k BIGINT PRIMARY KEY, question TEXT, answer TEXT)")
    for k in range(TEXTS):
        texts = (
            f"Что такое {k * 7919} и чем это не {k}?",
            "Понятие следует из вопроса, " * 8,
        )
        db.sql("INSERT INTO texts VALUES (?, ?, ?)", k, *map(db.cipher.seal, texts))
    # The commit whose model is live stays the newest.
    for table in (t.COMMIT, t.VERDICT, t.SERVING):
        db.change(table.update({"position": table.position + commits}))
    tables = {table.__name__: table for table in t.list_all_tables()}
    for name, changes in yaml.safe_load(ROWS.read_text("utf-8")).items():
        ((count,),) = db.sql(f"SELECT {changes.pop('rows').format(**sizes)}")
        words = _make_words(db.dialect, count, course, **sizes)
        changed = {column: str(sql).format(**words) for column, sql in changes.items()}
        # An id counts on by itself.
        columns = [
            each for each in tables[name]._columns if each != "id" or each in changed
        ]
        values = ", ".join(changed.get(column, f'one."{column}"') for column in columns)
        first = f"(SELECT * FROM {name} LIMIT 1) AS one"
        db.sql(
            f"WITH {words['counted']} INSERT INTO {name} ({', '.join(columns)})"
            f" SELECT {values} FROM counted CROSS JOIN {first}"
        )


def _make_words(
    dialect: str, count: int, course: int, **sizes: int
) -> dict[str, object]:
    """Return the SQL of each name in `scale.yaml`, for a table that gets so many rows."""
    ago = f"({count} - n) * {{days}} * 86400 / {count}"
    if dialect == "sqlite":
        at = f"strftime('%Y-%m-%dT%H:%M:%S.000Z', 'now', '-' || ({ago}) || ' seconds')"
        more = f"SELECT n + 1 FROM counted WHERE n < {count}"
        counted = f"RECURSIVE counted(n) AS (SELECT 1 UNION ALL {more})"
    else:
        moment = f"(now() - {ago} * interval '1 second') AT TIME ZONE 'UTC'"
        at = f"""to_char({moment}, 'YYYY-MM-DD"T"HH24:MI:SS.000"Z"')"""
        counted = f"counted(n) AS (SELECT generate_series(1::bigint, {count}))"
    has_training = f"n % 4 = 0 AND n / 4 <= {sizes['trainings']}"
    return {
        "counted": counted,
        "year": at.format(days=365),
        "month": at.format(days=30),
        "first": FIRST,
        "id": f"{FIRST} + n",
        "person": f"{FIRST} + 1 + n % {sizes['people']}",
        "course": course,
        "trainings": sizes["trainings"],
        "training": f"CASE WHEN {has_training} THEN {FIRST} + n / 4 END",
        "question": f"(SELECT question FROM texts WHERE k = n % {TEXTS})",
        "answer": f"(SELECT answer FROM texts WHERE k = n % {TEXTS})",
        "words": "'что значит слово номер ' || n || ' понятие' || n % 97",
        "digits": "printf('%040d', n)"
        if dialect == "sqlite"
        else "lpad(n::text, 40, '0')",
        "no_end": NO_END,
    }
