"""What people asked in vain in the last week, for the editors of a dataset.

A group of questions is done once an example asks nearly the same, and nobody disliked the answer
since that example was written; or an editor dismissed it. Words are masked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from operator import attrgetter

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.permissions import require_editing
from merlin.app.proposals import has_consent
from merlin.chat.feedback import (
    EditorQuestions,
    QuestionGroup,
    QuestionStatistics,
    Reason,
    group_questions,
    join_told,
)
from merlin.core.errors import NotFound, Refused
from merlin.dataset.entries import ExampleEntries, ExampleEntry, ExampleFilter
from merlin.dataset.example import normalise, parse_example
from merlin.dataset.near_questions import content_words, find_near_questions
from merlin.dataset.proposals import mask_personal_data

DAYS = 7
# Newest first; more of a week are no list that anybody works through.
_MAX_ASKED, _MAX_GROUPS = 5_000, 200
# Of the examples that say all words of a question, so many are compared with it.
_COMPARED = 20
# So many questions one person may tell in a week.
MAX_LISTED = 20
# A mark may be named by its first digits, at least so many.
MARK_DIGITS = 12


class GroupState(StrEnum):
    """Whether a group waits for an editor."""

    WAITING = "waiting"
    DONE = "done"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnansweredView:
    """Questions that ask nearly the same; `mark` names them, `question` are their usual words.

    `wordings` are all words with how often they were asked; `times` counts everybody's.
    `example` is the id of the example that asks nearly the same, "" for none.
    """

    mark: str
    question: str
    wordings: Sequence[tuple[str, int]]
    times: int
    refused: int
    disliked: int
    told: int
    last: datetime
    example: str
    state: GroupState


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """What was asked in vain, newest first; `hidden` questions are nobody's to read."""

    groups: Sequence[UnansweredView]
    hidden: int

    def of(self, state: GroupState) -> list[UnansweredView]:
        """Return the groups of a state."""
        return [group for group in self.groups if group.state is state]


def list_unanswered(ctx: Context, actor: Actor, dataset: str, language: str) -> Unanswered:
    """Return what was asked about a dataset in vain in the last week.

    Personal words are masked in `language`. Raises NotFound.
    """
    groups = _read_groups(ctx, actor, dataset)
    shown = [group for group in groups if group.wordings][:_MAX_GROUPS]
    dismissed = EditorQuestions(ctx.db, ctx.clock).among(dataset, shown)
    return Unanswered(
        groups=[
            _view(ctx, dataset, each, language, is_dismissed=place in dismissed)
            for place, each in enumerate(shown)
        ],
        hidden=sum(len(group.questions) for group in groups if not group.wordings),
    )


def get_unanswered(
    ctx: Context, actor: Actor, dataset: str, mark: str, language: str
) -> UnansweredView:
    """Return one group of `list_unanswered`, without looking for the others' examples.

    Raises NotFound.
    """
    group = _find(ctx, actor, dataset, mark)
    dismissed = EditorQuestions(ctx.db, ctx.clock).among(dataset, [group])
    return _view(ctx, dataset, group, language, is_dismissed=bool(dismissed))


def dismiss(ctx: Context, actor: Actor, dataset: str, mark: str) -> None:
    """Take a group out of what waits. Raises NotFound."""
    forms = _find(ctx, actor, dataset, mark).forms
    EditorQuestions(ctx.db, ctx.clock).dismiss(dataset, forms, actor.name)


def restore(ctx: Context, actor: Actor, dataset: str, mark: str) -> None:
    """Let a dismissed group wait again. Raises NotFound."""
    forms = _find(ctx, actor, dataset, mark).forms
    EditorQuestions(ctx.db, ctx.clock).restore(dataset, forms)


def tell_editors(
    ctx: Context, actor: Actor, dataset: str, text: str, language: str, turn_id: int = 0
) -> None:
    """Let the editors of a dataset read a question of the actor's, masked.

    Raises Refused without the consent, and where too many of theirs wait.
    """
    if not has_consent(ctx, actor):
        raise Refused("no consent", "tell-no-consent")
    masked = mask_personal_data(text, language).words
    rows = EditorQuestions(ctx.db, ctx.clock)
    if not rows.add(actor.user_id, dataset, masked, turn_id, MAX_LISTED):
        raise Refused("too many told", "tell-too-many")


def _read_groups(ctx: Context, actor: Actor, dataset: str) -> list[QuestionGroup]:
    require_editing(ctx, actor, dataset)
    since = ctx.clock().date() - timedelta(days=DAYS - 1)
    question_statistics = QuestionStatistics(ctx.db, ctx.default_dataset)
    marked = EditorQuestions(ctx.db, ctx.clock).since(dataset, since)
    questions = join_told(question_statistics.unanswered(dataset, since, _MAX_ASKED), marked)
    return group_questions(sorted(questions, key=attrgetter("at"), reverse=True))


def _find(ctx: Context, actor: Actor, dataset: str, mark: str) -> QuestionGroup:
    rows = EditorQuestions(ctx.db, ctx.clock)
    for each in _read_groups(ctx, actor, dataset) if len(mark) >= MARK_DIGITS else ():
        if each.wordings and any(rows.mark(form).startswith(mark) for form in each.forms):
            return each
    raise NotFound("no such question", "unanswered-gone")


def _view(
    ctx: Context, dataset: str, group: QuestionGroup, language: str, *, is_dismissed: bool
) -> UnansweredView:
    (usual, _), *_ = group.wordings
    example, disliked = _example(ctx, dataset, group.forms), group.last(Reason.DISLIKED)
    # Git tells whole seconds.
    is_again = disliked and example and example.at and disliked.replace(microsecond=0) > example.at
    is_done = example is not None and not is_again
    state = GroupState.DONE if is_done else GroupState.WAITING
    return UnansweredView(
        mark=EditorQuestions(ctx.db, ctx.clock).mark(normalise(usual)),
        question=mask_personal_data(usual, language).words,
        wordings=[
            (mask_personal_data(words, language).words, count) for words, count in group.wordings
        ],
        times=len(group.questions),
        refused=group.count(Reason.REFUSED),
        disliked=group.count(Reason.DISLIKED),
        told=group.count(Reason.TOLD),
        last=group.questions[0].at,
        example=example.example_id if example else "",
        state=GroupState.DISMISSED if is_dismissed else state,
    )


def _example(ctx: Context, dataset: str, forms: Sequence[str]) -> ExampleEntry | None:
    """Return the example of a dataset that asks one of these questions or nearly so."""
    entries = ExampleEntries(ctx.db)
    for form in forms:
        example_filter = ExampleFilter(" ".join(sorted(content_words(form))))
        for each in entries.find(dataset, example_filter, _COMPARED):
            example = parse_example(each.text)
            form_taught = normalise(example.question) if example else ""
            if form_taught == form or (
                form_taught and any(find_near_questions([form, form_taught]))
            ):
                return each
    return None
