"""The way of the newest commit, step by step, as the chat page and the demo's story show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from merlin.core.errors import MerlinError
from merlin.core.text import text
from merlin.store.reports import Reports

Told = Mapping[str, Any]

STEPS = ("committed", "checked", "built", "training", "proved", "serving")
# How far each verdict is: this many steps are done, the next one is under way.
_DONE = {
    "removed": 1,
    "rejected": 1,
    "built": 3,
    "held": 3,
    "unchanged": 3,
    "training": 3,
    "failed": 3,
    "superseded": 3,
    "serving": 6,
}
_STOPPED = {"rejected", "failed"}
_PROGRESS = {"launching": 0.05, "queued": 0.15, "running": 0.5, "paused": 0.5, "succeeded": 1.0}


def newest(rows: Reports, dataset: str, language: str) -> dict[str, Any]:
    """Return the dataset's newest commit that changed it, its steps, and what serves now."""
    verdicts = rows.log(dataset, limit=1)
    serving = rows.serving(dataset)
    if not verdicts:
        return {"dataset": dataset, "commit": "", "steps": [], "progress": None, "serving": None}
    verdict = verdicts[0]
    job = _job(rows, verdict)
    return {
        "dataset": dataset,
        "commit": verdict["commit"],
        "subject": verdict["subject"],
        "verdict": verdict["verdict"],
        "steps": _steps(rows, verdict, job, language),
        "progress": _PROGRESS.get(job["state"]) if job else None,
        "serving": serving and {name: serving[name] for name in ("model", "build", "since")},
    }


def _job(rows: Reports, verdict: Told) -> Told | None:
    if verdict["job"] is None:
        return None
    try:
        return rows.job(verdict["job"])
    except MerlinError:
        return None


def _steps(rows: Reports, verdict: Told, job: Told | None, language: str) -> list[dict[str, str]]:
    done = _DONE[verdict["verdict"]]
    if verdict["verdict"] == "training" and job and job["state"] == "succeeded":
        done += 1
    notes = _notes(rows, verdict, job, language)
    return [
        {"key": key, "state": _state(place, done, verdict["verdict"]), "note": notes.get(key, "")}
        for place, key in enumerate(STEPS)
    ]


def _state(place: int, done: int, word: str) -> str:
    if place < done:
        return "done"
    if place > done:
        return "waiting"
    if word in _STOPPED:
        return "failed"
    return "now" if word in ("built", "training") else "waiting"


def _notes(rows: Reports, verdict: Told, job: Told | None, language: str) -> dict[str, str]:
    notes = {"committed": f"{verdict['commit'][:8]} {verdict['subject']}"}
    errors = sum(finding["severity"] == "error" for finding in verdict["findings"])
    others = len(verdict["findings"]) - errors
    notes["checked"] = text(language, "demo-checked", errors=errors, others=others)
    if verdict["build"]:
        build = rows.build(verdict["build"])
        told = {name: build[name] for name in ("build", "train", "test")}
        notes["built"] = text(language, "demo-built", **told)
    if verdict["reason"]:
        reason = text(language, verdict["reason"], **verdict["arguments"])
        notes["checked" if verdict["verdict"] == "rejected" else "training"] = reason
    if job:
        notes["training"] = _training(job, language)
        notes.update(_proof(rows, verdict, language))
    return notes


def _training(job: Told, language: str) -> str:
    """Return how a job stands: its state, and the newest figures of its diary."""
    state = text(language, f"job-{job['state']}")
    figures = [event["data"] for event in job["events"] if event["kind"] == "metrics"]
    if not figures:
        return state
    epoch, loss = figures[-1].get("epoch"), figures[-1].get("train_loss")
    if epoch is None or loss is None:
        return state
    return text(language, "demo-epoch", state=state, epoch=str(epoch), loss=f"{loss:.2f}")


def _proof(rows: Reports, verdict: Told, language: str) -> dict[str, str]:
    for model in rows.models(verdict["dataset"], limit=10):
        proof = model["evaluation"]
        if model["job"] == verdict["job"] and proof:
            right = round(proof["equal_share"] * proof["questions"])
            told = {"right": right, "questions": proof["questions"]}
            return {"proved": text(language, "demo-proved", **told), "serving": model["build"]}
    return {}
