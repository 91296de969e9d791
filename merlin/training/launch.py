"""Carry out a launch at the provider: upload, then create; after any doubt, ask first.

Each call of `advance_launch` does what can be done now and returns the job. The same call after a
crash continues where the Intent rows say. The rules (docs/adr/0006):

- the intent is stored before the call, with a key derived from the training key;
- before every create the provider is asked for jobs of that key, so that a lost database
  launches nothing again;
- a call whose outcome is unknown is repeated only after `settle_s` and two empty finds;
- of several jobs with one key the oldest stays, the others are cancelled.

Training files and models that never served are removed when they are no longer needed. Removing
something that is already gone is no error, so an uncertain call is simply repeated.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from merlin.core.errors import ProviderBusy, ProviderError, ProviderUnknown
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.dataset.builds import Build
from merlin.dataset.spec import ADAPTER
from merlin.db.intents import Intent, Intents, IntentState
from merlin.providers.base import (
    LAUNCH_KEY,
    JobReport,
    NewJob,
    is_account_rejected,
    is_forbidden,
)
from merlin.training.arrived import WEIGHTS, build_settings, name_weights, require_copy
from merlin.training.jobs import (
    FINAL,
    FORBIDDEN,
    NOT_FOUND,
    Job,
    JobState,
    TrainingProvider,
    advance,
    file_name,
    is_lost,
    postpone,
    state_of,
)

log = get_logger(__name__)
EMPTY_FINDS = 2
SPLITS = ("train", "test")
# A rotated key or an empty account needs a person: the launch waits, it does not fail.
LOCKED_OUT_S = 60.0


class NotYet(Exception):
    """The launch cannot continue before `until`."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until


def advance_launch(
    provider: TrainingProvider, job: Job, build: Build, prepare: Callable[[], None]
) -> Job:
    """Carry a launching job as far as possible; return it queued, failed or still launching.

    `prepare` is called before a file is uploaded: the build's folder must exist by then. Its
    errors are raised. `updated_at` is unchanged if the provider gave no answer.
    """
    now = provider.clock()
    try:
        train = _upload_split(provider, job, build, "train", prepare)
        test = (
            _upload_split(provider, job, build, "test", prepare) if build.test else None
        )
        report = _create(provider, job, build, train, test)
    except NotYet as later:
        return replace(job, not_before=later.until)
    except ProviderBusy as busy:
        return postpone(job, busy, now)
    except ProviderError as refusal:
        if is_account_rejected(refusal):
            return postpone(job, refusal, now, LOCKED_OUT_S)
        log.warning("launch refused", job=job.job_id, reason=str(refusal))
        status = FORBIDDEN if is_forbidden(refusal) else job.status
        failed = replace(job, state=JobState.FAILED, status=status, updated_at=now)
        return replace(failed, error=str(refusal))
    return replace(advance(job, report, now), not_before=None)


def _upload_split(
    provider: TrainingProvider,
    job: Job,
    build: Build,
    split: str,
    prepare: Callable[[], None],
) -> str:
    path = provider.builds / build.folder / f"{split}.jsonl"
    return _upload_once(provider, job, file_name(build, split), path, prepare)


def _upload_once(
    provider: TrainingProvider,
    job: Job,
    name: str,
    path: Path,
    prepare: Callable[[], object],
) -> str:
    def find() -> str | None:
        stored = provider.api.find_files(name)
        # A list can name a file twice, for example if another is added between two pages.
        for surplus in {*stored} - {*stored[:1]}:
            provider.api.delete_file(surplus)
        if not stored:
            prepare()
        return stored[0] if stored else None

    def upload() -> str:
        file_id = provider.api.upload_file(name, path)
        kill_point("upload.sent")
        return file_id

    file_id = _call_once(
        provider, f"upload:{job.launch_key}:{name}", "upload", find, upload
    )
    kill_point("upload.recorded")
    return file_id


def _create(
    provider: TrainingProvider, job: Job, build: Build, train: str, test: str | None
) -> JobReport:
    recipe = job.recipe
    hyperparameters = dict[str, object](job.recipe.hyperparameters)
    if recipe.method == ADAPTER:
        hyperparameters = _send_adapter(provider, job)

    def create() -> str:
        new_job = NewJob(
            base_model=recipe.base_model,
            train_file=train,
            test_file=test,
            method=recipe.method,
            hyperparameters=hyperparameters,
            suffix=recipe.suffix,
            metadata={
                LAUNCH_KEY: job.launch_key,
                "merlin_build": build.version,
                "merlin_dataset": build.dataset,
            },
        )
        report = provider.api.create_job(new_job)
        kill_point("launch.sent")
        return report.provider_job_id

    find = partial(_find_oldest_job, provider, job.launch_key)
    made = _call_once(provider, f"create:{job.launch_key}", "create", find, create)
    kill_point("launch.recorded")
    try:
        return provider.api.read_job(made)
    except ProviderError as refusal:
        if refusal.status != NOT_FOUND or is_lost(provider, job):
            raise
        raise NotYet(provider.clock()) from refusal  # it was created, and is paid for


