"""Examples from files of other programs: JSON Lines, lists of JSON, tables, workbooks.

JSON is one conversation a line, or a list of them, each in a format of
`merlin.dataset.chat_formats`. A table has a heading: question, answer and perhaps tags (in
Russian: вопрос, ответ, теги); it is CSV, divided by commas, semicolons or tabs, or the first sheet
of a workbook (XLSX). Every line becomes an
example or findings; nothing is passed over in silence but empty lines.

Text is read piece by piece: however large a file is, one record of it is in memory.
"""

from __future__ import annotations

import csv
import json
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from io import BufferedReader, BytesIO, TextIOWrapper
from typing import Any, Literal
from zipfile import ZipFile

from merlin.core.csv_cells import unescape_formula
from merlin.dataset.chat_formats import FORMATS, ChatFormat, detect_chat_format, to_openai
from merlin.dataset.example import Example, check_conversation, example_from_json
from merlin.dataset.finding import Finding, Severity, shorten
from merlin.dataset.layout import Limits
from merlin.dataset.spec import validate_file
from merlin.dataset.yaml_io import MAX_DEPTH, MAX_EVENTS, Node

# "jsonl" is any of the formats of chats, each record's by its keys.
ImportFormat = Literal["jsonl", "openai", "sharegpt", "alpaca", "preference", "csv", "xlsx"]


@dataclass(frozen=True, slots=True)
class ImportedLine:
    """One record of a file, by where it begins, from 1: an example, or what is wrong with it."""

    line: int
    example: Example | None
    findings: tuple[Finding, ...] = ()
    file: str = ""
    column: int = 1


_JSON_ENDINGS = ("json", "jsonl", "ndjson")
_BOM = b"\xef\xbb\xbf"
# A zip; the older form of Office files, which those with a password have too.
_WORKBOOKS = (b"PK", b"\xd0\xcf\x11\xe0")
_MAX_BYTES = Limits().file_bytes


def detect_format(name: str, file: BufferedReader) -> ImportFormat:
    """Return "xlsx", "jsonl" or "csv" by a file's first signs, else by its name.

    Nothing is taken off the file.
    """
    head = file.peek()
    if head.startswith(_WORKBOOKS):
        return "xlsx"
    is_json = _first_sign(head) in (b"{", b"[") or name.casefold().endswith(_JSON_ENDINGS)
    return "jsonl" if is_json else "csv"


def _first_sign(head: bytes) -> bytes:
    return head.removeprefix(_BOM).lstrip()[:1]


def read_import_lines(
    file: BufferedReader, name: str, shape: ImportFormat | None = None
) -> Iterator[ImportedLine]:
    """Yield what every line of a file says; `shape` None: as the file looks.

    Findings have the file's `name` as their path. One that cannot be read at all is one line of
    findings; a list or a table is read up to the place that breaks it. Closes the file at its end.
    Raises OSError.
    """
    is_empty, shape = True, shape or detect_format(name, file)
    for each in _read_workbook(file) if shape == "xlsx" else _read_text(file, shape):
        is_empty = False
        found = tuple(finding.at(name) for finding in each.findings)
        yield replace(each, file=name, findings=found)
    if is_empty:
        yield ImportedLine(1, None, (Finding("", 1, 1, "empty-file").at(name),), name)


def _read_text(file: BufferedReader, shape: ImportFormat) -> Iterator[ImportedLine]:
    is_list, ends = _first_sign(file.peek()) == b"[", "" if shape == "csv" else "\n"
    # What is no UTF-8 becomes surrogates, so its line and column are known.
    with TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline=ends) as text:
        if shape == "csv":
            yield from _read_csv(text)
        else:
            yield from _read_json(_list_items(text) if is_list else _lines(text), shape)


def _bad(line: int, rule: str, column: int = 1, **arguments: str | int) -> ImportedLine:
    return ImportedLine(line, None, (Finding("", line, column, rule, arguments=arguments),))


_NO_UTF8 = re.compile("[\udc80-\udcff]")
_FIRST_ESCAPE = 0xDC00


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))


