"""All commits of a dataset, newest first: what each did, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from merlin.app import verdicts
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.permissions import require_editing
from merlin.app.verdicts import VerdictView
from merlin.dataset.verdicts import ON_LINE
from merlin.db.tables import COMMIT, VERDICT
from merlin.training.commit_state import CommitState

# A search looks this many pages back at once; the next one goes on from there.
_MOST_PAGES = 10


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
    condition = ON_LINE & (VERDICT.dataset == dataset)
    if before:
        condition &= VERDICT.position < before
    if author:
        condition &= COMMIT.author_name == author
    return verdicts.list_of_condition(ctx, condition, limit)


def _list_authors(ctx: Context, dataset: str) -> list[str]:
    query = VERDICT.select(COMMIT.author_name).join(COMMIT, on=(COMMIT.sha == VERDICT.commit_sha))
    mine = query.where(ON_LINE & (VERDICT.dataset == dataset)).distinct()
    return sorted(row["author_name"] for row in ctx.db.rows(mine))


STATES = [state for state in CommitState if not state.is_of_edit]
