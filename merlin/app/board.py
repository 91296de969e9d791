"""The board: how far the commits of each dataset are, from an edit to the model that is live.

    commit -> checked -> built -> training -> evaluated -> serving

A dataset shows its uncommitted edits, the commits in progress, the failures that no later commit
has replaced, and the commit whose model is live. All others are in the list of verdicts. A dataset
that is removed from the repository is shown while it has a card; that of its model says "removed".
What waits for an editor (`list_tasks`) is counted beside it, and on every page of theirs.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import reduce
from itertools import chain
from operator import or_

from peewee import fn

from merlin.app import jobs, models, unanswered, verdicts
from merlin.app.actor import Actor
from merlin.app.changes import find_undoable
from merlin.app.context import Context
from merlin.app.health import is_daemon_alive, list_processes
from merlin.app.jobs import JobView, Progress
from merlin.app.models import ModelView
from merlin.app.permissions import list_led_courses, require_editing
from merlin.app.verdicts import VerdictView
from merlin.core.clock import from_iso
from merlin.core.heartbeat import TELEGRAM_DOWN
from merlin.core.i18n import choose_translation
from merlin.core.names import is_valid_name
from merlin.core.permissions import Permission
from merlin.core.views import INTERNAL, described, view_of
from merlin.dataset.builds import BUILDS, match_version
from merlin.dataset.changes import OPEN, Changes
from merlin.dataset.files import FileIndex
from merlin.dataset.proposals import Proposals
from merlin.dataset.test_plan import TestPlan, read_plan
from merlin.dataset.verdicts import (
    GATED,
    NEWEST_FIRST,
    ON_LINE,
    PINNED,
    WAITING,
    VerdictStatus,
)
from merlin.db.database import Row
from merlin.db.tables import BUILD, CHANGE, JOB_EVENT, VERDICT
from merlin.db.values import load_json
from merlin.training.promote import serving_rows

# Cards of one dataset and status, newest first.
_MAX_CARDS = 20
_UNCHANGED = VerdictStatus.UNCHANGED.value
_REMOVED = VerdictStatus.REMOVED.value
_WITH_RUNNING_JOB = (*WAITING, VerdictStatus.TRAINING)


class Stage(StrEnum):
    """The stage that a commit has reached."""

    COMMIT = "commit"
    CHECKED = "checked"
    BUILT = "built"
    TRAINING = "training"
    EVALUATED = "evaluated"
    SERVING = "serving"


# States that need attention, and states that proceed without anybody.
_NEEDS_CARE = (
    *("parked", "rejected", "left_out", "unchanged"),
    *("held", "failed", "gated", "pinned"),
)
_UNDER_WAY = ("waiting", "working", "built", "training", "testing")
# Reasons of a held commit that pass by themselves, and those that are meant.
_PASSING = ("held-quiet", "held-slots")
_MEANT = ("held-skip", "held-off", "held-few-new")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A commit of a dataset, or an uncommitted edit (`commit` is "").

    `errors` is the number that the commit brought, `left_out` that of the examples with them, if no
    later commit has changed the dataset. `earlier` is the commit whose errors are left then.
    """

    dataset: str
    stage: Stage
    state: str = described("One of: " + ", ".join((*_NEEDS_CARE, *_UNDER_WAY, "serving", _REMOVED)))
    commit: str = ""
    change: str = ""
    subject: str
    author: str
    at: datetime
    errors: int = 0
    left_out: int = 0
    earlier: str = field(default="", metadata=INTERNAL)
    build: str | None = None
    job: JobView | None = None
    progress: Progress | None = None
    model: ModelView | None = None
    since: datetime | None = None
    reason: str = field(default="", metadata=INTERNAL)
    arguments: Mapping[str, object] = field(default_factory=dict, metadata=INTERNAL)

    @property
    def needs_care(self) -> bool:
        """Return whether it needs attention."""
        is_lost = self.model is not None and not self.model.state.may_serve
        is_stuck = self.state in _NEEDS_CARE and self.reason not in (*_PASSING, *_MEANT)
        return self.left_out > 0 or self.earlier != "" or is_lost or is_stuck

    @property
    def is_under_way(self) -> bool:
        """Return whether it proceeds without anybody."""
        return self.state in _UNDER_WAY or self.reason in _PASSING


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRow:
    """A dataset with its commits, newest first; `commits` is the total number of commits."""

    name: str
    removed: bool = described(
        "Whether the repository no longer has it; its model may still answer."
    )
    title: Mapping[str, str]
    commits: int
    cards: Sequence[Card]

    @property
    def has_examples_page(self) -> bool:
        """Return whether its examples can be listed: not if removed or rejected for its name."""
        return not self.removed and is_valid_name(self.name)

    @property
    def is_at_rest(self) -> bool:
        """Return whether nothing moves or needs attention: it has a live model and no more."""
        return bool(self.cards) and all(
            card.stage is Stage.SERVING and not card.needs_care for card in self.cards
        )

    def title_in(self, language: str) -> str:
        """Return its title for people."""
        return choose_translation(self.title, language) or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The state of the commits of each dataset.

    If the daemon is not running, `is_live` is false and nothing proceeds; `silent_since` is then
    its last heartbeat, null if that is older than a week.
    """

    is_live: bool
    silent_since: datetime | None
    is_telegram_down: bool = described("Whether the bot can't reach Telegram; its messages wait.")
    rows: Sequence[BoardRow]

    @property
    def cards(self) -> Sequence[Card]:
        """Return the cards of all datasets."""
        return [card for row in self.rows for card in row.cards]


def read_board(ctx: Context, actor: Actor, dataset: str = "") -> Board:
    """Return the current state of the commits of one dataset, or ("") of all the actor may see.

    Raises NotFound for a dataset that the actor may not watch.
    """
    with ctx.db.snapshot():
        seen, beats = _list_visible_datasets(ctx, actor, dataset), list_processes(ctx)
        files, counts = FileIndex(ctx.db), _counts(ctx)
        titles = {**{name: {} for name in files.read_trees()}, **files.read_titles()}
        led = {led_course.slug: led_course.name for led_course in list_led_courses(ctx, actor)}
        # Not a course alone: it stays when a rewritten history never had its dataset.
        known = {*titles, *(name for name, _ in counts)}
        removed = verdicts.list_removed_datasets(ctx)
        names = known if seen is None else known & seen
        cards: dict[str, list[Card]] = {name: [] for name in names}
        for card in chain(_edit_cards(ctx, names), _commit_cards(ctx, names, counts)):
            is_removed = card.since and card.dataset in removed
            cards[card.dataset].append(replace(card, state=_REMOVED) if is_removed else card)
        commits = Counter[str]()
        for (name, _), (count, _) in counts.items():
            commits[name] += count
        # What moves, then what needs attention; within that in catalogue order: courses by
        # semester, datasets without one, then removed datasets.
        places = {slug: place for place, slug in enumerate(led)}

        def place(name: str) -> tuple[object, ...]:
            moves = any(card.is_under_way for card in cards[name])
            cares = any(card.needs_care for card in cards[name])
            return not moves, not cares, name in removed, places.get(name, len(places)), name

        daemon = max((beat.at for beat in beats if beat.process == "daemon"), default=None)
        is_live = is_daemon_alive(ctx)
        return Board(
            is_live=is_live,
            silent_since=None if is_live else daemon,
            is_telegram_down=any(
                beat.step == TELEGRAM_DOWN and beat.is_alive(ctx.clock()) for beat in beats
            ),
            rows=[
                BoardRow(
                    name=name,
                    removed=name in removed,
                    title=titles.get(name) or led.get(name, {}),
                    commits=commits[name],
                    cards=cards[name],
                )
                for name in sorted(names, key=place)
                if name not in removed or cards[name]
            ],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What waits for an editor in one dataset: proposals, unanswered questions, models or commits.

    `commit` or `change` is the first of models or commits.
    """

    kind: str
    dataset: str
    count: int
    commit: str = ""
    change: str = ""


