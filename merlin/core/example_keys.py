"""The keys of an example: each is a field of `ExampleParts` and has its row there.

From the rows follow the JSON Schema (`merlin.dataset.spec`), how files are read and written
(`merlin.dataset.example_file`), what an import reads and an export writes, the names of columns in
tables, and the rows of the page on datasets. A new key is one row.
"""

from collections.abc import Mapping
from dataclasses import KW_ONLY, MISSING, dataclass, field, fields
from typing import NamedTuple

from merlin.core.messages import Message

# The key of an exported record with git's id of the example's file: the texts of such a record are
# taken as they are.
REVISION = "revision"
# The column of a table with such a record as JSON, where its cells would not say the same.
RECORD = "json"


class ExampleKey(NamedTuple):
    """A key: its kind, its meaning, what its schema says beside its kind, and its column's names.

    A kind is one of `$defs` of the schema. `columns` is None where people write no cell for it.
    """

    name: str
    kind: str
    meaning: str
    bounds: Mapping[str, object]
    columns: tuple[str, ...] | None
    is_required: bool


def _row(
    kind: str, meaning: str, columns: tuple[str, ...] | None = (), **bounds: object
) -> dict[str, object]:
    return {"kind": kind, "meaning": meaning, "columns": columns, "bounds": bounds}


@dataclass(frozen=True)
class ExampleParts:
    """What is stored of an example: where it lies, and the values of its keys, in a file's order.

    `id` is its path under `examples/` without `.yaml`, in NFC; `path` is the file's path within the
    dataset's folder, `blob` git's id of its bytes.
    """

    id: str
    path: str
    blob: str
    messages: tuple[Message, ...] = field(
        metadata=_row(
            "conversation",
            "What is said, in order: system first if any, then user and assistant by turns; "
            "the assistant speaks last.",
            None,
        )
    )
    _: KW_ONLY
    rejected: Message | None = field(
        default=None,
        metadata=_row(
            "answer",
            "What should not be answered in place of the last answer, for recipe.method: dpo or "
            "kto; the words, or a message of the assistant in the long form.",
        ),
    )
    tags: tuple[str, ...] = field(
        default=(),
        metadata=_row(
            "words",
            "Words to find the example by.",
            ("tag", "теги", "тег", "category", "категория", "тема", "раздел"),
        ),
    )
    split: str | None = field(
        default=None,
        metadata=_row(
            "side",
            "Puts the example on one side by hand; without it the dataset's split rule decides.",
        ),
    )
    source: str = field(
        default="",
        metadata=_row(
            "text",
            "Where the knowledge comes from: a book, a page, a lecture.",
            ("источник",),
            maxLength=2000,
        ),
    )
    note: str = field(
        default="",
        metadata=_row(
            "text",
            "A word to other editors; never trained.",
            ("заметка",),
            maxLength=10000,
        ),
    )
    allow: tuple[tuple[str, str], ...] = field(
        default=(),
        metadata=_row(
            "reasons",
            "Rules that this example may break, each with the reason: of personal data; "
            "same-meaning, if the other example has it, too.",
            None,
        ),
    )
    tools: tuple[Mapping[str, object], ...] = field(
        default=(),
        metadata=_row(
            "functions",
            "Functions that the model may call in this conversation, as the chat protocol has "
            "them.",
            None,
        ),
    )


KEYS = tuple(
    ExampleKey(each.name, is_required=each.default is MISSING, **each.metadata)
    for each in fields(ExampleParts)
    if each.metadata
)
