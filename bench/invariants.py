"""Check the invariants of an idle demo from outside.

It reads the database, the git repository, the folders, and the state of the stand-ins and the
engine. `find_violations` yields a line for each violation.
"""

import hashlib
import json
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from merlin.billing.ledger import Ledger
from merlin.chat.turns import Turns
from merlin.config.credentials import bot_id
from merlin.config.reading import load
from merlin.sandbox.demo.place import DemoFolder, git
from merlin.sandbox.telegram.world import TOKEN
from merlin.wiring.context import open_read_only

CALL_S = 30.0
WAITING = "…"
_LOG = (
    *("-c", "core.quotePath=false", "log", "--raw", "--no-abbrev", "--no-renames"),
    *(
        "--format=%x01%H %(trailers:key=Merlin-Id,valueonly,separator=%x20)",
        "--branches",
    ),
)
_CHANGES = """
SELECT batch, change_id, state, path, before_blob, commit_sha, reason, by_whom FROM change
ORDER BY id
"""
_NOTICES = "SELECT arguments FROM notice WHERE key LIKE 'notice-change-%'"
# Temporary files and locks in a state folder.
_TEMPORARY = re.compile(r"^\.(backup|restore)-|\.tmp$|^tmp|\.lock$")
_LOCKS = {"daemon.lock", "merlin.lock", "merlin.db.lock", "bot.lock"}


@dataclass
class Promises:
    """Accepted inputs: updates, pushed files, edits and orders."""

    updates: set[int] = field(default_factory=set)
    pushed: dict[str, str] = field(default_factory=dict)
    edits: set[str] = field(default_factory=set)
    orders: set[str] = field(default_factory=set)