def list_tasks(ctx: Context, actor: Actor) -> list[Task]:
    """Return what waits for the actor, none for a student."""
    if not actor.may(Permission.EDIT_MATERIALS):
        return []
    with ctx.db.snapshot():
        seen, trees = _list_visible_datasets(ctx, actor, ""), FileIndex(ctx.db).read_trees()
        counts, waiting = _counts(ctx), Proposals(ctx.db).count_by_dataset()
        known = {*trees, *(name for name, _ in counts)}
        names = sorted(known if seen is None else known & seen)
        cards: dict[tuple[str, str], list[Card]] = {}
        found = verdicts.list_of_condition(
            ctx, VERDICT.id.in_(_list_verdict_ids(ctx, names, counts))
        )
        for card in chain(_edit_cards(ctx, names), (_card(each, counts) for each in found)):
            if card.needs_care and not (card.state == _UNCHANGED and not card.errors):
                kind = "models" if card.state in (GATED, PINNED) else "commits"
                if card.state == PINNED and not actor.may(Permission.PROMOTE, card.dataset):
                    continue
                cards.setdefault((card.dataset, kind), []).append(card)
        asked = unanswered.count(ctx, [name for name in names if name in trees])
        tasks = list[Task]()
        for name in names:
            for kind in ("commits", "models"):
                if mine := cards.get((name, kind)):
                    first, count = mine[0], len(mine)
                    of_first = {"commit": first.earlier or first.commit, "change": first.change}
                    tasks.append(Task(kind=kind, dataset=name, count=count, **of_first))
            for kind, count in (("proposals", waiting[name]), ("unanswered", asked.get(name, 0))):
                tasks += [Task(kind=kind, dataset=name, count=count)] if count else []
        return tasks


