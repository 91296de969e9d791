"""Store a serving model of a made-up build, as the daemon would store it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from merlin.core.clock import iso
from merlin.db.database import open_database
from merlin.db.migrations import migrate
from merlin.db.tables import BUILD, JOB, MODEL, PROMOTION, SERVING

DATASET, MODEL_ID, PROVIDER = "neurotypology", "bench", "chat"
SYSTEM = "MerlinGPT is a good service!"
AT = iso(datetime(2026, 11, 20, 8, 30, tzinfo=UTC))
Row = dict[str, Any]


def store_serving_model(state: Path, url: str = "") -> None:
    """Store the serving model `bench` in a new SQLite file below a new `state`, or at `url`."""
    state.mkdir()
    with open_database(url or f"sqlite://{state}/merlin.db") as database:
        migrate(database)
        with database.atomic():
            build_id = database.add(BUILD, _build())
            job_id = database.add(JOB, _job(build_id))
            model_row = database.add(MODEL, _model(build_id, job_id))
            serving = {"dataset": DATASET, "model_row": model_row, "since": AT, "position": 1}
            database.put(SERVING.insert({**serving, "is_pinned": 0}))
            database.add(PROMOTION, _promotion())
            database.bump()


def _build() -> Row:
    return {
        "dataset": DATASET,
        "number": 1,
        "digest": "bench",
        "folder": "",
        "system": SYSTEM,
        "train": 60,
        "test": 12,
        "train_tokens": 1,
        "test_tokens": 1,
        "manifest": json.dumps({"recipe": {"provider": PROVIDER, "base_model": "bench-base"}}),
        "created_at": AT,
    }


def _job(build_id: int) -> Row:
    return {
        "launch_key": "bench",
        "wish": "",
        "dataset": DATASET,
        "build_id": build_id,
        "provider": PROVIDER,
        "recipe": json.dumps({"provider": PROVIDER, "base_model": "bench-base"}),
        "attempt": 1,
        "state": "succeeded",
        "provider_job_id": "job-1",
        "status": "succeeded",
        "model_id": MODEL_ID,
        "trained_tokens": 0,
        "estimate_micro": 0,
        "currency": "USD",
        "error": "",
        "not_before": None,
        "created_at": AT,
        "updated_at": AT,
    }


def _model(build_id: int, job_id: int) -> Row:
    return {
        "provider": PROVIDER,
        "model_id": MODEL_ID,
        "dataset": DATASET,
        "build_id": build_id,
        "job_id": job_id,
        "state": "good",
        "probes": 0,
        "not_before": None,
        "note": "",
        "created_at": AT,
    }


def _promotion() -> Row:
    return {
        "dataset": DATASET,
        "from_model": None,
        "to_model": MODEL_ID,
        "why": "newest",
        "by_whom": "merlin",
        "at": AT,
    }
