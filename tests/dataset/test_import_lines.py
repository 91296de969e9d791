"""Importing files of other programs: each record becomes an example or a finding with its line."""

import gzip
import json
from io import BufferedReader, BytesIO

import pytest
from hypothesis import given, seed
from hypothesis import settings as budget
from hypothesis import strategies as st

from merlin.dataset import import_lines

pytestmark = pytest.mark.unit

JSONL, CSV = ".jsonl", ".csv"


def stream(content):
    return BufferedReader(BytesIO(content))


def read_import_lines(content, kind="file"):
    return list(import_lines.read_import_lines(stream(content), kind))


def make_line(*turns, **more):
    return json.dumps({"messages": [{"role": r, "content": c} for r, c in turns], **more})


def left_out(lines):
    """Return what is named as left out: the line, keys or the column's number, how many records."""
    counter = import_lines.LeftOut()
    for line in lines:
        counter.add(line)
    return [(finding.line, *finding.arguments.values()) for finding in counter.findings()]


def rules(lines):
    return [(line.line, finding.rule) for line in lines for finding in line.findings]


def test_lines_of_the_chat_format_become_examples():
    text = "\n".join(
        [
            make_line(("system", "Кратко."), ("user", "Где?"), ("assistant", "Тут.\n")),
            "",
            make_line(("user", "Кто?"), ("assistant", "Я."), tags=["a"], split="test"),
        ]
    )
    first, second = read_import_lines(text.encode(), JSONL)
    assert (first.line, second.line) == (1, 3)
    assert [message.content for message in first.example.messages] == ["Кратко.", "Где?", "Тут."]
    assert (second.example.tags, second.example.split) == (("a",), "test")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text",
    [
        'Вопрос\tОтвет\tТеги\r\nГде? 🙂\t"Тут,\r\nрядом."\tа\r\n',
        json.dumps([{"messages": [{"user": "Где? 🙂"}, {"assistant": "Тут,\nрядом."}]}]),
    ],
)
def test_files_in_utf16_as_spreadsheets_write_them_are_read(text, encoding):
    for mark in ("\ufeff", ""):
        (line,) = read_import_lines(f"{mark}{text}".encode(encoding))
        assert line.findings == ()
        assert [message.content for message in line.example.messages] == ["Где? 🙂", "Тут,\nрядом."]
    # Cut within a character.
    assert read_import_lines(f"\ufeff{text}".encode(encoding)[:-1])


@pytest.mark.parametrize("answer", ["Ту\x00т рядом с дверью.", "\x00a"])
def test_text_in_utf8_with_a_zero_byte_is_no_utf16(answer):
    text = f"Вопрос,Ответ\nГде?,{answer}\n"
    (line,) = read_import_lines(text.encode(), CSV)
    assert line.example.messages[1].content == answer


def test_tool_calls_survive_an_import():
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    line = json.dumps(
        {
            "messages": [
                {"role": "user", "content": "Где?"},
                {"role": "assistant", "content": None, "tool_calls": [call], "name": None},
                {"role": "tool", "content": "тут", "tool_call_id": "1"},
                {"role": "assistant", "content": "Тут.", "weight": 1},
            ],
            "tools": [{"type": "function", "function": {"name": "f"}}],
        }
    )
    (line,) = read_import_lines(line.encode(), JSONL)
    assert line.example.messages[1].extra == {"tool_calls": [call]}
    assert line.example.messages[3].extra == {"weight": 1}


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("{", "import-json"),
        ("[" * 100_000, "import-json"),
        ('{"messages": [], "tools": ' + "[" * 30 + "]" * 30 + "}", "import-json"),
        ('"' + "x" * 1_000_001 + '"', "too-large"),
        ('{"messages": NaN}', "import-json"),
        ('{"messages": 1, "messages": 2}', "import-json"),
        ('{"messages": [], "tools": [{"a": 0.12345678901234567}]}', "import-json"),
        ("[1]", "wrong-type"),
        ('{"messages": []}', "too-few-items"),
        ('{"a": 1}', "import-keys"),
        (make_line(("user", "Где?")), "last-not-assistant"),
        (make_line(("assistant", "Тут.")), "wrong-turn"),
        (make_line(("user", " "), ("assistant", "Тут.")), "empty-content"),
        ('{"messages": [{"role": "user", "content": [{"type": "text"}]}]}', "wrong-type"),
    ],
)
def test_bad_line_is_reported_by_its_number(line, rule):
    good = make_line(("user", "Где?"), ("assistant", "Тут."))
    lines = read_import_lines(f"{good}\n{line}\n{good}".encode(), JSONL)
    assert (2, rule) in rules(lines)
    assert [line.line for line in lines if line.example] == [1, 3]


