"""Questions of the last week without a good answer, for the editors of a dataset.

A group of similar questions is left out if an example has nearly the same question, and no answer
was disliked after that example was written. Texts are masked.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain

from merlin.app import wordings
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.permissions import require_editing
from merlin.chat.feedback import (
    QuestionGroup,
    QuestionStatistics,
    Reason,
    group_questions,
)
from merlin.core.messages import Message
from merlin.course.catalogue import Catalogue
from merlin.dataset.changes import Changes
from merlin.dataset.corrections import find_corrected
from merlin.dataset.entries import ExampleEntries, ExampleEntry, ExampleFilter
from merlin.dataset.example import normalise
from merlin.dataset.example_file import parse_example
from merlin.dataset.near_questions import (
    are_nearly_equal,
    content_words,
    needs_turn_before,
)
from merlin.dataset.sensitive import mask_personal_data
from merlin.db.database import Row, in_portions
from merlin.db.tables import TURN

DAYS = 7
# Limits of the newest questions and groups; longer lists are of no use.
_MAX_QUESTIONS = 5_000
_MAX_GROUPS = 200
# The maximum number of search results compared with a question.
_MAX_COMPARED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class UnansweredView:
    """A group of similar questions; `question` is the commonest wording.

    `wordings` are all wordings with their counts. `before` is the turn before the question, if it
    continues a conversation. `example` is the id of the example with nearly the same question,
    whose answer is disliked, "" for none. `turn` is the newest of its turns.
    """

    turn: int
    question: str
    before: tuple[str, str] | None
    wordings: Sequence[tuple[str, int]]
    refused: int
    disliked: int
    last: datetime
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """The groups, newest first; `older` counts those that are not listed.

    `hidden` counts questions without a consent to read them, `asked` all of the week that a model
    answered.
    """

    groups: Sequence[UnansweredView]
    older: int
    hidden: int
    asked: int


def count(
    ctx: Context, datasets: Sequence[str], edits: Sequence[Row]
) -> Mapping[str, Mapping[str, int]]:
    """Return what waits in each of these datasets, which the actor may edit, by kind.

    The groups of unanswered questions, the wordings at the top (`merlin.app.wordings`), and the
    answers that one wording finds. `edits` are the dataset, id and state of the changes without a
    commit. Counted again once a minute, and after each edit and each change of files.
    """
    if not datasets:
        return {}
    catalogue = Catalogue(ctx.db).version()
    minute = ctx.clock().replace(second=0, microsecond=0)
    counts = dict[str, Mapping[str, int]]()
    for dataset in datasets:
        version = (
            *(catalogue, minute),
            *((edit.part, edit.state) for edit in edits if edit.dataset == dataset),
        )
        known = ctx.unanswered.get(dataset)
        if known is None or known[0] != version:
            readable = [group for group in _read_groups(ctx, dataset) if group.wordings]
            groups = _list_waiting(ctx, dataset, readable[:_MAX_GROUPS])
            numbers = {
                "unanswered": sum(1 for _ in groups),
                "wordings": wordings.count_proposed(ctx, dataset),
                "single": len(wordings.list_single(ctx, dataset)),
            }
            known = version, numbers
            ctx.unanswered[dataset] = known
        counts[dataset] = known[1]
    return counts


def list_unanswered(
    ctx: Context, actor: Actor, dataset: str, language: str
) -> Unanswered:
    """Return the questions about a dataset without a good answer in the last week.

    Personal data is masked in `language`. Raises NotFound.
    """
    require_editing(ctx, actor, dataset)
    groups = _read_groups(ctx, dataset)
    readable = [group for group in groups if group.wordings]
    return Unanswered(
        groups=[
            _view(ctx, dataset, group, example, language)
            for group, example in _list_waiting(ctx, dataset, readable[:_MAX_GROUPS])
        ],
        older=len(readable[_MAX_GROUPS:]),
        hidden=sum(len(group.questions) for group in groups if not group.wordings),
        asked=QuestionStatistics(ctx.db, ctx.default_dataset).count_by_dataset(
            _since(ctx)
        )[0][dataset],
    )


def dismiss(ctx: Context, actor: Actor, dataset: str, turn: int) -> None:
    """List the group of a turn no more; asked again, it is listed again. Raises NotFound."""
    _mark_group(ctx, actor, dataset, turn, 0, turn)


def restore(ctx: Context, actor: Actor, dataset: str, turn: int) -> None:
    """List the group that was dismissed under a turn again. Raises NotFound."""
    _mark_group(ctx, actor, dataset, turn, turn, 0)


def find_dismissed(
    ctx: Context, actor: Actor, dataset: str, turn: int, language: str
) -> str:
    """Return the masked question that was dismissed under a turn, "" for none. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    wordings = chain(*(group.wordings for group in _read_groups(ctx, dataset, turn)))
    return next(
        (mask_personal_data(words, language).words for words, _ in wordings), ""
    )