def _unfit(line: int, text: str, column: int = 1) -> ImportedLine | None:
    """Return what forbids reading a piece of text that begins in this place."""
    size = _size(text)
    if size > _MAX_BYTES:
        return _bad(line, "too-large", size=size, limit=_MAX_BYTES)
    found = _NO_UTF8.search(text)
    if found is None:
        return None
    line += text.count("\n", 0, found.start())
    begin = text.rfind("\n", 0, found.start())
    column = found.start() - begin if begin >= 0 else found.start() + column
    return _bad(line, "not-utf8", column, byte=f"{ord(found.group()) - _FIRST_ESCAPE:02X}")


# A record's text, its line and column; or what forbids reading it.
Record = tuple[int, int, str] | ImportedLine


def _lines(text: TextIOWrapper) -> Iterator[Record]:
    number = 0
    while line := text.readline(_MAX_BYTES + 1):
        number, piece, beyond = number + 1, line, 0
        while not piece.endswith("\n") and (piece := text.readline(_MAX_BYTES)):
            beyond += _size(piece.removesuffix("\n"))
        line = line.removesuffix("\n")
        if beyond:
            yield _bad(number, "too-large", size=_size(line) + beyond, limit=_MAX_BYTES)
        elif line.strip():
            yield _unfit(number, line) or (number, 1, line)


_CHUNK = 1 << 16
_NO_BLANK = re.compile(r"[^ \t\n\r]")
_MAX_TOKEN_LENGTH = len("\\ud83d\\ude00")


class _Window:
    """What is read of a text and not used yet: from `at` on, which stands in line and column."""

    def __init__(self, text: TextIOWrapper) -> None:
        self._file = text
        self.text, self.at, self.line, self.column = "", 0, 1, 1
        self.is_ended = False

    def fill(self) -> None:
        """Read on, as much again as there is."""
        rest = self.text[self.at :]
        piece = self._file.read(max(_CHUNK, len(rest)))
        self.is_ended = not piece
        self.text, self.at = rest + piece, 0

    def pass_by(self, end: int) -> str:
        """Return the text up to `end`; it is used now."""
        passed, self.at = self.text[self.at : end], end
        self.line += passed.count("\n")
        begin = passed.rfind("\n")
        self.column = len(passed) - begin if begin >= 0 else self.column + len(passed)
        return passed

    def sign(self) -> str:
        """Return the next sign that is no blank, which is not used yet; "" at the end."""
        while True:
            sign = _NO_BLANK.search(self.text, self.at)
            self.pass_by(sign.start() if sign else len(self.text))
            if self.at < len(self.text) or self.is_ended:
                return self.text[self.at : self.at + 1]
            self.fill()

    def value(self) -> str:
        """Return the text of the JSON value that begins here.

        Raises JSONDecodeError where none does, or none that ends within the limit; RecursionError.
        """
        # Only the end is looked for: a number of many digits is told of later.
        decoder = json.JSONDecoder(parse_int=str, parse_float=str)
        while True:
            rest = len(self.text) - self.at
            try:
                _, end = decoder.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                if self.is_ended or rest > _MAX_BYTES or not _may_go_on(error):
                    raise
            else:
                # A number at the end of what was read may have more digits.
                if end < len(self.text) or self.is_ended:
                    return self.pass_by(end)
            self.fill()


def _may_go_on(error: json.JSONDecodeError) -> bool:
    """Return whether what follows may mend it: the text ends within a value."""
    near_end = error.pos >= len(error.doc) - _MAX_TOKEN_LENGTH
    return near_end or error.msg.startswith("Unterminated string")


def _list_items(text: TextIOWrapper) -> Iterator[Record]:
    window = _Window(text)
    window.sign()
    window.pass_by(window.at + 1)
    is_first = True
    while True:
        sign = window.sign()
        if sign == "]":
            break
        if not is_first:
            if sign != ",":
                yield _broken(window, "a comma or ] is missing")
                return
            window.pass_by(window.at + 1)
            window.sign()
        is_first = False
        line, column = window.line, window.column
        try:
            record = window.value()
        except json.JSONDecodeError as error:
            rest = len(window.text) - window.at
            if rest > _MAX_BYTES and _may_go_on(error):
                yield _bad(line, "too-large", size=rest, limit=_MAX_BYTES)
            else:
                window.pass_by(error.pos)
                yield _broken(window, error.msg)
            return
        except RecursionError:
            yield _broken(window, "too deep")
            return
        yield _unfit(line, record, column) or (line, column, record)
    window.pass_by(window.at + 1)
    if window.sign():
        yield _broken(window, "more stands behind the list")


