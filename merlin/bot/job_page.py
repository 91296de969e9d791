"""Job page: one fine-tune job as people read it: its state, its losses, its diary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from merlin.bot.spark import spark
from merlin.core import money
from merlin.core.losses import losses_of
from merlin.core.picture import PictureWords, loss_picture
from merlin.core.text import keys, text
from merlin.job.lifecycle import FINAL

_LONGEST = 200

When = Callable[[str | None], str]


def job_words(job: Mapping[str, Any], language: str, when: When) -> str:
    """Return what there is to say of a job, a line each."""
    recipe = job["recipe"]
    told = {
        "state": _word(language, "job", job["state"]),
        "status": job["status"] or "–",
        "provider": job["provider"],
        "base": recipe.get("base_model", "–"),
        "attempt": job["attempt"],
    }
    cost = money.told(language, job["estimate_micro"], job["currency"])
    is_over = job["state"] in {state.value for state in FINAL}
    last = _cut(job["events"][-1]["message"]) if job["events"] and not is_over else ""
    error = _cut(job["error"])
    return "\n".join(
        [
            text(language, "admin-job-state", **told),
            text(language, "admin-job-cost", cost=cost, tokens=job["trained_tokens"] or 0),
            text(
                language,
                "admin-job-times",
                created=when(job["created_at"]),
                updated=when(job["updated_at"]),
            ),
            *([text(language, "admin-job-last", message=last)] if last else []),
            *([text(language, "admin-job-error", error=error)] if error else []),
        ]
    )


def losses(job: Mapping[str, Any], language: str) -> str:
    """Return the losses over the steps as rows of columns, "" where none are known."""
    found = losses_of(job)
    every = [value for series in found.values() for _, value in series]
    if not every:
        return ""
    low, high = min(every), max(every)
    labels = {name: text(language, f"admin-loss-{name}") for name in found}
    width = max(map(len, labels.values()))
    rows = [
        f"{labels[name].ljust(width)} {spark(values, low, high)} {values[0]:.3g} → {values[-1]:.3g}"
        for name, series in found.items()
        if (values := [value for _, value in series])
    ]
    return "\n".join(rows)


def picture(job: Mapping[str, Any], language: str) -> bytes:
    """Return the losses over the steps as a PNG, b"" where none are known; takes 0.1 s."""
    found = losses_of(job)
    if not any(found.values()):
        return b""
    words = PictureWords(
        title=str(job["build"] or job["dataset"]),
        train=text(language, "admin-loss-train"),
        test=text(language, "admin-loss-test"),
        steps=text(language, "admin-loss-steps"),
        none="",
        language=language,
    )
    return loss_picture(found["train"], found["test"], words)


def events_words(job: Mapping[str, Any], language: str, when: When) -> str:
    """Return the diary, oldest first."""
    if not job["events"]:
        return text(language, "admin-events-none")
    return "\n".join(f"{when(each['at'])}  {_cut(each['message'])}" for each in job["events"])


def _cut(words: str) -> str:
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"


def _word(language: str, family: str, name: str) -> str:
    key = f"{family}-{name}"
    return text(language, key) if key in keys(language) else name
