"""The way of the newest commit, step by step, on the demo's terminal and on the chat page."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from merlin.app import builds, jobs, models, verdicts
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.jobs import JobDetails
from merlin.app.verdicts import VerdictView
from merlin.config import Config
from merlin.core.clock import iso
from merlin.core.errors import MerlinError, NotFound
from merlin.core.i18n import text
from merlin.dataset.finding import Finding
from merlin.dataset.verdicts import VerdictStatus
from merlin.sandbox.demo.place import FOLDER, Place
from merlin.wiring.context import reading_context

_MARKS = {"done": "✔", "flawed": "!", "held": "–", "failed": "✘"}
_BAR = 10


class Story:
    """Tells what changed since it last looked; on a terminal the running step is redrawn."""

    def __init__(self, config: Config, language: str, out: TextIO = sys.stdout) -> None:
        self._config = config
        self.language = language
        self._out = out
        self._told: set[tuple[str, ...]] = set()
        self._is_drawn = False

    def say(self, key: str, **arguments: object) -> None:
        """Tell one sentence."""
        self._line(text(self.language, key, **arguments))

    def reason(self, error: MerlinError) -> str:
        """Return an error in the story's language."""
        return text(self.language, error.key, **error.arguments)

    def look(self) -> Mapping[str, Any] | None:
        """Tell the newest commit's steps; return its way, None before the first."""
        try:
            with reading_context(self._config) as ctx:
                way = newest(ctx, self._config.datasets.default, self.language)
        except MerlinError:
            return None  # the daemon has not made the database yet
        if not way["commit"]:
            return None
        for step in way["steps"]:
            self._tell(way, step)
        return way

    def _tell(self, way: Mapping[str, Any], step: Mapping[str, str]) -> None:
        if step["state"] == "now":
            self._draw(way, step)
            return
        key = (way["commit"], way["dataset"], step["key"], step["state"])
        if step["state"] not in _MARKS or key in self._told:
            return
        self._told.add(key)
        self._line(f"{_MARKS[step['state']]} {self._name(step)}")

    def _name(self, step: Mapping[str, str]) -> str:
        name = text(self.language, f"demo-step-{step['key']}")
        return f"{name}: {step['note']}" if step["note"] else name

    def _draw(self, way: Mapping[str, Any], step: Mapping[str, str]) -> None:
        """Redraw the running step with a bar of how far its job is; only on a terminal."""
        if not self._out.isatty():
            return
        share = way["progress"] if step["key"] == STEPS[3] and way["progress"] else 0.0
        bar = "█" * round(_BAR * share) + "░" * (_BAR - round(_BAR * share))
        self._out.write(f"\r\x1b[K  {bar} {self._name(step)}")
        self._out.flush()
        self._is_drawn = True

    def _line(self, words: str) -> None:
        # At once: the language model's training tells its part from a thread of its own.
        self._out.write(("\r\x1b[K" if self._is_drawn else "") + words + "\n")
        self._out.flush()
        self._is_drawn = False


def addresses(place: Place, story: Story) -> None:
    """Tell where the demo is to be found: first the page that leads everywhere."""
    story.say("demo-front", url=place.front_url)
    story.say("demo-repository", path=relative_path(place.repository))
    story.say("demo-commands", merlin=command(), path=relative_path(place.config))


def command() -> str:
    """Return how this very program is called from the shell that it was started in."""
    called, known = Path(sys.argv[0]), shutil.which("merlin")
    is_known = known is not None and called.exists() and called.samefile(known)
    return "merlin" if is_known or called.name != "merlin" else relative_path(called.absolute())


def restart_command(place: Place) -> str:
    """Return the command that begins this demo anew."""
    is_usual = place.folder == FOLDER.absolute()
    return f"{command()} demo --fresh" + (
        "" if is_usual else f" --state {relative_path(place.folder)}"
    )


def relative_path(path: Path) -> str:
    """Return a path as seen from here, where it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


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


def no_progress(dataset: str) -> dict[str, Any]:
    """Return the way before the first commit."""
    return {"dataset": dataset, "commit": "", "steps": [], "progress": None, "serving": None}


def read_progress(config: Config, language: str) -> dict[str, Any]:
    """Return how far the newest commit is, read from the demo's database."""
    try:
        with reading_context(config) as ctx:
            return newest(ctx, config.datasets.default, language)
    except NotFound:
        return no_progress(config.datasets.default)  # the database is not made yet


