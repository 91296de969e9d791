"""Examples from files of other programs: JSON Lines, lists of JSON, tables, workbooks.

JSON is one conversation per line, or a list of conversations, each in a format of
`merlin.dataset.chat_formats`. A table has a heading row with the columns question, answer and
optionally tags (in Russian: вопрос, ответ, теги). It is CSV, separated by commas, semicolons or
tabs, or the first sheet of a workbook (XLSX). Every non-empty line becomes an example or findings.

Text is streamed: only one record is in memory at a time, regardless of the file's size.
"""

from __future__ import annotations

import csv
import json
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from io import BufferedReader, BytesIO, TextIOWrapper
from itertools import count
from typing import Any, Literal
from zipfile import ZipFile

from merlin.core.csv_cells import unescape_formula
from merlin.dataset.chat_formats import FORMATS, ChatFormat, detect_chat_format, to_openai
from merlin.dataset.example import Example, check_conversation, example_from_json
from merlin.dataset.finding import Finding, Severity, shorten
from merlin.dataset.layout import MAX_EXAMPLES
from merlin.dataset.spec import validate_file
from merlin.dataset.yaml_io import MAX_DEPTH, MAX_EVENTS, MAX_FILE_BYTES, Node

# "jsonl" accepts every chat format and detects it for each record by its keys.
ImportFormat = Literal["jsonl", "openai", "sharegpt", "alpaca", "preference", "csv", "xlsx"]


@dataclass(frozen=True, slots=True)
class ImportedLine:
    """One record of a file: its start (from 1), and an example or the findings about it."""

    line: int
    example: Example | None
    findings: tuple[Finding, ...] = ()
    file: str = ""
    column: int = 1


_JSON_ENDINGS = ("json", "jsonl", "ndjson")
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# A zip archive, and the older Office container, which files with a password use too.
_WORKBOOKS = (b"PK", b"\xd0\xcf\x11\xe0")


def detect_format(name: str, file: BufferedReader) -> ImportFormat:
    """Return "xlsx", "jsonl" or "csv" from a file's first bytes or its name.

    The position in the file does not change.
    """
    head = file.peek()
    if head.startswith(_WORKBOOKS):
        return "xlsx"
    is_json = _get_first_character(head) in ("{", "[") or name.casefold().endswith(_JSON_ENDINGS)
    return "jsonl" if is_json else "csv"


def _encoding_of(head: bytes) -> str:
    """Return the encoding of a text by its byte order mark: Excel's "Unicode Text" is UTF-16."""
    return "utf-16" if head.startswith(_UTF16_MARKS) else "utf-8-sig"


def _get_first_character(head: bytes) -> str:
    return head.decode(_encoding_of(head), "replace").lstrip()[:1]


def read_import_lines(
    file: BufferedReader, name: str, file_format: ImportFormat | None = None
) -> Iterator[ImportedLine]:
    """Yield every record of a file; without `file_format` the format is detected.

    Findings have the file's `name` as their path. An unreadable file is one record with findings;
    a list or a table is read up to its first syntax error. Closes the file at its end. Raises
    OSError.
    """
    is_empty, file_format = True, file_format or detect_format(name, file)
    for line in _read_workbook(file) if file_format == "xlsx" else _read_text(file, file_format):
        is_empty = False
        findings = tuple(finding.at(name) for finding in line.findings)
        yield replace(line, file=name, findings=findings)
    if is_empty:
        yield ImportedLine(1, None, (Finding("", 1, 1, "empty-file").at(name),), name)


def _read_text(file: BufferedReader, file_format: ImportFormat) -> Iterator[ImportedLine]:
    head = file.peek()
    is_list, encoding = _get_first_character(head) == "[", _encoding_of(head)
    newline = "" if file_format == "csv" else "\n"
    # Invalid UTF-8 becomes surrogates, so that its line and column can be reported.
    errors = "replace" if encoding == "utf-16" else "surrogateescape"
    with TextIOWrapper(file, encoding, errors=errors, newline=newline) as text:
        if file_format == "csv":
            yield from _read_csv(text)
        else:
            records = _read_list_items(text) if is_list else _read_lines(text)
            yield from _read_json(records, file_format)


def _reject(line: int, rule: str, column: int = 1, **arguments: str | int) -> ImportedLine:
    return ImportedLine(line, None, (Finding("", line, column, rule, arguments=arguments),))


_NO_UTF8 = re.compile("[\udc80-\udcff]")
_FIRST_ESCAPE = 0xDC00


def _byte_size(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))


