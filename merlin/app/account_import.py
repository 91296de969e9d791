"""An account at another provider as a source of examples: its files, jobs and tuned models.

    files, oldest first -> downloaded -> plans of an import -> commits -> an Intent that is done

A file's Intent says that it is being taken, and in the end which bytes were taken. The id of each
commit's batch follows from the file, so that a run after a kill finds the commits of the one before
instead of making them again, even if their examples were edited since.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from merlin.app import changes, examples
from merlin.app.actor import Actor
from merlin.app.changes import DatasetFiles
from merlin.app.context import Context
from merlin.core.durable_files import write_durably
from merlin.core.errors import ProviderBusy, ProviderError
from merlin.core.killpoint import kill_point
from merlin.dataset.changes import Changes, ChangeState
from merlin.dataset.commit_message import Editor
from merlin.dataset.entries import FileText
from merlin.dataset.import_fields import NO_CHOICES, FieldChoices
from merlin.dataset.import_lines import ImportedLine
from merlin.dataset.import_plan import ImportPlan
from merlin.dataset.import_reading import read_files
from merlin.dataset.preview import edited_blob
from merlin.dataset.spec import DPO, SUPERVISED
from merlin.dataset.split import TEST
from merlin.db.intents import Intents, IntentState
from merlin.providers.base import JobReport, ModelCard, StoredFile

if TYPE_CHECKING:
    from merlin.providers.openai_training import OpenAIProvider

ACCOUNT_FILE = "account-file"
# Lines that become one commit: a file has more examples, or findings, than one commit takes.
COMMIT_LINES = 2_000
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_TUNED = ("ft:", ".ft-")  # in the names of OpenAI's and of Azure's tuned models
_KEPT_PARAMETERS = ("n_epochs", "batch_size", "learning_rate_multiplier", "beta")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AccountContents:
    """What an account has: files oldest first, jobs newest first.

    `refusal` is why its jobs or models could not be listed, None if they were.
    """

    provider: str
    files: Sequence[StoredFile]
    jobs: Sequence[JobReport]
    models: Sequence[ModelCard]
    refusal: ProviderError | None

    @property
    def test_files(self) -> set[str]:
        """Return the ids of files that jobs only tested with."""
        return {job.test_file for job in self.jobs} - {
            job.train_file for job in self.jobs
        }

    def name_train_file(self, job: JobReport) -> str | None:
        """Return the name of the file that a job trained with, None if the account lost it.

        "" where the provider does not say which file it was.
        """
        names = {file.file_id: file.name for file in self.files}
        return names.get(job.train_file) if job.train_file else ""

    @property
    def recipe(self) -> dict[str, object] | None:
        """Return what a recipe can keep of the newest job with a model, and that job."""
        for job in self.jobs:
            method = job.method or SUPERVISED  # older versions of Azure's API name none
            if job.model_id and method in (SUPERVISED, DPO):
                found = {
                    name: job.hyperparameters.get(name) for name in _KEPT_PARAMETERS
                }
                kept = {key: value for key, value in found.items() if value is not None}
                origin = {"job": job.provider_job_id, "model": job.model_id}
                return {**origin, "method": method, "hyperparameters": kept}
        return None


def read_account(provider: str, service: OpenAIProvider) -> AccountContents:
    """Return what an account has.

    Jobs and models may be closed to it: OpenAI answers 403 to accounts that asked no tuned model
    within 60 days. Raises ProviderError for files that cannot be listed, ProviderBusy.
    """
    files = service.list_files()
    jobs, no_jobs = read_if_allowed(service.list_jobs)
    cards, no_models = read_if_allowed(service.models)
    trained = {job.model_id for job in jobs or ()}
    tuned = [
        card
        for card in cards or ()
        if card.model_id in trained or any(mark in card.model_id for mark in _TUNED)
    ]
    return AccountContents(provider, files, jobs or (), tuned, no_jobs or no_models)


def read_if_allowed(read: Callable[[], T]) -> tuple[T | None, ProviderError | None]:
    """Return what is read, or None and why it is refused. Raises ProviderBusy."""
    try:
        return read(), None
    except ProviderBusy:
        raise
    except ProviderError as refusal:
        return None, refusal


COUNTS = ("lines", "taken", "duplicates", "rejected")


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What a file of an account brings: one plan a commit.

    Without a digest it was taken before, or cannot be downloaded (`failure`).
    """

    file: StoredFile
    key: str
    digest: str = ""
    plans: Sequence[ImportPlan] = ()
    failure: ProviderError | None = None

    def count(self) -> Mapping[str, int]:
        """Return the file's numbers of lines, new examples, known ones and errors (`COUNTS`)."""
        rows = [
            (plan.lines, len(plan.good_edits), plan.duplicates, plan.rejected)
            for plan in self.plans
        ]
        return {
            name: sum(row[place] for row in rows) for place, name in enumerate(COUNTS)
        }


