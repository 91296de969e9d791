"""Examples from files of other programs: lines and lists of JSON, YAML, tables, documents, exports.

`merlin.dataset.import_forms` tells what a file is, `merlin.dataset.import_records` reads what its
records say. A table has the columns question and answer in one of its first rows, and optionally
others, by the same names as keys of JSON; its rows are read as records. Every record becomes
examples or findings.

Strangers sent the files: all of this runs in a child process (`merlin.dataset.import_reading`).
"""

import csv
import json
import re
from bisect import bisect
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import StringIO
from itertools import chain, islice, zip_longest
from typing import Any

from pydantic_core import from_json

from merlin.core.example_keys import REVISION
from merlin.core.table_cells import (
    REQUIRED_COLUMNS,
    Row,
    find_columns,
    is_cell_error,
    parse_heading,
    plain_name,
    unescape_formula,
    unescape_number,
)
from merlin.dataset.example import Example
from merlin.dataset.example_file import read_example
from merlin.dataset.finding import Finding, Severity, shorten
from merlin.dataset.import_fields import (
    COLLECTION,
    MAX_DEPTH,
    MAX_FIELDS,
    NO_CHOICES,
    FieldChoices,
    FieldValues,
    find_parts,
    is_harmless,
    is_verdict,
    join_fields,
    list_fields,
)
from merlin.dataset.import_forms import FileForm, find_form
from merlin.dataset.import_records import (
    ROLE_KEYS,
    Unmapped,
    Unreadable,
    convert_record,
    flatten,
    is_record,
)
from merlin.dataset.import_texts import (
    Block,
    decode_any,
    drop_label,
    read_gift,
    read_markdown,
    read_outline,
    read_properties,
)
from merlin.dataset.import_trees import (
    JSON_FORMS,
    Left,
    Record,
    find_all,
    read_dialogflow,
    read_moodle,
    read_rasa,
)
from merlin.dataset.yaml_io import (
    MAX_DEPTH as MAX_LEVELS,
    MAX_FILE_BYTES,
    Node,
    find_path,
    format_json,
    read_yaml,
)
from merlin.providers.document_child import UnreadableDocument, load_reader, parse


@dataclass(frozen=True, slots=True)
class ImportedLine:
    """One record of a file: its start (from 1), and an example or the findings about it.

    `left` are the fields that were left out, for a column without a name its number from 1 in
    brackets; `fields` are their values, and those of the maps around the record. `names` are those
    of all fields of the record; `number` is that of the example among those of one record, from 0.
    `revision` is git's id of its example's file when it was exported, "" for none.
    """

    line: int
    example: Example | None
    findings: tuple[Finding, ...] = ()
    file: str = ""
    column: int = 1
    left: tuple[str, ...] = ()
    fields: FieldValues = ()
    names: tuple[str, ...] = ()
    number: int = 0
    revision: str = ""


MAX_RECORDS = 10_000  # as many examples as one commit takes
MAX_IMPORT_BYTES = 50_000_000  # of a file: 5,000 for each of them
MAX_TREE_CHARACTERS = 5_000_000  # of a workbook, a document or an archive: 500 for each


def take_most(
    lines: Iterable[ImportedLine], choices: FieldChoices
) -> Iterator[ImportedLine]:
    """Yield the lines up to one more than MAX_RECORDS of those whose records are taken."""
    count = 0
    for line in lines:
        yield line
        count += choices.takes(line.fields)
        if count > MAX_RECORDS:
            return


def read_import_files(
    files: Iterable[tuple[bytes, str]], choices: FieldChoices = NO_CHOICES
) -> Iterator[ImportedLine]:
    """Yield every record of files, given by content and name.

    Findings have the file's name as their path. An unreadable file is one record with findings; a
    list or a table is read up to its first syntax error. `choices` names the fields of question and
    answer, or the numbers of a table's columns from 1. The files of a project of Rasa are read
    together, after the others.
    """
    project = dict[str, list[Any]]()
    project_name = ""
    for content, name in files:
        form = find_form(content, name)
        tree = read_yaml(content) if form.reader == "rasa" else None
        if isinstance(tree, Finding):
            yield ImportedLine(tree.line, None, (tree.at(name),), name)
        elif tree is not None:
            project_name = project_name or name
            for key, value in _plain_value(tree).items():
                project.setdefault(key, []).extend(find_all(value, ""))
        else:
            yield from _place_lines(_read_file(content, form, choices), name)
    if project:
        yield from _place_lines(
            _read_records(read_rasa(project, left := Left()), left, "rasa"),
            project_name,
        )


