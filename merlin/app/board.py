"""The board: how far the commits of each dataset are, from an edit to the model that is live.

    commit -> checked -> built -> training -> evaluated -> serving

A dataset shows its uncommitted edits, the commits in progress, the failures that no later commit
has replaced, and the commit whose model is live. All others are in the list of verdicts. A dataset
that is removed from the repository is shown while it has a card; that of its model says "removed".
What waits for an editor (`list_tasks`) is counted beside it, and on every page of theirs.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import reduce
from operator import attrgetter, or_

from peewee import Expression, NodeList, RawQuery

from merlin.app import jobs, models, unanswered, verdicts
from merlin.app.actor import Actor
from merlin.app.changes import find_undoable
from merlin.app.context import Context
from merlin.app.health import list_processes
from merlin.app.jobs import JobView, Progress
from merlin.app.models import ModelView
from merlin.app.permissions import list_led_courses, require_editing
from merlin.app.reach import Reach, list_reaches
from merlin.app.verdicts import VerdictView
from merlin.core.clock import from_iso
from merlin.core.heartbeat import TELEGRAM_DOWN
from merlin.core.i18n import choose_translation
from merlin.core.names import is_valid_name
from merlin.core.permissions import Permission
from merlin.core.views import INTERNAL, described, view_of
from merlin.dataset.builds import BUILDS, match_version
from merlin.dataset.changes import IS_OPEN, Change, Changes
from merlin.dataset.evaluation_plan import EvaluationPlan, read_plan
from merlin.dataset.files import FileIndex
from merlin.dataset.finding import Severity
from merlin.dataset.proposals import ProposalState
from merlin.dataset.verdicts import (
    KNOWN_DATASETS,
    ON_BRANCH,
    WAITING,
    VerdictStatus,
)
from merlin.db.database import Row
from merlin.db.tables import BUILD, VERDICT
from merlin.training.commit_state import CommitState
from merlin.training.promote import serving_rows

# Cards of one dataset and status, newest first.
_MAX_CARDS = 20
_WITH_RUNNING_JOB = (*WAITING, VerdictStatus.TRAINING)


class Stage(StrEnum):
    """The stage that a commit has reached."""

    COMMIT = "commit"
    CHECKED = "checked"
    BUILT = "built"
    TRAINING = "training"
    EVALUATED = "evaluated"
    SERVING = "serving"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card(VerdictView):
    """A commit in one dataset with its training and its model.

    `since` is when its model went live, None: it does not serve. `reach` is how people come to its
    dataset's live model, None without one. What follows `progress`, only its story has:
    `change` is the edit that made it, if the actor may undo it, `gone` are the paths of its errors
    whose files no longer exist.
    """

    job: JobView | None = None
    model: ModelView | None = None
    progress: Progress | None = None
    since: datetime | None = None
    change: str = ""
    plan: EvaluationPlan | None = None
    gone: Collection[str] = ()
    reach: Reach | None = field(default=None, metadata=INTERNAL)
    is_news: bool = field(default=False, metadata=INTERNAL)

    @property
    def stage(self) -> Stage:
        """Return the stage that it has reached."""
        training = Stage.EVALUATED if self.model else Stage.TRAINING
        return _STAGES.get(self.status, training)

    @property
    def is_flawed(self) -> bool:
        """Return whether an example is left out now, by it or by an earlier commit."""
        return self.is_newest and (self.left_out > 0 or self.earlier_commit != "")

    @property
    def is_idle(self) -> bool:
        """Return whether it changed nothing, and brought no error."""
        return self.state is CommitState.UNCHANGED and not self.errors

    @property
    def needs_care(self) -> bool:
        """Return whether it needs attention."""
        is_lost = self.model is not None and not self.model.state.may_serve
        brought_only_errors = self.state is CommitState.UNCHANGED and not self.is_idle
        return self.is_flawed or brought_only_errors or is_lost or self.state.needs_care


# How long a model that went live keeps its card, and how many commits a dataset at rest shows.
_NEWS = timedelta(hours=1)
_RECENT = 3

_STAGES: Mapping[VerdictStatus, Stage] = {
    VerdictStatus.REJECTED: Stage.CHECKED,
    VerdictStatus.LEFT_OUT: Stage.CHECKED,
    VerdictStatus.UNCHANGED: Stage.CHECKED,
    VerdictStatus.BUILT: Stage.BUILT,
    VerdictStatus.HELD: Stage.BUILT,
    VerdictStatus.SERVING: Stage.SERVING,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRow:
    """A dataset with its edits that await a commit and its commits, newest first.

    `commits` is the total number of commits. `recent` are the last ones of the only dataset shown,
    if it is at rest.
    """

    name: str
    removed: bool = described(
        "Whether the repository no longer has it; its model may still answer."
    )
    title: Mapping[str, str]
    commits: int
    edits: Sequence[Change]
    cards: Sequence[Card]
    recent: Sequence[VerdictView] = field(default=(), metadata=INTERNAL)

    @property
    def states(self) -> list[CommitState]:
        """Return where its edits and its commits stand."""
        edits = (CommitState(edit.state.value) for edit in self.edits)
        return [*edits, *(card.state for card in self.cards)]

    @property
    def is_moving(self) -> bool:
        """Return whether one of them proceeds without anybody."""
        return any(state.is_moving for state in self.states)

    @property
    def needs_care(self) -> bool:
        """Return whether one of them needs attention."""
        of_cards = any(card.needs_care for card in self.cards)
        return of_cards or any(state.needs_care for state in self.states)

    @property
    def stages(self) -> set[Stage]:
        """Return the stages at which it has something."""
        return {card.stage for card in self.cards} | (
            {Stage.COMMIT} if self.edits else set()
        )

    @property
    def has_examples_page(self) -> bool:
        """Return whether its examples can be listed: not if removed or rejected for its name."""
        return not self.removed and is_valid_name(self.name)

    @property
    def is_at_rest(self) -> bool:
        """Return whether nothing moves or needs attention: it has a live model and no more."""
        is_news = any(card.is_news for card in self.cards)
        return self.stages == {Stage.SERVING} and not (self.needs_care or is_news)

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
    is_telegram_down: bool = described(
        "Whether the bot can't reach Telegram; its messages wait."
    )
    rows: Sequence[BoardRow]


def read_board(ctx: Context, actor: Actor, dataset: str = "") -> Board:
    """Return the current state of the commits of one dataset, or ("") of all the actor may see.

    Raises NotFound for a dataset that the actor may not watch.
    """
    with ctx.db.snapshot():
        seen = _list_visible_datasets(ctx, actor, dataset)
        beats = list_processes(ctx)
        overview = _read_overview(ctx, _WITH_COUNTS)
        newest = verdicts.list_newest(ctx)
        led = {course.slug: course.name for course in list_led_courses(ctx, actor)}
        removed = {
            name
            for name, each in newest.items()
            if each.status is VerdictStatus.REMOVED
        }
        commits = _sum_numbers(overview["count"])
        names = _list_names(overview, seen)
        edits = defaultdict[str, list[Change]](list)
        cards = defaultdict[str, list[Card]](list)
        for edit in _list_edits(ctx, overview, names):
            edits[edit.dataset].append(edit)
        for card in _commit_cards(ctx, overview, names):
            is_removed = card.since and card.dataset in removed
            shown = replace(card, state=CommitState.REMOVED) if is_removed else card
            cards[card.dataset].append(shown)
        rows = [
            BoardRow(
                name=name,
                removed=name in removed,
                title=(name in newest and newest[name].title) or led.get(name, {}),
                commits=commits[name],
                edits=edits[name],
                cards=cards[name],
            )
            for name in names
            if name not in removed or edits[name] or cards[name]
        ]
        if len(rows) == 1 and rows[0].is_at_rest:
            is_its = (VERDICT.dataset == rows[0].name) & ON_BRANCH
            recent = verdicts.list_of_condition(ctx, is_its, _RECENT)
            rows = [replace(rows[0], recent=recent)]
        daemons = [beat for beat in beats if beat.process == "daemon"]
        is_live = any(daemon.is_alive(ctx.clock()) for daemon in daemons)
        beats_at = [daemon.at for daemon in daemons]
        return Board(
            is_live=is_live,
            silent_since=None if is_live else max(beats_at, default=None),
            is_telegram_down=any(
                beat.step == TELEGRAM_DOWN and beat.is_alive(ctx.clock())
                for beat in beats
            ),
            rows=_order_rows(rows, [*led]),
        )


def _order_rows(rows: Iterable[BoardRow], catalogue: Sequence[str]) -> list[BoardRow]:
    """Return what moves, then what needs attention; within that in catalogue order.

    That is: courses by semester, datasets without one, then removed datasets.
    """
    places = {slug: place for place, slug in enumerate(catalogue)}

    def place(row: BoardRow) -> tuple[object, ...]:
        return (
            not row.is_moving,
            not row.needs_care,
            row.removed,
            places.get(row.name, len(places)),
            row.name,
        )

    return sorted(rows, key=place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What waits for an editor in one dataset: proposals, unanswered questions, models or commits.

    `commit` or `change` is the first of models or commits. Kind single waits for nobody: answers
    that one wording finds.
    """

    kind: str
    dataset: str
    count: int
    commit: str = ""
    change: str = ""

    @property
    def waiting(self) -> int:
        """Return how much of it waits."""
        return 0 if self.kind == "single" else self.count


