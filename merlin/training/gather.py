"""From new commits to verdicts: check each changed dataset, build it, record the outcome.

A commit and all that follows from it becomes visible in one transaction. After a crash the commit
is processed again with the same result, because a build's name and bytes follow from its content.
Called by the daemon's fetch tick; does not launch trainings.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from merlin.core.clock import Clock
from merlin.core.errors import DatasetError, NotFound
from merlin.core.heartbeat import CommitProgress
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.dataset.builds import (
    Build,
    describe_build,
    make_build,
    read_manifest,
    training_key,
    write_build,
)
from merlin.dataset.check import CheckedDataset, check, check_settings
from merlin.dataset.example import Example
from merlin.dataset.finding import Severity
from merlin.dataset.kept_files import KeptFiles
from merlin.dataset.layout import EXAMPLES, name_dataset
from merlin.dataset.spec import KTO, DatasetSpec
from merlin.dataset.split import FEWEST, TEST, TRAIN
from merlin.dataset.tokens import load_vocabulary
from merlin.dataset.verdicts import (
    WAITING,
    Verdict,
    VerdictStatus,
)
from merlin.git.source import Commit
from merlin.training.commits import CommitHistory, CommitOutcome, Writers

if TYPE_CHECKING:
    from merlin.course.catalogue import Catalogue
    from merlin.git.repository import GitSource

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class GatherContext:
    """What `gather` works with.

    `limit_tokens`: base model -> token limit of an example. `list_rated` returns the rated answers
    of a dataset since a day. `gather_lock` is held while a thread
    gathers, `mainline_lock` while the mainline is being updated, so that nothing is decided by an
    incomplete mainline, and `files_lock` while the cached dataset files are being updated. `thread`
    is where both are done: the C library gives each thread a heap of its own, which keeps 30 MB
    after a commit to 30,000 examples.
    """

    source: GitSource
    history: CommitHistory
    courses: Catalogue
    builds: Path
    clock: Clock
    limit_tokens: Mapping[str, int]
    list_rated: Callable[[str, date], Sequence[Example]]
    gather_lock: threading.Lock = field(default_factory=threading.Lock)
    mainline_lock: threading.Lock = field(default_factory=threading.Lock)
    files_lock: threading.Lock = field(default_factory=threading.Lock)
    thread: ThreadPoolExecutor = field(default_factory=partial(ThreadPoolExecutor, 1))
    progress: CommitProgress = field(default_factory=CommitProgress)


def gather(
    ctx: GatherContext,
    report: Callable[[Commit, CommitOutcome], None],
    report_rewritten: Callable[[str, int], None],
) -> tuple[str | None, bool]:
    """Fetch, then record every new commit of the mainline, oldest first.

    If no commit is recorded yet, recording starts at the head.
    Returns the branch's head, and whether commits were added to or removed from the mainline.
    `report` is called with each outcome as soon as it is recorded, `report_rewritten` after a
    history rewrite with the head and the number of removed commits. Raises SourceError if the
    repository cannot be read, OSError if a build cannot be written; commits recorded before are
    kept.
    """
    with ctx.gather_lock:
        kill_point("fetch.before")
        head = ctx.source.fetch()
        kill_point("fetch.after")
        if head is None:
            return None, False
        with ctx.mainline_lock:
            newest, position = ctx.history.find_newest()
            commits = []
            removed = 0
            if head != newest:
                known = ctx.history if newest else ()
                place = (newest, position) if newest else None
                commits = ctx.source.commits_since(head, known, place)
                removed = _drop_commits(ctx, head, position, commits)
            if removed:
                report_rewritten(head, removed)
            try:
                _process_commits(ctx, head, commits, report)
            finally:
                ctx.progress.done = ctx.progress.total = 0
            return head, bool(commits or removed)


def _process_commits(
    ctx: GatherContext,
    head: str,
    commits: Sequence[Commit],
    report: Callable[[Commit, CommitOutcome], None],
) -> None:
    ctx.progress.total = len(commits)
    for done, commit in enumerate(commits):
        ctx.progress.done = done
        _process_commit(ctx, commit, report)
    if not commits:
        load_vocabulary.cache_clear()  # 75 MB that nobody needs until the next one
    if not ctx.courses.is_whole():
        checked = {}
        for name in ctx.source.dataset_trees(head):
            checked[name] = check_settings(
                name, ctx.source.entries(head, name), ctx.source.read
            )
        ctx.courses.index(checked)
        log.info("courses are indexed anew", commit=head, datasets=len(checked))


def _process_commit(
    ctx: GatherContext,
    commit: Commit,
    report: Callable[[Commit, CommitOutcome], None],
) -> None:
    # The first recorded commit changes all datasets, because its parent is not recorded.
    now = ctx.source.dataset_trees(commit.sha)
    parent = commit.parent or ""
    before = ctx.source.dataset_trees(parent) if parent in ctx.history else {}
    names = sorted(
        name for name in now.keys() | before.keys() if now.get(name) != before.get(name)
    )
    known = {
        name for name in names if ctx.history.follows_newest_build(name_dataset(name))
    }
    unknown = now.keys() & {*names} - known
    writers = ctx.source.find_writers(commit.sha, unknown) if unknown else {}
    outcomes = [
        _process_dataset(
            ctx, commit, name, None if name in known else writers.get(name, {})
        )
        for name in names
    ]
    ctx.history.record(commit, outcomes, ctx.clock())
    kill_point("verdict.recorded")
    statuses = {outcome.dataset: outcome.status for outcome in outcomes}
    log.info(
        "commit recorded",
        commit=commit.sha,
        position=commit.position,
        verdicts=statuses,
    )
    for outcome in outcomes:
        report(commit, outcome)


def _drop_commits(
    ctx: GatherContext, head: str, newest: int, commits: Sequence[Commit]
) -> int:
    """Remove commits from the mainline that a rewritten history lacks; return how many.

    `newest` is the position of the newest recorded one.
    """
    if not commits:  # the branch was reset to a recorded commit
        last_kept = ctx.source.commits_since(head, ())[0].position
    else:
        has_known_parent = commits[0].parent in ctx.history
        last_kept = commits[0].position - 1 if has_known_parent else 0
    if last_kept >= newest:
        return 0
    return ctx.history.drop_commits(last_kept, ctx.clock())


def _process_dataset(
    ctx: GatherContext, commit: Commit, folder: str, writers: Writers | None
) -> CommitOutcome:
    """Return the commit's outcome for one dataset, whose build is written to disk."""
    dataset = name_dataset(folder)
    place = _kept_place(ctx, dataset)
    if folder not in ctx.source.dataset_trees(commit.sha):
        place.unlink(missing_ok=True)
        return CommitOutcome(dataset, VerdictStatus.REMOVED)
    kept = KeptFiles(place)
    checked = _check(ctx, commit.sha, folder, kept)
    kept.save()
    return replace(_build(ctx, replace(checked, name=dataset)), writers=writers)