def _place_lines(lines: Iterable[ImportedLine], name: str) -> Iterator[ImportedLine]:
    """Yield the lines of a file with its name; a finding if there are none."""
    is_empty = True
    for line in lines:
        is_empty = False
        findings = tuple(finding.at(name) for finding in line.findings)
        yield replace(line, file=name, findings=findings)
    if is_empty:
        yield ImportedLine(1, None, (Finding("", 1, 1, "empty-file").at(name),), name)


def _plain_value(node: Node) -> Any:
    if isinstance(node.value, dict):
        return {key: _plain_value(each) for key, each in node.value.items()}
    return (
        [*map(_plain_value, node.value)] if isinstance(node.value, list) else node.value
    )


def _read_file(
    content: bytes, form: FileForm, choices: FieldChoices
) -> Iterator[ImportedLine]:
    if len(content) > MAX_IMPORT_BYTES:
        yield _reject(1, "too-large", size=len(content), limit=MAX_IMPORT_BYTES)
    elif not form.reader:
        yield _reject(1, "import-kind", kind=form.name)
    elif form.child:
        try:
            written, _ = parse(load_reader(form.child), content, MAX_TREE_CHARACTERS)
            tree = from_json(written)
        except UnreadableDocument as error:
            yield _reject(1, "import-unreadable", reason=error.reason)
        except ValueError:  # nested deeper than who goes on can follow
            yield _reject(1, "import-unreadable", reason="damaged")
        else:
            yield from _read_tree(tree, form, choices)
    else:
        text, encoding = decode_any(content)
        if isinstance(text, Finding):
            yield ImportedLine(text.line, None, (text,), column=text.column)
            return
        about = Finding(
            "", 1, 1, "import-encoding", Severity.NOTE, {"encoding": encoding}
        )
        lines = _read_text(text.removeprefix("\ufeff"), form, choices)
        yield from _add_findings(lines, [about] if encoding else [])


def _read_tree(
    tree: Any, form: FileForm, choices: FieldChoices
) -> Iterator[ImportedLine]:
    """Yield the lines of what a child has read of a file."""
    left = Left()
    if form.reader == "workbook":
        left.update(tree["left"])
        sheets = {
            "sheet": shorten(tree["title"]),
            "others": shorten(", ".join(tree["others"])),
        }
        about = Finding("", 1, 1, "import-left-sheets", Severity.WARNING, sheets)
        rows = enumerate(tree["rows"], start=1)
        lines = _read_table(
            rows, choices, left, {(row, at) for row, at in tree["merged"]}
        )
        yield from _add_findings(lines, [about] if tree["others"] else [])
    elif form.reader == "document":
        left.update(tree["left"])
        labels = tree["labels"]
        blocks = [
            drop_label(Block(*each), labels.get(str(each[0]), ""))
            for each in tree["blocks"]
        ]
        yield from _read_document(blocks, form, choices, left)
    else:
        reader = read_moodle if form.reader == "moodle" else read_dialogflow
        yield from _read_records(reader(tree, left), left, form.name)


_EMPTY = ["import-kind"]


def _read_text(
    text: str, form: FileForm, choices: FieldChoices
) -> Iterator[ImportedLine]:
    left = Left()
    if form.reader == "yaml":
        tree = read_yaml(text.encode())
        if isinstance(tree, Finding):
            yield ImportedLine(tree.line, None, (tree,))
            return
        text = format_json(_plain_value(tree))
    match form.reader:
        case "json" | "yaml":
            lines = _ask_keys([*take_most(_read_json(text, choices), choices)])
            answered = [
                each
                for each in lines
                if [one.rule for one in each.findings][-1:] != _EMPTY
            ]
            # Some conversations of many have no answer: that is no error of the file.
            if answered:
                left["conversations"] = len(lines) - len(answered)
                lines = answered
            yield from _add_findings(lines, _list_left(left))
        case "gift":
            yield from _read_records(read_gift(text, left), left, form.name)
        case "document":
            about = [each for each in read_properties(text) if is_verdict(*each)]
            blocks = [*read_markdown(text, left)]
            for line in _read_document(blocks, form, choices, left):
                yield replace(line, fields=(*about, *line.fields))
        case _:
            yield from _read_table(_csv_rows(text), choices, left)


