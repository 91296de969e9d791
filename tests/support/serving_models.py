"""Live models: rows as the daemon leaves them after a promotion."""

import json
from datetime import UTC, datetime

from merlin.core.clock import iso
from merlin.db.database import open_database
from merlin.db.migrations import migrate
from merlin.db.tables import (
    BUILD,
    COMMIT,
    EXAMPLE_TEXT,
    JOB,
    MODEL,
    PROMOTION,
    SERVING,
    TAUGHT_EXAMPLE,
    VERDICT,
)
from tests.support.migrated_databases import create_migrated

AT = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
SYSTEM = "MerlinGPT is a good service!"


def add_live_model(settings, model_id, **options):
    """Add a live model of a new build to the database that the settings name."""
    create_migrated(settings.database)
    with open_database(settings.database) as database:
        migrate(database)
        insert_live_model(database, model_id, **options)


def insert_live_model(
    database,
    model_id,
    *,
    number=1,
    dataset="neurotypology",
    provider="chat",
    method="supervised",
    since=AT,
):
    """Add a live model of a new build for the dataset."""
    with database.atomic():
        model_row = _add_model(database, model_id, number, dataset, provider, method)
        state = {"since": iso(since), "position": number, "is_pinned": 0}
        database.change(SERVING.delete().where(SERVING.dataset == dataset))
        serving = {"dataset": dataset, "model_row": model_row, **state}
        database.put(SERVING.insert(serving))
        scores = {
            "questions": 12,
            "right_count": 9,
            "chrf": 81.25,
        }
        database.update(MODEL, MODEL.id == model_row, **scores)
        database.add(PROMOTION, _promotion(dataset, model_id))
        database.announce_change()


def _add_model(database, model_id, number, dataset, provider, method):
    build_id = database.add(BUILD, _build(dataset, number, method))
    job_id = database.add(JOB, _job(dataset, build_id, provider))
    return database.add(MODEL, _model(dataset, build_id, job_id, provider, model_id))


def insert_example(
    database, example_id, *, number=1, dataset="neurotypology", split="train", turns=()
):
    """Add one example to a dataset's build, of a question and an answer.

    Without `turns` its question is its id.
    """
    question, answer = turns or (example_id, "Так.")
    is_build = (BUILD.dataset == dataset) & (BUILD.number == number)
    build_id = database.value(BUILD.select(BUILD.id).where(is_build))
    author = dict.fromkeys(("author_name", "author_email", "subject", "message"), "")
    commit = {**author, "committed_at": iso(AT), "sha": "c" * 40, "position": None}
    database.put(COMMIT.insert(commit).on_conflict_ignore())
    messages = [
        {"role": "user", "content": question},
        {"role": "assistant", "content": answer},
    ]
    text = {"digest": example_id, "messages": json.dumps(messages), "words": ""}
    database.put(EXAMPLE_TEXT.insert(text).on_conflict_ignore())
    build_range = {"dataset": dataset, "example_id": example_id, "split": split}
    build_range |= {"first_build": build_id, "end_build": build_id + 1}
    details = {"blob": "b", "commit_sha": "c" * 40, "author": "", "tokens": 1}
    database.put(
        TAUGHT_EXAMPLE.insert({**build_range, **details, "text_digest": example_id})
    )


def insert_commit_of_build(database, sha, dataset, build_id=1):
    """Add a commit that led to a build."""
    author = dict.fromkeys(("author_name", "author_email", "subject", "message"), "")
    position = {"sha": sha, "position": 1, "committed_at": iso(AT)}
    database.put(COMMIT.insert({**author, **position}))
    texts = dict.fromkeys(("status", "training_key", "reason", "arguments"), "")
    times = {"seen_at": iso(AT), "updated_at": iso(AT)}
    verdict = {
        "commit_sha": sha,
        "dataset": dataset,
        "position": 1,
        "build_id": build_id,
    }
    database.add(VERDICT, {**texts, **times, **verdict})


RECIPE = {"provider": "chat", "base_model": "no-such-base"}


def _build(dataset, number, method):
    recipe = {**RECIPE, "method": method}
    return {
        "dataset": dataset,
        "number": number,
        "digest": f"{dataset}-{number}",
        "folder": "",
        "system": SYSTEM,
        "train": 60,
        "test": 12,
        "train_tokens": 1,
        "test_tokens": 1,
        "manifest": json.dumps({"recipe": recipe}),
        "created_at": iso(AT),
    }


def _job(dataset, build_id, provider):
    return {
        "launch_key": f"{dataset}-{build_id}",
        "training_key": "",
        "dataset": dataset,
        "build_id": build_id,
        "provider": provider,
        "recipe": json.dumps(RECIPE),
        "attempt": 1,
        "state": "succeeded",
        "provider_job_id": "job-1",
        "status": "succeeded",
        "model_id": None,
        "trained_tokens": 0,
        "estimate_micro": 0,
        "currency": "USD",
        "error": "",
        "not_before": None,
        "created_at": iso(AT),
        "updated_at": iso(AT),
    }


def _model(dataset, build_id, job_id, provider, model_id):
    return {
        "provider": provider,
        "model_id": model_id,
        "dataset": dataset,
        "build_id": build_id,
        "job_id": job_id,
        "state": "good",
        "probes": 0,
        "not_before": None,
        "note": "",
        "created_at": iso(AT),
    }


def _promotion(dataset, model_id):
    return {
        "dataset": dataset,
        "from_model": None,
        "to_model": model_id,
        "why": "newest",
        "by_whom": "merlin",
        "at": iso(AT),
    }