def list_tasks(ctx: Context, actor: Actor) -> list[Task]:
    """Return what waits for the actor, none for a student.

    It is counted on every page of theirs, without cards.
    """
    if not actor.may(Permission.EDIT_MATERIALS):
        return []
    with ctx.db.snapshot():
        overview = _read_overview(ctx)
        names = sorted(_list_names(overview, _list_visible_datasets(ctx, actor, "")))
        stuck = defaultdict[tuple[str, str], list[dict[str, str]]](list)
        for row in _choose_edits(overview, names):
            if CommitState(row.state).needs_care:
                stuck[row.dataset, "commits"].append({"change": row.name})
        for card in _list_stuck(ctx, overview, names):
            if card.state is not CommitState.PINNED or actor.may(
                Permission.PROMOTE, card.dataset
            ):
                kind = "models" if card.state.is_kept_back else "commits"
                first = card.earlier_commit if card.is_newest else ""
                stuck[card.dataset, kind].append({"commit": first or card.commit})
        here = {row.dataset for row in overview["tree"]}.intersection(names)
        counted = unanswered.count(ctx, sorted(here), overview["edit"])
        waiting = _sum_numbers(overview["proposal"])
        tasks = list[Task]()
        for name in names:
            for kind in ("commits", "models"):
                if of_kind := stuck.get((name, kind)):
                    tasks.append(
                        Task(kind=kind, dataset=name, count=len(of_kind), **of_kind[0])
                    )
            counts = {"proposals": waiting[name], **counted.get(name, {})}
            for kind, count in counts.items():
                tasks += [Task(kind=kind, dataset=name, count=count)] if count else []
        return tasks


