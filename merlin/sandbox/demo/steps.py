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
_PASSING = {"held-quiet", "held-slots"}  # over in a moment: no word of why nothing is trained
# So many datasets of one commit are looked at.
_DATASETS = 50
_PROGRESS = {"launching": 0.05, "queued": 0.15, "running": 0.5, "paused": 0.5, "succeeded": 1.0}


def nothing(dataset: str) -> dict[str, Any]:
    """Return the way before the first commit."""
    return {"dataset": dataset, "commit": "", "steps": [], "progress": None, "serving": None}


def newest(rows: Reports, default: str, language: str) -> dict[str, Any]:
    """Return the newest commit that changed a dataset, its steps, and what serves there now.

    Where it changed several, the default one's way is told.
    """
    # One read: between two of them the next commit may come.
    verdicts = rows.log(limit=_DATASETS)
    if not verdicts:
        return nothing(default)
    newest_commit = [one for one in verdicts if one["commit"] == verdicts[0]["commit"]]
    verdict = next((one for one in newest_commit if one["dataset"] == default), newest_commit[0])
    job = _job(rows, verdict)
    serving = rows.serving(verdict["dataset"])
    return {
        "dataset": verdict["dataset"],
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
        {"key": key, "state": _state(place, done, verdict), "note": notes.get(key, "")}
        for place, key in enumerate(STEPS)
    ]


def _state(place: int, done: int, verdict: Told) -> str:
    if place < done:
        is_flawed = STEPS[place] == "checked" and _errors(verdict)
        return "flawed" if is_flawed else "done"
    if place > done:
        return "waiting"
    if verdict["verdict"] in _STOPPED:
        return "failed"
    if verdict["verdict"] == "held" and verdict["reason"] not in _PASSING:
        return "held"
    return "now" if verdict["verdict"] in ("built", "training") else "waiting"


def _errors(verdict: Told) -> list[Told]:
    return [finding for finding in verdict["findings"] if finding["severity"] == "error"]


def _notes(rows: Reports, verdict: Told, job: Told | None, language: str) -> dict[str, str]:
    notes = {
        "committed": f"{verdict['commit'][:8]} {verdict['subject']}",
        "checked": _checked(verdict, language),
    }
    if verdict["build"]:
        build = rows.build(verdict["build"])
        key = "demo-unchanged" if verdict["verdict"] == "unchanged" else "demo-built"
        told = {name: build[name] for name in ("build", "train", "test")}
        notes["built"] = text(language, key, **told)
    if verdict["reason"] and verdict["verdict"] != "rejected":
        notes["training"] = text(language, verdict["reason"], **verdict["arguments"])
    if job:
        notes["training"] = _training(job, language)
        notes.update(_proof(rows, verdict, language))
    return notes


def _checked(verdict: Told, language: str) -> str:
    """Return how many findings there are, and the first error with its place."""
    errors = _errors(verdict)
    others = len(verdict["findings"]) - len(errors)
    counted = text(language, "demo-checked", errors=len(errors), others=others)
    if not errors:
        return counted
    first = errors[0]
    place = f"{verdict['dataset']}/{first['path']}:{first['line']}:{first['column']}"
    sentence = text(language, f"finding-{first['rule']}", **first["arguments"])
    return text(language, "demo-first-error", counted=counted, place=place, sentence=sentence)


def _training(job: Told, language: str) -> str:
    """Return how a job stands: its state, and the newest figures of its diary."""
    state = text(language, f"job-{job['state']}")
    figures = [event["data"] for event in job["events"] if event["kind"] == "metrics"]
    if not figures:
        return state
    epoch, loss = figures[-1].get("epoch"), figures[-1].get("train_loss")
    if epoch is None or loss is None:
        return state
    return text(language, "demo-epoch", state=state, epoch=str(epoch), loss=float(loss))


def _proof(rows: Reports, verdict: Told, language: str) -> dict[str, str]:
    for model in rows.models(verdict["dataset"], limit=10):
        proof = model["evaluation"]
        if model["job"] == verdict["job"] and proof:
            right = round(proof["equal_share"] * proof["questions"])
            told = {"right": right, "questions": proof["questions"]}
            return {"proved": text(language, "demo-proved", **told), "serving": model["build"]}
    return {}
