"""Examples from files of other programs: JSON Lines, lists of JSON, tables, workbooks.

JSON is one record a line, or a list of records, as `merlin.dataset.import_records` reads them. A
table (`merlin.dataset.import_tables`) has a heading row with the columns question and answer, and
optionally others, by the names of `merlin.core.table_cells`; its rows are read as records. Every
non-empty line becomes an example or findings.

JSON Lines and tables are streamed: only one record is in memory at a time.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from io import BufferedReader, TextIOWrapper
from math import inf
from typing import Any, Literal

from merlin.core.file_kind import UTF_8, detect_encoding
from merlin.core.table_cells import COLUMNS, REQUIRED_COLUMNS, Row, parse_heading
from merlin.dataset.example import Example, check_conversation, example_from_json
from merlin.dataset.finding import Finding, Severity, shorten
from merlin.dataset.import_records import Record, UnreadableRecord, find_place, read_record
from merlin.dataset.import_tables import csv_rows, workbook_rows
from merlin.dataset.layout import MAX_EXAMPLE_BYTES
from merlin.dataset.spec import Step, validate_file
from merlin.dataset.yaml_io import MAX_DEPTH, MAX_EVENTS, MAX_FILE_BYTES, Node, decode_text

ImportFormat = Literal["jsonl", "csv", "xlsx"]


@dataclass(frozen=True, slots=True)
class ImportedLine:
    """One record of a file: its start (from 1), and an example or the findings about it.

    `left` are the keys that were left out, for a column without a name its number from 1 in
    brackets. `places` are those of `Record`.
    """

    line: int
    example: Example | None
    findings: tuple[Finding, ...] = ()
    file: str = ""
    column: int = 1
    left: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


@dataclass(slots=True)
class LeftOut:
    """Counts what is left out of the records of an import: keys, and columns of tables."""

    _counts: dict[tuple[str, str], int] = field(default_factory=dict)
    _first: dict[tuple[str, str], ImportedLine] = field(default_factory=dict)

    def add(self, line: ImportedLine) -> None:
        """Count what was left out of a record."""
        for name in line.left:
            key = line.file, name
            self._counts[key] = self._counts.get(key, 0) + 1
            self._first.setdefault(key, line)

    def findings(self) -> Iterator[Finding]:
        """Yield what was left out and of how many records, at the first of them."""
        together: dict[tuple[str, int, int, int], list[str]] = {}
        for (file, name), count in self._counts.items():
            line = self._first[file, name]
            together.setdefault((file, line.line, line.column, count), []).append(name)
        for (file, number, column, count), names in together.items():
            values: dict[str, str | int] = {"keys": shorten(", ".join(names), _LEFT_LENGTH)}
            values["count"] = count
            place = ("", number, column, "import-left-keys")
            yield Finding(*place, Severity.WARNING, values).at(file)


_LEFT_LENGTH = 300


_JSON_ENDINGS = ("json", "jsonl", "ndjson")
# A zip archive.
_WORKBOOK = b"PK"
# How files begin that are no text, gzip, Parquet, old workbooks, PDF, or stand for another file.
_OTHER_FILES = (b"\x1f\x8b", b"PAR1", b"\xd0\xcf\x11\xe0", b"%PDF", b"version https://git-lfs")


def detect_format(name: str, file: BufferedReader) -> ImportFormat:
    """Return "xlsx", "jsonl" or "csv" from a file's first bytes or its name.

    The position in the file does not change.
    """
    head = file.peek()
    if head.startswith(_WORKBOOK):
        return "xlsx"
    is_json = _decode_head(head).startswith(("{", "[")) or name.casefold().endswith(_JSON_ENDINGS)
    return "jsonl" if is_json else "csv"


def _decode_head(head: bytes) -> str:
    return head.decode(detect_encoding(head), "replace").lstrip()


def read_import_lines(file: BufferedReader, name: str) -> Iterator[ImportedLine]:
    """Yield every record of a file.

    Findings have the file's `name` as their path. An unreadable file is one record with findings;
    a list or a table is read up to its first syntax error. Closes the file at its end. Raises
    OSError.
    """
    is_empty, file_format = True, detect_format(name, file)
    head = file.peek()
    lines: Iterable[ImportedLine]
    if head.startswith(_OTHER_FILES):
        lines = [_reject(1, "import-kind")]
    elif file_format == "xlsx":
        lines = _read_table(workbook_rows(file))
    else:
        lines = _read_text(file, file_format)
    for line in lines:
        is_empty = False
        findings = tuple(finding.at(name) for finding in line.findings)
        yield replace(line, file=name, findings=findings)
    if is_empty:
        yield ImportedLine(1, None, (Finding("", 1, 1, "empty-file").at(name),), name)


def _read_text(file: BufferedReader, file_format: ImportFormat) -> Iterator[ImportedLine]:
    head = file.peek()
    encoding, text_head = detect_encoding(head), _decode_head(head)
    newline = "" if file_format == "csv" else "\n"
    # Invalid UTF-8 becomes surrogates, so that its line and column can be reported.
    errors = "surrogateescape" if encoding == UTF_8 else "replace"
    with TextIOWrapper(file, encoding, errors=errors, newline=newline) as text:
        if file_format == "csv":
            yield from _read_table(csv_rows(iter(partial(text.readline, MAX_FILE_BYTES + 1), "")))
        else:
            for record in _read_list(text) if text_head.startswith("[") else _read_lines(text):
                yield record if isinstance(record, ImportedLine) else _parse_record(*record)


def _reject(line: int, rule: str, column: int = 1, **arguments: str | int) -> ImportedLine:
    return ImportedLine(line, None, (Finding("", line, column, rule, arguments=arguments),))


_NO_UTF8 = re.compile("[\udc80-\udcff]")


def _byte_size(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))


def _find_text_error(line: int, text: str, column: int = 1) -> ImportedLine | None:
    """Return the finding about a text that is too large or not UTF-8, None for a good one."""
    size = _byte_size(text)
    if size > MAX_FILE_BYTES:
        return _reject(line, "too-large", size=size, limit=MAX_FILE_BYTES)
    found = decode_text(text.encode("utf-8", "surrogateescape")) if _NO_UTF8.search(text) else ""
    if isinstance(found, str):
        return None
    column = found.column if found.line > 1 else found.column + column - 1
    return _reject(line + found.line - 1, found.rule, column, **found.arguments)


# Line, column and text of a record, or the findings about an unreadable one.
_Text = tuple[int, int, str] | ImportedLine


def _read_lines(text: TextIOWrapper) -> Iterator[_Text]:
    number = 0
    while line := text.readline(MAX_FILE_BYTES + 1):
        number, piece, beyond = number + 1, line, 0
        while not piece.endswith("\n") and (piece := text.readline(MAX_FILE_BYTES)):
            beyond += _byte_size(piece.removesuffix("\n"))
        line = line.removesuffix("\n")
        if beyond:
            yield _reject(number, "too-large", size=_byte_size(line) + beyond, limit=MAX_FILE_BYTES)
        elif line.strip():
            yield _find_text_error(number, line) or (number, 1, line)


_BLANKS = re.compile(r"[ \t\n\r]*")
# Of a list, which is read whole: as many bytes as a dataset's examples may have together.
_MAX_LIST_LENGTH = MAX_EXAMPLE_BYTES


def _read_list(file: TextIOWrapper) -> Iterator[_Text]:
    """Yield the items of a list, up to its first error."""
    text = file.read(_MAX_LIST_LENGTH + 1)
    if len(text) > _MAX_LIST_LENGTH:
        yield _reject(1, "too-large", size=len(text), limit=_MAX_LIST_LENGTH)
        return
    # Only the end of each item matters: numbers with too many digits are reported later.
    decoder = json.JSONDecoder(parse_int=str, parse_float=str)
    at, line, line_start = 0, 1, 0

    def move(end: int) -> str:
        """Move to `end` and over the white space there; return the next character."""
        nonlocal at, line, line_start
        match = _BLANKS.match(text, end)
        end = match.end() if match else end
        line += text.count("\n", at, end)
        line_start = max(text.rfind("\n", at, end) + 1, line_start)
        at = end
        return text[end : end + 1]

    move(0)
    is_open = move(at + 1) != "]"
    while is_open:
        try:
            _, end = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError) as error:
            move(getattr(error, "pos", at))
            words = getattr(error, "msg", "too deep")
            yield _reject(line, "import-list", at - line_start + 1, words=words)
            return
        item, column = text[at:end], at - line_start + 1
        yield _find_text_error(line, item, column) or (line, column, item)
        is_open = move(end) == ","
        move(at + is_open)
    if text[at : at + 1] != "]" or move(at + 1):
        yield _reject(
            line, "import-list", at - line_start + 1, words="the list ends otherwise than by ]"
        )


def _parse_record(line: int, column: int, text: str) -> ImportedLine:
    """Return the example or findings of a record."""
    try:
        value = json.loads(
            text, object_pairs_hook=_refuse_repeated_keys, parse_constant=_refuse_constant
        )
    except json.JSONDecodeError as error:
        error_column = error.colno if error.lineno > 1 else column + error.pos
        return _reject(line + error.lineno - 1, "import-json", error_column, words=error.msg)
    except RecursionError:
        return _reject(line, "import-json", column, words="too deep")
    except ValueError as error:
        return _reject(line, "import-json", column, words=shorten(str(error)))
    return _read_record(value, line, column)


def _read_record(value: Any, line: int, column: int) -> ImportedLine:
    try:
        record = read_record(value) if isinstance(value, dict) else Record(value, (), ())
        read = _check_values(record, line, column)
    except UnreadableRecord as error:
        inside = {"inside": shorten(error.inside)} if error.inside else {}
        return _reject(line, error.rule, column, **error.arguments, **inside)
    except ValueError as error:
        return _reject(line, "import-json", column, words=shorten(str(error)))
    return replace(read, left=record.left, places=record.places)


def _refuse_repeated_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return the pairs as a map; a repeated key is an error, as in YAML."""
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a key occurs twice")
    return value


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not a JSON number")


