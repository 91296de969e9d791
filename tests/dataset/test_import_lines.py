"""Importing files of other programs: each record becomes an example or a finding with its line."""

import gzip
import json
from io import BytesIO
from zipfile import ZipFile

import pytest
from hypothesis import given, seed, settings as budget, strategies as st

from merlin.dataset import import_lines
from merlin.dataset.import_fields import FieldChoices

pytestmark = pytest.mark.unit


def read_import_lines(content, name="file"):
    content = content.encode() if isinstance(content, str) else content
    return list(import_lines.read_import_files([(content, name)]))


def rules(lines):
    return [(line.line, finding.rule) for line in lines for finding in line.findings]


PAIR = {"prompt": "Где?", "completion": "Тут.", "tags": "a"}
ASKED = {"role": "user", "content": "Где?"}
ANSWERED = {"role": "assistant", "content": "Тут."}
GOOD = json.dumps(PAIR)


def make_chat(*messages, **more):
    return {"messages": [*messages], **more}


def list_messages(line):
    return [(message.role, message.content) for message in line.example.messages]


def test_lines_of_the_chat_format_become_examples():
    developer = {"role": "developer", "content": "Кратко.\r\nТочно."}
    first = json.dumps(
        make_chat(developer, ASKED, {"role": "assistant", "content": "Тут.\n"})
    )
    second = json.dumps(make_chat(ASKED, ANSWERED, tags=["a"], split="test"))
    first, second = read_import_lines(f"{first}\r\n\r\n{second}", "a.jsonl")
    assert (first.line, second.line, first.file) == (1, 3, "a.jsonl")
    assert list_messages(first)[0] == ("system", "Кратко.\nТочно.")
    assert list_messages(first)[1:] == [("user", "Где?"), ("assistant", "Тут.")]
    assert (second.example.tags, second.example.split) == (("a",), "test")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text",
    [
        'Вопрос\tОтвет\tТеги\r\nГде? 🙂\t"Тут,\r\nрядом."\tа\r\n',
        json.dumps([make_chat({"user": "Где? 🙂"}, {"assistant": "Тут,\nрядом."})]),
    ],
)
def test_files_in_utf16_as_spreadsheets_write_them_are_read(text, encoding):
    (line,) = read_import_lines(f"\ufeff{text}".encode(encoding))
    assert line.findings == ()
    assert [words for _, words in list_messages(line)] == ["Где? 🙂", "Тут,\nрядом."]


def test_tool_calls_survive_an_import():
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    record = make_chat(
        ASKED,
        {"role": "assistant", "content": None, "tool_calls": [call], "name": None},
        {"role": "tool", "content": "тут", "tool_call_id": "1"},
        {**ANSWERED, "weight": 1},
        tools=[{"type": "function", "function": {"name": "f"}}],
    )
    (line,) = read_import_lines(json.dumps(record))
    assert line.example.messages[1].extra == {"tool_calls": [call]}
    assert line.example.messages[3].extra == {"weight": 1}
    # Templates of Hugging Face take an object.
    as_object = {**call, "function": {"name": "f", "arguments": {}}}
    record["messages"][1]["tool_calls"] = [as_object]
    (line,) = read_import_lines(json.dumps(record))
    assert line.example.messages[1].extra == {"tool_calls": [call]}


@pytest.mark.parametrize(
    ("record", "asked", "ignored"),
    [
        ({"question": "Где?", "answer": "Тут."}, "Где?", ""),
        ({"Instruction": "Где?", "input": "", "output": "Тут."}, "Где?", ""),
        ({"question": {"text": "Где?"}, "answer": "Тут."}, "Где?", ""),
        (
            make_chat(
                ASKED
                | {
                    "content": [{"content_type": "audio_transcription", "text": "Где?"}]
                },
                ANSWERED,
            ),
            *("Где?", ""),
        ),
        (
            {"instruction": "Где?", "context": "Ищу.", "response": "Тут."},
            "Где?\nИщу.",
            "",
        ),
        (
            {"instruction": "Всё", "prompt": "Где?", "output": "Тут."},
            "Где?",
            "instruction",
        ),
        (make_chat(ASKED, {**ANSWERED, "refusal": "x"}), "Где?", "messages[].refusal"),
        (make_chat({"user": "Где?"}, {**ANSWERED, "refusal": None}), "Где?", ""),
        (
            make_chat(
                {**ASKED, "content": [{"type": "text", "text": "Где?"}]}, ANSWERED
            ),
            *("Где?", ""),
        ),
        (
            make_chat(ASKED, ANSWERED, parallel_tool_calls=True),
            "Где?",
            "parallel_tool_calls",
        ),
    ],
)
def test_question_and_answer_are_read_by_their_names_and_the_rest_is_named(
    record, asked, ignored
):
    (line,) = read_import_lines(json.dumps(record))
    assert (list_messages(line), line.findings) == (
        [("user", asked), ("assistant", "Тут.")],
        (),
    )
    assert line.left == tuple(filter(None, [ignored]))


