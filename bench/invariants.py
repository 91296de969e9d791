"""Check the invariants of an idle demo from outside.

It reads the database, the git repository, the folders, and the state of the stand-ins and the
engine. `find_violations` yields a line for each violation.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
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
from tests.billing.ledger_rules import find_inconsistencies

CALL_S = 30.0
WAITING = "…"
_PATHS = ("-c", "core.quotePath=false")
_LOG = (
    *(*_PATHS, "log", "--raw", "--no-abbrev", "--no-renames"),
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


@dataclass(frozen=True, slots=True)
class Message:
    """A message in a chat, with its last text."""

    chat: int
    message_id: int
    text: str
    is_bots: bool

    @property
    def key(self) -> tuple[int, int]:
        """Return what identifies it."""
        return self.chat, self.message_id

    def repeats(self, other: Message) -> bool:
        """Return whether it is another one with a mark before it."""
        return self.chat == other.chat and self.text.endswith(other.text)


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
    "telegram_update": "state = 'waiting'",
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
        for (number,) in query_rows(place, query):
            pending += [f"{table}: {number}"] if number else []
    if lost := promises.updates - _query_values(
        place, "SELECT update_id FROM telegram_update"
    ):
        pending.append(f"updates not stored: {len(lost)}")
    head = git(place.repository, "rev-parse", "main").strip()
    seen = "SELECT sha FROM seen_commit WHERE position > 0"
    if head not in _query_values(place, seen):
        pending.append("the newest commit")
    newest = "SELECT dataset, MAX(number) FROM build GROUP BY dataset"
    serving = (
        "SELECT build.dataset, number FROM serving"
        " JOIN model ON model.id = model_row JOIN build ON build.id = build_id"
    )
    if sorted(query_rows(place, newest)) != sorted(query_rows(place, serving)):
        pending.append("the newest build does not serve")
    paid = {_order(each) for each in _payments(place) if each["status"] == "succeeded"}
    settled = "SELECT DISTINCT purchase_id FROM ledger WHERE kind = 'payment'"
    if paid - _query_values(place, settled):
        pending.append("payments not in the ledger")
    return pending


def _query_values(place: DemoFolder, query: str) -> set[Any]:
    """Return the values of the first column."""
    return {value for value, *_ in query_rows(place, query)}


def _list_repeated(what: str, values: Iterable[Any]) -> Iterator[str]:
    """Yield a line for each value that is there more than once."""
    for value, times in Counter(values).items():
        if times > 1:
            yield f"{what} {value}: {times} times"


def find_violations(place: DemoFolder, promises: Promises) -> Iterator[str]:
    """Yield the violations of an idle demo."""
    yield from _check_answers(place)
    yield from _check_jobs(place)
    yield from _check_builds(place)
    yield from _check_git(place, promises)
    yield from _check_money(place, promises)
    yield from _check_files(place)


def _check_answers(place: DemoFolder) -> Iterator[str]:
    """I1, I2, I4: each update is counted once, and its answer is one complete message."""
    messages = list(_messages(place))  # first: what is sent meanwhile has a row before
    charged = query_rows(place, "SELECT update_id FROM quota_use")
    yield from _list_repeated("counted update", (number for (number,) in charged))
    answers = _read_answers(place)
    query = (
        "SELECT chat_id, placeholder_id, turn.update_id FROM turn JOIN telegram_update"
        " AS arrived ON arrived.update_id = turn.update_id AND arrived.bot_id = turn.bot_id"
    )
    numbers = {(chat, each): number for chat, each, number in query_rows(place, query)}
    unasked = []
    for message in messages:
        number = numbers.pop(message.key, None)
        if number is None and message.is_bots:
            unasked.append(message)
        answer = answers.get(number, "")
        if _strip_text(answer)[:200] not in _strip_text(message.text):
            yield f"update {number} shows {message.text[:80]!r} for {answer[:80]!r}"
    for number in numbers.values():
        if number in answers:
            yield f"update {number} has no message"
    yield from _check_unasked(place, messages, unasked)


def _read_answers(place: DemoFolder) -> dict[int | None, str]:
    """Return the answers of the answered updates."""
    answers: dict[int | None, str] = {}
    with open_read_only(load(place.config)) as database:
        turns = Turns(database, bot_id(TOKEN))
        answered = "SELECT update_id FROM telegram_update WHERE state = 'answered'"
        for (number,) in database.sql(answered):
            turn = turns.find(number)
            if turn and turn.written and turn.written.answer:
                answers[number] = turn.written.answer
    return answers


def _check_unasked(
    place: DemoFolder, messages: Iterable[Message], unasked: Iterable[Message]
) -> Iterator[str]:
    """I3: a message of the bot that answers no update has a row.

    A message with an unknown delivery state may exist twice: the second one is marked and has a
    row. After a second kill during its delivery the row never learns which messages exist.
    """
    sent = set()
    again = set()
    unconfirmed = Counter[int]()
    query = "SELECT chat_id, message_id, state, tries FROM outgoing"
    for chat, message_id, state, tries in query_rows(place, query):
        sent.add((chat, message_id))
        if state == "sent" and tries > 1:
            again.add((chat, message_id))
        if state == "unknown":
            unconfirmed[chat] += tries
    marked = [message for message in messages if message.key in again]
    for message in unasked:
        if message.key in sent:
            continue
        twins = [each for each in marked if each.repeats(message)]
        if twins:
            marked.remove(twins[0])
        elif message.text.strip() != WAITING:
            unconfirmed[message.chat] -= 1
            if unconfirmed[message.chat] < 0:
                yield f"a message without a row: {message.key} {message.text[:80]!r}"


def _strip_text(query: str) -> str:
    return "".join(filter(str.isalnum, query))


def _messages(place: DemoFolder) -> Iterator[Message]:
    for person, chat in (("anna", 1001), ("boris", 1002), ("vera", 1003)):
        url = f"{place.chat_url}control/log"
        answer = httpx2.get(url, params={"chat": person}, timeout=CALL_S)
        for each in answer.raise_for_status().json()["messages"]:
            text = each["versions"][-1]["text"]
            yield Message(chat, each["message"]["message_id"], text, each["by_bot"])


def _check_jobs(place: DemoFolder) -> Iterator[str]:
    """I5, I6, I11: one known job at the engine per launch key; one file per upload."""
    jobs = _list_objects(place, "fine_tuning/jobs")
    alive = [
        job["metadata"]["merlin_launch"] for job in jobs if job["status"] != "cancelled"
    ]
    yield from _list_repeated("job of launch", alive)
    query = "SELECT launch_key, provider_job_id FROM job WHERE state <> 'failed'"
    known = dict(query_rows(place, query))
    for key in set(alive) - known.keys():
        yield f"launch {key}: unknown"
    for job_id in set(known.values()) - {job["id"] for job in jobs}:
        yield f"job {job_id} is not at the engine"
    files = _list_objects(place, "files")
    # Each job has results of the same name.
    uploaded = (each["filename"] for each in files if each["purpose"] == "fine-tune")
    yield from _list_repeated("file", uploaded)


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
    yield from _list_repeated("version", (row[:2] for row in versions))
    yield from _list_repeated("version", (row[::2] for row in versions))
    builds = _state(place) / "builds"
    names = {f"{name}/{number}-{digest[:12]}" for name, number, digest in versions}
    folders = {str(path.relative_to(builds)) for path in builds.glob("*/*")}
    for name in folders - names:
        yield f"folder {name} belongs to no version"
    for name in names - folders:
        yield f"version {name} has no folder"
    for name in names & folders:
        manifest = json.loads((builds / name / "manifest.json").read_bytes())
        for split, digest in manifest["sha256"].items():
            content = (builds / name / f"{split}.jsonl").read_bytes()
            if hashlib.sha256(content).hexdigest() != digest:
                yield f"version {name}: {split}.jsonl differs from the manifest"


def _state(place: DemoFolder) -> Path:
    return place.folder / "state"


def _check_git(place: DemoFolder, promises: Promises) -> Iterator[str]:
    """I9: what was pushed or accepted is on the branch once, unchanged."""
    listed = git(place.repository, *_PATHS, "ls-tree", "-r", "main").splitlines()
    blobs = {}
    for head, _, path in (line.partition("\t") for line in listed):
        blobs[path] = head.split()[2]
    for path, blob in promises.pushed.items():
        if blobs.get(path) != blob:
            yield f"{path} is lost"
    for folder in (place.repository, _state(place) / "mirror.git"):
        git(folder, "fsck", "--strict")
    commits = _read_commits(place)
    yield from _check_edits(place, promises.edits, commits)
    query = "SELECT change_id, batch, state, path FROM change"
    rows = {change: rest for change, *rest in query_rows(place, query)}
    for change in promises.edits:  # none is refused: each adds another example
        batch, state, path = rows.get(change, ("", "lost", ""))
        times = len(commits.get(batch, ()))
        if state != "committed" or times != 1 or f"datasets/{path}" not in blobs:
            yield f"edit {change} is {state}, on the branch {times} times"


def _read_commits(place: DemoFolder) -> dict[str, list[list[str]]]:
    """Return of each edit the changed files of each of its commits, as raw lines."""
    commits = defaultdict[str, list[list[str]]](list)
    for head, *lines in map(
        str.splitlines, git(place.repository, *_LOG).split("\x01")[1:]
    ):
        for batch in head.split()[1:]:
            commits[batch].append([line for line in lines if line])
    return commits


def _check_edits(
    place: DemoFolder, edits: Collection[str], commits: Mapping[str, list[list[str]]]
) -> Iterator[str]:
    """I10: an accepted edit has one commit, of its files as its editor saw them, or a notice."""
    on_branch = set(git(place.repository, "rev-list", "--branches").split())
    batches = defaultdict[str, list[tuple[Any, ...]]](list)
    for batch, *row in query_rows(place, _CHANGES):
        batches[batch].append(tuple(row))
    notices = _query_values(place, _NOTICES)
    notified = {json.loads(text).get("change") for text in notices}
    for batch in set(edits) - batches.keys():
        yield f"edit {batch} is lost"
    for batch in commits.keys() - batches.keys():
        yield f"commit of an unknown edit {batch}"
    for batch, rows in batches.items():
        _, state, _, _, sha, reason, by_whom = rows[0]
        name = f"edit {batch} ({state}, {reason or '-'})"
        own = commits.get(batch, [])
        if {row[1] for row in rows} != {state} or len(own) > 1:
            yield f"{name}: states {[row[1] for row in rows]}, {len(own)} commits"
        # Without a commit of its own the edit was on the branch already.
        if (state == "committed") != bool(own or sha in on_branch):
            yield f"{name}: {len(own)} commits, {sha}"
        yield from _check_replaced(name, rows, own)
        # A refusal names the edit by its subject alone.
        needs_notice = state in ("committed", "parked") and by_whom.isdecimal()
        if needs_notice and not {row[0] for row in rows} & notified:
            yield f"{name}: its editor was not notified"


def _check_replaced(
    name: str, rows: Iterable[tuple[Any, ...]], commits: Iterable[list[str]]
) -> Iterator[str]:
    seen = {}
    for _, _, path, before, *_ in rows:
        seen[f"datasets/{path}"] = before or "0" * 40
    for line in chain.from_iterable(commits):
        fields, _, path = line.partition("\t")
        replaced = fields.split()[2]
        if seen.get(path) != replaced:
            yield f"{name}: replaced {replaced} at {path}, seen was {seen.get(path)}"


def _payments(place: DemoFolder) -> list[dict[str, Any]]:
    """Return all payments of YooKassa's stand-in."""
    shop = place.read_credential("YOOKASSA_SHOP_ID")
    login = (shop, place.read_credential("YOOKASSA_SECRET_KEY"))
    answer = httpx2.get(f"{place.shop_url}v3/payments", auth=login, timeout=CALL_S)
    payments: list[dict[str, Any]] = answer.raise_for_status().json()["items"]
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
    payments = _payments(place)
    yield from _list_repeated("payment of order", map(_order, payments))
    for order in promises.orders - _query_values(place, "SELECT id FROM purchase"):
        yield f"order {order} is lost"
    with open_read_only(load(place.config)) as database:
        ledger = Ledger(database)
        for payment in payments:
            key = _order(payment)
            entries = ledger.entries(key)
            for fault in find_inconsistencies(entries):
                yield f"order {key}: {fault}"
            sums = Counter[str]()
            for entry in entries:
                sums[entry.kind.value] += entry.amount.minor
            is_paid = payment["status"] == "succeeded"
            wanted = _kopecks(payment["amount"]) if is_paid else 0
            returned = _kopecks(payment.get("refunded_amount", {"value": "0"}))
            if (sums["payment"], sums["refund"]) != (wanted, returned):
                theirs = f"{wanted} and {returned} at YooKassa"
                yield f"order {key}: {dict(sums)}, {theirs}"


def _kopecks(amount: dict[str, str]) -> int:
    return round(float(amount["value"]) * 100)


def _check_files(place: DemoFolder) -> Iterator[str]:
    """I16: the databases are intact, and no temporary file is left."""
    state = _state(place)
    for path in (state / "merlin.db", state / "engine" / "engine.db"):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            for check in ("integrity_check", "foreign_key_check"):
                for row in database.execute(f"PRAGMA {check}"):
                    if row != ("ok",):
                        yield f"{path.name}: {row}"
    left = [path for path in state.rglob("*") if _TEMPORARY.search(path.name)]
    left = [
        path for path in left if path.name not in _LOCKS and path.parent.name != "run"
    ]
    for path in (*left, *(state / "engine" / "work").glob("*")):
        yield f"left behind: {path.relative_to(place.folder)}"