_MESSAGE_DEPTH = 2  # file, list of messages, message
_MAX_DIGITS = 15  # every JSON parser keeps these exactly
_SURROGATE = re.compile("[\ud800-\udfff]")


class _Nodes:
    """JSON values as nodes of `yaml_io`; the line of each is its number among the `paths`."""

    def __init__(self, places: Sequence[str]) -> None:
        self._places = places
        self._paths: list[tuple[Step, ...]] = [()]

    def build(self, value: Any, path: tuple[Step, ...] = ()) -> Node:
        """Return a value as a node. Raises ValueError for what no YAML file holds."""
        if len(path) > MAX_DEPTH or len(self._paths) > MAX_EVENTS:
            raise ValueError("too many values, or too deep")
        line = len(self._paths)
        self._paths.append(path)
        node = Node("", line, 1, key=(line, 1))
        if isinstance(value, dict):
            # The OpenAI protocol writes null for missing keys of a message; deeper values keep it.
            node.value = {
                key: self.build(item, (*path, key))
                for key, item in value.items()
                if item is not None or len(path) > _MESSAGE_DEPTH
            }
        elif isinstance(value, list):
            node.value = [self.build(item, (*path, at)) for at, item in enumerate(value)]
        elif isinstance(value, str):
            if _SURROGATE.search(value):
                raise ValueError(f"{self.name(line)} has half of a character")
            node.value = value
        else:
            node.value, node.plain = json.dumps(value), True
            if sum(map(str.isdigit, node.value)) > _MAX_DIGITS or value in (inf, -inf):
                raise ValueError(f"{self.name(line)} has a number that not every parser keeps")
        return node

    def name(self, line: int) -> str:
        """Return the path in the record of the node at a line."""
        return shorten(find_place(self._paths[line], self._places))


