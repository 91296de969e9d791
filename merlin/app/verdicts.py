"""Verdicts: the result of each commit, and the notices about it to its editor and the admins.

A status may be followed by another one (failed, then serving), so each is reported once when it
comes; after a final one nothing more is.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from peewee import JOIN, Select, fn

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.permissions import require_editing
from merlin.app.reach import tell_reach
from merlin.config import Config
from merlin.core.clock import Clock, utc_now
from merlin.core.i18n import choose_translation, cut, render_stored_text
from merlin.core.money import format_amounts
from merlin.core.views import view_of
from merlin.dataset.builds import build_version
from merlin.dataset.came_after import CameAfter, find_what_came_after
from merlin.dataset.changes import Changes, ChangeState
from merlin.dataset.files import FileIndex
from merlin.dataset.finding import Finding, Severity
from merlin.dataset.layout import EXAMPLES
from merlin.dataset.proposals import read_told
from merlin.dataset.spec import Localised, load_spec
from merlin.dataset.verdicts import (
    FINDINGS,
    NEWEST_FIRST,
    NOTHING_NEW,
    ON_BRANCH,
    Verdict,
    VerdictStatus,
    choose_newest,
    select_verdicts,
)
from merlin.db.database import Database, Row
from merlin.db.notices import Notice, Notices
from merlin.db.tables import (
    BUILD,
    CHANGE,
    COMMIT,
    FINDING,
    MODEL,
    PROMOTION,
    SERVING,
    VERDICT,
)
from merlin.db.values import load_json, read_row
from merlin.training.commit_state import CommitState, compute_state
from merlin.training.gate import describe_losses
from merlin.training.models import model_of, proof_of, select_models
from merlin.training.scores import Evaluation

_FINDINGS = 50
# A search of commits looks this many pages back at once; the next one goes on from there.
_MOST_PAGES = 10
# How much of a question a notice shows.
_QUESTION_LENGTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictView(Verdict):
    """The verdict of a commit for a dataset, with its first findings and what became of it.

    `is_newest`: no later commit has changed the dataset.
    `earlier`: path -> the earlier commit that brought its errors, which this one left as they were.
    `is_trained`: its training has made a model. `served_until` is when that last stopped serving,
    None: it serves now, or never did. `title` is the dataset's at that commit, empty if its
    dataset.yaml could not be read.
    """

    id: int
    is_newest: bool
    findings: Sequence[Finding]
    earlier: Mapping[str, str]
    build: str | None
    is_trained: bool
    served_until: datetime | None
    state: CommitState
    after: CameAfter
    title: Localised

    @property
    def errors(self) -> list[Finding]:
        """Return the errors that the commit brought."""
        errors = (each for each in self.findings if each.severity is Severity.ERROR)
        return [error for error in errors if error.path not in self.earlier]

    @property
    def left_out(self) -> int:
        """Return the number of examples with these errors."""
        return len(
            {each.path for each in self.errors if each.path.startswith(EXAMPLES)}
        )

    @property
    def earlier_commit(self) -> str:
        """Return the last commit whose errors are left, "" for none."""
        return next(iter(self.earlier.values()), "")

    @property
    def has_own_build(self) -> bool:
        """Return whether a build was made of this commit."""
        return self.build is not None and self.status not in NOTHING_NEW

    @property
    def can_launch(self) -> bool:
        """Return whether its build can be trained on request."""
        is_idle = self.status in (VerdictStatus.FAILED, VerdictStatus.HELD)
        return (
            self.build is not None and is_idle and self.state is not CommitState.UNDONE
        )

    @property
    def is_rejected(self) -> bool:
        """Return whether nothing could be built of the dataset as it was then."""
        return self.status is VerdictStatus.REJECTED

    def why(self, language: str) -> str:
        """Return the reason as a text, "" for none."""
        return render_stored_text(language, self.reason, self.arguments)


def list_mainline(
    ctx: Context, actor: Actor, dataset: str = "", limit: int = 20
) -> list[VerdictView]:
    """Return verdicts on the mainline with their first findings, newest commit first.

    Raises NotFound.
    """
    condition = ON_BRANCH
    visible = actor.list_visible_datasets(dataset)
    if visible is not None:
        condition &= VERDICT.dataset.in_(visible)
    query = (
        _select_verdicts()
        .where(condition)
        .order_by(VERDICT.position.desc(), VERDICT.dataset)
        .limit(limit)
    )
    with ctx.db.snapshot():
        return _views(ctx, ctx.db.rows(query))


def list_of_condition(
    ctx: Context, where: Any, limit: int | None = None
) -> list[VerdictView]:
    """Return verdicts with their first findings, newest commit first.

    The caller checks the permission to see them.
    """
    if limit is not None:
        query = _select_verdicts().where(where).order_by(NEWEST_FIRST).limit(limit)
        return _views(ctx, ctx.db.rows(query))
    return _views(ctx, _find_rows(ctx, where))


def _find_rows(ctx: Context, where: Any) -> list[Row]:
    """Return the rows of verdicts, newest first."""
    # Sorted here: to spare itself the sorting of twenty, SQLite would read all by their order.
    rows = ctx.db.rows(_select_verdicts().where(where))
    return sorted(rows, key=lambda row: row.position or 0, reverse=True)


@dataclass(frozen=True, slots=True)
class CommitFilter:
    """Which commits are listed; "" for all. `text` is a part of the subject or of the hash."""

    author: str = ""
    state: str = ""
    text: str = ""

    def matches(self, commit: VerdictView) -> bool:
        """Return whether a commit is listed."""
        is_state = self.state in ("", commit.state)
        is_text = self.text.casefold() in commit.subject.casefold()
        return is_state and (is_text or commit.commit.startswith(self.text.casefold()))


@dataclass(frozen=True, slots=True)
class CommitPage:
    """Commits, newest first, and the people who made commits of the dataset.

    Older ones are before the position `before`, 0 if there are none.
    """

    commits: Sequence[VerdictView]
    authors: Sequence[str]
    before: int


def list_commits(
    ctx: Context,
    actor: Actor,
    dataset: str,
    wanted: CommitFilter,
    before: int = 0,
    limit: int = 50,
) -> CommitPage:
    """Return about `limit` of a dataset's commits, those older than a position.

    Raises NotFound for a dataset that the actor may not watch.
    """
    require_editing(ctx, actor, dataset)
    found: list[VerdictView] = []
    with ctx.db.snapshot():
        for _ in range(_MOST_PAGES):
            batch = _list_older(ctx, dataset, wanted.author, before, limit)
            found += filter(wanted.matches, batch)
            before = (batch[-1].position or 0) if len(batch) == limit else 0
            if not before or len(found) >= limit:
                break
        return CommitPage(found, _list_authors(ctx, dataset), before)


def _list_older(
    ctx: Context, dataset: str, author: str, before: int, limit: int
) -> list[VerdictView]:
    condition = ON_BRANCH & (VERDICT.dataset == dataset)
    if before:
        condition &= VERDICT.position < before
    if author:
        condition &= COMMIT.author_name == author
    return list_of_condition(ctx, condition, limit)


def _list_authors(ctx: Context, dataset: str) -> list[str]:
    query = VERDICT.select(COMMIT.author_name).join(
        COMMIT, on=(COMMIT.sha == VERDICT.commit_sha)
    )
    authors = query.where(ON_BRANCH & (VERDICT.dataset == dataset)).distinct()
    return sorted(row.author_name for row in ctx.db.rows(authors))


def find(ctx: Context, dataset: str, commit: str) -> VerdictView | None:
    """Return the verdict of a commit, None before it; the caller checks rights."""
    found = list_of_condition(
        ctx, (VERDICT.dataset == dataset) & (VERDICT.commit_sha == commit)
    )
    return next(iter(found), None)


def list_newest(ctx: Context) -> dict[str, VerdictView]:
    """Return each dataset's newest verdict, without findings.

    The caller checks the permission to see them.
    """
    rows = ctx.db.rows(choose_newest(_select_verdicts()))
    return {view.dataset: view for view in _views(ctx, rows, {})}


def list_of_jobs(ctx: Context, job_ids: Collection[int]) -> list[VerdictView]:
    """Return the verdicts of jobs, newest commit first, without findings.

    The caller checks the permission to see them.
    """
    return _views(ctx, _find_rows(ctx, VERDICT.job_id.in_(job_ids)), {})


def list_removed_datasets(ctx: Context) -> set[str]:
    """Return the datasets whose newest commit removed them; their models may still answer."""
    newest_verdicts = list_newest(ctx).items()
    return {
        name for name, each in newest_verdicts if each.status is VerdictStatus.REMOVED
    }


_LATER = VERDICT.alias("later")


def _select_verdicts() -> Select:
    # A verdict keeps the word "serving" for good.
    is_over = (VERDICT.status == VerdictStatus.SERVING.value) & SERVING.since.is_null()
    is_its = (PROMOTION.dataset == MODEL.dataset) & (
        PROMOTION.from_model == MODEL.model_id
    )
    ended = (
        PROMOTION.select(fn.MAX(PROMOTION.at))
        .where(is_over & is_its)
        .alias("served_until")
    )
    newest = _LATER.select(fn.MAX(_LATER.position)).where(
        _LATER.dataset == VERDICT.dataset
    )
    is_newest = (VERDICT.position == newest).alias("is_newest")
    query = select_verdicts().select_extend(
        BUILD.number.alias("build_number"),
        MODEL.id.alias("model_row"),
        ended,
        is_newest,
    )
    query = query.join(BUILD, JOIN.LEFT_OUTER, on=(BUILD.id == VERDICT.build_id))
    query = query.join(MODEL, JOIN.LEFT_OUTER, on=(MODEL.job_id == VERDICT.job_id))
    return query.join(SERVING, JOIN.LEFT_OUTER, on=(SERVING.model_row == MODEL.id))


def _views(
    ctx: Context, rows: Sequence[Row], known: Mapping[int, Sequence[Row]] | None = None
) -> list[VerdictView]:
    """Return the views of verdicts; `known` are their findings, by verdict id, if not all."""
    findings = _read_findings(ctx, [row.id for row in rows]) if known is None else known
    older = [row for row in rows if not row.is_newest]
    brought = {
        row.id: {
            each.path
            for each in findings.get(row.id, ())
            if each.severity == Severity.ERROR.value and not each.brought_by
        }
        for row in older
    }
    after = find_what_came_after(ctx.db, older, brought)
    nothing = CameAfter()
    return [
        _view(row, findings.get(row.id, ()), after.get(row.id, nothing)) for row in rows
    ]


def _view(row: Row, findings: Sequence[Row], after: CameAfter) -> VerdictView:
    spec = load_spec(row.spec)
    status = VerdictStatus(row.status)
    is_trained = row.model_row is not None
    was_live = row.served_until is not None
    return read_row(
        VerdictView,
        row,
        commit=row.commit_sha,
        spec=spec,
        is_newest=bool(row.is_newest),
        build=build_version(row.dataset, row.build_number),
        findings=[FINDINGS.read(each) for each in findings],
        earlier={each.path: each.brought_by for each in findings if each.brought_by},
        is_trained=is_trained,
        state=compute_state(
            status, row.reason, is_trained=is_trained, was_live=was_live, after=after
        ),
        after=after,
        title=spec.title if spec else {},
    )


def _read_findings(ctx: Context, ids: Collection[int]) -> dict[int, list[Row]]:
    """Return the first `_FINDINGS` findings of each verdict, by verdict id."""
    row_number = fn.ROW_NUMBER().over(
        partition_by=[FINDING.verdict_id], order_by=[FINDING.id]
    )
    numbered = FINDING.select(*FINDING.every(), row_number.alias("place"))
    few = numbered.where(FINDING.verdict_id.in_([*ids])).alias("few")
    query = few.select_from(*(few.c[column.name] for column in FINDING.every()))
    findings = defaultdict[int, list[Row]](list)
    for row in ctx.db.rows(query.where(few.c.place <= _FINDINGS).order_by(few.c.id)):
        findings[row.verdict_id].append(row)
    return findings


REPORTED = (
    VerdictStatus.SERVING,
    VerdictStatus.REJECTED,
    VerdictStatus.SUPERSEDED,
    VerdictStatus.FAILED,
    VerdictStatus.UNCHANGED,
    VerdictStatus.LEFT_OUT,
    VerdictStatus.REMOVED,
)
# A failed build may be launched again.
NOT_FINAL = (VerdictStatus.FAILED,)


# The verdict behind each notice to admins; the editors of the commit get another message.
_STATUS_OF_NOTICE: Mapping[str, VerdictStatus] = {
    "notice-serving": VerdictStatus.SERVING,
    "notice-rejected": VerdictStatus.REJECTED,
    "notice-left-out": VerdictStatus.LEFT_OUT,
    "notice-failed": VerdictStatus.FAILED,
    "notice-held": VerdictStatus.TRAINING,
}


def find_notified_editors(
    db: Database, key: str, arguments: Mapping[str, object]
) -> set[str]:
    """Return the user ids, as text, of editors who get their own message about the same verdict.

    The arguments of the notice identify the verdict by dataset and abbreviated commit, or by job.
    """
    status = _STATUS_OF_NOTICE.get(key)
    dataset = str(arguments.get("dataset", ""))
    commit = str(arguments.get("commit", ""))
    job = str(arguments.get("job", ""))
    if status is None or not (commit or job):
        return set()
    condition = (
        VERDICT.job_id == int(job) if job else VERDICT.commit_sha.startswith(commit)
    )
    condition &= (VERDICT.dataset == dataset) & (VERDICT.status == status.value)
    is_reported = (CHANGE.is_reported == 0) | (CHANGE.reported_status == status.value)
    query = CHANGE.select(CHANGE.by_whom).join(VERDICT, on=_SAME_COMMIT)
    query = query.where(condition & is_reported).distinct()
    return {row.by_whom for row in db.rows(query)}


@dataclass(frozen=True, slots=True)
class NoticeView(Notice):
    """A notice with the title of its dataset, if it has one."""

    title: Localised

    def arguments_in(self, language: str) -> dict[str, object]:
        """Return the arguments of its text: the amount formatted, and the dataset's title."""
        title = choose_translation(self.title, language) or self.arguments.get(
            "dataset", ""
        )
        return {**format_amounts(language, self.arguments), "title": title}

    def text(self, language: str) -> str:
        """Return its text in a language."""
        return render_stored_text(language, self.key, self.arguments_in(language))


