"""The newest commit's progress, step by step, for the demo's terminal and the chat page."""

import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from merlin.app import builds, jobs, models, verdicts
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.jobs import JobDetails
from merlin.app.verdicts import VerdictView
from merlin.config import Config
from merlin.core.charts import format_loss
from merlin.core.clock import iso
from merlin.core.errors import MerlinError, NotFound
from merlin.core.formatted_text import escape_controls
from merlin.core.i18n import text
from merlin.dataset.finding import Severity
from merlin.dataset.verdicts import VerdictStatus
from merlin.sandbox.demo.place import FOLDER, DemoFolder
from merlin.wiring.context import open_reading_context

_MARKS = {"done": "✔", "flawed": "!", "held": "–", "failed": "✘"}
_UNDER_WAY = ("now", "waiting")
_BAR = 10


class Story:
    """Reports progress on the demo's terminal; a running step is redrawn in place."""

    def __init__(
        self, config: Config, language: str, out: TextIO | None = None
    ) -> None:
        self._config = config
        self.language = language
        self._out = out or sys.stdout
        self._reported: set[tuple[str, ...]] = set()
        self._has_open_line = False
        self._line_began_at = time.monotonic()

    def say(self, key: str, **arguments: object) -> None:
        """Print one localised sentence."""
        self._write_line(text(self.language, key, **arguments))

    def reason(self, error: MerlinError) -> str:
        """Return an error's text in the demo's language."""
        return text(self.language, error.key, **error.arguments)

    def report(self) -> Mapping[str, Any] | None:
        """Print the newest commit's new steps; return its progress, None before any commit."""
        try:
            progress = read_progress(self._config, self.language)
        except MerlinError:  # the daemon is creating the database
            progress = empty_progress("")
        if not progress["commit"]:
            self._draw_bar(0.0, text(self.language, "demo-starting"))
            return None
        for step in progress["steps"]:
            self._report_step(progress, step)
        self._report_others(progress)
        return progress

    def _report_step(
        self, progress: Mapping[str, Any], step: Mapping[str, str]
    ) -> None:
        name = text(self.language, f"chat-page-step-{step['key']}")
        if step["key"] == "training":
            name = training_of(self.language, progress) or name
        note = ". ".join(filter(None, (step["note"], step["error"])))
        step_text = f"{name}: {escape_controls(note)}" if note else name
        if step["state"] == "now":
            share = progress["progress"] if step["key"] == "training" else 1.0
            self._draw_bar(share or 0.0, step_text)
        else:
            self._mark_once((progress["commit"], step["key"], step["state"]), step_text)

    def _report_others(self, progress: Mapping[str, Any]) -> None:
        """Report the commit's other datasets, which train after the one that people talk to."""
        (_, state), *others = progress["trainings"]
        if state in _UNDER_WAY:
            return
        for name, state in others:
            line = f"{text(self.language, 'chat-page-step-serving')}: {name}"
            self._mark_once((progress["commit"], name, state), line)
        if line := training_of(self.language, progress):
            self._draw_bar(0.0, line)

    def _mark_once(self, key: tuple[str, ...], step_text: str) -> None:
        if key[-1] in _MARKS and key not in self._reported:
            self._reported.add(key)
            self._write_line(f"{_MARKS[key[-1]]} {step_text}")

    def _draw_bar(self, share: float, step_text: str) -> None:
        """Redraw the running step with a progress bar and its time; only on a terminal."""
        if not self._out.isatty():
            return
        bar = "█" * round(_BAR * share) + "░" * (_BAR - round(_BAR * share))
        seconds = round(time.monotonic() - self._line_began_at)
        line = f"  {bar} {text(self.language, 'demo-seconds', seconds=seconds)} {step_text}"
        self._out.write(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}")
        self._out.flush()
        self._has_open_line = True

    def _write_line(self, line: str) -> None:
        # Flush: the language model's training reports from its own thread.
        self._out.write(("\r\x1b[K" if self._has_open_line else "") + line + "\n")
        self._out.flush()
        self._has_open_line = False
        self._line_began_at = time.monotonic()


def addresses(place: DemoFolder, story: Story) -> None:
    """Print where to find the demo, beginning with the front page."""
    story.say("demo-front", url=place.front_url)
    story.say("demo-repository", path=relative_path(place.repository))
    story.say("demo-commands", merlin=command(), path=relative_path(place.config))


