"""Other wordings of taught questions, for editors: what people used, and what rules propose.

    labels (`merlin.chat.wordings`) -> grouped by answer -> ticked -> proposals -> one commit
    answers found by one wording    -> frames            -> ticked -> proposals -> one commit

Ticked ones become proposals of those who used them, which `merlin.app.reviews` approves: they are
checked as all are, and removed when a consent is withdrawn. What would pull two answers together
is shown, and not offered.
"""

from collections import Counter, defaultdict
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
    Set as AbstractSet,
)
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter

from merlin.account.users import Consents
from merlin.app.actor import Actor
from merlin.app.changes import DatasetFiles
from merlin.app.context import Context
from merlin.app.permissions import require_editing
from merlin.chat.wordings import Label, LabelKind, Labels
from merlin.core.errors import Refused
from merlin.core.i18n import detect_language
from merlin.core.messages import Message
from merlin.core.permissions import Permission
from merlin.dataset.builds import NO_END, select_taught
from merlin.dataset.changes import Changes
from merlin.dataset.contradictions import find_confused, list_alone
from merlin.dataset.corrections import find_corrected
from merlin.dataset.example import Example, normalise
from merlin.dataset.example_file import parse_example
from merlin.dataset.layout import example_id_of
from merlin.dataset.proposals import FRAMES, WORDING, Draft, Proposals
from merlin.dataset.split import TEST, TRAIN
from merlin.dataset.wordings import propose_by_frames
from merlin.db.tables import EXAMPLE_TEXT, TAUGHT_EXAMPLE
from merlin.db.values import read_messages

