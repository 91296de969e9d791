"""Stored rows as programs are shown them: plain dicts, ready for JSON, times as ISO text."""

from __future__ import annotations

from typing import Any

from merlin.db.database import Row
from merlin.db.values import load_json

Shown = dict[str, Any]


def shown_verdict(row: Row) -> Shown:
    """Return a row of `select_verdicts` with its build's number; no settings in it."""
    return {
        "commit": row["commit_sha"],
        "dataset": row["dataset"],
        "position": row["position"],
        "verdict": row["word"],
        "subject": row["subject"],
        "author": row["author"],
        "committed_at": row["committed_at"],
        "seen_at": row["seen_at"],
        "updated_at": row["updated_at"],
        "build": version(row["dataset"], row["build_number"]),
        "job": row["job_id"],
        "reason": row["reason"],
        "arguments": load_json(row["arguments"]),
    }


def shown_finding(row: Row) -> Shown:
    """Return a finding; its sentence is the text `finding-<rule>` with the arguments."""
    return {
        "path": row["path"],
        "line": row["line"],
        "column": row["col"],
        "rule": row["rule"],
        "severity": row["severity"],
        "arguments": load_json(row["arguments"]),
    }


def shown_build(row: Row) -> Shown:
    """Return a row of the table build without manifest and system text."""
    return {
        "build": version(row["dataset"], row["number"]),
        "build_id": row["id"],
        "dataset": row["dataset"],
        "number": row["number"],
        "digest": row["digest"],
        "folder": row["folder"],
        "train": row["train"],
        "test": row["test"],
        "train_tokens": row["train_tokens"],
        "test_tokens": row["test_tokens"],
        "created_at": row["created_at"],
    }


def shown_job(row: Row) -> Shown:
    """Return a row of the table job with its build's number; costs in millionths."""
    return {
        "job": row["id"],
        "dataset": row["dataset"],
        "build": version(row["dataset"], row["build_number"]),
        "provider": row["provider"],
        "provider_job": row["provider_job_id"] or None,
        "state": row["state"],
        "status": row["status"],
        "attempt": row["attempt"],
        "recipe": load_json(row["recipe"]),
        "model": row["model_id"],
        "trained_tokens": row["trained_tokens"],
        "estimate_micro": row["estimate_micro"],
        "currency": row["currency"],
        "error": row["error"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def shown_event(row: Row) -> Shown:
    """Return one line of a job's diary."""
    return {
        "at": row["at"],
        "level": row["level"],
        "message": row["message"],
        "kind": row["kind"],
        "data": load_json(row["data"]),
    }


def shown_checkpoint(row: Row) -> Shown:
    """Return one checkpoint of a job."""
    return {"model": row["model_id"], "step": row["step"], "metrics": load_json(row["metrics"])}


def shown_model(row: Row) -> Shown:
    """Return a row of `training.model_store.models` with its evaluation and whether it serves."""
    scores = ("questions", "chrf", "equal_share", "unknown_share")
    proof = {name: row[name] for name in scores} if row["questions"] is not None else None
    return {
        "model": row["model_id"],
        "dataset": row["dataset"],
        "provider": row["provider"],
        "build": version(row["dataset"], row["build_number"]),
        "job": row["job_id"],
        "state": row["state"],
        "serves": row["since"] is not None,
        "evaluation": proof,
        "note": row["note"],
        "created_at": row["created_at"],
    }


def shown_serving(row: Row) -> Shown:
    """Return a row of `training.promotion_store.serving_rows`."""
    return {
        "model": row["model_id"],
        "provider": row["provider"],
        "build": version(row["dataset"], row["build_number"]),
        "build_id": row["build_id"],
        "since": row["since"],
        "position": row["position"],
        "pinned": bool(row["is_pinned"]),
    }


def shown_promotion(row: Row) -> Shown:
    """Return one promotion."""
    return {
        "dataset": row["dataset"],
        "from": row["from_model"],
        "to": row["to_model"],
        "why": row["why"],
        "by": row["by_whom"],
        "at": row["at"],
    }


def shown_example(row: Row) -> Shown:
    """Return an example as a build taught it, with the build's number."""
    return {
        "id": row["example_id"],
        "dataset": row["dataset"],
        "build": version(row["dataset"], row["build_number"]),
        "split": row["split"],
        "tokens": row["tokens"],
        "blob": row["blob"],
        "commit": row["commit_sha"],
        "author": row["author"],
        "messages": load_json(row["messages"]),
    }


def version(dataset: str, number: int | None) -> str | None:
    """Return a build's name for people, `neurotypology-7`, or None without a build."""
    return None if number is None else f"{dataset}-{number}"