def command() -> str:
    """Return the shell command that runs this program."""
    program = Path(sys.argv[0])
    installed = shutil.which("merlin")
    is_known = (
        installed is not None and program.exists() and program.samefile(installed)
    )
    return (
        "merlin"
        if is_known or program.name != "merlin"
        else relative_path(program.absolute())
    )


def restart_command(place: DemoFolder) -> str:
    """Return the command that starts this demo again."""
    is_usual = place.folder == FOLDER.absolute()
    return f"{command()} demo --fresh" + (
        "" if is_usual else f" --state {relative_path(place.folder)}"
    )


def relative_path(path: Path) -> str:
    """Return a path relative to the working directory, if it is below it."""
    cwd = Path.cwd()
    return str(path.relative_to(cwd) if path.is_relative_to(cwd) else path)


def training_of(language: str, progress: Mapping[str, Any]) -> str:
    """Return which of the commit's several trainings is under way, "" for none or a single one."""
    trainings = progress["trainings"]
    for number, (name, state) in enumerate(trainings, 1):
        if state in _UNDER_WAY and len(trainings) > 1:
            arguments = {"number": number, "all": len(trainings), "name": name}
            return text(language, "demo-training-of", **arguments)
    return ""


STEPS = ("committed", "checked", "built", "training", "proved", "serving")
# Number of completed steps by verdict; the next step is the current one.
_COMPLETED = {
    "removed": 1,
    "rejected": 1,
    "left_out": 1,
    "built": 3,
    "held": 3,
    "unchanged": 3,
    "training": 3,
    "failed": 3,
    "superseded": 3,
    "serving": 6,
}
# How many lost questions of a tested model that does not go live are told.
_MAX_LOST = 5
_FAILED_CHECK = (VerdictStatus.REJECTED, VerdictStatus.LEFT_OUT)
_STOPPED = (*_FAILED_CHECK, VerdictStatus.FAILED)
# Nothing is trained for such a commit, so nothing follows the completed steps.
_ENDED = (VerdictStatus.UNCHANGED, VerdictStatus.REMOVED, VerdictStatus.SUPERSEDED)
# Maximum number of datasets per commit that are considered.
_MAX_DATASETS = 50
_JOB_PROGRESS = {"launching": 0.05, "queued": 0.15, "running": 0.5, "succeeded": 1.0}


def empty_progress(dataset: str) -> dict[str, Any]:
    """Return the progress before the first commit."""
    return {
        "dataset": dataset,
        "commit": "",
        "steps": [],
        "progress": None,
        "trainings": [],
        "serving": None,
    }


def read_progress(config: Config, language: str) -> dict[str, Any]:
    """Return the newest commit's progress from the demo's database."""
    try:
        with open_reading_context(config) as ctx:
            return find_newest_progress(ctx, config.datasets.default, language)
    except NotFound:
        return empty_progress(
            config.datasets.default
        )  # the database does not exist yet


def find_newest_progress(ctx: Context, default: str, language: str) -> dict[str, Any]:
    """Return the newest commit that changed a dataset, its steps, and the serving model.

    When it changed several datasets, the default one is reported, but no removed one.
    """
    # One query: between two the next commit may arrive.
    actor = Actor.operator()
    recent_verdicts = verdicts.list_mainline(ctx, actor, limit=_MAX_DATASETS)
    if not recent_verdicts:
        return empty_progress(default)
    newest_commit = [
        row for row in recent_verdicts if row.commit == recent_verdicts[0].commit
    ]
    verdict, *others = sorted(
        newest_commit,
        key=lambda row: (row.status is VerdictStatus.REMOVED, row.dataset != default),
    )
    job = jobs.get(ctx, actor, verdict.job_id) if verdict.job_id else None
    serving_model = models.list_serving(ctx, actor).get(verdict.dataset)
    return {
        "dataset": verdict.dataset,
        "commit": verdict.commit,
        "subject": verdict.subject,
        "state": {
            "style": verdict.state.style,
            "text": text(language, verdict.state.text_key),
        },
        "steps": _steps(ctx, verdict, job, language),
        "progress": _JOB_PROGRESS.get(job.state) if job else None,
        "trainings": [
            (row.build or row.dataset, _state_now(row))
            for row in (verdict, *others)
            if row.build or row is verdict
        ],
        "serving": serving_model
        and {
            "model": serving_model.model,
            "build": serving_model.build,
            "since": serving_model.since and iso(serving_model.since),
        },
    }