@pytest.mark.parametrize(
    "text",
    [
        'question,answer,tags\nГде?,Тут.,"a, b"\n',
        "\ufeffвопрос;ответ;теги\r\nГде?;Тут.;a b\r\n",
        "Answer\tQuestion\tTags\nТут.\tГде?\ta;b;a\n",
        'question, answer, tags,\n Где?, Тут., "a, b",,\n',
        "\ufeffsep=|\r\nвопрос|ответ|теги\r\nГде?|Тут.|a, b\r\n",
    ],
)
def test_tables_are_read_with_any_delimiter(text):
    (line,) = read_import_lines(text.encode(), CSV)
    assert (line.line, line.findings) == (text.count("\n"), ())
    assert (line.example.question, line.example.answer) == ("Где?", "Тут.")
    assert line.example.tags == ("a", "b")


def test_columns_of_an_example_are_read_and_others_are_named():
    text = "id,question,Источник,answer,split,comment\n1,Где?,книга,Тут.,test,\n2,Кто?,,Я.,,ой\n"
    first, second = read_import_lines(text.encode(), CSV)
    assert (first.example.source, first.example.split) == ("книга", "test")
    assert second.example.split is None
    assert left_out([first, second]) == [(2, "id", 2), (3, "comment", 1)]
    pair = read_import_lines(b"question,answer,rejected\nWho?,Me.,You.\n", CSV)[0].example
    assert pair.rejected.content == "You."


def test_row_of_several_lines_is_reported_by_its_first():
    text = 'question,answer\n"Где\nже?","Тут\r\nже."\n\n,\nКто?,\n"Что?",Это,ещё\n'
    lines = read_import_lines(text.encode(), CSV)
    assert lines[0].example.question == "Где\nже?"
    assert lines[0].example.answer == "Тут\nже."
    assert rules(lines) == [(7, "empty-content"), (8, "import-cells")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", [(1, "empty-file")]),
        (b"question,answer\n", [(1, "empty-file")]),
        (b"a,b\n1,2\n", [(1, "import-heading")]),
        (b"question,answer,question\na,b,c\n", [(1, "import-heading")]),
        ("question,answer\nГде?,Тут.\n".encode("cp1251"), [(2, "not-utf8")]),
        ("вопрос,ответ\nГде?,Тут.\n".encode("cp1251"), [(1, "not-utf8")]),
        (b"question,answer\na,b\n" + b"c," * 600_000 + b"\nd,e\n", [(3, "too-large")]),
        (b'question,answer\n"a"b,c\n', [(2, "import-csv")]),
        (b'question,answer\na,b\nc,"d' + b"\n" * 9, [(3, "import-csv")]),
    ],
)
def test_unreadable_table_is_reported_with_its_line(content, expected):
    assert rules(read_import_lines(content, CSV)) == expected


def test_rows_after_one_in_another_encoding_are_read():
    """Such as a row that was pasted from an old file."""
    rows = b"question,answer\na,b\n\xcf\xf0,\xe8\nc,d\n"
    lines = read_import_lines(rows, CSV)
    assert [(line.line, line.example and line.example.question) for line in lines] == [
        (2, "a"),
        (3, None),
        (4, "c"),
    ]
    assert [finding.rule for line in lines for finding in line.findings] == ["not-utf8"]