def _list_visible_datasets(ctx: Context, actor: Actor, dataset: str) -> set[str] | None:
    """Return the datasets whose board the actor may see, None for all."""
    if dataset:
        require_editing(ctx, actor, dataset)
        return {dataset}
    mine = actor.list_visible_datasets()
    if mine is None:
        return None
    return {*mine, *(led_course.slug for led_course in list_led_courses(ctx, actor))}


# (dataset, status) -> the number of commits, and the position of the newest.
_Counts = Mapping[tuple[str, str], tuple[int, int]]


def _counts(ctx: Context) -> _Counts:
    number, newest = fn.COUNT(VERDICT.position), fn.MAX(VERDICT.position)
    query = VERDICT.select(VERDICT.dataset, VERDICT.status, number, newest).where(ON_LINE)
    rows = ctx.db.tuples(query.group_by(VERDICT.status, VERDICT.dataset))
    return {(dataset, status): (count, top) for dataset, status, count, top in rows}


def _edit_cards(ctx: Context, names: Collection[str]) -> Iterator[Card]:
    """Yield the uncommitted edits, newest first; the files of one edit are one card."""
    is_open = CHANGE.state.in_([state.value for state in OPEN]) & CHANGE.dataset.in_(names)
    columns = "batch dataset editor_name state reason arguments created_at"
    query = CHANGE.select(*(getattr(CHANGE, each) for each in columns.split()))
    batches: dict[str, list[Row]] = {}
    for row in ctx.db.rows(query.where(is_open).order_by(CHANGE.id.desc())):
        batches.setdefault(row["batch"], []).append(row)
    count, shown = Counter[tuple[str, str]](), list[Row]()
    for batch in batches.values():
        # Of several files, the one that needs a decision is shown.
        row = max(batch, key=lambda each: each["state"] in _NEEDS_CARE)
        count[row["dataset"], row["state"]] += 1
        if count[row["dataset"], row["state"]] <= _MAX_CARDS:
            shown.append(row)
    first = Changes(ctx.db).list_of_ids([row["batch"] for row in shown])
    named = zip(first, FileIndex(ctx.db).name_subjects(first), strict=True)
    subjects = {change.change_id: subject for change, subject in named}
    for row in shown:
        yield Card(
            dataset=row["dataset"],
            stage=Stage.COMMIT,
            state=row["state"],
            change=row["batch"],
            subject=subjects[row["batch"]],
            author=row["editor_name"],
            at=from_iso(row["created_at"]),
            reason=row["reason"],
            arguments=load_json(row["arguments"]),
        )


def _commit_cards(ctx: Context, names: Collection[str], counts: _Counts) -> Iterator[Card]:
    """Yield the commits in progress, failed or live, newest first."""
    since = {
        row["job_id"]: from_iso(row["since"])
        for row in ctx.db.rows(serving_rows())
        if row["dataset"] in names
    }
    is_live = (VERDICT.status == VerdictStatus.SERVING.value) & VERDICT.job_id.in_([*since])
    is_shown = VERDICT.id.in_(_list_verdict_ids(ctx, names, counts))
    found = verdicts.list_of_condition(ctx, is_live | is_shown)
    ids = {each.job for each in found if each.job}
    of_job, made = jobs.list_of_ids(ctx, ids), models.list_of_jobs(ctx, ids)
    shown = {key: _read_progress(ctx, job) for key, job in of_job.items() if key not in made}
    for verdict in found:
        job_id = verdict.job or 0
        is_live = verdict.verdict is VerdictStatus.SERVING
        # Of several commits behind one model, the newest is shown.
        began = since.pop(job_id, None) if is_live else None
        job_rows = of_job.get(job_id), made.get(job_id), shown.get(job_id)
        card = _card(verdict, counts, *job_rows, began)
        # A commit without changes is shown for the errors that the check found.
        if began or not (is_live or (card.state == _UNCHANGED and not card.errors)):
            yield card


