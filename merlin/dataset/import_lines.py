"""Examples from files of other programs: JSON Lines, lists of JSON, tables, workbooks.

A record of JSON is one of these; what an example has no place for is left out and named:

    messages                            OpenAI's chats, with `tools`
    a question and its answer           by the names of `merlin.core.table_cells`

A table has a heading row with the columns question and answer, and optionally others, by the same
names; its rows are read as records. CSV is separated by commas, semicolons or tabs. A workbook is
read by a child process (`merlin.providers.documents`). Every non-empty line becomes an example or
findings.

Source: OpenAI's guide "Supervised fine-tuning".
"""

import csv
import json
import re
from bisect import bisect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BufferedReader, StringIO
from typing import Any, Literal

from merlin.core.errors import Refused
from merlin.core.file_kind import UTF_8, detect_encoding
from merlin.core.table_cells import (
    COLUMNS,
    REQUIRED_COLUMNS,
    Row,
    find_columns,
    is_cell_error,
    parse_heading,
    unescape_formula,
)
from merlin.core.yaml_error import json_type
from merlin.dataset.example import Example, read_example, split_tags
from merlin.dataset.finding import Finding, Severity, shorten
from merlin.dataset.import_forms import find_form
from merlin.dataset.yaml_io import MAX_FILE_BYTES, decode_text, find_path, format_json
from merlin.providers.documents import read_workbook

ImportFormat = Literal["jsonl", "csv", "xlsx"]


@dataclass(frozen=True, slots=True)
class ImportedLine:
    """One record of a file: its start (from 1), and an example or the findings about it.

    `left` are the keys that were left out, for a column without a name its number from 1 in
    brackets.
    """

    line: int
    example: Example | None
    findings: tuple[Finding, ...] = ()
    file: str = ""
    column: int = 1
    left: tuple[str, ...] = ()


_MAX_BYTES = 50_000_000  # of a file: 5,000 for each example that one commit takes


def read_import_lines(file: BufferedReader, name: str) -> Iterator[ImportedLine]:
    """Yield every record of a file.

    Findings have the file's `name` as their path. An unreadable file is one record with findings;
    a list or a table is read up to its first syntax error. Closes the file. Raises OSError.
    """
    with file:
        content = file.read(_MAX_BYTES + 1)
    is_empty = True
    for line in _read_file(content, name):
        is_empty = False
        findings = tuple(finding.at(name) for finding in line.findings)
        yield replace(line, file=name, findings=findings)
    if is_empty:
        yield ImportedLine(1, None, (Finding("", 1, 1, "empty-file").at(name),), name)


def _read_file(content: bytes, name: str) -> Iterator[ImportedLine]:
    form = find_form(content, name)
    if len(content) > _MAX_BYTES:
        yield _reject(1, "too-large", size=len(content), limit=_MAX_BYTES)
    elif not form.reader:
        yield _reject(1, "import-kind", kind=form.name)
    elif form.reader == "workbook":
        yield from _read_table(_workbook_rows(content))
    else:
        encoding = detect_encoding(content[:4096])
        text = decode_text(content) if encoding == UTF_8 else content.decode(encoding, "replace")
        if isinstance(text, Finding):
            yield ImportedLine(text.line, None, (text,), column=text.column)
            return
        text = text.removeprefix("\ufeff")
        if form.reader == "json":
            yield from _read_json(text)
        else:
            yield from _read_table(_csv_rows(text))


def _reject(line: int, rule: str, column: int = 1, **arguments: str | int) -> ImportedLine:
    finding = Finding("", line, column, rule, arguments=arguments)
    return ImportedLine(line, None, (finding,), column=column)


_BETWEEN = re.compile(r"[\s,]*")


def _read_json(text: str) -> Iterator[ImportedLine]:
    """Yield the records of JSON Lines, or those of a list up to its first error."""
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    decoder, is_list = json.JSONDecoder(), text.lstrip().startswith("[")
    at = text.index("[") + 1 if is_list else 0
    while True:
        at += len(_BETWEEN.match(text, at)[0])  # type: ignore[index]  # it matches the empty text
        if is_list and text[at : at + 1] == "]" and not text[at + 1 :].strip():
            return
        if not is_list and at == len(text):
            return
        line = bisect(starts, at)
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            at = getattr(error, "pos", at)
            line = bisect(starts, at)
            words = shorten(getattr(error, "msg", "") or str(error))
            yield _reject(line, "import-json", at - starts[line - 1] + 1, words=words)
            if is_list:
                return
            at = starts[line] if line < len(starts) else len(text)
        else:
            yield _read_record(value, line, at - starts[line - 1] + 1)
            at = end