_SAMPLE_ROWS = 1000  # by which it is guessed what asks and what answers


def _ask_keys(lines: Sequence[ImportedLine]) -> Sequence[ImportedLine]:
    """Return the lines; one that asks for question and answer if all lack them.

    What is in a list of maps cannot be chosen; a file of single messages has no pairs.
    """
    rows = [
        {name: text for name, text in line.fields if "[]" not in name}
        for line in lines[:_SAMPLE_ROWS]
    ]
    names = [*dict.fromkeys(chain.from_iterable(rows))][:MAX_FIELDS]
    are_unknown = all(
        [each.rule for each in line.findings] == ["import-keys"] for line in lines
    )
    if not are_unknown or len(names) < len(REQUIRED_COLUMNS):
        return lines
    cells = [[row.get(name, "") for name in names] for row in rows]
    columns = _describe_columns([names, *cells])
    if any({*name.split(".")} & {*ROLE_KEYS} for name in names):
        columns = {"found": columns["found"], "question": "turns"}
    asked = replace(lines[0].findings[0], arguments=columns)
    return [replace(lines[0], findings=(asked,))]


def _read_document(
    blocks: Sequence[Block], form: FileForm, choices: FieldChoices, left: Left
) -> Iterator[ImportedLine]:
    """Yield the rows of the tables if one has a heading, else what stands below headings."""
    rows = [(each.line, [*each.cells]) for each in blocks if each.cells]
    if choices.parts or any(parse_heading(cells) for _, cells in rows):
        left["texts"] += len(blocks) - len(rows)
        yield from _read_table(rows, choices, left)
    else:
        yield from _read_records(read_outline(blocks, left), left, form.name)


def _read_records(
    records: Iterable[tuple[int, Record]],
    left: Left,
    kind: str,
    column: int = 1,
    choices: FieldChoices = NO_CHOICES,
) -> Iterator[ImportedLine]:
    """Yield the lines of a form's records, and what its reader left out; without any, its name."""
    try:
        read = (
            each
            for line, record in records
            for each in _read_record(record, line, column, choices)
        )
        lines = [*take_most(read, choices)]
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        lines = []  # a tree of another kind, which has the same keys
    yield from _add_findings(
        lines or [_reject(1, "import-kind", kind=kind)], _list_left(left)
    )


def _list_left(left: Left) -> list[Finding]:
    counts: Iterator[dict[str, str | int]] = (
        {"kind": kind, "count": count} for kind, count in left.items() if count > 0
    )
    return [Finding("", 1, 1, "import-left", Severity.WARNING, each) for each in counts]


def _add_findings(
    lines: Iterable[ImportedLine], findings: Sequence[Finding]
) -> Iterator[ImportedLine]:
    """Yield the lines, the first also with these findings."""
    for line in lines:
        moved = (replace(each, line=line.line) for each in findings)
        yield replace(line, findings=(*moved, *line.findings))
        findings = ()


def _reject(
    line: int, rule: str, column: int = 1, **arguments: str | int
) -> ImportedLine:
    finding = Finding("", line, column, rule, arguments=arguments)
    return ImportedLine(line, None, (finding,), column=column)


_BETWEEN = re.compile(r"[\s,]*")


def _read_json(text: str, choices: FieldChoices) -> Iterator[ImportedLine]:
    """Yield the records of JSON Lines, or those of a list up to its first error."""
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    decoder = json.JSONDecoder()
    is_list = text.lstrip().startswith("[")
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
            lines = [*_read_value(value, line, at - starts[line - 1] + 1, choices)]
        except (ValueError, RecursionError) as error:
            at = getattr(error, "pos", at)
            line = bisect(starts, at)
            column = at - starts[line - 1] + 1
            if isinstance(error, RecursionError):
                yield _reject(line, "too-deep", column, limit=MAX_LEVELS)
            else:
                words = shorten(getattr(error, "msg", "") or str(error))
                yield _reject(line, "import-json", column, words=words)
            if is_list:
                return
            at = starts[line] if line < len(starts) else len(text)
        else:
            yield from lines
            at = end