def _find_text_error(line: int, text: str, column: int = 1) -> ImportedLine | None:
    """Return the finding about a text that is too large or not UTF-8, None for a good one."""
    size = _byte_size(text)
    if size > MAX_FILE_BYTES:
        return _reject(line, "too-large", size=size, limit=MAX_FILE_BYTES)
    bad_byte = _NO_UTF8.search(text)
    if bad_byte is None:
        return None
    position = bad_byte.start()
    line += text.count("\n", 0, position)
    line_end = text.rfind("\n", 0, position)
    column = position - line_end if line_end >= 0 else position + column
    return _reject(line, "not-utf8", column, byte=f"{ord(bad_byte.group()) - _FIRST_ESCAPE:02X}")


# Line, column and text of a record, or the findings about an unreadable one.
Record = tuple[int, int, str] | ImportedLine


def _read_lines(text: TextIOWrapper) -> Iterator[Record]:
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


_CHUNK = 1 << 16
_NO_BLANK = re.compile(r"[^ \t\n\r]")
_MAX_TOKEN_LENGTH = len("\\ud83d\\ude00")


class _TextBuffer:
    """The part of a text that was read and not consumed: from `position`, at `line`, `column`."""

    def __init__(self, text: TextIOWrapper) -> None:
        self._file = text
        self.text, self.position, self.line, self.column = "", 0, 1, 1
        self.is_ended = False

    def fill(self) -> None:
        """Read at least as much again as is buffered."""
        rest = self.text[self.position :]
        piece = self._file.read(max(_CHUNK, len(rest)))
        self.is_ended = not piece
        self.text, self.position = rest + piece, 0

    def consume(self, end: int) -> str:
        """Return the text up to `end` and move the position there."""
        consumed, self.position = self.text[self.position : end], end
        self.line += consumed.count("\n")
        line_end = consumed.rfind("\n")
        self.column = len(consumed) - line_end if line_end >= 0 else self.column + len(consumed)
        return consumed

    def peek(self) -> str:
        """Consume white space; return the character after it, "" at the end."""
        while True:
            match = _NO_BLANK.search(self.text, self.position)
            self.consume(match.start() if match else len(self.text))
            if self.position < len(self.text) or self.is_ended:
                return self.text[self.position : self.position + 1]
            self.fill()

    def consume_value(self) -> str:
        """Return the text of the JSON value at the position.

        Raises JSONDecodeError for an invalid or too long value, RecursionError for a too deep one.
        """
        # Only the end of the value matters: numbers with too many digits are reported later.
        decoder = json.JSONDecoder(parse_int=str, parse_float=str)
        while True:
            rest = len(self.text) - self.position
            try:
                _, end = decoder.raw_decode(self.text, self.position)
            except json.JSONDecodeError as error:
                if self.is_ended or rest > MAX_FILE_BYTES or not _is_incomplete(error):
                    raise
            else:
                # A number at the end of the buffer may have more digits.
                if end < len(self.text) or self.is_ended:
                    return self.consume(end)
            self.fill()


def _is_incomplete(error: json.JSONDecodeError) -> bool:
    """Return whether more text may resolve the error: the text ends within a value."""
    near_end = error.pos >= len(error.doc) - _MAX_TOKEN_LENGTH
    return near_end or error.msg.startswith("Unterminated string")


def _read_list_items(text: TextIOWrapper) -> Iterator[Record]:
    buffer = _TextBuffer(text)
    buffer.peek()
    buffer.consume(buffer.position + 1)
    is_first = True
    while True:
        character = buffer.peek()
        if character == "]":
            break
        if not is_first:
            if character != ",":
                yield _reject_list(buffer, "a comma or ] is missing")
                return
            buffer.consume(buffer.position + 1)
            buffer.peek()
        is_first = False
        line, column = buffer.line, buffer.column
        try:
            record = buffer.consume_value()
        except json.JSONDecodeError as error:
            rest = len(buffer.text) - buffer.position
            if rest > MAX_FILE_BYTES and _is_incomplete(error):
                yield _reject(line, "too-large", size=rest, limit=MAX_FILE_BYTES)
            else:
                buffer.consume(error.pos)
                yield _reject_list(buffer, error.msg)
            return
        except RecursionError:
            yield _reject_list(buffer, "too deep")
            return
        yield _find_text_error(line, record, column) or (line, column, record)
    buffer.consume(buffer.position + 1)
    if buffer.peek():
        yield _reject_list(buffer, "there is more text after the list")


def _reject_list(buffer: _TextBuffer, text: str) -> ImportedLine:
    return _reject(buffer.line, "import-list", buffer.column, words=text)


