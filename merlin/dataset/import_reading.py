"""Read the files of an import in a child process, which is confined (`documents`).

What reads is `merlin.dataset.import_lines`. The child gets what a person has said of the fields and
the files, and returns a line of JSON for each record. It read what strangers sent, so its answer is
read as theirs. Other pages wait for none of it, and who goes away ends the child.
"""

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from io import BytesIO

from pydantic import NonNegativeInt, TypeAdapter

from merlin.core.errors import Refused
from merlin.dataset.entries import FileText
from merlin.dataset.finding import Finding, escape_unprintable
from merlin.dataset.import_fields import NO_CHOICES, FieldChoices
from merlin.dataset.import_lines import (
    MAX_IMPORT_BYTES,
    MAX_RECORDS,
    ImportedLine,
    read_import_files,
    take_most,
)
from merlin.dataset.import_memory import Recalled, begin_recalling, go_on_recalling
from merlin.providers.document_child import (
    ExtractedText,
    Reader,
    UnreadableDocument,
    load_reader,
)
from merlin.providers.documents import ChildReader

File = tuple[bytes, str]  # its content and its name
_HEAD = TypeAdapter(list[tuple[str, NonNegativeInt]])
_CHOICES = TypeAdapter(FieldChoices)
# The values of fields, each once: many records have the same. Then a record with their places.
_PAIRS = TypeAdapter(list[tuple[str, str]])
_NUMBERED = TypeAdapter(tuple[ImportedLine, list[NonNegativeInt]])
_LOADER = f"{__name__}:load_lines_reader"
# Each record repeats what stands once for all: a list of questions has one answer.
_MAX_GROWTH = 4
_LEAST_CHARACTERS = 20_000_000
# A command keeps nobody waiting, and its files have up to MAX_IMPORT_BYTES.
_COMMAND_S = 150.0


def pack_files(files: Iterable[File]) -> bytes:
    """Return files as bytes: a line of JSON with their names and sizes, then their contents."""
    contents, names = zip(*files, strict=True) if (files := [*files]) else ((), ())
    sizes = zip(map(escape_unprintable, names), map(len, contents), strict=True)
    return b"".join((_HEAD.dump_json([*sizes]), b"\n", *contents))


def pack_request(files: Iterable[File], choices: FieldChoices) -> bytes:
    """Return what the child reads: a line of JSON with the choices, then the files."""
    return b"".join((_CHOICES.dump_json(choices), b"\n", pack_files(files)))


def unpack_files(packed: bytes) -> list[File]:
    """Return the files of `pack_files`. Raises ValueError."""
    return _unpack(BytesIO(packed))


def _unpack(stream: BytesIO) -> list[File]:
    named = _HEAD.validate_json(stream.readline())
    files = [(stream.read(size), name) for name, size in named]
    if [len(content) for content, _ in files] != [size for _, size in named]:
        raise ValueError("the files are not whole")
    return files


async def read_apart(
    files: Sequence[File], choices: FieldChoices, reader: ChildReader
) -> list[ImportedLine]:
    """Return every record of files, as `read_import_files` yields them.

    Files that the child can't read in its time and memory are a finding each. Raises Refused if
    `choices` takes more than MAX_RECORDS.
    """
    content = pack_request(files, choices)
    most = max(_MAX_GROWTH * len(content), _LEAST_CHARACTERS)
    try:
        text, _ = await reader.read_kind(_LOADER, content, most)
        lines = await asyncio.to_thread(_parse_lines, text)
    except (Refused, ValueError, IndexError) as error:
        reason = getattr(error, "key", "damaged").removeprefix("media-")
        found = Finding("", 1, 1, "import-unreadable", arguments={"reason": reason})
        return [ImportedLine(1, None, (found.at(name),), name) for _, name in files]
    if sum(choices.takes(line.fields) for line in lines) > MAX_RECORDS:
        raise Refused("too much at once", "import-too-much", limit=MAX_RECORDS)
    return lines


async def recall_apart(
    dataset_files: Sequence[FileText],
    files: Sequence[File],
    given: FieldChoices,
    reader: ChildReader,
) -> Recalled:
    """Return every record of files, and the choices that they were read with.

    Raises Refused as `read_apart` and `begin_recalling`.
    """
    recalling = begin_recalling(dataset_files, given)
    asked, found = next(recalling), None
    while found is None:
        lines = await read_apart(files, asked, reader)
        asked, found = await asyncio.to_thread(go_on_recalling, recalling, lines)
    return found


def read_files(
    files: Iterable[File], choices: FieldChoices = NO_CHOICES
) -> Iterator[ImportedLine]:
    """Yield every record of files for a command; no event loop may run. Raises as `read_apart`."""
    reader = ChildReader(wall_s=_COMMAND_S)
    together = list[File]()
    for content, name in files:
        if sum(len(each) for each, _ in together) + len(content) > MAX_IMPORT_BYTES:
            yield from asyncio.run(read_apart(together, choices, reader))
            together = []
        together.append((content, name))
    yield from asyncio.run(read_apart(together, choices, reader))


def _parse_lines(text: str) -> list[ImportedLine]:
    """Return the records that a child gave. Raises ValueError, IndexError."""
    # One by one: nothing else would run while all of them are read at once.
    listed, *rows = text.split("\n")
    pairs = _PAIRS.validate_json(listed)
    lines = list[ImportedLine]()
    for row in rows:
        line, places = _NUMBERED.validate_json(row)
        example = line.example
        if example and "user" not in {each.role for each in example.messages}:
            raise ValueError("an example without a question")
        lines.append(replace(line, fields=tuple(pairs[place] for place in places)))
    return lines


def load_lines_reader() -> Reader:
    """Return what reads files in the child, after all that it may import is imported."""
    for kind in ("xlsx", "outline", "xml", "zip"):
        load_reader(kind)
    for content, name in _SMALLEST:
        [*read_import_files([(content.encode("cp1251"), name)])]
    return _read_lines


# The smallest files with which each reader of texts imports what it needs.
_SMALLEST = (
    ('{"messages": [{"role": "user", "content": 1}], "tools": 1}', "a.json"),
    ("question,answer\nГде?,Здесь.\n", "a.csv"),
    ("# a?\n\nb\n\n| a | b |\n|---|---|\n| c | d |\n", "a.md"),
    ("::a::b{=c}", "a.gift"),
    ("nlu:\n- intent: a\n  examples: '- b'\n", "nlu.yml"),
)


def _read_lines(content: bytes, most_characters: int) -> ExtractedText:
    """Return the values of fields, and a line for each record: of JSON, each with line ends.

    Raises UnreadableDocument, and ValueError for what `read_apart` hasn't sent.
    """
    stream = BytesIO(content)
    choices = _CHOICES.validate_json(stream.readline())
    places: dict[tuple[str, str], int] = {}
    rows = [""]
    left = most_characters
    for line in take_most(read_import_files(_unpack(stream), choices), choices):
        numbers = [places.setdefault(pair, len(places)) for pair in line.fields]
        values = _NUMBERED.dump_python((replace(line, fields=()), numbers))
        rows.append(_dump(values))
        left -= len(rows[-1])
        if left < 0:
            raise UnreadableDocument("too-long")
    rows[0] = _dump([*places])
    return "\n".join(rows), False


def _dump(values: object) -> str:
    """Return values as JSON; what is half a character is none."""
    written = json.dumps(values, ensure_ascii=False)
    return written.encode("utf-8", "replace").decode()