def test_preferred_and_rejected_answers_become_a_pair():
    (line,) = read_import_lines(json.dumps(PAIR | {"rejected": "Не знаю."}))
    assert (line.example.answer, line.example.rejected.content) == ("Тут.", "Не знаю.")
    assert line.findings == ()


@pytest.mark.parametrize("rejected", [False, 0, "False", True, 1, "true"])
def test_rejected_that_says_yes_or_no_is_no_worse_answer(rejected):
    (line,) = read_import_lines(json.dumps(PAIR | {"rejected": rejected}))
    assert (line.example.rejected, line.findings) == (None, ())
    assert line.fields == (
        ("rejected", str(rejected).lower() if rejected != "False" else "False"),
    )


@pytest.mark.parametrize("weight", [0, 1])
def test_weight_may_be_written_as_a_float(weight):
    answer = {**ANSWERED, "weight": float(weight)}
    (line,) = read_import_lines(json.dumps(make_chat(ASKED, answer)))
    assert line.findings == ()
    assert line.example.messages[-1].extra == {"weight": weight}


@pytest.mark.parametrize(
    ("record", "rule", "inside"),
    [
        (
            make_chat(ASKED, {**ANSWERED, "weight": "1"}),
            "wrong-type",
            "messages[1].weight",
        ),
        (
            make_chat(ASKED, {**ANSWERED, "role": "narrator"}),
            "not-one-of",
            "messages[1].role",
        ),
        (make_chat("hello"), "wrong-type", "messages[0]"),
        (make_chat(), "too-few-items", "messages"),
        (make_chat(ASKED), "last-not-assistant", "messages[0]"),
        (make_chat(ASKED, {"content": "Я."}), "unknown-key", "messages[1].content"),
        (
            make_chat({**ASKED, "content": " "}, ANSWERED),
            "empty-content",
            "messages[0]",
        ),
        (
            make_chat({**ASKED, "content": [{"type": "image_url"}]}, ANSWERED),
            *("import-part", "messages[0].content[0]"),
        ),
        (
            make_chat(ASKED, {"role": "assistant", "function_call": {"name": "f"}}),
            *("import-function-call", "messages[1].function_call"),
        ),
        (
            make_chat({**ASKED, "content": [7]}, ANSWERED),
            *("wrong-type", "messages[0].content[0]"),
        ),
        (PAIR | {"history": ["Кто?"]}, "import-history", ""),
        (make_chat(ASKED, ANSWERED | {"content": "a\ud83d"}), "control-character", ""),
        (PAIR | {"completion": None}, "empty-content", "messages[1]"),
        (PAIR | {"tags": 7}, "wrong-type", "tags"),
        ({"prompt": "Где?"}, "import-keys", ""),
        ([1], "wrong-type", ""),
        (PAIR | {"note": "ы" * 1_000_000}, "too-large", ""),
    ],
)
def test_record_that_breaks_its_format_is_reported_with_the_path_inside(
    record, rule, inside
):
    lines = read_import_lines(f"{GOOD}\n{json.dumps(record)}\n{GOOD}", "a.jsonl")
    assert rules(lines)[0] == (2, rule)
    assert lines[1].findings[0].arguments.get("inside", "") == inside
    assert [line.line for line in lines if line.example] == [1, 3]


def nest(depth):
    return b'{"a": ' * depth + b"1" + b"}" * depth