def _send_adapter(provider: TrainingProvider, job: Job) -> dict[str, object]:
    """Upload the weights of an adapter; return the job's hyper-parameters. Raises NotFound."""
    folder = require_copy(job, provider.builds)
    file_id = _upload_once(
        provider, job, name_weights(job), folder / WEIGHTS, lambda: None
    )
    return build_settings(job, provider.builds, file_id)


def _find_oldest_job(provider: TrainingProvider, key: str) -> str | None:
    """Return the oldest job of this key, a failed one last; cancel others that still run."""
    # A list can name a job twice, for example if another starts between two pages.
    reports = {report.provider_job_id: report for report in provider.api.find_jobs(key)}
    jobs = [(state_of(report.status), report) for report in reports.values()]
    found = [job for job in jobs if job[0] is not JobState.CANCELLED]
    kept = sorted(found, key=lambda each: each[0] is JobState.FAILED)
    for state, surplus in kept[1:]:
        if state not in FINAL:
            log.warning(
                "surplus job cancelled", provider_job=surplus.provider_job_id, key=key
            )
            try:
                provider.api.cancel_job(surplus.provider_job_id)
            except ProviderBusy:
                raise
            except ProviderError as refusal:  # it may have ended meanwhile
                log.warning("surplus job stays", key=key, reason=str(refusal))
    return kept[0][1].provider_job_id if kept else None


def _call_once(
    provider: TrainingProvider,
    key: str,
    kind: str,
    find: Callable[[], str | None],
    call: Callable[[], str],
) -> str:
    """Return the provider's id for `key`; call only if the call was certainly not made."""
    intents = Intents(provider.db)
    intent = intents.open(key, kind)
    kill_point("launch.intended" if kind == "create" else "upload.intended")
    if intent.state is IntentState.DONE:
        return intent.outside_id
    found = find()
    if found is None:
        _settle(provider, intent)
        if not intents.start_sending(intent, provider.clock()):
            raise NotYet(provider.clock())
        # The intent stays `sending` exactly while the outcome of the call is unknown.
        try:
            found = call()
        except ProviderUnknown:
            raise
        except ProviderBusy:
            intents.mark_ready(key)
            raise
        except ProviderError:
            intents.mark_failed(key)
            raise
    intents.mark_done(key, found)
    return found


def _settle(provider: TrainingProvider, intent: Intent) -> None:
    """Raise NotYet while an earlier call may still appear in the provider's lists."""
    if intent.state is not IntentState.SENDING or intent.sent_at is None:
        return
    now = provider.clock()
    # The clock was set back: nobody knows how long ago that was.
    if intent.sent_at > now:
        Intents(provider.db).mark_sending(intent.key, now)
        raise NotYet(now + timedelta(seconds=provider.settle_s))
    finds = Intents(provider.db).count_empty_find(intent.key)
    settled = intent.sent_at + timedelta(seconds=provider.settle_s)
    if finds < EMPTY_FINDS or now < settled:
        raise NotYet(max(settled, now + timedelta(seconds=min(1.0, provider.settle_s))))


@dataclass(frozen=True, slots=True)
class Removable:
    """Training files, or a model with its checkpoints, at a provider, by their names there.

    `key` is that of the intent to remove them.
    """

    provider: str
    key: str
    names: tuple[str, ...]
    model_row: int = 0


def remove(provider: TrainingProvider, old: Removable) -> bool:
    """Remove files or a model, unless that was done or finally refused before.

    Returns whether it was done now. Raises ProviderBusy, ProviderUnknown.
    """
    intents = Intents(provider.db)
    if intents.open(old.key, "remove").state in (IntentState.DONE, IntentState.FAILED):
        return False
    kill_point("remove.intended")
    intents.mark_sending(old.key, provider.clock())
    try:
        for name in old.names:
            if old.model_row:
                provider.api.delete_model(name)
            else:
                for file_id in provider.api.find_files(name):
                    provider.api.delete_file(file_id)
    except (ProviderBusy, ProviderUnknown):
        raise
    except ProviderError as refusal:
        log.warning(
            "cannot be removed at the provider", what=old.key, reason=str(refusal)
        )
        if not is_account_rejected(refusal):
            intents.mark_failed(old.key)
        return False
    kill_point("remove.sent")
    intents.mark_done(old.key, "")
    kill_point("remove.recorded")
    return True