class _Unreadable(Exception):
    """A record that cannot become an example: the rule it breaks, and its arguments."""

    def __init__(self, rule: str, **arguments: str) -> None:
        super().__init__(rule)
        self.rule, self.arguments = rule, arguments


def _read_record(value: Any, line: int, column: int) -> ImportedLine:
    left = list[str]()
    try:
        values = _convert(value, left) if isinstance(value, dict) else value
    except _Unreadable as error:
        return _reject(line, error.rule, column, **error.arguments)
    # JSON is YAML: the record is read as an example's file is.
    content = format_json(values).encode("utf-8", "surrogatepass")
    example, found = read_example(content)
    findings = tuple(locate(finding, content, line, column) for finding in found)
    return ImportedLine(line, example, findings, column=column, left=tuple(dict.fromkeys(left)))


def locate(finding: Finding, content: bytes, line: int, column: int) -> Finding:
    """Return a finding about a record's example, whose file is `content`, at the record's place."""
    inside = find_path(content, (finding.line, finding.column))
    arguments = {**finding.arguments, **({"inside": shorten(inside)} if inside else {})}
    return replace(finding, line=line, column=column, arguments=arguments)


# Keys that say of an answer that it is bad, and the values by which they do (KTO of TRL, ratings).
_BAD = {
    **dict.fromkeys(("label", "is_correct", "correct"), ("false",)),
    **dict.fromkeys(("rating", "feedback"), ("-1", "bad", "down", "dislike", "thumbs_down", "👎")),
}
_HISTORY = "history"  # Alpaca's earlier turns
_ROLES = {"developer": "system", "bot": "assistant"}
_MESSAGE_KEYS = ("role", "content", "name", "weight", "tool_calls", "tool_call_id")
_PARTS = ("tags", "split", "source", "note", "rejected")


def _convert(value: Mapping[str, Any], left: list[str]) -> dict[str, Any]:
    """Return the parts of a record's example; adds the keys that are left out to `left`.

    Invalid values stay: the schema reports them. Raises _Unreadable.
    """
    if turned := _find_turned(value):
        raise _Unreadable(turned[0], found=turned[1])
    names = [*value]
    keys = {part: names[place] for part, place in find_columns(names).items()}
    used = {"tools", *(keys.get(part, "") for part in ("system", *_PARTS))}
    turns = list[Any]()
    if "messages" in value:
        used.add("messages")
        turns = _read_turns(value["messages"], left)
    elif {"question", "answer"} <= keys.keys():
        question, answer, context = (
            keys.get(each, "") for each in ("question", "answer", "context")
        )
        used |= {question, answer, context}
        asked = "\n".join(_text(value, key) for key in (question, context) if value.get(key))
        turns = [{"user": asked}, {"assistant": _text(value, answer)}]
    else:
        raise _Unreadable("import-keys", found=shorten(", ".join(names)) or "–")
    if keys.get("system") and value[keys["system"]]:
        turns.insert(0, {"system": value[keys["system"]]})
    parts = {part: value[keys[part]] for part in _PARTS if part in keys}
    parts["tools"] = value.get("tools")
    if isinstance(tags := parts.get("tags"), str):
        parts["tags"] = split_tags(tags)
    left += (key for key in names if key not in used and value[key] is not None)
    return {
        "messages": turns,
        **{key: part for key, part in parts.items() if part not in (None, "", [])},
    }