def test_json_that_is_nested_to_any_depth_is_a_finding():
    for depth in range(800, 1000):  # some are parsed, and too deep for who goes on
        lines = read_import_lines(b'{"a": 1}\n' + nest(depth))
        assert all(line.findings for line in lines)


def test_archive_of_json_that_is_nested_deep_is_damaged():
    packed = BytesIO()
    with ZipFile(packed, "w") as archive:
        archive.writestr("agent.json", nest(700))
    (line,) = read_import_lines(packed.getvalue(), "agent.zip")
    assert line.findings[0].rule == "import-unreadable"
    assert line.findings[0].arguments == {"reason": "damaged"}


@pytest.mark.parametrize(
    ("content", "line", "column", "rule"),
    [
        (b'{"a": 1}\n{"b": 2, "c}', 2, 10, "import-json"),
        (b'{"a": 1}\n{"a": ' + b"[" * 100_000, 2, 1, "too-deep"),
        ('{"а": "один"}\n{"'.encode() + b'\xd0\xb0": "\xff"}', 2, 8, "not-utf8"),
        ("question,answer\nчто,".encode() + b"\xff\n", 2, 5, "not-utf8"),
        ("question,answer\né,".encode() + b"\xff\n", 2, 3, "not-utf8"),
        (b'{"question": "\xed\xa0\xbd", "answer": "b"}\n', 1, 15, "control-character"),
        (b'\n[{"prompt": "a", "completion": "b"},\n  {"a" 1}]', 3, 8, "import-json"),
        (b'[{"prompt": "a", "completion": "b"}', 1, 36, "import-json"),
        (b"[\n1]\n\n[", 2, 2, "import-json"),
        (b"[" * 100_000, 1, 2, "too-deep"),
    ],
)
def test_unreadable_text_is_reported_by_line_and_column(content, line, column, rule):
    finding = read_import_lines(content)[-1].findings[0]
    assert (finding.line, finding.column, finding.rule) == (line, column, rule)
    assert finding.path == "file"


@pytest.mark.parametrize("indent", [None, 4])
@pytest.mark.parametrize("count", [1, 2000])
def test_list_of_records_is_read_with_any_indentation(indent, count):
    records = [PAIR | {"note": f"№ {number}"} for number in range(count)]
    text = json.dumps(records, indent=indent, ensure_ascii=False)
    lines = read_import_lines(text)
    assert [line.example.note for line in lines] == [
        record["note"] for record in records
    ]
    assert lines[-1].line == 1 + text.count("\n", 0, text.rindex('"prompt"')) - bool(
        indent
    )


@pytest.mark.parametrize(
    "text",
    [
        'question,answer,tags\nГде?,Тут.,"a, b"\n',
        "\ufeffвопрос;ответ;теги\r\nГде?;Тут.;a b\r\n",
        "Answer\tQuestion\tTags\nТут.\tГде?\ta;b;a\n",
        'question, answer, tags,\n Где?, Тут., "a, b",,\n',
        f"\n\nquestion,answer,tags\nГде?,Тут.,a b{',' * 90}\n",
    ],
)
def test_tables_are_read_with_any_delimiter(text):
    (line,) = read_import_lines(text)
    assert (line.line, line.findings) == (text.count("\n"), ())
    assert (line.example.question, line.example.answer) == ("Где?", "Тут.")
    assert line.example.tags == ("a", "b")


def test_columns_of_an_example_are_read_and_others_are_named():
    text = (
        "id,question,Источник,answer,split,,rejected\n"
        "1,Где?,книга,Тут.,test,,Там.\n,Кто?,,Я.,,ой\n"
    )
    first, second = read_import_lines(text)
    assert (first.example.source, first.example.split) == ("книга", "test")
    assert (first.example.rejected.content, second.example.split) == ("Там.", None)
    assert (first.left, second.left) == (("id",), ("[6]",))