def _broken(window: _Window, text: str) -> ImportedLine:
    return _bad(window.line, "import-list", window.column, words=text)


def _read_json(records: Iterator[Record], shape: ImportFormat) -> Iterator[ImportedLine]:
    chosen = next((each for each in FORMATS if each == shape), None)
    reported: set[tuple[str, ...]] = set()
    for record in records:
        if isinstance(record, ImportedLine):
            yield record
            continue
        read, left = _of_json(*record, chosen)
        # Every line has the same ones as a rule: once is enough.
        if left and tuple(left) not in reported:
            reported.add(tuple(left))
            arguments: dict[str, str | int] = {"keys": shorten(", ".join(left))}
            mark, severity = record[:2], Severity.WARNING
            finding = Finding("", *mark, "import-left-keys", severity, arguments)
            read = replace(read, findings=(*read.findings, finding))
        yield read


def _of_json(
    line: int, column: int, text: str, shape: ChatFormat | None
) -> tuple[ImportedLine, list[str]]:
    """Return what a record says, and which of its keys are left out."""
    left: list[str] = []
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
        if isinstance(value, dict):
            value, left = to_openai(value, shape or detect_chat_format(value))
        node = _Nodes(line, column).node(value)
    except json.JSONDecodeError as error:
        begin = error.colno if error.lineno > 1 else column + error.pos
        return _bad(line + error.lineno - 1, "import-json", begin, words=error.msg), []
    except (ValueError, RecursionError) as error:
        return _bad(line, "import-json", column, words=shorten(str(error))), []
    return _of_node(node), left


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return the pairs as a map; a key given twice is an error, as it is in YAML."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


_MESSAGE = 2  # file, list of messages, message
_DIGITS = 15  # what every reader of JSON keeps exactly


class _Nodes:
    """Turns JSON into the reader's nodes, within the reader's limits."""

    def __init__(self, line: int, column: int) -> None:
        self._place = line, column
        self._left = MAX_EVENTS

    def node(self, value: Any, depth: int = 0) -> Node:
        """Return a value as a node. Raises ValueError beyond the limits."""
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0:
            raise ValueError("too many values, or too deep")
        if isinstance(value, dict):
            # The protocol writes null for what a message has not; deeper it may mean something.
            values = {k: each for k, each in value.items() if each is not None or depth > _MESSAGE}
            return Node({k: self.node(v, depth + 1) for k, v in values.items()}, *self._place)
        if isinstance(value, list):
            return Node([self.node(each, depth + 1) for each in value], *self._place)
        if isinstance(value, str):
            return Node(value, *self._place)
        number = json.dumps(value)
        is_infinite = number in ("Infinity", "-Infinity")
        if is_infinite or sum(letter.isdigit() for letter in number) > _DIGITS:
            raise ValueError(f"not every reader keeps the number {shorten(number)}")
        return Node(number, *self._place, plain=True)


def _of_node(node: Node) -> ImportedLine:
    line, column, example = node.line, node.column, None
    value, findings = validate_file("example", node)
    if not findings:
        marks = ((line, column),) * len(value["messages"])
        example = example_from_json(value, marks, (line, column))
        findings = check_conversation(example)
    # Keys have no place of their own here.
    found = tuple(replace(finding, line=line, column=column) for finding in findings)
    return ImportedLine(line, None if findings else example, found, column=column)


_HEADINGS = {"вопрос": "question", "ответ": "answer", "теги": "tags"}
_NEEDED = ("question", "answer")
_TAGS = re.compile(r"[,;\s]+")


def is_heading(cells: Sequence[str]) -> bool:
    """Return whether the first row of a table names its columns."""
    return bool(_heading(cells))


def _heading(cells: Sequence[str]) -> list[str]:
    """Return the names of the columns; none where those that are needed are not all there."""
    words = (cell.strip().casefold() for cell in cells)
    heading = [_HEADINGS.get(word, word) for word in words]
    return heading if set(_NEEDED) <= set(heading) else []


class _Unreadable(Exception):
    """A line of a table that cannot be read, and so nothing behind it."""

    def __init__(self, line: ImportedLine) -> None:
        super().__init__(line)
        self.line = line