def _steps(
    ctx: Context,
    verdict: VerdictView,
    job: JobDetails | None,
    language: str,
) -> list[dict[str, str]]:
    completed = _COMPLETED[verdict.status]
    if verdict.status is VerdictStatus.TRAINING and job and job.state == "succeeded":
        completed += 2 if verdict.state.is_kept_back else 1
    notes = _notes(ctx, verdict, job, language)
    return [
        {
            "key": key,
            "state": _state(index, completed, verdict),
            "note": notes.get(key, ""),
            "error": _first_error(verdict, language) if key == "checked" else "",
        }
        for index, key in enumerate(STEPS)
    ]


def _state(index: int, completed: int, verdict: VerdictView) -> str:
    if index < completed:
        is_flawed = STEPS[index] == "checked" and verdict.errors
        return "flawed" if is_flawed else "done"
    if verdict.status in _ENDED:
        return "skipped"
    if index > completed:
        return "waiting"
    if verdict.status in _STOPPED:
        return "failed"
    if verdict.status is VerdictStatus.HELD or verdict.state.is_kept_back:
        return "held"
    return (
        "now"
        if verdict.status in (VerdictStatus.BUILT, VerdictStatus.TRAINING)
        else "waiting"
    )


def _state_now(verdict: VerdictView) -> str:
    """Return the state of the step that a verdict has come to."""
    completed = _COMPLETED[verdict.status]
    return _state(min(completed, len(STEPS) - 1), completed, verdict)


def _notes(
    ctx: Context, verdict: VerdictView, job: JobDetails | None, language: str
) -> dict[str, str]:
    notes = {
        "committed": f"{verdict.commit[:8]} {verdict.subject}",
        "checked": _check_note(verdict, language),
    }
    if verdict.build and verdict.status not in _FAILED_CHECK:
        build = builds.get(ctx, Actor.operator(), verdict.build)
        key = (
            "demo-unchanged"
            if verdict.status is VerdictStatus.UNCHANGED
            else "demo-built"
        )
        arguments = {"build": build.version, "train": build.train, "test": build.test}
        notes["built"] = text(language, key, **arguments)
    if verdict.reason and verdict.status not in _FAILED_CHECK:
        notes["training"] = text(language, verdict.reason, **verdict.arguments)
    if job:
        notes["training"] = _training_note(job, language)
        notes.update(_proof_notes(ctx, verdict, job, language))
    return notes


def _check_note(verdict: VerdictView, language: str) -> str:
    """Return the number of findings, and the earlier commit whose errors are left."""
    others = sum(each.severity is not Severity.ERROR for each in verdict.findings)
    counts = text(language, "demo-checked", errors=len(verdict.errors), others=others)
    if not verdict.earlier:
        return counts
    left = text(language, "verdict-earlier", commit=verdict.earlier_commit[:7])
    return f"{counts}, {left}" if verdict.errors or others else left


def _first_error(verdict: VerdictView, language: str) -> str:
    """Return the first error with its position, "" for none."""
    for each in verdict.errors[:1]:
        place = f"{verdict.dataset}/{each.path}:{each.line}:{each.column}"
        return f"{place}: {each.text(language)}"
    return ""


def _training_note(job: JobDetails, language: str) -> str:
    """Return a job's state and its newest metrics."""
    state = text(language, f"job-{job.state}")
    metrics = [event.data for event in job.events if event.kind == "metrics"]
    if not metrics:
        return state
    epoch = metrics[-1].get("epoch")
    loss = metrics[-1].get("train_loss")
    if epoch is None or loss is None:
        return state
    return text(
        language, "demo-epoch", epoch=str(epoch), loss=format_loss(language, loss)
    )


def _proof_notes(
    ctx: Context, verdict: VerdictView, job: JobDetails, language: str
) -> dict[str, str]:
    """Return the scores of a job's model, and its name or why it does not serve."""
    try:
        model = models.read_of_job(ctx, Actor.operator(), job.id)
    except NotFound:
        return {}
    scores = model.evaluation
    if scores is None:
        return {}
    arguments = {"right": scores.right, "questions": scores.questions}
    lost = [
        text(language, each["key"], **each["arguments"])
        for each in model.lost[:_MAX_LOST]
    ]
    why = (
        [verdict.why(language), *lost] if verdict.state.is_kept_back else [model.title]
    )
    return {
        "proved": text(language, "demo-tested", **arguments),
        "serving": " ".join(why),
    }