def query_rows(place: DemoFolder, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Query the demo's database; no rows before it exists."""
    try:
        with closing(
            sqlite3.connect(f"file:{place.folder}/state/merlin.db?mode=ro", uri=True)
        ) as db:
            return db.execute(query, values).fetchall()
    except sqlite3.OperationalError:
        return []


# Pending rows, which an idle demo does not have. A question on a page whose API was killed stays
# open (bot_id 0): the page offers to ask again, and the reserved question is released later.
_PENDING = {
    "updates": "state = 'waiting'",
    "turn": "state <> 'told' AND bot_id <> 0",
    "notice": "handed_over_at IS NULL",
    "outgoing": "settled_at IS NULL",
    "change": "state IN ('waiting', 'working')",
    "job": "state NOT IN ('succeeded', 'failed', 'cancelled')",
    # That of a refused edit stays ready.
    "intent": "state = 'sending' OR (state = 'ready' AND kind <> 'change')",
    "purchase": "state IN ('asking', 'held')",
    "refund": "state IN ('wanted', 'sending')",
    "request": "state NOT IN ('done', 'failed')",
    "quota_use": "state = 'reserved' AND bot_id <> 0",
}


def list_pending(place: DemoFolder, promises: Promises) -> list[str]:
    """Return what is still pending; empty for an idle demo."""
    pending = []
    for table, condition in _PENDING.items():
        query = f"SELECT COUNT(*) FROM {table} WHERE {condition}"  # noqa: S608 - our own names
        pending += [
            f"{table}: {number}" for (number,) in query_rows(place, query) if number
        ]
    known = {number for (number,) in query_rows(place, "SELECT update_id FROM updates")}
    if lost := promises.updates - known:
        pending.append(f"updates not stored: {len(lost)}")
    head = git(place.repository, "rev-parse", "main").strip()
    if not query_rows(
        place, "SELECT 1 FROM seen_commit WHERE sha = ? AND position > 0", head
    ):
        pending.append("the newest commit")
    newest = "SELECT dataset, MAX(number) FROM build GROUP BY dataset"
    serving = (
        "SELECT build.dataset, number FROM serving"
        " JOIN model ON model.id = model_row JOIN build ON build.id = build_id"
    )
    if sorted(query_rows(place, newest)) != sorted(query_rows(place, serving)):
        pending.append("the newest build does not serve")
    payments = _payments(place)
    paid = {_order(payment) for payment in payments if payment["status"] == "succeeded"}
    settled = query_rows(
        place, "SELECT DISTINCT purchase_id FROM ledger WHERE kind = 'payment'"
    )
    if paid - {purchase_id for (purchase_id,) in settled}:
        pending.append("payments not in the ledger")
    return pending


def find_violations(place: DemoFolder, promises: Promises) -> Iterator[str]:
    """Yield the violations of an idle demo."""
    yield from _check_answers(place)
    yield from _check_jobs(place)
    yield from _check_builds(place)
    yield from _check_git(place, promises)
    yield from _check_money(place, promises)
    yield from _check_files(place)


def _check_answers(place: DemoFolder) -> Iterator[str]:
    """I1-I4: each update is processed, each answer is one complete message, and no other exists.

    A message with an unknown delivery state may exist twice: the second one is marked and has a
    row. After a second kill during its delivery the row never learns which messages exist.
    """
    messages = list(_messages(place))  # first: what is sent meanwhile has a row before
    with open_read_only(load(place.config)) as database:
        turns = Turns(database, bot_id(TOKEN))
        answered_turns = [
            (number, turns.find(number))
            for (number,) in database.sql(
                "SELECT update_id FROM updates WHERE state = 'answered'"
            )
        ]
        charged = Counter(
            number for (number,) in database.sql("SELECT update_id FROM quota_use")
        )
        sent = {
            (chat, message)
            for chat, message in database.sql(
                "SELECT chat_id, message_id FROM outgoing WHERE message_id IS NOT NULL"
            )
        }
        again = set(
            database.sql(
                "SELECT chat_id, message_id FROM outgoing WHERE state = 'sent' AND tries > 1"
            )
        )
        unconfirmed = Counter[int]()
        for chat, tries in database.sql(
            "SELECT chat_id, tries FROM outgoing WHERE state = 'unknown'"
        ):
            unconfirmed[chat] += tries
        values = {
            (chat, placeholder): number
            for number, chat, placeholder in database.sql(
                "SELECT turn.update_id, chat_id, placeholder_id FROM turn JOIN updates"
                " ON updates.update_id = turn.update_id AND updates.bot_id = turn.bot_id"
            )
        }
    yield from (
        f"update {number} counted {times} times"
        for number, times in charged.items()
        if times > 1
    )
    repeated = [
        (chat, message["versions"][-1]["text"])
        for chat, message in messages
        if (chat, message["message"]["message_id"]) in again
    ]
    answers = {
        number: turn.written.answer
        for number, turn in answered_turns
        if turn and turn.written and turn.written.answer
    }
    for chat, message in messages:
        if not message["by_bot"]:
            continue
        key = chat, message["message"]["message_id"]
        text = message["versions"][-1]["text"]
        number = values.pop(key, None)
        twice = next(
            (
                marked
                for marked in repeated
                if marked[0] == chat and marked[1].endswith(text)
            ),
            None,
        )
        if number is None and key not in sent and twice:
            repeated.remove(twice)
        elif number is None and key not in sent and text.strip() != WAITING:
            unconfirmed[chat] -= 1
            if unconfirmed[chat] < 0:
                yield f"a message without a row: {key} {text[:80]!r}"
        if number in answers and _strip_text(answers[number])[:200] not in _strip_text(
            text
        ):
            yield f"update {number} shows {text[:80]!r} for {answers[number][:80]!r}"
    yield from (
        f"update {number} has no message"
        for number in values.values()
        if number in answers
    )


def _strip_text(query: str) -> str:
    return "".join(filter(str.isalnum, query))


def _messages(place: DemoFolder) -> Iterator[tuple[int, dict[str, Any]]]:
    for person, number in (("anna", 1001), ("boris", 1002), ("vera", 1003)):
        url = f"{place.chat_url}control/log"
        log = (
            httpx2.get(url, params={"chat": person}, timeout=CALL_S)
            .raise_for_status()
            .json()
        )
        yield from ((number, message) for message in log["messages"])


def _check_jobs(place: DemoFolder) -> Iterator[str]:
    """I5, I6, I11: one known job at the engine per launch key; one model per dataset."""
    jobs = _list_objects(place, "fine_tuning/jobs")
    alive = Counter(
        job["metadata"]["merlin_launch"] for job in jobs if job["status"] != "cancelled"
    )
    yield from (
        f"launch {key}: {times} jobs" for key, times in alive.items() if times > 1
    )
    known = dict(
        query_rows(
            place, "SELECT launch_key, provider_job_id FROM job WHERE state <> 'failed'"
        )
    )
    theirs = {job["id"] for job in jobs}
    yield from (f"launch {key}: unknown" for key in alive if key not in known)
    yield from (
        f"job {job} is not at the engine" for job in known.values() if job not in theirs
    )
    files = Counter(file["filename"] for file in _list_objects(place, "files"))
    yield from (
        f"file {name}: {times} times" for name, times in files.items() if times > 1
    )


def _list_objects(place: DemoFolder, what: str) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {place.read_credential('MERLIN_ENGINE_KEY')}"}
    objects: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        url = f"{place.engine_url}v1/{what}"
        answer = httpx2.get(
            url, params={"limit": "100", **after}, headers=headers, timeout=CALL_S
        )
        page = answer.raise_for_status().json()
        objects += page["data"]
        if not page["has_more"]:
            return objects
        after = {"after": page["data"][-1]["id"]}


def _check_builds(place: DemoFolder) -> Iterator[str]:
    """I7: a version is one complete folder, and its files match its manifest."""
    versions = query_rows(place, "SELECT dataset, number, digest FROM build")
    for column in (lambda row: row[:2], lambda row: row[::2]):
        counts = Counter(map(column, versions)).items()
        yield from (
            f"version {version}: {times} times"
            for version, times in counts
            if times > 1
        )
    names = {
        f"{dataset}/{number}-{digest[:12]}" for dataset, number, digest in versions
    }
    folders = {
        str(path.relative_to(_state(place) / "builds"))
        for path in (_state(place) / "builds").glob("*/*")
    }
    yield from (f"folder {name} belongs to no version" for name in folders - names)
    yield from (f"version {name} has no folder" for name in names - folders)
    for name in names & folders:
        folder = _state(place) / "builds" / name
        for split, digest in json.loads((folder / "manifest.json").read_bytes())[
            "sha256"
        ].items():
            if (
                hashlib.sha256((folder / f"{split}.jsonl").read_bytes()).hexdigest()
                != digest
            ):
                yield f"version {name}: {split}.jsonl differs from the manifest"


def _state(place: DemoFolder) -> Path:
    return place.folder / "state"


def _check_git(place: DemoFolder, promises: Promises) -> Iterator[str]:
    """I9, I10: what was pushed or accepted is on the branch once, unchanged."""
    listed = git(
        place.repository, "-c", "core.quotePath=false", "ls-tree", "-r", "main"
    ).splitlines()
    lies = {
        path: head.split()[2]
        for head, _, path in (line.partition("\t") for line in listed)
    }
    yield from (
        f"{path} is lost"
        for path, blob in promises.pushed.items()
        if lies.get(path) != blob
    )
    yield from _check_edits(place, promises.edits)
    log = git(
        place.repository, "log", "--format=%(trailers:key=Merlin-Id,valueonly)", "main"
    )
    marks = Counter(log.split())
    changes = "SELECT change_id, batch, state, path FROM change"
    rows_by_change = {change: rest for change, *rest in query_rows(place, changes)}
    for change in promises.edits:  # none is refused: each adds another example
        batch, state, path = rows_by_change.get(change, ("", "lost", ""))
        if state != "committed" or marks[batch] != 1 or f"datasets/{path}" not in lies:
            yield f"edit {change} is {state}, on the branch {marks[batch]} times"
    git(_state(place) / "mirror.git", "fsck", "--strict")


def _check_edits(place: DemoFolder, edits: Collection[str]) -> Iterator[str]:
    """I10: an accepted edit has one commit, of its files as its editor saw them, or a notice."""
    git(place.repository, "fsck", "--strict")
    log = git(place.repository, *_LOG)
    commits = defaultdict[str, list[list[str]]](list)
    on_branch = set[str]()
    for head, *lines in (part.splitlines() for part in log.split("\x01")[1:]):
        sha, *marks = head.split()
        on_branch.add(sha)
        for batch in marks:
            commits[batch].append([line for line in lines if line])
    batches = defaultdict[str, list[tuple[Any, ...]]](list)
    for batch, *row in query_rows(place, _CHANGES):
        batches[batch].append(tuple(row))
    notified = {
        json.loads(text).get("change") for (text,) in query_rows(place, _NOTICES)
    }
    yield from (f"edit {batch} is lost" for batch in set(edits) - batches.keys())
    yield from (
        f"commit of an unknown edit {batch}"
        for batch in commits.keys() - batches.keys()
    )
    for batch, rows in batches.items():
        _, state, _, _, sha, reason, by_whom = rows[0]
        name = f"edit {batch} ({state}, {reason or '-'})"
        count = len(commits[batch])
        if {row[1] for row in rows} != {state} or count > 1:
            yield f"{name}: states {[row[1] for row in rows]}, {count} commits"
        # Without a commit of its own the edit was on the branch already.
        if (state == "committed") != bool(count or sha in on_branch):
            yield f"{name}: {count} commits, {sha}"
        seen = {
            f"datasets/{path}": before or "0" * 40 for _, _, path, before, *_ in rows
        }
        for line in (line for lines in commits[batch] for line in lines):
            fields, _, path = line.partition("\t")
            if seen.get(path) != (was := fields.split()[2]):
                yield f"{name}: replaced {was} at {path}, its editor saw {seen.get(path)}"
        # A refusal names the edit by its subject alone.
        needs_notice = state in ("committed", "parked") and by_whom.isdecimal()
        if needs_notice and not {row[0] for row in rows} & notified:
            yield f"{name}: its editor was not notified"


def _payments(place: DemoFolder) -> list[dict[str, Any]]:
    """Return all payments of YooKassa's stand-in."""
    secrets = place.folder / "credentials"
    login = tuple(
        (secrets / f"YOOKASSA_{name}").read_text() for name in ("SHOP_ID", "SECRET_KEY")
    )
    url = f"{place.shop_url}v3/payments"
    answer = httpx2.get(
        url, auth=(login[0], login[1]), timeout=CALL_S
    ).raise_for_status()
    payments: list[dict[str, Any]] = answer.json()["items"]
    return payments


def end_payment(place: DemoFolder, order: str, outcome: str) -> None:
    """End the payments of an order on their pages, as their payer does."""
    for payment in _payments(place):
        if _order(payment) == order and payment["status"] == "pending":
            url = f"{place.shop_url}pay/{payment['id']}"
            httpx2.post(url, data={"outcome": outcome}, timeout=CALL_S)


def _order(payment: dict[str, Any]) -> str:
    return str(payment["metadata"]["purchase"])


def _check_money(place: DemoFolder, promises: Promises) -> Iterator[str]:
    """I13: each paid payment has one grant; sums are those of the shop."""
    from tests.billing.ledger_rules import find_inconsistencies

    payments = _payments(place)
    for key, times in Counter(map(_order, payments)).items():
        if times > 1:
            yield f"order {key}: {times} payments"
    with open_read_only(load(place.config)) as database:
        ledger = Ledger(database)
        known = {
            purchase_id for (purchase_id,) in database.sql("SELECT id FROM purchase")
        }
        yield from (f"order {order} is lost" for order in promises.orders - known)
        for payment in payments:
            key = _order(payment)
            entries = ledger.entries(key)
            yield from (
                f"order {key}: {fault}" for fault in find_inconsistencies(entries)
            )
            paid = sum(
                entry.amount.minor for entry in entries if entry.kind.value == "payment"
            )
            back = sum(
                entry.amount.minor for entry in entries if entry.kind.value == "refund"
            )
            wanted = (
                _kopecks(payment["amount"]) if payment["status"] == "succeeded" else 0
            )
            returned = _kopecks(payment.get("refunded_amount", {"value": "0"}))
            if (paid, back) != (wanted, returned):
                theirs = f"{wanted} and {returned} at YooKassa"
                yield f"order {key}: {paid} paid and {back} back, {theirs}"


def _kopecks(amount: dict[str, str]) -> int:
    return round(float(amount["value"]) * 100)


def _check_files(place: DemoFolder) -> Iterator[str]:
    """I16: the databases are intact, and no temporary file is left."""
    for path in (_state(place) / "merlin.db", _state(place) / "engine" / "engine.db"):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            for check in ("integrity_check", "foreign_key_check"):
                errors = [
                    row for row in database.execute(f"PRAGMA {check}") if row != ("ok",)
                ]
                yield from (f"{path.name}: {row}" for row in errors)
    for path in _state(place).rglob("*"):
        if (
            _TEMPORARY.search(path.name)
            and path.name not in _LOCKS
            and path.parent.name != "run"
        ):
            yield f"left behind: {path.relative_to(place.folder)}"
    for path in (_state(place) / "engine" / "work").glob("*"):
        yield f"left behind: {path.relative_to(place.folder)}"