def _read_json(records: Iterator[Record], file_format: ImportFormat) -> Iterator[ImportedLine]:
    chat_format = next((name for name in FORMATS if name == file_format), None)
    reported: set[tuple[str, ...]] = set()
    for record in records:
        if isinstance(record, ImportedLine):
            yield record
            continue
        imported, ignored_keys = _parse_record(*record, chat_format)
        # Usually every line has the same keys, so they are reported once.
        if ignored_keys and tuple(ignored_keys) not in reported:
            reported.add(tuple(ignored_keys))
            arguments: dict[str, str | int] = {"keys": shorten(", ".join(ignored_keys))}
            mark, severity = record[:2], Severity.WARNING
            finding = Finding("", *mark, "import-left-keys", severity, arguments)
            imported = replace(imported, findings=(*imported.findings, finding))
        yield imported


def _parse_record(
    line: int, column: int, text: str, chat_format: ChatFormat | None
) -> tuple[ImportedLine, list[str]]:
    """Return the example or findings of a record, and the keys that were ignored."""
    ignored_keys: list[str] = []
    try:
        value = json.loads(
            text, object_pairs_hook=_refuse_repeated_keys, parse_constant=_refuse_constant
        )
        if isinstance(value, dict):
            value, ignored_keys = to_openai(value, chat_format or detect_chat_format(value))
        node = _build_node(value, line, column)
    except json.JSONDecodeError as error:
        error_column = error.colno if error.lineno > 1 else column + error.pos
        return _reject(line + error.lineno - 1, "import-json", error_column, words=error.msg), []
    except RecursionError:
        return _reject(line, "import-json", column, words="too deep"), []
    except ValueError as error:
        return _reject(line, "import-json", column, words=shorten(str(error))), []
    return _check_node(node), ignored_keys


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


def _build_node(value: Any, line: int, column: int) -> Node:
    """Return a JSON value as nodes of `yaml_io`. Raises ValueError beyond the same limits."""
    counter = count(1)

    def build(value: Any, depth: int) -> Node:
        if depth > MAX_DEPTH or next(counter) > MAX_EVENTS:
            raise ValueError("too many values, or too deep")
        if isinstance(value, dict):
            # The OpenAI protocol writes null for missing keys of a message; deeper values keep it.
            fields = {
                key: build(item, depth + 1)
                for key, item in value.items()
                if item is not None or depth > _MESSAGE_DEPTH
            }
            return Node(fields, line, column)
        if isinstance(value, list):
            return Node([build(item, depth + 1) for item in value], line, column)
        if isinstance(value, str):
            return Node(value, line, column)
        number = json.dumps(value)
        is_infinite = number in ("Infinity", "-Infinity")
        if is_infinite or sum(character.isdigit() for character in number) > _MAX_DIGITS:
            raise ValueError(f"not every JSON parser keeps the number {shorten(number)} exactly")
        return Node(number, line, column, plain=True)

    return build(value, 0)


def _check_node(node: Node) -> ImportedLine:
    line, column, example = node.line, node.column, None
    value, findings = validate_file("example", node)
    if not findings:
        marks = ((line, column),) * len(value["messages"])
        example = example_from_json(value, marks, (line, column))
        findings = check_conversation(example)
    # Nodes made from JSON have no positions of their own: all findings are at the record's start.
    at_start = tuple(replace(finding, line=line, column=column) for finding in findings)
    return ImportedLine(line, None if findings else example, at_start, column=column)


_HEADINGS = {"вопрос": "question", "ответ": "answer", "теги": "tags"}
_REQUIRED = ("question", "answer")
_TAG_SEPARATORS = re.compile(r"[,;\s]+")


def split_tags(text: str) -> list[str]:
    """Return the tags in a text, separated by commas, semicolons or white space, each once."""
    return list(dict.fromkeys(filter(None, _TAG_SEPARATORS.split(text))))


def is_heading(cells: Sequence[str]) -> bool:
    """Return whether a table's first row names its columns."""
    return bool(_parse_heading(cells))


def _parse_heading(cells: Sequence[str]) -> list[str]:
    """Return the names of the columns; empty if a required one is missing or one is repeated."""
    words = (cell.strip().casefold() for cell in cells)
    heading = [_HEADINGS.get(word, word) for word in words]
    has_required = all(heading.count(name) == 1 for name in _REQUIRED)
    return heading if has_required and heading.count("tags") <= 1 else []


class _Unreadable(Exception):
    """A table's line that cannot be read, which ends reading the table."""

    def __init__(self, line: ImportedLine) -> None:
        super().__init__(line)
        self.line = line