def view_notice(db: Database, notice: Notice) -> NoticeView:
    """Return a notice with the title of its dataset, and what it tells of its proposal."""
    arguments = notice.arguments
    title = FileIndex(db).read_title(str(arguments.get("dataset", "")))
    if "proposal" in arguments:
        # Stored with the proposal alone, where it is encrypted, and erased.
        question, why = read_told(db, int(str(arguments["proposal"])))
        told = {
            "question": cut(question, _QUESTION_LENGTH) or "…",
            "reason": why or "…",
        }
        arguments = {**arguments, **told}
    return view_of(NoticeView, notice, title=title, arguments=arguments)


def news_message(
    status: VerdictStatus,
    values: Mapping[str, object],
    reason: Mapping[str, object] | None,
    score: Evaluation | None = None,
) -> tuple[str, Mapping[str, object]]:
    """Return the Fluent key and arguments of the message to an editor about a commit.

    `values` are subject, dataset and version; `reason` is a nested message. `score` is that of the
    model that serves with the commit, None if it was asked nothing; `values` has its `losses` then.
    """
    if status is not VerdictStatus.SERVING:
        key = f"notice-change-{status}"
        return (f"{key}-why", {**values, "reason": reason}) if reason else (key, values)
    nested: Mapping[str, object] = {"key": "change-score-none", "arguments": {}}
    if score is not None:
        counts = {"right": score.right, "questions": score.questions}
        nested = {"key": "change-score", "arguments": counts}
    return "notice-change-serving", {**values, "score": nested}