def _mark_group(
    ctx: Context, actor: Actor, dataset: str, turn: int, old: int, new: int
) -> None:
    require_editing(ctx, actor, dataset)
    for group in _read_groups(ctx, dataset, old):
        turns = [question.turn_id for question in group.questions]
        if turn in turns:
            for some in in_portions(turns):
                ctx.db.update(TURN, TURN.id.in_(some), is_dismissed=new)
    ctx.unanswered.pop(dataset, None)


def _read_groups(ctx: Context, dataset: str, dismissed: int = 0) -> list[QuestionGroup]:
    statistics = QuestionStatistics(ctx.db, ctx.default_dataset)
    found = statistics.list_unanswered(dataset, _since(ctx), _MAX_QUESTIONS, dismissed)
    return group_questions(found)


def _since(ctx: Context) -> date:
    return ctx.clock().date() - timedelta(days=DAYS - 1)


def _list_waiting(
    ctx: Context, dataset: str, groups: Sequence[QuestionGroup]
) -> Iterator[tuple[QuestionGroup, ExampleEntry | None]]:
    """Yield the groups that no example answers, each with the example that answered badly.

    What awaits its commit answers its question.
    """
    pending = [
        each.text
        for each in Changes(ctx.db, ctx.clock).list_pending(dataset)
        if each.text
    ]
    for group in groups:
        if any(_asks(text, form) for text in pending for form in group.forms):
            continue
        example = _find_example(ctx, dataset, group.forms)
        disliked = group.last(Reason.DISLIKED)
        # Git times have whole seconds.
        written_at = example.at if example else None
        is_disliked_since = (
            disliked and written_at and disliked.replace(microsecond=0) > written_at
        )
        if example is None or is_disliked_since:
            yield group, example


def read_turn_before(
    ctx: Context, dataset: str, question: str, turn_id: int, language: str
) -> tuple[str, str] | None:
    """Return the question and answer before a question that continues a conversation, masked.

    A question that an example of the dataset asks alone continues none.
    """
    if not needs_turn_before(normalise(question)):
        return None
    alone = Message("user", question), Message("assistant", "")
    if find_corrected(ctx.db, dataset, alone, "").same:
        return None
    turn = QuestionStatistics(ctx.db, ctx.default_dataset).find_turn_before(turn_id)
    if turn is None:
        return None
    asked, answered = (mask_personal_data(text, language).words for text in turn)
    return asked, answered


def _view(
    ctx: Context,
    dataset: str,
    group: QuestionGroup,
    example: ExampleEntry | None,
    language: str,
) -> UnansweredView:
    (commonest, _), *_ = group.wordings
    newest = next(
        each for each in group.questions if each.is_shown and each.text == commonest
    )
    return UnansweredView(
        turn=group.questions[0].turn_id,
        question=mask_personal_data(commonest, language).words,
        before=read_turn_before(ctx, dataset, commonest, newest.turn_id, language),
        wordings=[
            (mask_personal_data(wording, language).words, count)
            for wording, count in group.wordings
        ],
        refused=group.count(Reason.REFUSED),
        disliked=group.count(Reason.DISLIKED),
        last=group.questions[0].at,
        example=example.example_id if example else "",
    )


def _find_example(
    ctx: Context, dataset: str, forms: Sequence[str]
) -> ExampleEntry | None:
    """Return the example with one of the questions, or nearly the same, or None."""
    entries = ExampleEntries(ctx.db)
    for form in forms:
        example_filter = ExampleFilter(" ".join(sorted(content_words(form))))
        for entry in entries.find(dataset, example_filter, _MAX_COMPARED):
            if _asks(entry.text, form):
                return entry
    return None


def _asks(text: str | None, form: str) -> bool:
    """Return whether an example's file asks a question in normal form, or nearly so.

    A question that continues a conversation is taught with the turn before it.
    """
    example = parse_example(text)
    messages = example.messages if example else ()
    asked = [normalise(each.content) for each in messages if each.role == "user"]
    return any(are_nearly_equal(form, each) for each in asked)
