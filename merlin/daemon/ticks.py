"""The daemon's periodic tasks (ticks): their intervals, and which tick wakes which.

Each tick takes the services, does one step and returns whether it changed anything. Notices to
people are written here, by the step that detects the problem.

Alarms report stalled jobs and models: provider errors, unknown statuses, age. They are limited to
one notice per job, per provider and day, or per warning of a shutdown date; they stop nothing.

What is no longer needed is deleted. Build folders are a cache of git:
one that is needed again is recreated (`gather.restore_build`).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from merlin.app.reach import tell_reach
from merlin.app.retention import (
    BUILD_DAYS,
    MIRROR_DAYS,
    RemovableFiles,
    delete_in_batches,
)
from merlin.chat.feedback import QuestionStatistics
from merlin.config import require_repository
from merlin.core.errors import (
    DatasetError,
    MerlinError,
    NotFound,
    ProviderBusy,
    ProviderUnknown,
    SourceError,
)
from merlin.core.i18n import day_argument
from merlin.core.log import get_logger
from merlin.daemon.main import (
    Tick,
    TickCounts,
    engine_tick,
    heartbeat_tick,
    ping_monitor,
)
from merlin.daemon.requests import serve_requests
from merlin.daemon.services import DaemonServices
from merlin.dataset.builds import remove_folders
from merlin.dataset.files import FileIndex, mark_catalogue_changed, sync_files
from merlin.dataset.verdicts import VerdictHistory, VerdictStatus
from merlin.db.notices import ADMINS, Notices
from merlin.db.requests import Requests
from merlin.db.search_index import SearchIndex, encode_in_child
from merlin.db.tables import DATASET_TEXT
from merlin.git.source import Commit
from merlin.training.arrived import remove_copies
from merlin.training.commits import CommitOutcome
from merlin.training.evaluation_questions import describe_plan
from merlin.training.gate import Gates
from merlin.training.gather import gather, restore_build
from merlin.training.jobs import (
    FORBIDDEN,
    Job,
    Jobs,
    JobState,
    TrainingProvider,
    is_due,
    poll_job,
    postpone,
    state_of,
    store_events,
)
from merlin.training.launch import Removable, advance_launch, remove
from merlin.training.launch_plan import launch_waiting
from merlin.training.models import Models, ModelState, proof_of, score_message
from merlin.training.policy import reached_warning
from merlin.training.promote import Promotions, promote_newest
from merlin.training.prove import prove_new

log = get_logger(__name__)
HOUR_S = 3600.0
MINUTE_S = 60.0
ENGINE_S = 4.0
# How often each step looks for work that nobody announced.
STEP_S = 1.0
# How often the provider may be asked for an open job, as a training may take a second.
POLL_S = 0.2
# Texts that a child encodes: some seconds of one core.
_ENCODED_AT_ONCE = 500


def ticks_of(services: DaemonServices, tally: TickCounts) -> list[Tick]:
    """Return the ticks of one daemon; each step of the training pipeline wakes the next."""
    # A command that does a single step takes less time without what the other ticks need.
    from merlin.daemon.reporting import StatusSender  # noqa: PLC0415 - see above

    def poll_s() -> float:
        return POLL_S if Jobs(services.db).open_jobs() else 0.0

    step = STEP_S
    forge = services.forge
    fetch_s = require_repository(services.config).interval_s
    ask_engine = engine_tick(services)
    return [
        *([Tick("engine", ask_engine, ENGINE_S)] if ask_engine else []),
        Tick(
            "fetch",
            partial(process_commits, services),
            fetch_s,
            wakes=["files", "launch"],
        ),
        Tick("files", partial(update_files, services), step, wakes=["encode"]),
        Tick("encode", partial(encode_entries, services), step),
        Tick("forget", partial(forget_vectors, services), HOUR_S),
        Tick("launch", partial(launch, services), step, wakes=["poll"]),
        Tick("poll", partial(poll, services), step, wakes=["prove"], again_s=poll_s),
        Tick("prove", partial(prove, services), step, wakes=["promote"]),
        Tick("promote", partial(promote, services), step),
        *([Tick("status", StatusSender(services, forge), 1.0)] if forge else []),
        Tick("changes", services.changing, step, wakes=["fetch"], is_asked=True),
        Tick("proposals", services.changing.follow_proposals, 1.0),
        Tick("serve", partial(serve, services), step, wakes=["launch"], is_asked=True),
        Tick("census", lambda: bool(services.inventory.update()), MINUTE_S),
        Tick("watch", partial(warn_of_sunsets, services), HOUR_S),
        Tick("ratings", partial(propose_ratings, services), HOUR_S),
        Tick("alarm", partial(warn_of_problems, services), MINUTE_S),
        Tick("expire", partial(expire_in_batches, services), HOUR_S),
        Tick("retain", partial(apply_retention, services), HOUR_S),
        *(
            [Tick("ping", partial(ping_monitor, services), MINUTE_S)]
            if services.ping_url
            else []
        ),
        Tick("beat", heartbeat_tick(services, tally), 1.0),
    ]


def fetch(services: DaemonServices) -> bool:
    """Process new commits, and update the index of their files."""
    has_moved = process_commits(services)
    update_files(services)
    return has_moved


def update_files(services: DaemonServices) -> bool:
    """Update the index of files that people view and search to the newest commit.

    Separate from processing commits: for a large dataset it takes longer than check and build.
    """
    ctx = services.gathering
    with ctx.files_lock:
        index = FileIndex(services.db)
        return ctx.thread.submit(sync_files, ctx.source, index).result()


def encode_entries(services: DaemonServices) -> bool:
    """Encode some of the entries of the search index that are not found by meaning yet."""
    index = SearchIndex(services.db)
    entries = index.list_unencoded(_ENCODED_AT_ONCE)
    if entries:
        vectors = encode_in_child([text for _, text in entries])
        numbers = (number for number, _ in entries)
        index.store_vectors(zip(numbers, vectors, strict=True))
        # Searches are cached with the catalogue.
        services.db.transact(partial(mark_catalogue_changed, services.db))
    return len(entries) == _ENCODED_AT_ONCE


def forget_vectors(services: DaemonServices) -> bool:
    """Let the entries be encoded again that another encoder has encoded."""
    return SearchIndex(services.db).forget_vectors()


def process_commits(services: DaemonServices) -> bool:
    """Check, build and record each new commit; notify the admins of problems.

    Raises SourceError when the repository cannot be read or has no such branch.
    """
    notify_daily = Notices(services.db, services.clock).notify_daily
    try:
        head, has_moved = services.gathering.thread.submit(
            gather,
            services.gathering,
            partial(_notify_outcome, services),
            partial(_notify_rewritten, services),
        ).result()
    except SourceError as error:
        notify_daily("notice-repository", {"reason": error.as_argument()})
        raise
    except OSError as error:
        named = {"reason": error.strerror or str(error)}
        notify_daily("notice-disk", named)
        raise MerlinError(f"no build: {error}", "notice-disk", **named) from error
    if head is None:
        notify_daily("notice-no-branch", {})
        repository = require_repository(services.config)
        named = {
            "url": services.gathering.source.remote.url,
            "branch": repository.branch,
        }
        raise SourceError(f"no branch {repository.branch}", "doctor-no-branch", **named)
    if has_moved:
        services.db.announce_change()
    return has_moved


def _notify_rewritten(services: DaemonServices, head: str, count: int) -> None:
    log.warning("history was rewritten", commits_left=count, head=head)
    arguments = {"count": count, "head": head[:10]}
    Notices(services.db).notify(
        ADMINS, "notice-rewritten", arguments, once=f"rewritten:{head}"
    )


def _notify_outcome(
    services: DaemonServices, commit: Commit, outcome: CommitOutcome
) -> None:
    """Notify the admins of a commit that is rejected, or whose bad examples were left out."""
    found = outcome.checked.findings if outcome.checked else ()
    errors = [finding for finding in found if finding.severity == "error"]
    arguments: dict[str, object] = {
        "dataset": outcome.dataset,
        "commit": commit.sha[:10],
    }
    if outcome.status in (VerdictStatus.REJECTED, VerdictStatus.LEFT_OUT):
        key = f"notice-{outcome.status.replace('_', '-')}"
        arguments["reason"] = {
            "key": outcome.reason,
            "arguments": dict(outcome.arguments or {}),
        }
    elif errors:
        key = "notice-findings"
        first = errors[0]
        arguments["errors"] = len(errors)
        arguments["place"] = f"{first.path}:{first.line}:{first.column}"
        arguments["reason"] = {
            "key": f"finding-{first.rule}",
            "arguments": dict(first.arguments),
        }
    else:
        return
    once = f"{key.removeprefix('notice-')}:{commit.sha}:{outcome.dataset}"
    Notices(services.db).notify(ADMINS, key, arguments, once=once)


def launch(services: DaemonServices) -> bool:
    """Start waiting launches, and advance every job in the state LAUNCHING."""
    moved = bool(launch_waiting(services.launches))
    for job in Jobs(services.db).open_jobs():
        if job.state is JobState.LAUNCHING and _is_due(services, job):
            moved = _advance_and_save(services, job) or moved
    return moved


def _advance_and_save(services: DaemonServices, job: Job) -> bool:
    provider = services.providers.get(job.provider)
    if provider is None:
        return False  # reported by warn_of_problems
    commit = VerdictHistory(services.db).commit_of(job.job_id)
    after = _advance(services, provider, job, commit)
    Jobs(services.db).save(job, after)
    if after.state is JobState.SUCCEEDED:
        # Found already finished (after a lost database): it will not be polled again.
        store_events(provider, after)
    if after.state is JobState.FAILED:
        _notify_failed(services, after)
    return after.state is not job.state


def _advance(
    services: DaemonServices, provider: TrainingProvider, job: Job, commit: str | None
) -> Job:
    """Advance one launch; an error of its build must not stop the other launches."""
    build = services.launches.build(job.build_id)
    now = services.clock()
    try:
        return advance_launch(
            provider,
            job,
            build,
            lambda: restore_build(services.gathering, commit, build),
        )
    except (NotFound, DatasetError) as fault:  # its files cannot be rebuilt
        log.warning("launch without a build", job=job.job_id, reason=str(fault))
        return replace(job, state=JobState.FAILED, error=str(fault), updated_at=now)
    except (SourceError, OSError) as fault:
        return postpone(job, fault, now)


def poll(services: DaemonServices) -> bool:
    """Poll every launched job that is due; return whether one of them ended."""
    ended = False
    for job in Jobs(services.db).open_jobs():
        provider = services.providers.get(job.provider)
        if (
            provider is None
            or job.state is JobState.LAUNCHING
            or not _is_due(services, job)
        ):
            continue
        after = poll_job(provider, job)
        if after.state in (JobState.FAILED, JobState.CANCELLED):
            _notify_failed(services, after)
        if after.is_final:
            ended = True
    return ended


def _is_due(services: DaemonServices, job: Job) -> bool:
    provider = services.providers.get(job.provider)
    return is_due(job, services.clock(), provider.settle_s if provider else 0.0)


def _notify_failed(services: DaemonServices, job: Job) -> None:
    arguments = {"job": job.job_id, "dataset": job.dataset}
    notice = "failed"
    if job.status == FORBIDDEN and not job.provider_job_id:
        notice = "forbidden"
        arguments |= {"provider": job.provider, "reason": job.error}
    else:
        arguments["reason"] = job.error or job.status
    Notices(services.db).notify(
        ADMINS, f"notice-{notice}", arguments, once=f"{notice}:{job.job_id}"
    )
    services.db.announce_change()


def prove(services: DaemonServices) -> bool:
    """Evaluate new models; revoked ones are retired first."""
    models = Models(services.db, services.clock)
    if models.list_unproved():
        Promotions(services.db).retire_revoked()
    statistics = QuestionStatistics(services.db, services.config.datasets.default)
    list_asked = partial(statistics.list_asked_lately, services.clock())
    return bool(
        prove_new(models, services.providers, services.config.is_free, list_asked)
    )


def promote(services: DaemonServices) -> bool:
    """Promote the newest good model of each dataset unless its gate holds it."""
    with services.gathering.mainline_lock:
        gates = Gates(services.db, services.clock)
        switched = promote_newest(Promotions(services.db), gates.holds)
    for candidate in switched:
        model = candidate.model
        losses = describe_plan(services.db, model.build_id, gates.note_losses(model))
        arguments = {
            "dataset": model.dataset,
            "version": model.build_version,
            "job": model.job_id,
            "proof": score_message(proof_of(services.db, model.model_row)),
            "losses": tell_reach(services.db, services.config, model.dataset, losses),
        }
        once = f"serving:{model.model_row}:{candidate.position}"
        Notices(services.db).notify(ADMINS, "notice-serving", arguments, once=once)
    return bool(switched)


def serve(services: DaemonServices) -> bool:
    """Process every pending request, and those that a failure interrupted; nobody else does."""
    Requests(services.db).release()
    return serve_requests(services, partial(process_commits, services))


# Short outages pass; longer ones may need an admin (API key, credit, URL).
SILENT = timedelta(minutes=5)
MAX_QUEUED_LENGTH = timedelta(hours=6)
LONGEST = timedelta(hours=24)
MAX_PROOF_TIME = timedelta(hours=1)


def warn_of_problems(services: DaemonServices) -> bool:
    """Notify the admins of problems of open jobs, unevaluated models and served models."""
    now = services.clock()
    notices = Notices(services.db, services.clock)
    for job in Jobs(services.db).open_jobs():
        _warn_of_job(services, job, now, notices)
    for model in Models(services.db, services.clock).list_unproved():
        if model.note and now - model.created_at > MAX_PROOF_TIME:
            _warn_of_silence(model.provider, model.note, notices)
    for dataset, serving in Promotions(services.db).list_serving().items():
        model = serving.model
        if model.state in (ModelState.GONE, ModelState.UNAPPLIED):
            arguments = {
                "dataset": dataset,
                "version": model.build_version,
                "provider": model.provider,
                "reason": model.note,
            }
            notices.notify_daily(f"notice-{model.state}", arguments, model.model_row)
    return False


def warn_of_sunsets(services: DaemonServices) -> bool:
    """Warn the admins of shutdown dates of serving models' bases and of other models in use."""
    used = [
        (named.provider, named.model, purpose, {"provider": named.provider})
        for purpose, named in services.config.named_models.items()
    ]
    for dataset, serving in Promotions(services.db).list_serving().items():
        # The job's base model: one build may be trained on several.
        base = Jobs(services.db).get(serving.model.job_id).recipe.base_model
        used.append((serving.model.provider, base, "", {"dataset": dataset}))
    for provider, model_id, purpose, about in used:
        sunset = services.launches.sunsets.get(provider)
        ends = sunset(model_id) if sunset else None
        step = reached_warning(ends, services.clock().date()) if ends else None
        if ends is not None and step is not None:
            arguments = {**about, "model": model_id, "date": day_argument(ends)}
            key = f"notice-sunset-{purpose}" if purpose else "notice-sunset"
            of = f"{purpose}:{provider}" if purpose else about["dataset"]
            once = f"sunset:{of}:{model_id}:{step}"
            Notices(services.db).notify(ADMINS, key, arguments, once=once)
    return False