_BATCH_SIZE = 100
_SAME_COMMIT = (VERDICT.commit_sha == CHANGE.commit_sha) & (
    VERDICT.dataset == CHANGE.dataset
)
_NEW_VERDICTS = (
    CHANGE.select(
        CHANGE.change_id,
        CHANGE.by_whom,
        CHANGE.dataset,
        VERDICT.status,
        VERDICT.reason,
        VERDICT.arguments,
        VERDICT.job_id,
        BUILD.number,
    )
    # CROSS: without it SQLite begins with every verdict of these statuses.
    .join(VERDICT, JOIN.CROSS)
    .join(BUILD, JOIN.LEFT_OUTER, on=(BUILD.id == VERDICT.build_id))
    .where(
        _SAME_COMMIT
        & (CHANGE.state == ChangeState.COMMITTED.value)
        & (CHANGE.is_reported == 0)
        & ON_BRANCH
        & VERDICT.status.in_([status.value for status in REPORTED])
        & (VERDICT.status != CHANGE.reported_status)
    )
    .order_by(CHANGE.id)
    .limit(_BATCH_SIZE)
)


def notify_editors(db: Database, config: Config, clock: Clock = utc_now) -> None:
    """Notify editors of the new verdicts on their commits, oldest commit first, each once."""
    for row in db.rows(_NEW_VERDICTS):
        status = VerdictStatus(row.status)
        change_id = row.change_id
        subject = FileIndex(db).name_subject(Changes(db, clock).get(change_id))
        values: dict[str, object] = {
            "subject": subject,
            "dataset": row.dataset,
            "version": build_version(row.dataset, row.number) or "-",
        }
        reason = {"key": row.reason, "arguments": load_json(row.arguments)}
        score = None
        if status is VerdictStatus.SERVING:
            model = model_of(
                db.rows(select_models().where(MODEL.job_id == row.job_id))[0]
            )
            proof = proof_of(db, model.model_row)
            score = proof if proof and proof.questions else None
            losses = describe_losses(db, model)
            values["losses"] = tell_reach(db, config, row.dataset, losses)
        key, news = news_message(status, values, reason if row.reason else None, score)
        Notices(db, clock).notify(
            row.by_whom, key, news, once=f"news:{change_id}:{status}"
        )
        is_last = int(status not in NOT_FINAL)
        values = {"reported_status": status.value, "is_reported": is_last}
        db.transact(partial(db.update, CHANGE, CHANGE.change_id == change_id, **values))