# People who used a wording, none of them an editor, before it stands at the top.
PEOPLE = 3
FRAMES_SHOWN = 4
MAX_SHOWN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """A wording as most people wrote it, and how many meant each of these taught questions.

    `none` said that it is none of those. `example` is one that they meant.
    """

    text: str
    meant: Mapping[str, int]
    none: int
    is_proposed: bool
    example: Example

    @property
    def people(self) -> int:
        """Return how many people meant a taught question."""
        return sum(self.meant.values())

    @property
    def is_shared(self) -> bool:
        """Return whether people meant several answers, or as many of them none."""
        return len(self.meant) > 1 or self.none >= self.people


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedWordings:
    """What people used: by answer, those at the top first, and what pulls two answers together.

    The latter with the taught question of another answer that it is near to, "" if it is near to
    none: people meant several.
    """

    answers: Sequence[Sequence[Wording]] = ()
    shared: Sequence[tuple[Wording, str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleAnswer:
    """An answer that one example teaches, and what other wordings of its question rules propose."""

    example: str
    question: str
    answer: str
    frames: Sequence[str] = ()


def list_labels(
    ctx: Context, actor: Actor, dataset: str
) -> tuple[Sequence[Label], Collection[int]]:
    """Return what people's questions meant, and the ids of the editors. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    return _list_labels(ctx, dataset)


def _list_labels(ctx: Context, dataset: str) -> tuple[Sequence[Label], Collection[int]]:
    labels = Labels(ctx.db).list_newest(dataset)
    ids = {label.user_id for label in labels}
    people = ctx.roles.list_authorities(ids) if ids else {}
    may_edit = Permission.EDIT_EXAMPLES
    return labels, {each for each in people if people[each].may(may_edit, dataset)}


def group_labels(
    ctx: Context,
    files: DatasetFiles,
    labels: Sequence[Label],
    editors: Collection[int],
) -> UsedWordings:
    """Return the wordings that people used and no example asks. Slow, and reads no rows."""
    if not labels:
        return UsedWordings()
    alone = list_alone(ctx.checker.check(files.dataset, files.files).examples)
    by_question = {each.normal_question: each for each in alone}
    by_answer = {normalise(each.answer): each for each in reversed(alone)}

    def find(kind: LabelKind, meant: str) -> Example | None:
        known = by_answer if kind is LabelKind.NEXT else by_question
        return known.get(normalise(meant))

    answers = defaultdict[str, list[Wording]](list)
    shared = list[tuple[Wording, str]]()
    for wording in _list_wordings(labels, editors, find):
        answer = wording.example.answer
        near = find_confused(wording.text, answer, alone)
        if near or wording.is_shared:
            shared.append((wording, near.question if near else ""))
        else:
            answers[normalise(answer)].append(wording)
    rank = attrgetter("is_proposed", "people")
    groups = [sorted(each, key=rank, reverse=True) for each in answers.values()]
    groups.sort(key=lambda group: rank(group[0]), reverse=True)
    return UsedWordings(answers=groups, shared=shared)


def _list_wordings(
    labels: Iterable[Label],
    editors: Collection[int],
    find: Callable[[LabelKind, str], Example | None],
) -> Iterator[Wording]:
    """Yield the wordings that people meant to be taught and no example asks."""
    for form, same in _group_by_form(labels).items():
        examples = dict[str, Example]()
        people = defaultdict[str, set[int]](set)
        for label in same:
            if example := find(label.kind, label.meant):
                answer = normalise(example.answer)
                question = examples.setdefault(answer, example).question
                people[question].add(label.user_id)
        if not people or find(LabelKind.PRESSED, form):
            continue
        everyone = set[int]().union(*people.values())
        pressed = {each.user_id for each in same if each.kind is LabelKind.PRESSED}
        refused = {each.user_id for each in same if each.kind is LabelKind.NONE}
        ((text, _),) = Counter(label.question for label in same).most_common(1)
        yield Wording(
            text=text,
            meant={question: len(ids) for question, ids in people.items()},
            none=len(refused - everyone),
            is_proposed=is_enough(everyone, pressed.intersection(editors)),
            example=next(iter(examples.values())),
        )


def _group_by_form(labels: Iterable[Label]) -> dict[str, list[Label]]:
    groups = defaultdict[str, list[Label]](list)
    for label in labels:
        groups[normalise(label.question)].append(label)
    return groups


def is_enough(people: AbstractSet[int], editors: Collection[int]) -> bool:
    """Return whether a wording stands at the top: three used it, or an editor pressed its offer."""
    return len(people) >= PEOPLE or not people.isdisjoint(editors)


def promote(
    ctx: Context,
    actor: Actor,
    dataset: str,
    ticked: Sequence[tuple[str, str]],
    *,
    is_used: bool,
) -> list[int]:
    """Make proposals of ticked wordings, each after its taught question; return their ids.

    `is_used`: people used them, and each who did is an author. Raises NotFound; Refused if none is
    ticked, or none stands any more.
    """
    require_editing(ctx, actor, dataset)
    if not ticked:
        raise Refused("none is ticked", "wordings-none-ticked")
    rows = Proposals(ctx.db, ctx.clock)
    labels = Labels(ctx.db)
    forms = _group_by_form(labels.list_newest(dataset))
    open_forms = {*map(normalise, rows.open_questions(dataset))}
    find = partial(_find_stored, ctx, dataset, LabelKind.PRESSED)
    ids = list[int]()
    for question, text in ticked:
        form = normalise(text)
        taught = find(question)
        if taught is None or form in open_forms or find(text):
            continue
        answer = taught.answer
        drafts = [(0, Draft(text, answer, dataset, origin=FRAMES))]
        if is_used:
            same = forms.get(form, [])
            drafts = [*_draft_used(ctx, text, answer, same)]
            labels.delete([label.turn_id for label in same])
        for user_id, draft in drafts:
            ids += rows.add_drafts([draft], user_id)
        open_forms.add(form)
    if not ids:
        raise Refused("decided already", "examples-decided")
    return ids


def _draft_used(
    ctx: Context, text: str, answer: str, same: Iterable[Label]
) -> Iterator[tuple[int, Draft]]:
    """Yield each person who used a wording and whose consent stands, with the draft."""
    consents = Consents(ctx.db, ctx.clock)
    by_person = {
        label.user_id: label for label in same if label.kind is not LabelKind.NONE
    }
    for user_id, label in by_person.items():
        if consents.hold(user_id):
            turn = label.turn_id
            yield user_id, Draft(text, answer, label.dataset, turn, origin=WORDING)


def decline(ctx: Context, actor: Actor, dataset: str, texts: Iterable[str]) -> None:
    """Delete what people's questions with these wordings meant; asked again, it comes again.

    Raises NotFound.
    """
    require_editing(ctx, actor, dataset)
    labels = Labels(ctx.db)
    forms = _group_by_form(labels.list_newest(dataset))
    for text in texts:
        labels.delete([label.turn_id for label in forms.get(normalise(text), [])])


def count_proposed(ctx: Context, dataset: str) -> int:
    """Return how many wordings stand at the top, without those that people meant otherwise."""
    labels, editors = _list_labels(ctx, dataset)
    enough = [
        each
        for same in _group_by_form(labels).values()
        if is_enough({label.user_id for label in same}, editors)
        for each in same
    ]
    found = _list_wordings(enough, editors, partial(_find_stored, ctx, dataset))
    return sum(each.is_proposed and not each.is_shared for each in found)


def _find_stored(
    ctx: Context, dataset: str, kind: LabelKind, meant: str
) -> Example | None:
    """Return an example that asks this alone, or of `NEXT` has this answer; None for none."""
    if not meant:
        return None
    asked = Message("user", meant), Message("assistant", "")
    answer = meant if kind is LabelKind.NEXT else ""
    found = find_corrected(ctx.db, dataset, asked, answer)
    return next(iter(found.others if answer else found.same), None)


def list_single(ctx: Context, dataset: str) -> list[SingleAnswer]:
    """Return the answers that one taught question finds, by the newest build and edits since.

    The edits on their way come first, then examples by their ids.
    """
    columns = TAUGHT_EXAMPLE.example_id, EXAMPLE_TEXT.messages
    taught = select_taught(*columns).where(
        (TAUGHT_EXAMPLE.dataset == dataset)
        & (TAUGHT_EXAMPLE.split == TRAIN)
        & (TAUGHT_EXAMPLE.end_build == NO_END)
    )
    rows = ctx.db.rows(taught.order_by(TAUGHT_EXAMPLE.example_id))
    examples = {row.example_id: read_messages(row.messages) for row in rows}
    edited = dict[str, Sequence[Message]]()
    for each in Changes(ctx.db, ctx.clock).list_pending(dataset):
        example = parse_example(each.text)
        if example and example.split != TEST:
            edited[example_id_of(each.inside)] = example.messages
    found = defaultdict[str, list[SingleAnswer]](list)
    for example_id, messages in {**edited, **examples, **edited}.items():
        asked = [each for each in messages if each.role == "user"]
        single = SingleAnswer(
            example=example_id,
            question=asked[0].content if len(asked) == 1 else "",
            answer=messages[-1].content,
        )
        found[normalise(single.answer)].append(single)
    return [of[0] for of in found.values() if len(of) == 1 and of[0].question]


def propose_frames(
    ctx: Context, actor: Actor, dataset: str
) -> tuple[Sequence[SingleAnswer], int]:
    """Return the first answers that one wording finds, with wordings by rules; and how many are.

    Raises NotFound.
    """
    require_editing(ctx, actor, dataset)
    single = list_single(ctx, dataset)
    taken = {*map(normalise, Proposals(ctx.db, ctx.clock).open_questions(dataset))}
    shown = list[SingleAnswer]()
    for each in single[:MAX_SHOWN]:
        language = detect_language(each.question) or ctx.config.language
        frames = [
            words
            for words in propose_by_frames(each.question, language)
            if normalise(words) not in taken
        ]
        shown.append(replace(each, frames=frames[:FRAMES_SHOWN]))
    return shown, len(single)