@pytest.mark.parametrize(
    ("name", "content", "shape"),
    [
        ("a.JSONL", b"", JSONL),
        ("a.csv", b"{", JSONL),
        ("a.csv", b"a,b", CSV),
        ("a.tsv", b"", CSV),
        ("a.txt", b"\xef\xbb\xbf {", JSONL),
        ("a", b"\n\n [", JSONL),
        ("-", b"question,answer", CSV),
    ],
)
def test_format_is_detected_from_the_first_character_or_the_name(name, content, shape):
    file = stream(content)
    assert f".{import_lines.detect_format(name, file)}" == shape
    assert file.read() == content


PAIR = {"prompt": "Где?", "completion": "Тут.", "tags": "a"}
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ASKED, ANSWERED = {"role": "user", "content": "Где?"}, {"role": "assistant", "content": "Тут."}


def list_messages(line):
    return [(message.role, message.content) for message in line.example.messages]


@pytest.mark.parametrize(
    ("record", "asked", "ignored"),
    [
        ({"question": "Где?", "answer": "Тут."}, "Где?", ""),
        ({"prompt": "Где?", "completion": "Тут."}, "Где?", ""),
        ({"Instruction": "Где?", "input": "", "output": "Тут."}, "Где?", ""),
        ({"instruction": "Где?", "context": "Ищу.", "response": "Тут."}, "Где?\nИщу.", ""),
        ({"instruction": "Всё", "prompt": "Где?", "output": "Тут."}, "Где?", "instruction"),
        ({"question": "Где?", "answer": "Тут.", "response": "Там."}, "Где?", "response"),
        ({"messages": [ASKED, {**ANSWERED, "refusal": "x"}]}, "Где?", "messages[].refusal"),
        ({"messages": [{"user": "Где?"}, {**ANSWERED, "refusal": None}]}, "Где?", ""),
        (
            {"messages": [{**ASKED, "content": [{"type": "text", "text": "Где?"}]}, ANSWERED]},
            *("Где?", ""),
        ),
        (
            {"messages": [ASKED, ANSWERED], "parallel_tool_calls": True},
            "Где?",
            "parallel_tool_calls",
        ),
    ],
)
def test_question_and_answer_are_read_by_their_names_and_the_rest_is_named(record, asked, ignored):
    (line,) = read_import_lines(json.dumps(record).encode())
    assert (list_messages(line), line.findings) == ([("user", asked), ("assistant", "Тут.")], ())
    assert left_out([line]) == [(1, ignored, 1)] * bool(ignored)


def test_developer_message_and_instructions_beside_a_question_are_system_messages():
    developer = {"role": "developer", "content": "Кратко."}
    for record in ({"messages": [developer, ASKED, ANSWERED]}, PAIR | {"system": "Кратко."}):
        (line,) = read_import_lines(json.dumps(record).encode())
        assert list_messages(line)[0] == ("system", "Кратко.")


@pytest.mark.parametrize(
    "record",
    [
        PAIR | {"rejected": "Не знаю."},
        {
            "input": {"messages": [ASKED], "tools": [], "parallel_tool_calls": True},
            "preferred_output": [ANSWERED],
            "non_preferred_output": [{"role": "assistant", "content": "Не знаю."}],
        },
    ],
)
def test_preferred_and_rejected_answers_become_a_pair(record):
    (line,) = read_import_lines(json.dumps(record).encode())
    assert (line.example.answer, line.example.rejected.content) == ("Тут.", "Не знаю.")
    assert line.findings == ()


@pytest.mark.parametrize(
    "content", [gzip.compress(b"{}"), b"PAR1\x15", b"version https://git-lfs.github.com/spec/v1\n"]
)
def test_file_of_another_kind_is_refused(content):
    assert rules(read_import_lines(content)) == [(1, "import-kind")]


def test_column_without_a_name_is_named_by_its_number_and_counted():
    text = ",question,answer,,lang\n0,Где?,Тут.,x,ru\n1,Кто?,Я.,,ru\n"
    assert left_out(read_import_lines(text.encode(), CSV)) == [(2, "[1], lang", 2), (2, "[4]", 1)]