def _list_visible_datasets(ctx: Context, actor: Actor, dataset: str) -> set[str] | None:
    """Return the datasets whose board the actor may see, None for all."""
    if dataset:
        require_editing(ctx, actor, dataset)
        return {dataset}
    visible = actor.list_visible_datasets()
    if visible is None:
        return None
    return {*visible, *(led_course.slug for led_course in list_led_courses(ctx, actor))}


# Kind -> what the pages of editors count, newest first, as `_read_overview` returns it.
_Overview = Mapping[str, Sequence[Row]]


def _list_names(overview: _Overview, seen: Collection[str] | None) -> set[str]:
    """Return the datasets among those `seen` (None: all)."""
    # Not a course alone: it stays when a rewritten history never had its dataset.
    known = {row.dataset for row in (*overview["tree"], *overview["top"])}
    return known if seen is None else known.intersection(seen)


def _sum_numbers(rows: Sequence[Row]) -> Counter[str]:
    """Return the sum of the numbers by dataset."""
    counts = Counter[str]()
    for row in rows:
        counts[row.dataset] += row.number
    return counts


def _choose_edits(overview: _Overview, names: Collection[str]) -> list[Row]:
    """Return the edits to show, newest first; the files of one edit are one."""
    batches: dict[str, list[Row]] = {}
    for row in overview["edit"]:
        if row.dataset in names:
            batches.setdefault(row.name, []).append(row)
    count = Counter[tuple[str, str]]()
    shown = list[Row]()
    for batch in batches.values():
        # Of several files, the one that needs a decision is shown.
        row = max(batch, key=lambda each: CommitState(each.state).needs_care)
        count[row.dataset, row.state] += 1
        if count[row.dataset, row.state] <= _MAX_CARDS:
            shown.append(row)
    return shown


def _match_shown(
    overview: _Overview, names: Collection[str], quiet: Collection[str] = ()
) -> list[Expression]:
    """Return the conditions of the commits to show: those that no later one replaces.

    At most `_MAX_CARDS` of each dataset and status, none of a `quiet` status without an error.
    """
    tops = {(row.dataset, row.state): row.position for row in overview["top"]}
    shown = list[Expression]()
    for (dataset, status), row in zip(tops, overview["top"], strict=True):
        is_quiet = status in quiet and not row.part
        if dataset not in names or status not in _REPLACED_BY or is_quiet:
            continue
        later = (tops.get((dataset, each.value), 0) for each in _REPLACED_BY[status])
        first = max([row.number, *later])
        if first <= row.position:
            is_of = (VERDICT.dataset == dataset) & (VERDICT.status == status)
            shown.append(is_of & (VERDICT.position >= first))
    return shown


