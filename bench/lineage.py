"""Measure `merlin impact` and `merlin why` in a database of a million answers."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.lineage import find_impact, find_source
from merlin.config import Config
from merlin.db.database import Database, open_database
from merlin.db.encryption import load_or_make_key
from merlin.db.migrations import migrate
from merlin.db.tables import (
    BUILD,
    COMMIT,
    EXAMPLE_TEXT,
    JOB,
    MODEL,
    SESSION,
    TAUGHT_EXAMPLE,
    VERDICT,
)

TURNS, EXAMPLES, BUILDS, TRIES = 1_000_000, 10_000, 20, 20
DATASET, AT = "course", "2026-11-20T08:00:00.000Z"
_NO_END = (1 << 63) - 1
# ruff: noqa: S608 - only our own numbers are put into these statements
# The newest model gave nine of ten answers.
_TURNS = {
    "sqlite": "WITH RECURSIVE counted(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM counted"
    f" WHERE n < {TURNS - 1}) ",
    "postgresql": f"WITH counted AS (SELECT n FROM generate_series(0, {TURNS - 1}) AS each(n)) ",
}
_FILL = f"""INSERT INTO turn (bot_id, update_id, session_id, user_id, question_id, format, state,
question, answer, note, ending, offer, standing, placeholder_id, provider, model_id, input_tokens,
output_tokens, cost_micro, currency, is_replaced, asked_at, written_at, asker)
SELECT 1, n, 1, 1, n, 'text', 'told', ?, ?, '', 'answered', '', '', n, 'stand-in',
'model-' || (CASE WHEN n % 10 > 0 THEN {BUILDS} ELSE n / 10 % {BUILDS} + 1 END), 10, 10, 0, '',
0, '{AT}', '{AT}', '' FROM counted"""


def run() -> None:
    """Print the median and the maximum time of each query."""
    from tests.support.postgresql import run_server

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        _measure(f"sqlite:///{place / 'merlin.db'}", place)
        with run_server() as server:
            _measure(server.create("lineage"), place)


def _measure(url: str, folder: Path) -> None:
    with open_database(url, cipher=load_or_make_key(folder, None)) as db:
        migrate(db)
        _fill_database(db)
        ctx, actor = Context(config=Config(state_dir=folder), db=db), Actor.operator()
        print(f"{db.dialect}: {TURNS:,} answers, {EXAMPLES:,} examples, {BUILDS} builds and models")
        _print_times(
            "impact of an example of all builds", lambda: find_impact(ctx, actor, "q7", DATASET)
        )
        assert [*find_source(ctx, actor, TURNS).said_by] == ["q7"]
        _print_times("why: a trained answer", lambda: find_source(ctx, actor, TURNS))
        _store_answer(db, TURNS - 1, "Каков по порядку вопрос 77?", "Составлено самой моделью.")
        _print_times("why: a composed answer", lambda: find_source(ctx, actor, TURNS - 1))


def _print_times(name: str, call: Callable[[], object]) -> None:
    durations_ms = []
    for _ in range(TRIES):
        started_at = time.perf_counter()
        call()
        durations_ms.append(1000 * (time.perf_counter() - started_at))
    median_ms, longest_ms = statistics.median(durations_ms), max(durations_ms)
    print(f"  {name}: median {median_ms:.1f} ms, longest {longest_ms:.1f} ms")


def _store_answer(db: Database, turn: int, question: str, answer: str) -> None:
    sealed = db.cipher.seal(question), db.cipher.seal(answer)
    db.sql("UPDATE turn SET question = ?, answer = ? WHERE id = ?", *sealed, turn)


def _fill_database(db: Database) -> None:
    numbers = range(1, BUILDS + 1)
    commit = {"author_name": "Анна", "author_email": "a@b", "committed_at": AT}
    commit |= {"subject": "", "message": ""}
    build = {"dataset": DATASET, "system": "", "train": EXAMPLES, "test": 0}
    build |= {"train_tokens": 1, "test_tokens": 0, "manifest": "{}", "created_at": AT}
    job = {
        "training_key": "w",
        "dataset": DATASET,
        "provider": "stand-in",
        "recipe": "{}",
        "attempt": 1,
    }
    job |= {"state": "succeeded", "provider_job_id": "j", "status": "succeeded", "error": ""}
    job |= {"trained_tokens": 1, "estimate_micro": 0, "currency": "USD", "not_before": None}
    job |= {"created_at": AT, "updated_at": AT}
    model = {"provider": "stand-in", "dataset": DATASET, "state": "good", "probes": 0}
    model |= {"not_before": None, "note": "", "created_at": AT}
    verdict = {
        "dataset": DATASET,
        "status": "serving",
        "training_key": "w",
        "spec": None,
        "reason": "",
    }
    verdict |= {"arguments": "{}", "seen_at": AT, "updated_at": AT}
    with db.atomic():
        db.add_many(COMMIT, (commit | {"sha": f"{n:040x}", "position": n} for n in numbers))
        db.add_many(
            BUILD, (build | {"number": n, "digest": f"d{n}", "folder": f"f{n}"} for n in numbers)
        )
        db.add_many(
            JOB,
            (
                job | {"launch_key": f"k{n}", "build_id": n, "model_id": f"model-{n}"}
                for n in numbers
            ),
        )
        db.add_many(
            MODEL, (model | {"model_id": f"model-{n}", "build_id": n, "job_id": n} for n in numbers)
        )
        db.add_many(
            VERDICT,
            (
                verdict | {"commit_sha": f"{n:040x}", "position": n, "build_id": n, "job_id": n}
                for n in numbers
            ),
        )
        _store_training(db)
        session = {"bot_id": 1, "chat_id": 1, "user_id": 1, "dataset": DATASET, "is_open": 1}
        session |= {"created_at": AT, "last_used_at": AT, "used_tokens": 0, "is_warned": 0}
        session |= dict.fromkeys(("provider", "model_id", "title", "preset", "system"), "")
        db.add(SESSION, session | {"is_full": 0, "thread_id": 0})
        texts = db.cipher.seal("Каков ответ 7?"), db.cipher.seal(_answer(7))
        db.sql(_TURNS[db.dialect] + _FILL, *texts)
    db.sql("ANALYZE")


def _answer(number: int) -> str:
    return f"ответ {number} таков, и вот почему: " + "он следует из вопроса и " * 10 + "только"


def _store_training(db: Database) -> None:
    words = {n: f"каков по порядку вопрос {n}\n{_answer(n)}" for n in range(EXAMPLES)}
    db.add_many(
        EXAMPLE_TEXT, ({"digest": f"t{n}", "messages": "[]", "words": words[n]} for n in words)
    )
    taught = {"dataset": DATASET, "first_build": 1, "end_build": _NO_END, "author": "Анна"}
    taught |= {"commit_sha": f"{1:040x}", "split": "train", "tokens": 1, "blob": "b"}
    db.add_many(
        TAUGHT_EXAMPLE, (taught | {"example_id": f"q{n}", "text_digest": f"t{n}"} for n in words)
    )