def _check(
    ctx: GatherContext, commit: str, folder: str, kept: KeptFiles
) -> CheckedDataset:
    """Return the checked dataset at a commit."""
    entries = ctx.source.entries(commit, folder)
    return check(folder, entries, ctx.source.read, ctx.limit_tokens, kept)


def _kept_place(ctx: GatherContext, dataset: str) -> Path:
    # Not by its name: that of a folder which is no dataset may be too long for a file system.
    name = hashlib.sha256(dataset.encode()).hexdigest()
    return ctx.builds.with_name("checked") / name


def _add_rated(ctx: GatherContext, checked: CheckedDataset) -> CheckedDataset:
    """Return the dataset with the rated answers of the method `kto`, all for training.

    What a test asks is not learnt.
    """
    spec = checked.spec
    sides = checked.sides
    if spec is None or spec.recipe.method != KTO:
        return checked
    since = (ctx.clock() - timedelta(weeks=spec.recipe.weeks)).date()
    tested = {
        each.normal_question for each in checked.examples if sides[each.id] == TEST
    }
    rated = [
        each
        for each in ctx.list_rated(checked.name, since)
        if each.normal_question not in tested
    ]
    examples = sorted((*checked.examples, *rated), key=attrgetter("id"))
    of_rated = dict.fromkeys((each.id for each in rated), TRAIN)
    return replace(checked, examples=tuple(examples), sides={**sides, **of_rated})


def _build(ctx: GatherContext, checked: CheckedDataset) -> CommitOutcome:
    """Return the outcome of a checked dataset, whose build is written to disk."""
    checked = _add_rated(ctx, checked)
    dataset = checked.name
    reject = partial(CommitOutcome, dataset, VerdictStatus.REJECTED, checked)
    if checked.spec is None or not checked.is_buildable:
        values = {
            "errors": checked.count(Severity.ERROR),
            "good": checked.good,
            "fewest": FEWEST,
        }
        return reject(reason="verdict-rejected", arguments=values)
    content = make_build(checked)
    build = ctx.history.build_of(dataset, content.digest)
    new = None
    if build is None:
        number = ctx.history.next_number(dataset)
        folder = write_build(content, ctx.builds / dataset, number)
        build = describe_build(
            content, number, folder.relative_to(ctx.builds), ctx.clock()
        )
        new = content
    key = training_key(dataset, content.digest, checked.spec.recipe)
    status = _decide_status(ctx.history.latest(dataset), key, checked.spec)
    outcome = CommitOutcome(dataset, status, checked, build, new, key)
    if status is not VerdictStatus.UNCHANGED or not checked.rejected:
        return outcome
    errors = [
        finding for finding in checked.findings if finding.severity is Severity.ERROR
    ]
    first = min(errors, key=lambda finding: not finding.path.startswith(EXAMPLES))
    why = {
        "count": checked.rejected,
        "place": f"{first.path}:{first.line}:{first.column}",
    }
    status = VerdictStatus.LEFT_OUT
    reason = "verdict-left-out"
    return replace(outcome, status=status, reason=reason, arguments=why)


def _decide_status(
    latest: Verdict | None, key: str, spec: DatasetSpec
) -> VerdictStatus:
    """Return BUILT for another training key or another launch rule while waiting, or UNCHANGED."""
    if latest is None or latest.training_key != key:
        return VerdictStatus.BUILT
    rule = latest.spec.launch if latest.spec else None
    waits_otherwise = latest.status in WAITING and rule != spec.launch
    return VerdictStatus.BUILT if waits_otherwise else VerdictStatus.UNCHANGED


def restore_build(ctx: GatherContext, commit: str | None, build: Build) -> None:
    """Create a build's folder again from its commit if it is missing or damaged.

    Raises DatasetError if the commit gives other bytes or is None, SourceError if the repository
    cannot be read.
    """
    folder = ctx.builds / build.folder
    try:
        read_manifest(folder, build.digest)
    except (NotFound, DatasetError) as fault:
        if commit is None:
            raise
        log.warning("build is made again", build=build.version, reason=str(fault))
    else:
        return
    # The lock, because the temporary folder of a build in progress would be deleted.
    with ctx.gather_lock:
        shutil.rmtree(folder, ignore_errors=True)
        kept = KeptFiles(_kept_place(ctx, build.dataset))
        content = make_build(_check(ctx, commit, build.dataset, kept))
        if content.digest != build.digest:
            name = build.version
            raise DatasetError(
                f"{name} cannot be made again", "build-not-again", name=name
            )
        write_build(content, ctx.builds / build.dataset, build.number)