def _any_of(conditions: Sequence[Expression]) -> NodeList:
    """Return whether one is true; a chain of `|` would nest as deep as it is long."""
    return NodeList(conditions, " OR ", parens=True)


# A rejected commit is replaced by any that passes the check, one without changes or left out by
# any other, a failed training by one that gets further or removes the dataset, a live one by any
# later; commits in progress are not replaced.
_REPLACED_BY: Mapping[str, Collection[VerdictStatus]] = {
    **dict.fromkeys(_WITH_RUNNING_JOB, ()),
    VerdictStatus.REJECTED: {*VerdictStatus} - {VerdictStatus.REJECTED},
    VerdictStatus.LEFT_OUT: {*VerdictStatus} - {VerdictStatus.LEFT_OUT},
    VerdictStatus.UNCHANGED: {*VerdictStatus} - {VerdictStatus.UNCHANGED},
    VerdictStatus.FAILED: {
        *_WITH_RUNNING_JOB,
        VerdictStatus.SERVING,
        VerdictStatus.REMOVED,
    },
    VerdictStatus.SERVING: {*VerdictStatus},
}


_KINDS = ", ".join(f"('{status}')" for status in VerdictStatus)
# Of the verdicts of one dataset and status, newest first. Rows of their index are compared whole:
# by `=`, PostgreSQL takes the index of all positions, and reads most of 100,000 verdicts.
_NEWEST = """SELECT CASE WHEN verdict.status = kinds.status
        AND verdict.dataset = known.dataset THEN position END
    FROM verdict WHERE (verdict.status, verdict.dataset, position)
        <= (kinds.status, known.dataset, 9223372036854775807)
    ORDER BY verdict.status DESC, verdict.dataset DESC, position DESC LIMIT 1"""
# What the pages of editors count. GROUP BY would read all verdicts on each page. `name` is an
# edit's batch, `part` a change of the batch, or "errors" if the newest commit has errors. `number`
# is the id of an edit, how many proposals wait, or the position of the oldest commit to show of a
# dataset and status; `position` is that of the newest.
_OVERVIEW = f"""
WITH RECURSIVE {KNOWN_DATASETS}, kinds (status) AS (VALUES {_KINDS}),
line AS (SELECT known.dataset, kinds.status, ({_NEWEST}) AS top,
    COALESCE(({_NEWEST} OFFSET {_MAX_CARDS - 1}), 1) AS oldest
    FROM known CROSS JOIN kinds WHERE known.dataset IS NOT NULL)
SELECT 'tree' AS kind, dataset, '' AS state, '' AS reason, '' AS name, '' AS part, 0 AS number,
    0 AS position FROM dataset_tree
UNION ALL SELECT 'proposal', dataset, '', '', '', '', COUNT(*), 0
    FROM proposal WHERE state = '{ProposalState.WAITING}' GROUP BY dataset
UNION ALL SELECT 'top', dataset, status, '', '', CASE WHEN EXISTS (
        SELECT 1 FROM verdict JOIN finding ON verdict_id = verdict.id
        WHERE verdict.dataset = line.dataset AND position = top AND severity = '{Severity.ERROR}'
    ) THEN 'errors' ELSE '' END, oldest, top
    FROM line WHERE top IS NOT NULL
UNION ALL SELECT 'edit', dataset, state, reason, batch, change_id, id, 0
    FROM change WHERE {IS_OPEN}
"""  # noqa: S608 - our own words
# All commits of each dataset; the board alone shows how many there are.
_WITH_COUNTS = f"""{_OVERVIEW}
UNION ALL SELECT 'count', dataset, '', '', '', '', COUNT(*), 0
    FROM verdict WHERE position IS NOT NULL GROUP BY dataset"""  # noqa: S608 - our own words
_PLACE = attrgetter("position", "number")


def _read_overview(ctx: Context, query: str = _OVERVIEW) -> _Overview:
    """Return what the pages of editors count, by one query."""
    found = defaultdict[str, list[Row]](list)
    for row in sorted(ctx.db.rows(RawQuery(query)), key=_PLACE, reverse=True):
        found[row.kind].append(row)
    return found