def _read_value(
    value: Any, line: int, column: int, choices: FieldChoices
) -> Iterator[ImportedLine]:
    """Yield the lines of a value of JSON: of its form's records, else of its own or inner ones."""
    left = Left()
    kinds = (each for each in JSON_FORMS if find_all(value, each.sign))
    if form := next(kinds, None):
        records = ((line, record) for _, record in form.read(value, left))
        yield from _read_records(records, left, form.name, column, choices)
        return
    found: list[tuple[Any, FieldValues]] = [(value, ())]
    if isinstance(value, dict) and not is_record(value, choices):
        found = [*_list_inner(value, choices)]
        found = found or [(each, ()) for each in _list_rows(value)]
        if value and all(map(_is_answered, value, value.values())):
            found = [
                ({"question": ask, "answer": said}, ()) for ask, said in value.items()
            ]
    for record, around in found:
        for each in _read_record(record, line, column, choices):
            yield replace(each, fields=join_fields((*around, *each.fields)))


def _is_answered(question: str, answer: Any) -> bool:
    return question.rstrip().endswith("?") and isinstance(answer, str)


def _list_rows(value: Record) -> list[Any]:
    """Return the first list of maps within a map that has no part of an example, else itself."""
    maps = [value, *(each for each in value.values() if isinstance(each, dict))]
    lists = (
        each
        for inner in maps
        for each in inner.values()
        if isinstance(each, list) and each and isinstance(each[0], dict)
    )
    has_part = bool({*find_columns([*value])} & {*REQUIRED_COLUMNS})
    return [value] if has_part else next(lists, [value])


def _list_inner(
    value: Any, choices: FieldChoices, path: str = "", depth: int = 0
) -> Iterator[tuple[Record, FieldValues]]:
    """Yield the records within a map that is none, each with the fields of the maps around it.

    Beside a record in a list all maps are. Which of several lists, or "draft", has it, is a field.
    """
    if isinstance(value, list):
        maps = [each for each in value if isinstance(each, dict)]
        is_table = any(is_record(each, choices) for each in maps)
        for each in value:
            if is_table and isinstance(each, dict):
                yield each, ()
            else:
                yield from _list_inner(each, choices, path, depth)
    elif isinstance(value, dict) and is_record(value, choices):
        yield value, ()
    elif isinstance(value, dict) and depth <= MAX_DEPTH:
        found = {
            key: [
                *_list_inner(each, choices, f"{path}.{key}" if path else key, depth + 1)
            ]
            for key, each in value.items()
        }
        is_many = len([*chain.from_iterable(found.values())]) > 1
        beside = {
            key: each
            for key, each in value.items()
            # What the map says of all of them.
            if not found[key] and not (is_many and COLLECTION.fullmatch(key.casefold()))
        }
        own = join_fields(list_fields(beside, path)) if any(found.values()) else ()
        are_sections = len([*filter(None, found.values())]) > 1
        for key, records in found.items():
            is_list = not (
                isinstance(value[key], dict) and is_record(value[key], choices)
            )
            is_state = is_verdict("", key) or (are_sections and is_list)
            state = ((f"{path}.*".lstrip("."), key),) if is_state else ()
            yield from ((record, (*own, *state, *around)) for record, around in records)


def _read_record(
    value: Any, line: int, column: int, choices: FieldChoices = NO_CHOICES
) -> Iterator[ImportedLine]:
    unmapped: Unmapped = []
    try:
        examples = (
            [*convert_record(value, unmapped, choices)]
            if isinstance(value, dict)
            else [value]
        )
    except Unreadable as error:
        fields = join_fields(list_fields(value))
        yield replace(
            _reject(line, error.rule, column, **error.arguments), fields=fields
        )
        return
    left = tuple(dict.fromkeys(name for name, _ in unmapped))
    fields = join_fields(
        chain.from_iterable(list_fields(value, name) for name, value in unmapped)
    )
    names = tuple(value | flatten(value)) if isinstance(value, dict) else ()
    revision = str(value.get(REVISION) or "") if isinstance(value, dict) else ""
    for number, values in enumerate(examples):
        # JSON is YAML: the record is read as an example's file is.
        content = format_json(values).encode("utf-8", "surrogatepass")
        example, found = read_example(content)
        findings = tuple(locate(finding, content, line, column) for finding in found)
        yield ImportedLine(
            *(line, example, findings, "", column, left, fields, names, number),
            revision=revision,
        )
        left = ()


