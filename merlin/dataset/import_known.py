"""What an import knows of earlier ones: examples by the id that their source gave them.

An example that was imported under a name, of a record with an id, says so at the end of its
`source`, wherever its file moves: `faq#17@3fa9c1d2`. The last part is a digest of what the source
said, so that a change by the source and one by an editor can be told apart. A record of an export
has the id of its example.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from merlin.core.combining_marks import normalise_unicode
from merlin.core.errors import Refused
from merlin.core.example_keys import REVISION
from merlin.core.messages import Message
from merlin.core.table_cells import REQUIRED_COLUMNS, plain_name
from merlin.dataset.check import CheckedDataset
from merlin.dataset.entries import FileText
from merlin.dataset.example import Example
from merlin.dataset.example_file import parse_example, write_example
from merlin.dataset.finding import shorten
from merlin.dataset.import_fields import FieldChoices, find_parts
from merlin.dataset.import_lines import ImportedLine
from merlin.dataset.import_records import Unreadable, clean_text
from merlin.dataset.layout import EXAMPLES

# Names of fields that are plainly an id of the record itself, as that of a user is not.
ID_FIELDS = ("id", "_id", "uid", "uuid", "guid", "ид")
_ORIGIN = re.compile(r"(?:(.*); )?([^\s#]+)#(\S+)@([0-9a-f]{8})", re.DOTALL)
# What an example has beside its messages, and a record may say.
_BESIDE = ("tags", "split", "source", "note", "rejected", "tools", "allow")


class Origin(NamedTuple):
    """Where an example was imported from: the name, the id of its record, what that said."""

    name: str
    record_id: str
    digest: str


class KnownExample(NamedTuple):
    """An example of the dataset, and where it came from; None: nobody knows."""

    file: FileText
    example: Example
    origin: Origin | None

    def is_edited(self, parts: Collection[str]) -> bool:
        """Return whether somebody has edited it since it was imported.

        Neither parts that its source does not give, now or then, nor their absence tell so.
        """
        same = {digest_parts(self.example, each) for each in (parts, _BESIDE)}
        return self.origin is not None and self.origin.digest not in same


def split_source(source: str) -> tuple[str, Origin | None]:
    """Return what an example's `source` says itself, and where it was imported from."""
    found = _ORIGIN.fullmatch(source)
    if found is None:
        return source, None
    return found[1] or "", Origin(found[2], found[3], found[4])


_ORIGIN_IN_FILE = re.compile(r"([^\s#\"']+)#(\S+)@[0-9a-f]{8}\"?$", re.MULTILINE)


def find_origin(
    files: Iterable[FileText], ids: Collection[str], but: Collection[str]
) -> str:
    """Return the name under which most of these ids were imported, but for some; "" for none."""
    found = Counter(
        name
        for file in files
        for name, record_id in _ORIGIN_IN_FILE.findall(file.text or "")
        if record_id in ids and name not in but
    )
    return max(found, key=lambda name: found[name], default="")


def digest_parts(example: Example, parts: Collection[str]) -> str:
    """Return a digest of an example's messages, and of those parts that its source gives."""
    own = replace(example, source=split_source(example.source)[0], allow=())
    given = replace(
        Example("", "", "", own.messages),
        **{part: getattr(own, part) for part in _BESIDE if part in parts},
    )
    return hashlib.sha256(write_example(given).encode()).hexdigest()[:8]


def mark_origin(example: Example, origin: Origin) -> Example:
    """Return an example whose `source` ends with where it was imported from."""
    own, _ = split_source(example.source)
    mark = f"{origin.name}#{origin.record_id}@{origin.digest}"
    return replace(example, source=f"{own}; {mark}" if own else mark)


def list_parts(line: ImportedLine, choices: FieldChoices) -> set[str]:
    """Return the parts of an example that a record speaks of, if only by an empty cell.

    One with the revision of its example's file is whole.
    """
    if {REVISION, "messages"} <= {*line.names}:
        return {*_BESIDE}
    unread = {name for name, _ in line.fields}
    parts = {*find_parts(line.names, choices), *line.names} - unread
    return parts | {each for each in _BESIDE if getattr(line.example, each, None)}


def merge_record(example: Example, given: Example, parts: Collection[str]) -> Example:
    """Return an example of the dataset with what a record says; what that leaves open stays.

    A question and an answer without a history are the last ones of a longer conversation.
    """
    merged = {part: getattr(given, part) for part in _BESIDE if part in parts}
    if "source" in merged:
        own, origin = split_source(given.source)
        origin = origin or split_source(example.source)[1]
        stated = replace(given, source=own)
        merged["source"] = (mark_origin(stated, origin) if origin else stated).source
    for part in ("source", "note"):
        if part in merged:
            merged[part] = _keep_text(getattr(example, part), merged[part])
    if example.rejected and given.rejected:
        merged["rejected"] = _keep_message(example.rejected, given.rejected)
    return replace(example, messages=_merge_messages(example, given, parts), **merged)