def propose_ratings(services: DaemonServices) -> bool:
    """Tell the admins, once a month, which datasets have enough rated answers to train on them."""
    now = services.clock()
    statistics = QuestionStatistics(services.db, services.config.datasets.default)
    for dataset in Promotions(services.db).list_serving():
        if count := statistics.count_enough(dataset, now):
            once = f"ratings:{dataset}:{now:%Y-%m}"
            arguments = {"dataset": dataset, "count": count}
            Notices(services.db).notify(ADMINS, "notice-ratings", arguments, once)
    return False


def _warn_of_job(
    services: DaemonServices, job: Job, now: datetime, notices: Notices
) -> None:
    arguments = {"job": job.job_id, "dataset": job.dataset, "provider": job.provider}
    if job.provider not in services.providers:
        notices.notify(
            ADMINS, "notice-no-provider", arguments, f"no-provider:{job.job_id}"
        )
    if job.error and now - job.updated_at > SILENT:
        _warn_of_silence(job.provider, job.error, notices)
    if job.status and state_of(job.status) is None:
        strange = {**arguments, "status": job.status}
        notices.notify(
            ADMINS, "notice-status", strange, f"status:{job.job_id}:{job.status}"
        )
    longest = LONGEST if job.state is JobState.RUNNING else MAX_QUEUED_LENGTH
    if now - job.created_at > longest:
        hours = int(longest.total_seconds() // 3600)
        late = {**arguments, "hours": hours, "status": job.status or "-"}
        notices.notify(ADMINS, "notice-late", late, f"late:{job.job_id}:{hours}")


def _warn_of_silence(provider: str, reason: str, notices: Notices) -> None:
    arguments = {"provider": provider, "reason": reason}
    notices.notify_daily("notice-provider", arguments, provider)


def expire_in_batches(services: DaemonServices) -> bool:
    """Delete expired rows in batches; return whether rows were deleted."""
    return (
        delete_in_batches(services.db, services.config.retention, services.clock()) > 0
    )


def apply_retention(services: DaemonServices) -> bool:
    """Delete expired folders, files, models and texts; return whether anything was deleted."""
    retention = services.config.retention
    now = services.clock()
    rows = RemovableFiles(services.db, services.clock)
    removed = {"folders": 0, "files": 0, "models": 0}
    before = now - timedelta(days=BUILD_DAYS)
    # The lock is needed: a build being written has its folder before its row.
    with services.gathering.gather_lock:
        expired = frozenset(build.folder for build in rows.builds(before))
        kept = rows.folders() - expired
        folders = services.gathering.builds
        removed["folders"] = remove_folders(folders, kept, expired, before)
    remove_copies(services.db, services.gathering.builds)
    removed["files"] = _remove_each(services, rows.files(before))
    if retention.models_days:
        before = now - timedelta(days=retention.models_days)
        removed["models"] = _remove_each(
            services, rows.models(before), lambda model: rows.mark_gone(model, before)
        )
    with services.gathering.gather_lock:
        removed["texts"] = rows.delete_unused_texts()
        services.gathering.source.clean(rows.list_needed_commits(), MIRROR_DAYS, now)
    # The file index stores a text before its file row: without the lock it would look unused.
    with services.gathering.files_lock:
        removed["texts"] += FileIndex(services.db).delete_unused(
            rows.list_next(DATASET_TEXT.blob)
        )
    if any(removed.values()):
        log.info("unused files and models were removed", **removed)
    return any(removed.values())


def _remove_each(
    services: DaemonServices,
    items: Sequence[Removable],
    may_remove: Callable[[Removable], bool] = lambda _: True,
) -> int:
    """Remove files or models one by one; return the number removed.

    Those of a provider that is missing or cannot answer now are left to the next tick.
    """
    removed = 0
    unavailable = {item.provider for item in items} - services.providers.keys()
    for item in items:
        if item.provider in unavailable or not may_remove(item):
            continue
        try:
            removed += remove(services.providers[item.provider], item)
        except (ProviderBusy, ProviderUnknown) as error:
            log.warning(
                "provider cannot remove now", provider=item.provider, reason=str(error)
            )
            unavailable.add(item.provider)
    return removed