def _list_verdict_ids(ctx: Context, names: Collection[str], counts: _Counts) -> list[int]:
    """Return the verdicts to show: at most `_MAX_CARDS` for each dataset and status.

    A rejected commit is replaced by any that passes the check, one without changes or left out by
    any other, a failed training by one that gets further or removes the dataset, a live one by any
    later; commits in progress are not replaced.
    """
    replaced_by: Mapping[VerdictStatus, Collection[VerdictStatus]] = {
        **dict.fromkeys(_WITH_RUNNING_JOB, ()),
        VerdictStatus.REJECTED: {*VerdictStatus} - {VerdictStatus.REJECTED},
        VerdictStatus.LEFT_OUT: {*VerdictStatus} - {VerdictStatus.LEFT_OUT},
        VerdictStatus.UNCHANGED: {*VerdictStatus} - {VerdictStatus.UNCHANGED},
        VerdictStatus.FAILED: {*_WITH_RUNNING_JOB, VerdictStatus.SERVING, VerdictStatus.REMOVED},
        VerdictStatus.SERVING: {*VerdictStatus},
    }
    of_status = [VERDICT.dataset, VERDICT.status]
    place = fn.ROW_NUMBER().over(partition_by=of_status, order_by=[NEWEST_FIRST]).alias("place")
    is_open = ON_LINE & VERDICT.status.in_([status.value for status in replaced_by])
    few = (
        VERDICT.select(VERDICT.id, VERDICT.position, *of_status, place).where(is_open).alias("few")
    )
    columns = (few.c[name] for name in ("id", "dataset", "status", "position"))

    def is_replaced(dataset: str, status: str, position: int) -> bool:
        later = replaced_by[VerdictStatus(status)]
        return any(counts.get((dataset, each.value), (0, 0))[1] > position for each in later)

    rows = ctx.db.tuples(few.select_from(*columns).where(few.c.place <= _MAX_CARDS))
    return [row_id for row_id, *row in rows if row[0] in names and not is_replaced(*row)]


def _card(
    verdict: VerdictView,
    counts: _Counts,
    job: JobView | None = None,
    model: ModelView | None = None,
    progress: Progress | None = None,
    since: datetime | None = None,
) -> Card:
    match verdict.verdict:
        case VerdictStatus.REJECTED | VerdictStatus.LEFT_OUT | VerdictStatus.UNCHANGED:
            stage = Stage.CHECKED
        case VerdictStatus.BUILT | VerdictStatus.HELD:
            stage = Stage.BUILT
        case VerdictStatus.SERVING:
            stage = Stage.SERVING
        case _:
            stage = Stage.EVALUATED if model else Stage.TRAINING
    newest = max(top for (dataset, _), (_, top) in counts.items() if dataset == verdict.dataset)
    return view_of(
        Card,
        verdict,
        stage=stage,
        state=verdict.shown_status,
        change="",
        at=verdict.committed_at,
        errors=len(verdict.errors),
        left_out=verdict.left_out if verdict.position == newest else 0,
        earlier=verdict.earlier_commit if verdict.position == newest else "",
        job=job,
        progress=progress,
        model=model,
        since=since,
    )


def _read_progress(ctx: Context, job: JobView) -> Progress:
    """Return the progress of a job, from its newest events."""
    newest = JOB_EVENT.select(JOB_EVENT.data).where(JOB_EVENT.job_id == job.id)
    rows = ctx.db.rows(newest.order_by(JOB_EVENT.id.desc()).limit(jobs.MAX_EVENTS))
    return job.measure(load_json(row["data"]) for row in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitDetails:
    """A commit in one dataset with its training and its model.

    `change` is the edit that made it, if the actor may undo it, else "".
    """

    verdict: VerdictView
    job: JobView | None
    model: ModelView | None
    change: str
    plan: TestPlan | None


def read_commit(ctx: Context, actor: Actor, commit: str, dataset: str = "") -> list[CommitDetails]:
    """Return what a commit led to, by dataset; `commit` may be abbreviated.

    Raises NotFound for a dataset that the actor may not watch.
    """
    with ctx.db.snapshot():
        seen = _list_visible_datasets(ctx, actor, dataset)
        found = verdicts.list_of_condition(ctx, VERDICT.commit_sha.startswith(commit))
        mine = [each for each in found if seen is None or each.dataset in seen][:_MAX_CARDS]
        ids = {each.job for each in mine if each.job}
        of_job, made = jobs.list_of_ids(ctx, ids), models.list_of_jobs(ctx, ids)
        plans = _read_plans(ctx, [each.build for each in mine if each.build])
        edits = {sha: find_undoable(ctx, actor, sha) for sha in {each.commit for each in mine}}
        return [
            CommitDetails(
                verdict=each,
                job=of_job.get(each.job or 0),
                model=made.get(each.job or 0),
                change=edits[each.commit].get(each.dataset, ""),
                plan=plans.get(each.build or ""),
            )
            for each in mine
        ]


def _read_plans(ctx: Context, versions: Sequence[str]) -> dict[str, TestPlan | None]:
    """Return how the models of these builds are tested, by version."""
    if not versions:
        return {}
    is_named = reduce(or_, map(match_version, versions))
    builds = BUILDS.read_all(ctx.db, BUILD.select().where(is_named))
    return {build.version: read_plan(build.manifest) for build in builds}
