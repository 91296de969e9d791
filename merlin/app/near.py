"""Near questions with other answers, shown to an editor before an example is saved.

another question   saved; both say so (`allow: same-meaning`), and are no pair any more
the same answer    saved with the answer of the near example
replace            saved; all examples with that answer get the new one
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from merlin.app.actor import Actor
from merlin.app.changes import DatasetFiles
from merlin.app.context import Context
from merlin.app.permissions import require_editing
from merlin.core.errors import Refused
from merlin.course.editing import CourseEdits
from merlin.dataset.changes import Edit
from merlin.dataset.contradictions import SAME_MEANING, find_nearest
from merlin.dataset.corrections import Corrected
from merlin.dataset.example import Example, normalise
from merlin.dataset.example_file import parse_example
from merlin.dataset.example_rewording import allow_rules
from merlin.dataset.file_difference import Side, compare_answers
from merlin.dataset.layout import EXAMPLES, example_id_of
from merlin.dataset.proposals import Proposal, Proposals


@dataclass(frozen=True, slots=True)
class NearExample:
    """An example that may ask the same, and its answer beside the new one."""

    path: str
    question: str
    answer: str
    sides: Sequence[Side]


def find_near(
    ctx: Context, files: DatasetFiles, text: str | None, path: str = ""
) -> list[NearExample]:
    """Return the examples that may ask what an example's new text asks.

    `path` is its file, "" for a new one: a question that stays is not compared again. None for a
    question within a conversation. Slow, and reads no rows.
    """
    new = parse_example(text)
    file = files.file(path)
    old = parse_example(file.text) if file else None
    if new is None or len(new.messages) != len(("question", "answer")):
        return []
    if old is not None and old.normal_question == new.normal_question:
        return []
    examples = ctx.checker.check(files.dataset, files.files).examples
    others = [each for each in examples if each.path != path]
    return _compare(new.answer, find_nearest(new.question, new.answer, others))


def _compare(answer: str, found: Iterable[Example]) -> list[NearExample]:
    return [
        NearExample(
            each.path,
            each.question,
            each.answer,
            compare_answers(each.answer, answer, "example-answer"),
        )
        for each in found
    ]


def list_offered(
    ctx: Context, actor: Actor, waiting: Sequence[Proposal]
) -> dict[int, list[str]]:
    """Return by id the questions that were offered instead of the corrected answers.

    In normal form; none once the turn is deleted. Raises NotFound.
    """
    for dataset in {proposal.draft.dataset for proposal in waiting}:
        require_editing(ctx, actor, dataset)
    turns = {each.proposal_id: each.draft.turn_id for each in waiting}
    offered = Proposals(ctx.db, ctx.clock).list_offered(turns.values())
    return {proposal: offered.get(turn, []) for proposal, turn in turns.items()}


def find_near_corrections(
    ctx: Context,
    files: DatasetFiles,
    waiting: Sequence[Proposal],
    corrected: Mapping[int, Corrected],
    offered: Mapping[int, Sequence[str]],
) -> dict[int, list[NearExample]]:
    """Return by id the examples that corrections of one dataset may be about.

    None for those of which other questions are known to have the answer, and of a question within a
    conversation. Slow, and reads no rows.
    """
    asked = [
        each
        for each in waiting
        if each.draft.is_correction
        and not (corrected[each.proposal_id].others or each.draft.before_question)
    ]
    examples = ctx.checker.check(files.dataset, files.files).examples if asked else ()
    near = dict[int, list[NearExample]]()
    for each in asked:
        question = each.draft.question
        answer = each.draft.answer
        # Those that it changes ask this, and are no other question.
        own = {example.path for example in corrected[each.proposal_id].same}
        others = [example for example in examples if example.path not in own]
        found = find_nearest(question, answer, others, offered[each.proposal_id])
        near[each.proposal_id] = _compare(answer, found)
    return near


def read_answer(files: DatasetFiles, path: str) -> str:
    """Return the answer of a near example. Raises Refused if the file is none any more."""
    file = files.file(path)
    example = parse_example(file.text) if file else None
    if example is None:
        raise Refused("changed since", "examples-decided")
    return example.answer


def replace_answer(
    files: DatasetFiles, proposed: CourseEdits, answer: str
) -> CourseEdits:
    """Return the edit of an example, and those that give its answer to all with this one."""
    (edit,) = proposed.edits
    new = parse_example(edit.text)
    old = normalise(answer)
    more = list[Edit]()
    for file in files.files:
        example = parse_example(file.text) if file.path.startswith(EXAMPLES) else None
        if (
            new
            and example
            and normalise(example.answer) == old
            and file.path != edit.path
        ):
            other = example.at(example_id_of(file.path), file.path, file.blob)
            corrected = Corrected(others=(other,), known_answer=answer)
            more.append(Edit(file.path, file.blob, corrected.rewrite(other, new)))
    return replace(proposed, edits=(edit, *more))


def mark_other(
    files: DatasetFiles, proposed: CourseEdits, paths: Sequence[str], reason: str
) -> CourseEdits:
    """Return the edit of an example, and those that say of it and of near ones that they differ."""
    (edit,) = proposed.edits
    edits = [replace(edit, text=allow_rules(edit.text, (SAME_MEANING,), reason))]
    for path in paths:
        file = files.file(path)
        example = parse_example(file.text) if file else None
        if file and example and SAME_MEANING not in dict(example.allow):
            edits.append(
                Edit(path, file.blob, allow_rules(file.text, (SAME_MEANING,), reason))
            )
    return replace(proposed, edits=tuple(edits))