def plan_files(
    ctx: Context,
    account: AccountContents,
    read_file: Callable[[str], bytes],
    files: DatasetFiles,
    choices: FieldChoices = NO_CHOICES,
) -> Iterator[FilePlan]:
    """Yield the plan of each file, which knows the examples of those before it; slow.

    `read_file` returns the bytes of a file by its id. One that the provider does not give out is
    yielded with the reason. Raises ProviderBusy, Refused.
    """
    states = Intents(ctx.db, ctx.clock).list_of_kind(ACCOUNT_FILE)
    for file in account.files:
        key = f"{ACCOUNT_FILE}:{account.provider}:{files.dataset}:{file.file_id}"
        if key in states and states[key].state is IntentState.DONE:
            yield FilePlan(file, key)
            continue
        content, failure = read_if_allowed(partial(read_file, file.file_id))
        if content is None:
            yield FilePlan(file, key, failure=failure)
            continue
        rows = content.rstrip().splitlines(keepends=True)
        plans = []
        for at in range(0, len(rows) or 1, COMMIT_LINES):
            part = b"".join(rows[at : at + COMMIT_LINES])
            read = read_files([(part, f"{file.file_id}/{file.name}")], choices)
            lines = map(partial(_move, by=at), read)
            if file.file_id in account.test_files:
                lines = map(_mark_as_test, lines)
            plans.append(plan := examples.plan(ctx, files, lines, choices))
            added = (
                FileText(
                    plan.dataset, edit.path, edited_blob(edit.text or ""), edit.text
                )
                for edit in plan.good_edits
            )
            files = replace(files, files=[*files.files, *added])
        yield FilePlan(file, key, hashlib.sha256(content).hexdigest(), plans)


def _move(line: ImportedLine, by: int) -> ImportedLine:
    """Return a record of a part of a file, which begins below so many lines, at its place."""
    findings = (replace(each, line=each.line + by) for each in line.findings)
    return replace(line, line=line.line + by, findings=tuple(findings))


def read_kept(folder: Path, file_id: str, *, download: Callable[[str], bytes]) -> bytes:
    """Return a file of an account from the folder; it is downloaded unless it is there.

    Raises OSError, and what `download` raises.
    """
    # A server may name a file as it likes: ../../.profile
    path = folder / f"{_UNSAFE.sub('_', file_id)[:200]}.jsonl"
    if not path.exists():
        content = download(file_id)
        write_durably(path, lambda temporary: temporary.write_bytes(content))
    return path.read_bytes()


def keep_record(folder: Path, content: str) -> None:
    """Write what is known of an account's files, jobs and models beside them. Raises OSError."""
    write_durably(
        folder / "account.json",
        lambda temporary: temporary.write_text(content, "utf-8"),
    )


def _mark_as_test(line: ImportedLine) -> ImportedLine:
    return replace(line, example=line.example and replace(line.example, split=TEST))


def take_file(
    ctx: Context,
    actor: Actor,
    taken: FilePlan,
    editor: Editor,
    wait: Callable[[str], object],
) -> None:
    """Commit a file's examples, and record that it is taken.

    `wait` returns when a change is committed. A file without a good line is not recorded: it is
    read, and its errors are told, by every run. Raises Refused, and what `wait` raises.
    """
    intents = Intents(ctx.db, ctx.clock)
    intents.open(taken.key, ACCOUNT_FILE)
    intents.mark_sending(taken.key, ctx.clock())
    kill_point("import.intended")
    for number, plan in enumerate(taken.plans):
        change = _save_once(
            ctx, actor, f"{taken.key} {taken.digest} {number}", plan, editor
        )
        kill_point("import.saved")
        if change:
            wait(change)
    kill_point("import.committed")
    if any(plan.lines > plan.rejected for plan in taken.plans):
        intents.mark_done(taken.key, taken.digest)
    kill_point("import.recorded")


def _save_once(
    ctx: Context, actor: Actor, name: str, plan: ImportPlan, editor: Editor
) -> str:
    """Return the id of the change that adds a plan's examples, "" if there are none.

    It may be of an earlier run; one that was withdrawn or refused is followed by another.
    """
    rows = Changes(ctx.db, ctx.clock)
    batch = _digest_batch(name)
    while (known := rows.list_of_batch(batch)) and known[
        0
    ].state is ChangeState.REFUSED:
        batch = _digest_batch(batch)
    if not known and plan.good_edits:
        edits = plan.good_edits
        subject = plan.subject
        changes.save(
            ctx, actor, plan.dataset, edits, subject, editor=editor, batch=batch
        )
    return batch if known or plan.good_edits else ""


def _digest_batch(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:32]