def test_row_of_several_lines_is_reported_by_its_first():
    text = 'question,answer\n"Где\nже?","Тут\r\nже."\n\n,\nКто?,\n"Что?",Это,ещё\n'
    lines = read_import_lines(text)
    assert list_messages(lines[0]) == [("user", "Где\nже?"), ("assistant", "Тут\nже.")]
    assert rules(lines) == [(7, "empty-content"), (8, "import-cells")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", [(1, "empty-file")]),
        (b"question,answer\n", [(1, "empty-file")]),
        (b"a,b\n1,2\n", [(1, "import-heading")]),
        (b"question,answer,question\na,b,c\n", [(1, "import-heading")]),
        ("question,answer\nГде?,Тут.\n".encode("cp1251"), [(2, "import-encoding")]),
        (b'question,answer\n"a"b,c\n', [(2, "import-csv")]),
        (b'question,answer\na,b\nc,"d' + b"\n" * 9, [(3, "import-csv")]),
        (gzip.compress(b"{}", mtime=0), [(1, "import-kind")]),
        (b"version https://git-lfs.github.com/spec/v1\n", [(1, "import-kind")]),
    ],
)
def test_unreadable_file_is_reported_with_its_line(content, expected):
    assert rules(read_import_lines(content)) == expected


def test_file_over_the_limit_is_refused():
    largest = GOOD.ljust(import_lines.MAX_IMPORT_BYTES)
    assert rules(read_import_lines(largest)) == []
    assert rules(read_import_lines(f"{largest} ")) == [(1, "too-large")]


def test_cell_may_be_as_long_as_a_message():
    (line,) = read_import_lines(f"question,answer\nГде?,{'Тут. ' * 50_000}\n")
    assert len(line.example.answer) == 250_000


@seed(1)
@budget(max_examples=200)
@given(st.data())
def test_every_line_of_any_file_is_an_example_or_a_finding(data):
    good = json.dumps(
        data.draw(st.sampled_from([PAIR, make_chat(ASKED, ANSWERED)])),
        ensure_ascii=False,
    )
    whole = data.draw(
        st.sampled_from(
            [f"{good}\n{good}", f"[{good}, {good}]", "question,answer\na,b"]
        )
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
        assert all(
            finding.text("ru") and finding.text("en") for finding in line.findings
        )


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


def test_repeated_heading_is_no_example():
    table = "question,answer\nВопрос,Ответ\na,b\nQuestion,Answer\nc,d\n"
    first, second = import_lines.read_import_files([(table.encode(), "a.csv")])
    assert (first.example.question, second.example.question) == ("a", "c")
    assert [each.arguments for each in first.findings] == [
        {"kind": "headings", "count": 2}
    ]
    chosen = FieldChoices(parts={"question": "X", "answer": "Y"})
    lines = [
        *import_lines.read_import_files([(b"X,Y\na,b\nX,Y\nc,d\n", "a.csv")], chosen)
    ]
    assert [line.example.question for line in lines] == ["a", "c"]


@pytest.mark.parametrize(
    ("table", "proposed"),
    [
        ("X,Y,Z\nHow?,So it is done.,me\nWhy?,Because it is.,you\n", ("X", "Y")),
        ("Z,X,Y\n1,So it is done.,How?\n2,Because it is.,Why?\n", ("Y", "X")),
        ("X,Y,Z\nHow?,Who?,a\nWhy?,When?,b\n", ("none", "none")),
        ("X,Y\nHow,So.\nWhy,So.\n", ("none", "none")),
    ],
)
def test_columns_are_proposed_by_what_stands_below_their_names(table, proposed):
    (line,) = import_lines.read_import_files([(table.encode(), "a.csv")])
    (finding,) = line.findings
    assert (finding.arguments["question"], finding.arguments["answer"]) == proposed


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (r"One.\nTwo.\r\n- three", "One.\nTwo.\n- three"),
        (r"It is in C:\new.", r"It is in C:\new."),
        (r"Write \nabla, not \Nabla.\n", r"Write \nabla, not \Nabla.\n"),
        ("One.\nTwo: \\n", "One.\nTwo: \\n"),
    ],
)
def test_line_ends_that_were_encoded_twice_are_repaired(text, read):
    record = json.dumps({"question": "How?", "answer": text}).encode()
    (line,) = import_lines.read_import_files([(record, "a.jsonl")])
    assert line.example.answer == read
    assert bool(line.left) == (read != text)