def _read_table_lines(text: TextIOWrapper) -> Iterator[str]:
    number = 0
    while line := text.readline(MAX_FILE_BYTES + 1):
        number += 1
        if error := _find_text_error(number, line):
            raise _Unreadable(error)
        yield line


def _read_csv(text: TextIOWrapper) -> Iterator[ImportedLine]:
    lines = _read_table_lines(text)
    reader, heading_line = None, 1
    try:
        non_empty = ((number, line) for number, line in enumerate(lines, start=1) if line.strip())
        heading_line, first = next(non_empty, (1, ""))
        divider = max(",;\t", key=first.count)
        heading = _parse_heading(next(csv.reader([first], delimiter=divider, strict=True), []))
        if not heading:
            if first:
                yield _reject(heading_line, "import-heading", found=shorten(first.strip()))
            return
        reader = csv.reader(lines, delimiter=divider, strict=True)
        last_line = heading_line
        for cells in reader:
            first_line, last_line = last_line + 1, heading_line + reader.line_num
            if any(cell.strip() for cell in cells):
                yield _parse_row(first_line, heading, [*map(unescape_formula, cells)])
    except _Unreadable as error:
        yield error.line
    except csv.Error as error:
        number = heading_line + (reader.line_num if reader else 0)
        yield _reject(number, "import-csv", words=shorten(str(error)))


def _parse_row(number: int, heading: Sequence[str], cells: Sequence[str]) -> ImportedLine:
    if len(cells) > len(heading):
        return _reject(number, "import-cells", found=str(len(cells)), expected=str(len(heading)))
    row = {name: cell.replace("\r\n", "\n") for name, cell in zip(heading, cells, strict=False)}
    messages = [{"user": row.get("question", "")}, {"assistant": row.get("answer", "")}]
    tags = split_tags(row.get("tags", ""))
    value: dict[str, Any] = {"messages": messages, **({"tags": tags} if tags else {})}
    return _check_node(_build_node(value, number, 1))


_MAX_UNPACKED = 50_000_000
_MAX_COLUMNS = 100
# What openpyxl says of other Office files; those of OpenDocument are said to be the same.
_NO_WORKBOOK = "File contains no valid workbook part"


def _read_workbook(file: BufferedReader) -> Iterator[ImportedLine]:
    """Yield the rows of a workbook's first sheet (XLSX), with the last computed cell values.

    The whole workbook is read into memory, so its unpacked size is limited.
    """
    with file:
        content = BytesIO(file.read(_MAX_UNPACKED + 1))
    number = 0
    try:
        with ZipFile(content) as packed:
            # Unpacking a member stops at its declared size.
            size = sum(member.file_size for member in packed.infolist())
            is_office = "[Content_Types].xml" in packed.namelist()
        size = max(size, content.getbuffer().nbytes)
        if size > _MAX_UNPACKED:
            yield _reject(1, "too-large", size=size, limit=_MAX_UNPACKED)
            return
        if not is_office:
            yield _reject(1, "import-xlsx", words=_NO_WORKBOOK)
            return
        heading: list[str] = []
        for number, cells in enumerate(_sheet_rows(content), start=1):
            if not any(cells):
                continue
            if heading:
                yield _parse_row(number, heading, cells)
                continue
            heading = _parse_heading(cells)
            if not heading:
                yield _reject(
                    number, "import-heading", found=shorten(", ".join(filter(None, cells)))
                )
                return
    except Exception as error:  # noqa: BLE001 - a damaged file makes the library raise anything
        yield _reject(number + 1, "import-xlsx", words=shorten(str(error) or type(error).__name__))


def _sheet_rows(content: BytesIO) -> Iterator[list[str]]:
    from openpyxl import load_workbook  # noqa: PLC0415 - few need its 10 MB

    # openpyxl warns about parts that it would lose when saving, such as styles.
    warnings.filterwarnings("ignore", module="openpyxl")
    book = load_workbook(content, read_only=True, data_only=True, keep_links=False)
    sheet = book.worksheets[0]
    # Some programs write wrong dimensions.
    sheet.reset_dimensions()
    rows = sheet.iter_rows(max_col=_MAX_COLUMNS, values_only=True)
    for number, row in enumerate(rows, start=1):
        if number > MAX_EXAMPLES:
            raise ValueError("too many rows")
        cells = [_cell_text(value) for value in row]
        while cells and not cells[-1]:
            cells.pop()
        yield cells


def _cell_text(value: object) -> str:
    """Return a cell's text; openpyxl returns a date as midnight of that day."""
    if isinstance(value, datetime) and value.time() == time.min:
        return value.date().isoformat()
    return "" if value is None else str(value).strip()
