"""Different answers to what may be the same question: found in a dataset, and settled."""

from collections.abc import Sequence
from dataclasses import dataclass

from merlin.app import changes
from merlin.app.actor import Actor
from merlin.app.changes import DatasetFiles
from merlin.app.context import Context
from merlin.core.errors import Refused
from merlin.dataset.changes import Edit
from merlin.dataset.contradictions import (
    MAX_COMPARED,
    SAME_MEANING,
    can_list_pairs,
    list_alone,
    list_near_pairs,
)
from merlin.dataset.example import Example, normalise
from merlin.dataset.example_file import parse_example
from merlin.dataset.example_rewording import allow_rules
from merlin.dataset.layout import example_id_of
from merlin.dataset.preview import check_files
from merlin.dataset.proposals import Proposals


@dataclass(frozen=True, slots=True)
class Contradictions:
    """The nearest pairs of examples with different answers, best first.

    Those with the same question are the first. Each example of a pair is followed by the others
    that end with its answer. `compared` counts the examples that were compared, 0 where they are
    more than `limit` or the dataset wants no questions; `unread` the files with errors.
    """

    pairs: Sequence[tuple[list[Example], list[Example]]]
    compared: int
    unread: int
    limit: int = MAX_COMPARED


def find_contradictions(files: DatasetFiles) -> Contradictions:
    """Return the contradictions of a dataset's readable examples. Slow, and reads no rows."""
    checked = check_files(files.dataset, files.files)
    examples = {example.path: example for example in checked.examples}
    alike: dict[str, list[Example]] = {}
    for example in checked.examples:
        alike.setdefault(normalise(example.answer), []).append(example)

    def list_side(first: Example) -> list[Example]:
        return sorted(
            alike[normalise(first.answer)], key=lambda each: each is not first
        )

    same = [
        (examples[each.path], examples[str(each.arguments["other"])])
        for each in checked.findings
        if each.rule == "contradiction"
    ]
    known = [{one.path, other.path} for one, other in same]
    near = [
        pair
        for pair in list_near_pairs(checked)
        if {each.path for each in pair} not in known
    ]
    alone = len(list_alone(checked.examples))
    return Contradictions(
        [(list_side(one), list_side(other)) for one, other in [*same, *near]],
        compared=alone if can_list_pairs(checked) else 0,
        unread=checked.rejected,
    )


def settle_contradiction(
    ctx: Context, actor: Actor, dataset: str, holds: str, other: str, reason: str = ""
) -> str:
    """Request the commit that settles the contradiction of two examples; return its change id.

    `holds` and `other` are paths. With a `reason` both are other questions; else the answer of the
    first replaces that of the second in all examples. Raises NotFound, Refused if one of them was
    changed.
    """
    files = changes.read_files(ctx, actor, dataset)
    texts = {path: file for path in (holds, other) if (file := files.file(path))}
    examples_of = {path: parse_example(file.text) for path, file in texts.items()}
    first = examples_of.get(holds)
    second = examples_of.get(other)
    if first is None or second is None:
        raise Refused("changed since", "examples-decided")
    if reason:
        edits = [
            Edit(path, file.blob, allow_rules(file.text, (SAME_MEANING,), reason))
            for path, file in texts.items()
        ]
        return changes.save(ctx, actor, dataset, edits)[0].change_id
    first = first.at(example_id_of(holds), holds, texts[holds].blob)
    request = changes.change_request(ctx, actor)
    done = Proposals(ctx.db, ctx.clock).settle(dataset, first, second.answer, request)
    if done is None:
        raise Refused("settled already", "examples-decided")
    return done