def locate(finding: Finding, content: bytes, line: int, column: int) -> Finding:
    """Return a finding about a record's example, whose file is `content`, at the record's place."""
    inside = find_path(content, (finding.line, finding.column))
    arguments = {**finding.arguments, **({"inside": shorten(inside)} if inside else {})}
    return replace(finding, line=line, column=column, arguments=arguments)


_MAX_TITLES = 10  # rows among which the heading is looked for


def _read_table(
    rows: Iterable[Row | Finding],
    choices: FieldChoices,
    left: Left,
    merged: Collection[tuple[int, int | None]] = (),
) -> Iterator[ImportedLine]:
    """Yield the rows below the heading, which is one of the first that are not empty.

    Rows of one question, which is one of the `merged` cells, are one; repeated headings are none.
    """
    filled = (row for row in rows if isinstance(row, Finding) or row[1])
    first = [*islice(filled, _MAX_TITLES)]
    heads = [
        [] if isinstance(row, Finding) else [cell.strip() for cell in row[1]]
        for row in first
    ]
    at = next((at for at, names in enumerate(heads) if _is_heading(names, choices)), -1)
    titles = heads[at] if at >= 0 else _guess_columns(heads, choices)
    errors = [row for row in first if isinstance(row, Finding)]
    if not titles and not errors:
        widest = max(
            range(len(first)), key=lambda place: len(heads[place]), default=None
        )
        if (
            widest is not None
            and len(heads[widest]) == 1
            and not find_columns(heads[widest])
        ):
            yield _reject(1, "import-kind", kind="text")
        elif widest is not None:
            number = first[widest][0]  # type: ignore[index]  # there is no finding
            yield _reject(
                number, "import-heading", 1, **_describe_columns(heads[widest:])
            )
        return
    left["rows"] += max(at, 0)
    parts = find_parts(titles, choices)
    below = chain(first[at + 1 :] if titles else errors, filled)
    joined = _join_rows(below, parts.get("question"), merged)
    data = _drop_headings(joined, titles, left)
    read = (_read_row(titles, parts, row, choices) for row in data)
    lines = [*take_most(read, choices)]
    yield from _add_findings(lines, _list_left(left))


def _join_rows(
    rows: Iterable[Row | Finding],
    place: int | None,
    merged: Collection[tuple[int, int | None]],
) -> Iterator[Row | Finding]:
    """Yield the rows; what is in those of one merged question is joined in lines."""
    last: Row | Finding | None = None
    for row in rows:
        if isinstance(row, Finding) or (row[0], place) not in merged:
            yield from [last] if last else []
            last = row
        elif last and not isinstance(last, Finding):
            pairs = enumerate(zip_longest(last[1], row[1], fillvalue=""))
            cells = [
                pair[0] if (row[0], at) in merged else "\n".join(filter(None, pair))
                for at, pair in pairs
            ]
            last = (last[0], cells)
    yield from [last] if last else []


def _drop_headings(
    rows: Iterable[Row | Finding], titles: Sequence[str], left: Left
) -> Iterator[Row | Finding]:
    """Yield the rows but those that repeat the heading, which are counted."""
    for row in rows:
        if not isinstance(row, Finding) and _repeats_heading(row[1], titles):
            left["headings"] += 1
        else:
            yield row


def _repeats_heading(cells: Sequence[str], titles: Sequence[str]) -> bool:
    names = [plain_name(cell) for cell in cells]
    return bool(parse_heading(cells)) or names == [
        plain_name(title) for title in titles[: len(names)]
    ]


def _describe_columns(rows: Sequence[Sequence[str]]) -> dict[str, str | int]:
    """Return the names of a table's columns, and which of them could be question and answer.

    Most cells below a question's name ask; those below an answer's are twice as long as any others.
    """
    names, *below = rows
    columns = [
        [row[at] for row in below if at < len(row) and row[at]]
        for at in range(len(names))
    ]
    asking = [
        sum(cell.endswith("?") for cell in cells) * 2 > len(cells) for cells in columns
    ]
    sizes = [0]
    for name, is_asking, cells in zip(names, asking, columns, strict=True):
        is_text = " " in "".join(cells).replace(", ", "")  # no word, no list of words
        is_answer = is_text and not is_asking and not is_harmless(name, cells)
        sizes.append(sum(map(len, cells)) * is_answer)
    *_, second, longest = sorted(sizes)
    is_clear = asking.count(True) == 1 and longest > second * 2
    listed = [*filter(None, names)]
    return {
        "found": shorten(", ".join(listed), 300),
        "names": "\n".join(listed)[:2000],
        "question": shorten(names[asking.index(True)]) if is_clear else "none",
        "answer": shorten(names[sizes.index(longest) - 1]) if is_clear else "none",
    }