def _table_lines(text: TextIOWrapper) -> Iterator[str]:
    number = 0
    while line := text.readline(_MAX_BYTES + 1):
        number += 1
        unfit = _unfit(number, line)
        if unfit:
            raise _Unreadable(unfit)
        yield line


def _read_csv(text: TextIOWrapper) -> Iterator[ImportedLine]:
    lines = _table_lines(text)
    reader, begin = None, 1
    try:
        numbered = ((number, each) for number, each in enumerate(lines, start=1) if each.strip())
        begin, first = next(numbered, (1, ""))
        divider = max(",;\t", key=first.count)
        heading = _heading(next(csv.reader([first], delimiter=divider, strict=True), []))
        if not heading:
            if first:
                yield _bad(begin, "import-heading", found=shorten(first.strip()))
            return
        reader = csv.reader(lines, delimiter=divider, strict=True)
        line = begin
        for cells in reader:
            number, line = line + 1, begin + reader.line_num
            if any(cell.strip() for cell in cells):
                yield _of_cells(number, heading, [*map(unescape_formula, cells)])
    except _Unreadable as refusal:
        yield refusal.line
    except csv.Error as error:
        number = begin + (reader.line_num if reader else 0)
        yield _bad(number, "import-csv", words=shorten(str(error)))


def _of_cells(number: int, heading: Sequence[str], cells: Sequence[str]) -> ImportedLine:
    if len(cells) > len(heading):
        return _bad(number, "import-cells", found=str(len(cells)), expected=str(len(heading)))
    row = {name: cell.replace("\r\n", "\n") for name, cell in zip(heading, cells, strict=False)}
    messages = [{"user": row.get("question", "")}, {"assistant": row.get("answer", "")}]
    tags = list(dict.fromkeys(filter(None, _TAGS.split(row.get("tags", "")))))
    value: dict[str, Any] = {"messages": messages, **({"tags": tags} if tags else {})}
    return _of_node(_Nodes(number, 1).node(value))


_MAX_UNPACKED = 50_000_000
_MAX_ROWS, _MAX_COLUMNS = Limits().files, 100


def _read_workbook(file: BufferedReader) -> Iterator[ImportedLine]:
    """Yield the rows of a workbook's first sheet (XLSX); cells are read as they were last shown.

    Unlike text it is in memory as a whole: so what it unpacks to is bounded.
    """
    with file:
        content = BytesIO(file.read(_MAX_UNPACKED + 1))
    number = 0
    try:
        with ZipFile(content) as packed:
            # What a member tells of its size is also where unpacking it ends.
            size = sum(member.file_size for member in packed.infolist())
        size = max(size, content.getbuffer().nbytes)
        if size > _MAX_UNPACKED:
            yield _bad(1, "too-large", size=size, limit=_MAX_UNPACKED)
            return
        heading: list[str] = []
        for number, cells in enumerate(_sheet_rows(content), start=1):
            if not any(cells):
                continue
            if heading:
                yield _of_cells(number, heading, cells)
                continue
            heading = _heading(cells)
            if not heading:
                yield _bad(number, "import-heading", found=shorten(", ".join(filter(None, cells))))
                return
    except Exception as error:  # noqa: BLE001 - a damaged file makes the library raise anything
        yield _bad(number + 1, "import-xlsx", words=shorten(str(error) or type(error).__name__))


def _sheet_rows(content: BytesIO) -> Iterator[list[str]]:
    from openpyxl import load_workbook  # noqa: PLC0415 - few need its 10 MB

    # It warns of what it cannot keep, as styles, which nobody asks for here.
    warnings.filterwarnings("ignore", module="openpyxl")
    book = load_workbook(content, read_only=True, data_only=True, keep_links=False)
    sheet = book.worksheets[0]
    # Some programs write a size that is not the sheet's.
    sheet.reset_dimensions()
    rows = sheet.iter_rows(max_col=_MAX_COLUMNS, values_only=True)
    for number, row in enumerate(rows, start=1):
        if number > _MAX_ROWS:
            raise ValueError("too many rows")
        cells = ["" if value is None else str(value).strip() for value in row]
        while cells and not cells[-1]:
            cells.pop()
        yield cells
