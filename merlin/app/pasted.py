"""A pasted table of examples: what is new in it, and what of it becomes drafts.

    the text -> rows judged one by one -> those that the editor chose -> drafts

A row is compared with what lies in the dataset through its index, so that no dataset is read whole.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from merlin.app import drafts, examples
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.examples import ExampleView, ExampleWords
from merlin.app.permissions import require_editing
from merlin.core.errors import Refused
from merlin.dataset.changes import Edit
from merlin.dataset.drafts import MOST_DRAFTS, ExampleDrafts
from merlin.dataset.entries import MOST_QUERY, ExampleEntries, ExampleFilter
from merlin.dataset.example import Example, parse_example, write_example
from merlin.dataset.files import FileIndex, FileText
from merlin.dataset.finding import Finding
from merlin.dataset.layout import NameAllocator, example_id_of, example_path
from merlin.dataset.pasted import read_pasted

# Of those that say a question's words, so many are compared with it.
_NEAR = 50


class PastedVerdict(StrEnum):
    """What a row is to the dataset: new, said already, the same question answered otherwise."""

    NEW = "new"
    SAME = "same"
    OTHER = "other"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class PastedRow:
    """One row; `known` is the example that asks the same, `findings` say what is wrong with it."""

    line: int
    verdict: PastedVerdict
    example: Example | None = None
    known: ExampleView | None = None
    findings: Sequence[Finding] = ()

    @property
    def is_offered(self) -> bool:
        """Return whether it can be taken."""
        return self.verdict in (PastedVerdict.NEW, PastedVerdict.OTHER)


def judge_pasted(ctx: Context, actor: Actor, dataset: str, text: str) -> list[PastedRow]:
    """Return what each row is. Raises NotFound, Refused for more rows than there may be drafts."""
    require_editing(ctx, actor, dataset)
    drafted = {
        each.edit.path: FileText(dataset, each.edit.path, each.edit.before or "", each.edit.text)
        for each in ExampleDrafts(ctx.db, ctx.clock).of(actor.user_id, dataset)
    }
    entries, rows, said = ExampleEntries(ctx.db), list[PastedRow](), set[bytes]()
    for line in read_pasted(text):
        if len(rows) >= MOST_DRAFTS:
            raise Refused("too many rows", "page-paste-too-many", limit=MOST_DRAFTS)
        example = line.example
        if example is None:
            rows.append(PastedRow(line.line, PastedVerdict.WRONG, findings=line.findings))
            continue
        found = entries.find(dataset, ExampleFilter(example.question[:MOST_QUERY]), _NEAR)
        lying = [FileText(dataset, each.path, each.blob, each.text) for each in found]
        near = [*drafted.values(), *(each for each in lying if each.path not in drafted)]
        rows.append(_judge(line.line, example, near, said))
        said.add(example.facts.content)
    return rows


def _judge(line: int, example: Example, near: Sequence[FileText], said: set[bytes]) -> PastedRow:
    if example.facts.content in said:
        return PastedRow(line, PastedVerdict.SAME, example)
    for each in near:
        other = parse_example(each.text)
        if other is not None and other.facts.question == example.facts.question:
            is_same = other.facts.answer == example.facts.answer
            verdict = PastedVerdict.SAME if is_same else PastedVerdict.OTHER
            return PastedRow(line, verdict, example, examples.view_of(each))
    return PastedRow(line, PastedVerdict.NEW, example)


def take_pasted(
    ctx: Context, actor: Actor, dataset: str, text: str, chosen: Collection[int]
) -> int:
    """Make drafts of the rows of these lines; return how many. Raises as `judge_pasted`.

    A row that asks what an example asks already changes its answer, and its tags where it has any.
    """
    rows = [each for each in judge_pasted(ctx, actor, dataset, text) if each.line in chosen]
    mine = ExampleDrafts(ctx.db, ctx.clock)
    known = [each.edit.path for each in mine.of(actor.user_id, dataset)]
    if len(known) + len(rows) > MOST_DRAFTS:
        raise Refused("too many drafts", "page-drafts-too-many", limit=MOST_DRAFTS)
    names = NameAllocator([*FileIndex(ctx.db).example_ids(dataset), *map(example_id_of, known)])
    taken = 0
    for row in rows:
        if row.example is None or not row.is_offered:
            continue
        if row.known is None:
            path = example_path(names.new(row.example.question))
            mine.put(actor.user_id, dataset, Edit(path, None, write_example(row.example)))
        else:
            words = ExampleWords(None, row.example.answer, row.example.tags or None)
            drafts.draft_example(ctx, actor, dataset, row.known.id, words, row.known.revision)
        taken += 1
    return taken