@pytest.mark.parametrize(
    ("record", "rule", "inside"),
    [
        ({"messages": [ASKED, {**ANSWERED, "weight": "1"}]}, "wrong-type", "messages[1].weight"),
        (
            {"messages": [ASKED, {**ANSWERED, "content": {"a": 1}}]},
            *("wrong-type", "messages[1].content"),
        ),
        ({"messages": [ASKED, {**ANSWERED, "role": "narrator"}]}, "not-one-of", "messages[1].role"),
        ({"messages": "hello"}, "wrong-type", "messages"),
        ({"messages": ["hello"]}, "wrong-type", "messages[0]"),
        ({"messages": [ASKED, {"content": "Я."}]}, "unknown-key", "messages[1].content"),
        (
            {"messages": [{**ASKED, "content": [{"type": "image_url"}]}, ANSWERED]},
            *("import-part", "messages[0].content[0]"),
        ),
        (
            {"messages": [{**ASKED, "content": [7]}, ANSWERED]},
            "wrong-type",
            "messages[0].content[0]",
        ),
        ({"messages": [ASKED, ANSWERED | {"content": "a\ud83d"}]}, "import-json", ""),
        ({"input": "a", "preferred_output": [ANSWERED]}, "wrong-type", "input"),
        (PAIR | {"completion": None}, "empty-content", "completion"),
        (PAIR | {"prompt": [7]}, "wrong-type", "prompt"),
        (PAIR | {"tags": 7}, "wrong-type", "tags"),
        (PAIR | {"tools": [1e999]}, "import-json", ""),
        ({"prompt": "Где?"}, "import-keys", ""),
    ],
)
def test_record_that_breaks_its_format_is_reported_with_the_path_inside(record, rule, inside):
    good = json.dumps(PAIR)
    lines = read_import_lines(f"{good}\n{json.dumps(record)}\n{good}".encode())
    assert rules(lines)[0] == (2, rule)
    assert lines[1].findings[0].arguments.get("inside", "") == inside
    assert [line.line for line in lines if line.example] == [1, 3]


def test_unknown_keys_are_reported_once_per_file():
    records = [PAIR | {"id": 7, "model": "m"}, PAIR | {"id": 8, "model": "m"}, PAIR]
    lines = read_import_lines("\n".join(map(json.dumps, records)).encode())
    assert left_out(lines) == [(1, "id, model", 2)]


@pytest.mark.parametrize("indent", [None, 4])
@pytest.mark.parametrize("count", [1, 3, 2000])
def test_list_of_records_is_read_with_any_indentation(indent, count):
    records = [PAIR | {"note": f"№ {number}"} for number in range(count)]
    text = json.dumps(records, indent=indent, ensure_ascii=False)
    lines = read_import_lines(text.encode())
    assert [line.example.note for line in lines] == [record["note"] for record in records]
    assert lines[-1].line == 1 + text.count("\n", 0, text.rindex('"prompt"')) - bool(indent)


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_error_in_a_long_list_is_reported_by_line_and_column(bom):
    good = json.dumps(PAIR, ensure_ascii=False)
    head = ",\n".join(f"  {good}" for _ in range(1000))
    bad = '{"a" 1}'
    lines = read_import_lines(bom + f"[\n{head},\n  {bad}, {good}]".encode())
    assert sum(line.example is not None for line in lines) == 1000
    (finding,) = lines[-1].findings
    assert (finding.line, finding.column, finding.rule) == (1002, 8, "import-list")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", [(1, "empty-file")]),
        ("[", [(1, "import-list")]),
        ("[\n1", [(2, "wrong-type"), (2, "import-list")]),
        ("[1 1]", [(1, "wrong-type"), (1, "import-list")]),
        ("[1,]", [(1, "wrong-type"), (1, "import-list")]),
        ("[1]\n\n[", [(1, "wrong-type"), (3, "import-list")]),
        ("[" * 100_000, [(1, "import-list")]),
        ('["' + "x" * 3_000_000 + '"]', [(1, "too-large")]),
        ('["' + "x" * 1_000_000 + '"]', [(1, "too-large")]),
        ("[" + "9" * 5_000 + "]", [(1, "import-json")]),
        ('[{"a": 1,\n"a": 2}]', [(1, "import-json")]),
    ],
)
def test_broken_list_is_reported_with_its_line(text, expected):
    assert rules(read_import_lines(text.encode())) == expected


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        (b'{"a": 1}\n{"b": 2, "c}', 2, 10),
        (b'{"a": 1}\n{"\xd0\xb0": "\xff"}', 2, 8),
        (b'[\n{"a":\n "\xff"}]', 3, 3),
        (b"question,answer\nab,\xff\n", 2, 4),
    ],
)
def test_unreadable_record_is_reported_by_line_and_column(content, line, column):
    finding = read_import_lines(content)[-1].findings[0]
    assert (finding.line, finding.column, finding.path) == (line, column, "file")
    assert finding.rule in {"import-json", "not-utf8"}