def _check_values(record: Record, line: int, column: int) -> ImportedLine:
    """Return the example of a record or its findings, each with its path inside the record."""
    nodes, example = _Nodes(record.places), None
    node = nodes.build(record.values)
    value, findings = validate_file("example", node)
    if not findings:
        inside: Any = node.value
        marks = tuple((each.line, 1) for each in inside["messages"].value)
        worse = inside.get("rejected", node)
        example = example_from_json(value, marks, (worse.line, 1))
        findings = check_conversation(example)
    found = (
        replace(
            finding,
            line=line,
            column=column,
            arguments={**finding.arguments, "inside": nodes.name(finding.line)},
        )
        for finding in findings
    )
    return ImportedLine(line, None if findings else example, tuple(found), column=column)


def _read_table(rows: Iterable[Row | Finding]) -> Iterator[ImportedLine]:
    heading: list[str] = []
    titles: Sequence[str] = ()
    warnings: tuple[Finding, ...] = ()
    for row in rows:
        if isinstance(row, Finding) and row.severity is Severity.ERROR:
            yield ImportedLine(row.line, None, (row,))
        elif isinstance(row, Finding):
            warnings = (row,)
        elif error := _find_text_error(row[0], ",".join(row[1])):
            yield error
            # The rest of a line that is too long would be read as a row.
            if not heading or error.findings[0].rule == "too-large":
                return
        elif heading and (row[1] or _find_unread(heading, row)):
            line = _parse_row(titles, heading, row)
            yield replace(line, findings=(*warnings, *line.findings))
            warnings = ()
        elif row[1]:
            titles, heading = row[1], parse_heading(row[1])
            if not heading:
                found = shorten(", ".join(filter(None, row[1])))
                yield _reject(row[0], "import-heading", found=found)
                return


def _find_unread(heading: Sequence[str], row: Row) -> dict[str, str]:
    """Return column -> rule of the cells of a row that have no text to read."""
    named = ((name, row[2].get(place, "")) for place, name in enumerate(heading))
    return {name: rule for name, rule in named if rule and name in COLUMNS}


def _parse_row(titles: Sequence[str], heading: Sequence[str], read: Row) -> ImportedLine:
    """Return the example or findings of a row; `titles` are the columns' names as written."""
    number, cells, _ = read
    if len(cells) > len(heading):
        found, expected = str(len(cells)), str(len(heading))
        return _reject(number, "import-cells", found=found, expected=expected)
    filled = [place for place, cell in enumerate(cells) if cell.strip()]
    unread = _find_unread(heading, read)
    if failed := [name for name, rule in unread.items() if rule == "import-cell-error"]:
        return _reject(number, "import-cell-error", found=cells[heading.index(failed[0])])
    # The question and the answer are there even if their cells are empty.
    named = [heading.index(name) for name in REQUIRED_COLUMNS]
    known = sorted({*named, *(place for place in filled if heading[place] in COLUMNS)})
    record = {titles[place].strip(): "".join(cells[place : place + 1]) for place in known}
    line = _read_record(record, number, 1)
    others = (place for place in filled if heading[place] not in COLUMNS)
    left = (titles[place].strip() or f"[{place + 1}]" for place in others)
    if unread:
        place = ("", number, 1, "import-no-value")
        finding = Finding(*place, Severity.WARNING, {"keys": ", ".join(unread)})
        line = replace(line, findings=(*line.findings, finding))
    return replace(line, left=(*line.left, *left))