def _merge_messages(
    example: Example, given: Example, parts: Collection[str]
) -> tuple[Message, ...]:
    old = example.messages
    new = given.messages
    if [each.role for each in old] == [each.role for each in new]:
        return tuple(map(_keep_message, old, new))
    if "history" in parts or not {*REQUIRED_COLUMNS} <= {*parts}:
        return new
    system = [each for each in new if each.role == "system"]
    kept = [each for each in old if each.role != "system" or "system" not in parts]
    asked = max(place for place, each in enumerate(kept) if each.role == "user")
    for place, content in ((asked, given.question), (-1, given.answer)):
        kept[place] = _keep_message(kept[place], replace(kept[place], content=content))
    return (*system, *kept)


def _keep_message(old: Message, new: Message) -> Message:
    """Return the new message in the form of the old one, which an import does not mend."""
    content = _keep_text(old.content, new.content)
    return replace(old, content=content, extra=new.extra or old.extra)


def _keep_text(old: str, new: str) -> str:
    return old if _mend(old) == _mend(new) else new


def _mend(text: str) -> str:
    try:
        return clean_text(text, []).strip()
    except Unreadable:
        return text


class KnownExamples:
    """The examples of a dataset by their ids, and by those that their source gave them."""

    def __init__(
        self, files: Iterable[FileText], checked: CheckedDataset, name: str
    ) -> None:
        parsed = {each.path: each for each in (*checked.examples, *checked.duplicates)}
        self.own: dict[str, KnownExample] = {}
        self.imported: dict[str, KnownExample] = {}
        for file in files:
            if not file.path.startswith(EXAMPLES):
                continue
            example = parsed.get(file.path) or parse_example(file.text)
            if example is None:
                continue
            _, origin = split_source(example.source)
            known = KnownExample(file, example, origin)
            self.own[normalise_unicode("NFC", file.example_id)] = known
            if origin and origin.name == name:
                self.imported[origin.record_id] = known

    def find(self, record_id: str) -> KnownExample | None:
        """Return the example of a record."""
        own = self.own.get(normalise_unicode("NFC", record_id))
        return own or self.imported.get(record_id)

    def list_ids(
        self, lines: Sequence[ImportedLine], choices: FieldChoices
    ) -> tuple[list[str], bool]:
        """Return the id of each record, "" for none, and whether they are those of other records.

        Unless a person chose the field, ids of which most have both another question and another
        answer are of another source. An export has words.
        """
        ids = list_ids(lines, choices, self.own)
        if "id" in choices.parts:
            return ids, False
        known = [
            (found.example, line.example)
            for record_id, line in zip(ids, lines, strict=True)
            if line.example
            and (found := self.find(record_id))
            and (record_id not in self.own or record_id.isdecimal())
        ]
        strangers = sum(
            old.normal_question != new.normal_question
            and old.last_answer_digest != new.last_answer_digest
            for old, new in known
        )
        least = 1 if choices.is_guessed else _STRANGERS
        are_others = strangers >= least and strangers * 2 > len(known)
        return ([""] * len(ids) if are_others else ids), are_others


# Fewer records with an id that is known can have been rewritten.
_STRANGERS = 3


def list_ids(
    lines: Sequence[ImportedLine], choices: FieldChoices, own: Collection[str] = ()
) -> list[str]:
    """Return the id of each record, "" for none: of the chosen field, else of a plain one.

    A plain one is there in each record, and no two have the same; else it counts where it is one of
    `own`. Raises Refused if two records have the same id of the chosen field.
    """
    values = [
        {plain_name(name): value for name, value in line.fields} for line in lines
    ]
    chosen = choices.parts.get("id", "")
    for field in [plain_name(chosen)] if chosen else ID_FIELDS:
        ids = ["_".join(each.get(field, "").split()) for each in values]
        pairs = [*zip(ids, lines, strict=True)]
        counts = Counter(each for each, line in pairs if each and not line.number)
        twice = [each for each, count in counts.items() if count > 1]
        if chosen and twice:
            raise Refused("same id", "import-same-id", id=shorten(twice[0]))
        is_whole = all(
            each or not (line.example or line.fields) for each, line in pairs
        )
        if chosen or (counts and is_whole and not twice):
            return [
                f"{each}/{line.number + 1}" if each and line.number else each
                for each, line in pairs
            ]
    plain = [each.get("id", "").strip() for each in values]
    return [each if normalise_unicode("NFC", each) in own else "" for each in plain]