def test_half_of_a_character_is_not_another_encoding():
    """As other programs write an emoji that they cut in two."""
    finding = read_import_lines(b'{"question": "\xed\xa0\xbd", "answer": "b"}\n')[0].findings[0]
    assert (finding.rule, finding.column) == ("control-character", 15)
    assert "U+D83D" in finding.text("en")


def test_line_over_the_limit_is_reported_with_its_size_and_the_next_is_read():
    good = make_line(("user", "Где?"), ("assistant", "Тут."))
    long = make_line(("user", "ы" * 1_200_000), ("assistant", "Тут.")).encode()
    first, second = read_import_lines(long + b"\n" + good.encode())
    (finding,) = first.findings
    assert (finding.rule, finding.arguments["size"]) == ("too-large", len(long))
    assert second.example.question == "Где?"


class CountingFile(BytesIO):
    """A file that counts the bytes that are read."""

    bytes_read = 0

    def readinto(self, buffer):
        count = super().readinto(buffer)
        self.bytes_read += count
        return count


def test_large_file_is_read_in_pieces():
    line = make_line(("user", "Где?"), ("assistant", "Тут.")) + "\n"
    file = CountingFile((line * 30_000).encode())
    with BufferedReader(file) as buffered:
        lines = import_lines.read_import_lines(buffered, "file")
        for _ in range(1000):
            assert next(lines).example.question == "Где?"
        assert file.bytes_read < 1000 * len(line) + 200_000
        lines.close()


def test_cell_may_be_as_long_as_a_message():
    (line,) = read_import_lines(f"question,answer\nГде?,{'Тут. ' * 50_000}\n".encode(), CSV)
    assert len(line.example.answer) == 250_000


def test_header_and_rows_after_empty_lines_keep_their_line_numbers():
    lines = read_import_lines("\n\nquestion,answer\nГде?,Тут.\nКто?,\n".encode(), CSV)
    assert [line.line for line in lines] == [4, 5]
    assert rules(lines) == [(5, "empty-content")]


@seed(1)
@budget(max_examples=200)
@given(st.data())
def test_every_line_of_any_file_is_an_example_or_a_finding(data):
    good = json.dumps(
        data.draw(st.sampled_from([PAIR, {"messages": [ASKED, ANSWERED]}])), ensure_ascii=False
    )
    whole = data.draw(
        st.sampled_from([f"{good}\n{good}", f"[{good}, {good}]", "question,answer\na,b"])
    )
    content = whole.encode()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        piece = data.draw(st.sampled_from(PIECES) | st.binary(max_size=4))
        content = content[:at] + piece + content[at + data.draw(st.integers(0, 9)) :]
    lines = read_import_lines(content)
    assert lines
    for line in lines:
        assert (line.example is None) <= bool(line.findings)
        assert line.line <= content.count(b"\n") + content.count(b"\r") + 1
        assert all(finding.text("ru") and finding.text("en") for finding in line.findings)


PIECES = [
    b'"',
    b"{",
    b"]",
    b"[[[",
    b"\\ud800",
    b"\\u0000",
    b"null",
    b"1e999",
    b"\n",
    b"\r",
    b"\xff",
]