def _list_stuck(
    ctx: Context, overview: _Overview, names: Collection[str]
) -> Iterator[Card]:
    """Yield the commits that need attention, newest first."""
    stuck = _match_shown(overview, names, quiet=(VerdictStatus.SERVING,))
    for verdict in verdicts.list_of_condition(ctx, _any_of(stuck)) if stuck else ():
        card = view_of(Card, verdict)
        if card.needs_care and not card.is_idle:
            yield card


def _list_edits(
    ctx: Context, overview: _Overview, names: Collection[str]
) -> Iterator[Change]:
    """Yield the edits that await a commit, newest first, with the subjects that people read."""
    shown = _choose_edits(overview, names)
    named = {change_id for row in shown for change_id in (row.name, row.part)}
    changes = {
        each.change_id: each for each in Changes(ctx.db).list_of_ids(sorted(named))
    }
    first = [changes[row.name] for row in shown]
    for row, subject in zip(shown, FileIndex(ctx.db).name_subjects(first), strict=True):
        yield replace(changes[row.part], subject=subject)


def _commit_cards(
    ctx: Context, overview: _Overview, names: Collection[str]
) -> Iterator[Card]:
    """Yield the commits in progress, failed or live, newest first."""
    since = {
        row.job_id: from_iso(row.since)
        for row in ctx.db.rows(serving_rows())
        if row.dataset in names
    }
    is_live = (VERDICT.status == VerdictStatus.SERVING.value) & VERDICT.job_id.in_(
        [*since]
    )
    shown = _match_shown(overview, names)
    is_shown = _any_of([is_live, *shown])
    found = verdicts.list_of_condition(ctx, is_shown) if since or shown else []
    found_cards = _add_trainings(ctx, found)
    unmade = [card.job for card in found_cards if card.job and not card.model]
    progress = jobs.read_progress(ctx, unmade)
    for card in found_cards:
        is_live = card.status is VerdictStatus.SERVING
        job_id = card.job_id or 0
        # Of several commits behind one model, the newest is shown.
        began = since.pop(job_id, None) if is_live else None
        # A commit without changes is shown for the errors that the check found.
        if began or not (is_live or card.is_idle):
            is_news = began is not None and ctx.clock() - began < _NEWS
            yield replace(
                card, since=began, progress=progress.get(job_id), is_news=is_news
            )


def _add_trainings(ctx: Context, found: Sequence[VerdictView]) -> list[Card]:
    """Return the cards of commits, each with its job and its model."""
    ids = {each.job_id for each in found if each.job_id}
    of_job = jobs.list_of_ids(ctx, ids)
    made = models.list_of_jobs(ctx, ids)
    reaches = list_reaches(ctx.db, ctx.config)
    return [
        view_of(
            Card,
            each,
            job=of_job.get(each.job_id or 0),
            model=made.get(each.job_id or 0),
            reach=reaches.get(each.dataset),
        )
        for each in found
    ]


def read_commit(
    ctx: Context, actor: Actor, commit: str, dataset: str = ""
) -> list[Card]:
    """Return the story of a commit in each dataset; `commit` may be abbreviated.

    Raises NotFound for a dataset that the actor may not watch.
    """
    with ctx.db.snapshot():
        seen = _list_visible_datasets(ctx, actor, dataset)
        found = verdicts.list_of_condition(ctx, VERDICT.commit_sha.startswith(commit))
        shown = [each for each in found if seen is None or each.dataset in seen][
            :_MAX_CARDS
        ]
        plans = _read_plans(ctx, [each.build for each in shown if each.build])
        edits = {
            sha: find_undoable(ctx, actor, sha)
            for sha in {each.commit for each in shown}
        }
        return [
            replace(
                each,
                change=edits[each.commit].get(each.dataset, ""),
                plan=plans.get(each.build or ""),
                gone=_list_gone(ctx, each),
            )
            for each in _add_trainings(ctx, shown)
        ]


def _list_gone(ctx: Context, verdict: VerdictView) -> set[str]:
    """Return the paths of a commit's errors whose files the dataset no longer has."""
    wrong = {error.path for error in verdict.errors}
    return wrong - FileIndex(ctx.db).find_paths(verdict.dataset, wrong)


def _read_plans(
    ctx: Context, versions: Sequence[str]
) -> dict[str, EvaluationPlan | None]:
    """Return how the models of these builds are tested, by version."""
    if not versions:
        return {}
    is_named = reduce(or_, map(match_version, versions))
    builds = BUILDS.read_all(ctx.db, BUILD.select().where(is_named))
    return {build.version: read_plan(build.manifest) for build in builds}