def newest(ctx: Context, default: str, language: str) -> dict[str, Any]:
    """Return the newest commit that changed a dataset, its steps, and what serves there now.

    Where it changed several, the default one's way is told.
    """
    # One read: between two of them the next commit may come.
    actor = Actor.operator()
    found = verdicts.log(ctx, actor, limit=_DATASETS)
    if not found:
        return no_progress(default)
    newest_commit = [one for one in found if one.commit == found[0].commit]
    verdict = next((one for one in newest_commit if one.dataset == default), newest_commit[0])
    job = jobs.get(ctx, actor, verdict.job) if verdict.job else None
    serves = models.serving_models(ctx, actor).get(verdict.dataset)
    return {
        "dataset": verdict.dataset,
        "commit": verdict.commit,
        "subject": verdict.subject,
        "verdict": verdict.verdict,
        "steps": _steps(ctx, verdict, job, language),
        "progress": _PROGRESS.get(job.state) if job else None,
        "serving": serves
        and {"model": serves.model, "build": serves.build, "since": iso(serves.since)},
    }


def _steps(
    ctx: Context, verdict: VerdictView, job: JobDetails | None, language: str
) -> list[dict[str, str]]:
    done = _DONE[verdict.verdict]
    if verdict.verdict is VerdictStatus.TRAINING and job and job.state == "succeeded":
        done += 1
    notes = _notes(ctx, verdict, job, language)
    return [
        {"key": key, "state": _state(place, done, verdict), "note": notes.get(key, "")}
        for place, key in enumerate(STEPS)
    ]


def _state(place: int, done: int, verdict: VerdictView) -> str:
    if place < done:
        is_flawed = STEPS[place] == "checked" and _errors(verdict)
        return "flawed" if is_flawed else "done"
    if place > done:
        return "waiting"
    if verdict.verdict in _STOPPED:
        return "failed"
    if verdict.verdict is VerdictStatus.HELD and verdict.reason not in _PASSING:
        return "held"
    return "now" if verdict.verdict in (VerdictStatus.BUILT, VerdictStatus.TRAINING) else "waiting"


def _errors(verdict: VerdictView) -> list[Finding]:
    return [finding for finding in verdict.findings if finding.severity == "error"]


def _notes(
    ctx: Context, verdict: VerdictView, job: JobDetails | None, language: str
) -> dict[str, str]:
    notes = {
        "committed": f"{verdict.commit[:8]} {verdict.subject}",
        "checked": _checked(verdict, language),
    }
    if verdict.build:
        build = builds.get(ctx, Actor.operator(), verdict.build)
        key = "demo-unchanged" if verdict.verdict is VerdictStatus.UNCHANGED else "demo-built"
        arguments = {"build": build.version, "train": build.train, "test": build.test}
        notes["built"] = text(language, key, **arguments)
    if verdict.reason and verdict.verdict is not VerdictStatus.REJECTED:
        notes["training"] = text(language, verdict.reason, **verdict.arguments)
    if job:
        notes["training"] = _training(job, language)
        notes.update(_proof(ctx, job, language))
    return notes


def _checked(verdict: VerdictView, language: str) -> str:
    """Return how many findings there are, and the first error with its place."""
    errors = _errors(verdict)
    others = len(verdict.findings) - len(errors)
    counted = text(language, "demo-checked", errors=len(errors), others=others)
    if not errors:
        return counted
    first = errors[0]
    place = f"{verdict.dataset}/{first.path}:{first.line}:{first.column}"
    sentence = first.text(language)
    return text(language, "demo-first-error", counted=counted, place=place, sentence=sentence)


def _training(job: JobDetails, language: str) -> str:
    """Return how a job stands: its state, and the newest figures of its diary."""
    state = text(language, f"job-{job.state}")
    figures = [event.data for event in job.events if event.kind == "metrics"]
    if not figures:
        return state
    epoch, loss = figures[-1].get("epoch"), figures[-1].get("train_loss")
    if epoch is None or loss is None:
        return state
    return text(language, "demo-epoch", state=state, epoch=str(epoch), loss=float(loss))


def _proof(ctx: Context, job: JobDetails, language: str) -> dict[str, str]:
    try:
        model = models.of_job(ctx, Actor.operator(), job.id)
    except NotFound:
        return {}
    scores = model.evaluation
    if scores is None:
        return {}
    arguments = {
        "right": round((scores.equal_share or 0) * scores.questions),
        "questions": scores.questions,
    }
    return {"proved": text(language, "demo-proved", **arguments), "serving": model.title}