def _is_heading(names: Sequence[str], choices: FieldChoices) -> bool:
    """Return whether a row names question and answer, and no part twice."""
    parts = find_parts(names, choices)
    plain = [*map(plain_name, names)]
    is_unique = all(plain.count(plain[place]) == 1 for place in parts.values())
    return is_unique and parts.keys() >= {*REQUIRED_COLUMNS}


def _guess_columns(rows: Sequence[Sequence[str]], choices: FieldChoices) -> list[str]:
    """Return the names of columns without a heading, [] if they cannot be told.

    They were chosen by number, or there are two, of which most rows ask in the first.
    """
    titles = [f"[{place + 1}]" for place in range(max(map(len, rows), default=0))]
    asking = sum(row[0].rstrip().endswith("?") for row in rows if row)
    if {*map(len, rows)} == {len(REQUIRED_COLUMNS)} and asking * 2 > len(rows):
        return [*REQUIRED_COLUMNS]
    for part, number in choices.parts.items():
        if f"[{number}]" not in titles:
            return []
        titles[titles.index(f"[{number}]")] = part
    return titles if choices.parts else []


def _read_row(
    titles: Sequence[str],
    places: Mapping[str, int],
    read: Row | Finding,
    choices: FieldChoices,
) -> ImportedLine:
    """Return the example or findings of a row; `places` are those of its parts."""
    if isinstance(read, Finding):
        return ImportedLine(read.line, None, (read,))
    number, cells = read
    if len(cells) > len(titles):
        found = str(len(cells))
        expected = str(len(titles))
        return _reject(number, "import-cells", found=found, expected=expected)
    parts = {place: part for part, place in places.items()}
    filled = [place for place, cell in enumerate(cells) if cell.strip()]
    if error := next(
        (cells[at] for at in filled if at in parts and is_cell_error(cells[at])), ""
    ):
        return _reject(number, "import-cell-error", found=error)
    # The question and the answer are there even if their cells are empty.
    known = {place: "" for place, part in parts.items() if part in REQUIRED_COLUMNS}
    texts = known | {place: unescape_formula(cells[place]) for place in filled}
    record = {
        titles[place] or f"[{place + 1}]": text for place, text in sorted(texts.items())
    }
    line = next(_read_record(record, number, 1, choices))
    return replace(line, names=tuple(titles))


def _csv_rows(text: str) -> Iterator[Row | Finding]:
    """Yield the rows of CSV; a finding at the row that cannot be read ends them."""
    # Excel itself writes and reads a first line that names the divider.
    named = re.match(r"\s*sep=(.)[^\S\r\n]*(\r\n|\r|\n)", text)
    divider = named[1] if named else _find_divider(text)
    # The limit of the library is a seventh of a message's.
    csv.field_size_limit(MAX_FILE_BYTES)
    lines = StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=divider, strict=True, skipinitialspace=True)
    end = 0
    try:
        for cells in reader:
            start = end + 1
            end = reader.line_num
            while cells and not cells[-1].strip():
                cells.pop()
            yield (
                start,
                ([] if named and start == 1 else [*map(unescape_number, cells)]),
            )
    except csv.Error as error:
        yield Finding(
            "", end + 1, 1, "import-csv", arguments={"words": shorten(str(error))}
        )


_SAMPLE_CHARACTERS = 20_000


def _find_divider(text: str) -> str:
    """Return the divider by which one of the first rows is a heading, and most rows are as wide."""

    def rate(divider: str) -> tuple[bool, int, int]:
        lines = StringIO(text[:_SAMPLE_CHARACTERS], newline="")
        rows = [
            *filter(None, csv.reader(lines, delimiter=divider, skipinitialspace=True))
        ]
        widths = Counter(len(row) for row in rows if len(row) > 1)
        width, count = max(widths.items(), key=lambda each: each[::-1], default=(0, 0))
        return any(parse_heading(row) for row in rows[:_MAX_TITLES]), count, -width

    return max(",;\t|", key=rate)