def _find_turned(value: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the rule and words of a key by which question and answer alone teach the opposite."""
    for key, found in value.items():
        name = key.strip().casefold()
        if str(found).strip().casefold() in _BAD.get(name, ()):
            return "import-bad-answer", shorten(f"{key}: {found}")
        if name == _HISTORY and found:
            return "import-history", shorten(key)
    return None


def _text(value: Mapping[str, Any], key: str) -> str:
    return "" if value[key] is None else str(_require(str, value[key], key)).replace("\r\n", "\n")


def _require(kind: type, value: Any, place: str) -> Any:
    if not isinstance(value, kind):
        expected, found = json_type(kind()), json_type(value)
        raise _Unreadable("wrong-type", expected=expected, found=found, inside=shorten(place))
    return value


def _read_turns(turns: Any, left: list[str]) -> list[Any]:
    return [
        _read_message(f"messages[{number}]", turn, left)
        for number, turn in enumerate(_require(list, turns, "messages"))
    ]


def _read_message(place: str, turn: Any, left: list[str]) -> Any:
    if not isinstance(turn, dict) or "role" not in turn:  # {"user": "…"} is as in our own files
        return turn
    message = {key: turn[key] for key in _MESSAGE_KEYS if turn.get(key) not in (None, [])}
    message["role"] = _ROLES.get(str(turn["role"]), turn["role"])
    if isinstance(parts := turn.get("content"), list):
        texts = (_read_part(part, f"{place}.content[{at}]") for at, part in enumerate(parts))
        message["content"] = "\n".join(texts)
    if isinstance(message.get("content"), str):
        message["content"] = message["content"].replace("\r\n", "\n")
    for call in _require(list, message.get("tool_calls", []), f"{place}.tool_calls"):
        function = call.get("function") if isinstance(call, dict) else None
        # Templates of Hugging Face take an object.
        if isinstance(function, dict) and isinstance(function.get("arguments"), dict):
            function["arguments"] = json.dumps(function["arguments"], ensure_ascii=False)
    unknown = (key for key in turn if key not in _MESSAGE_KEYS and turn[key] is not None)
    left += (f"messages[].{key}" for key in unknown)
    return message


def _read_part(part: Any, place: str) -> str:
    match part:
        case {"type": "text", "text": str(text)}:
            return text
        case {"type": str(kind)} if kind != "text":
            raise _Unreadable("import-part", kind=shorten(kind), inside=shorten(place))
    return str(_require(str, part, place))


def _read_table(rows: Iterable[Row | Finding]) -> Iterator[ImportedLine]:
    heading: list[str] = []
    titles: Sequence[str] = ()
    warnings: tuple[Finding, ...] = ()
    for row in rows:
        if isinstance(row, Finding) and row.severity is Severity.ERROR:
            yield ImportedLine(row.line, None, (row,))
        elif isinstance(row, Finding):
            warnings = (row,)
        elif heading and row[1]:
            line = _parse_row(titles, heading, row)
            yield replace(line, findings=(*warnings, *line.findings))
            warnings = ()
        elif row[1]:
            titles, heading = row[1], parse_heading(row[1])
            if not heading:
                found = shorten(", ".join(filter(None, row[1])))
                yield _reject(row[0], "import-heading", found=found)
                return


def _parse_row(titles: Sequence[str], heading: Sequence[str], read: Row) -> ImportedLine:
    """Return the example or findings of a row; `titles` are the columns' names as written."""
    number, cells = read
    if len(cells) > len(heading):
        found, expected = str(len(cells)), str(len(heading))
        return _reject(number, "import-cells", found=found, expected=expected)
    filled = [place for place, cell in enumerate(cells) if cell.strip()]
    if turned := _find_turned({titles[place]: cells[place] for place in filled}):
        return _reject(number, turned[0], found=turned[1])
    errors = (cells[place] for place in filled if heading[place] in COLUMNS)
    if error := next(filter(is_cell_error, errors), ""):
        return _reject(number, "import-cell-error", found=error)
    # The question and the answer are there even if their cells are empty.
    named = [heading.index(name) for name in REQUIRED_COLUMNS]
    known = sorted({*named, *(place for place in filled if heading[place] in COLUMNS)})
    texts = {place: unescape_formula(cells[place]) for place in filled}
    record = {titles[place].strip(): texts.get(place, "") for place in known}
    line = _read_record(record, number, 1)
    others = (place for place in filled if heading[place] not in COLUMNS)
    left = (titles[place].strip() or f"[{place + 1}]" for place in others)
    return replace(line, left=(*line.left, *left))


def _csv_rows(text: str) -> Iterator[Row | Finding]:
    """Yield the rows of CSV; a finding at the row that cannot be read ends them."""
    first = text.lstrip().partition("\n")[0]
    # A heading may have as many commas in a name as dividers.
    heads = {each: parse_heading(next(csv.reader([first], delimiter=each), [])) for each in ",;\t"}
    divider = max(heads, key=lambda each: (bool(heads[each]), first.count(each)))
    # The limit of the library is a seventh of a message's.
    csv.field_size_limit(MAX_FILE_BYTES)
    lines = StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=divider, strict=True, skipinitialspace=True)
    end = 0
    try:
        for cells in reader:
            start, end = end + 1, reader.line_num
            while cells and not cells[-1].strip():
                cells.pop()
            yield start, cells
    except csv.Error as error:
        yield Finding("", end + 1, 1, "import-csv", arguments={"words": shorten(str(error))})


def _workbook_rows(content: bytes) -> Iterator[Row | Finding]:
    """Yield the rows of one sheet of a workbook, with the last computed cell values.

    The filled sheets that are not read are named by a finding at the first row.
    """
    try:
        book = read_workbook(content)
    except Refused as error:
        reason = error.key.removeprefix("media-")
        yield Finding("", 1, 1, "import-xlsx", arguments={"reason": reason})
        return
    if book["others"]:
        left = {"sheet": shorten(book["title"]), "others": shorten(", ".join(book["others"]))}
        yield Finding("", 1, 1, "import-left-sheets", Severity.WARNING, left)
    yield from enumerate(book["rows"], start=1)
