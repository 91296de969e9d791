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


SHAREGPT = {
    "conversations": [
        {"from": "human", "value": "Где?"},
        {"from": "gpt", "value": "Тут."},
        {"from": "user", "value": "А там?", "markdown": None},
        {"from": "chatgpt", "value": "И там."},
    ],
    "system": "Кратко.",
    "tags": ["a"],
}
ALPACA = {
    "instruction": "Переведи",
    "input": "hello",
    "output": "привет",
    "system": "Кратко.",
    "history": [["Где?", "Тут."]],
    "source": "Книга",
}


def list_messages(line):
    return [(message.role, message.content) for message in line.example.messages]


def test_sharegpt_conversations_become_examples():
    (line,) = read_import_lines(json.dumps(SHAREGPT).encode())
    assert list_messages(line) == [
        ("system", "Кратко."),
        ("user", "Где?"),
        ("assistant", "Тут."),
        ("user", "А там?"),
        ("assistant", "И там."),
    ]
    assert (line.example.tags, line.findings) == (("a",), ())


def test_alpaca_instructions_become_examples():
    (line,) = read_import_lines(json.dumps(ALPACA).encode())
    assert list_messages(line) == [
        ("system", "Кратко."),
        ("user", "Где?"),
        ("assistant", "Тут."),
        ("user", "Переведи\nhello"),
        ("assistant", "привет"),
    ]
    assert line.example.source == "Книга"


@pytest.mark.parametrize(
    ("record", "asked", "ignored"),
    [
        ({"question": "Где?", "answer": "Тут."}, "Где?", ""),
        ({"prompt": "Где?", "completion": "Тут."}, "Где?", ""),
        ({"instruction": "Где?", "context": "Ищу.", "response": "Тут."}, "Где?\nИщу.", ""),
        ({"prompt": "Всё", "instruction": "Где?", "output": "Тут."}, "Где?", "prompt"),
        ({"question": "Где?", "answer": "Тут.", "response": "Там."}, "Где?", "response"),
    ],
)
def test_pairs_with_other_names_become_examples(record, asked, ignored):
    (line,) = read_import_lines(json.dumps(record).encode())
    assert list_messages(line) == [("user", asked), ("assistant", "Тут.")]
    assert left_out([line]) == [(1, ignored, 1)] * bool(ignored)


def test_chosen_and_rejected_answers_become_a_pair():
    record = {"prompt": "Где?", "chosen": "Тут.", "rejected": "Не знаю."}
    (line,) = read_import_lines(json.dumps(record).encode())
    assert (line.example.answer, line.example.rejected.content) == ("Тут.", "Не знаю.")


def test_empty_alpaca_fields_are_ignored():
    record = {"instruction": "Где?", "input": "", "output": "Тут.", "system": "", "history": []}
    (line,) = read_import_lines(json.dumps(record).encode())
    assert list_messages(line) == [("user", "Где?"), ("assistant", "Тут.")]


CALLS = [{"name": "search", "arguments": {"word": word}} for word in ("зал", "час")]
RESULTS = [{"from": "observation", "value": value} for value in ("да", "нет")]


@pytest.mark.parametrize("number", [1, 2])
def test_calls_of_tools_in_the_form_of_llama_factory_become_examples(number):
    """Source: LLaMA-Factory, data/README.md and data/glaive_toolcall_en_demo.json."""
    calls = CALLS[0] if number == 1 else CALLS
    function = {"name": "search", "parameters": {"type": "object"}}
    turns = [
        {"from": "human", "value": "Где?"},
        {"from": "function_call", "value": json.dumps(calls)},
        *RESULTS[:number],
        {"from": "gpt", "value": "Тут."},
    ]
    record = {"conversations": turns, "tools": json.dumps([function])}
    (line,) = read_import_lines(json.dumps(record).encode())
    example = line.example
    assert example.tools == ({"type": "function", "function": function},)
    roles = [message.role for message in example.messages]
    assert roles == ["user", "assistant", *["tool"] * number, "assistant"]
    called = example.messages[1].extra["tool_calls"]
    assert [json.loads(call["function"]["arguments"])["word"] for call in called] == (
        ["зал", "час"][:number]
    )
    answered = [message.extra["tool_call_id"] for message in example.messages[2:-1]]
    assert answered == [call["id"] for call in called]


@pytest.mark.parametrize(
    ("value", "rule", "inside"),
    [
        ("search", "import-json", "conversations[1].value"),
        ("[1]", "wrong-type", "conversations[1].tool_calls[0]"),
        ('{"name": "search"}', "missing-key", "conversations[1].tool_calls[0].function"),
        (json.dumps(CALLS), "tool-results", "conversations[1]"),
    ],
)
def test_unreadable_calls_of_tools_are_reported(value, rule, inside):
    turns = [
        {"from": "human", "value": "Где?"},
        {"from": "function_call", "value": value},
        RESULTS[0],
        {"from": "gpt", "value": "Тут."},
    ]
    record = {"conversations": turns, "tools": [{"name": "search"}]}
    (line,) = read_import_lines(json.dumps(record).encode())
    assert (line.example, rules([line])) == (None, [(1, rule)])
    assert line.findings[0].arguments["inside"] == inside


def test_sharegpt_pair_becomes_an_example():
    """Source: LLaMA-Factory, data/README.md, "Preference Dataset"."""
    record = {
        "conversations": [{"from": "human", "value": "Где?"}],
        "chosen": {"from": "gpt", "value": "Тут."},
        "rejected": {"from": "gpt", "value": "Не знаю."},
    }
    (line,) = read_import_lines(json.dumps(record).encode())
    assert (line.example.answer, line.example.rejected.content) == ("Тут.", "Не знаю.")


@pytest.mark.parametrize(
    ("content", "rule"),
    [(gzip.compress(b"{}"), "import-gzip"), (b"PAR1\x15\x04\x15", "import-parquet")],
)
def test_file_of_another_kind_is_named_with_what_to_do(content, rule):
    assert rules(read_import_lines(content)) == [(1, rule)]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.jsonl", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "lfs"),
        ("a.csv", b"\xef\xbb\xbf\n<!DOCTYPE html>\n<html>", "html"),
        ("a.jsonl", b"<html><body>404", "html"),
        ("a.xls", b"<table><tr><td>question</td></tr></table>", "html"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "xls"),
        ("a.xml", b'<?xml version="1.0"?><faq/>', "xml"),
        ("a.yml", b'version: "3.1"\n\nnlu:\n- intent: greet\n', "rasa"),
        ("a.yml", b"intents:\n  - greet\nresponses:\n", "rasa"),
        ("a.md", b"## intent:greet\n- hi\n", "rasa"),
        ("a.yaml", b"- question: a\n", "yaml"),
        ("a.jsonl", b"messages:\n  - user: a\n", "yaml"),
        ("a.csv", b"%PDF-1.7\n", "pdf"),
        ("a.docx", b"PK\x03\x04 word/document.xml", "docx"),
        ("a.csv", b"\x89PNG\r\n", "image"),
        ("a.jsonl", b"BZh9", "archive"),
    ],
)
def test_file_that_is_not_imported_is_named_as_what_it_is(name, content, kind):
    (line,) = import_lines.read_import_lines(stream(content), name)
    (finding,) = line.findings
    assert (finding.rule, finding.arguments) == ("import-kind", {"kind": kind})


@pytest.mark.parametrize(
    "content",
    [b"question,answer\nWhat?,nlu:\nWho?,<html>\n", b'{"question": "<html>", "answer": "---"}\n'],
)
def test_words_of_other_kinds_inside_a_table_or_a_record_are_text(content):
    assert all(line.example for line in read_import_lines(content))


@pytest.mark.parametrize(
    ("heading", "question"),
    [
        ("prompt,completion", "Где?"),
        ("Instruction,Output", "Где?"),
        ("output,instruction,input", "Где?\nИщу."),
        ("a,q,context", "Где?\nИщу."),
        ("ответ,вопрос,контекст", "Где?\nИщу."),
    ],
)
def test_columns_have_the_names_of_the_keys_of_json(heading, question):
    names = [name.lower() for name in heading.split(",")]
    values = {"input": "Ищу.", "context": "Ищу.", "контекст": "Ищу."}
    values |= dict.fromkeys(("completion", "output", "a", "ответ"), "Тут.")
    record = {name: values.get(name, "Где?") for name in names}
    table = f"{heading}\n{','.join(record.values())}\n"
    for content in (table, json.dumps(record)):
        (line,) = read_import_lines(content.encode())
        assert (line.example.question, line.example.answer) == (question, "Тут.")
        assert line.left == ()


def test_column_without_a_name_is_named_by_its_number_and_counted():
    text = ",question,answer,,lang\n0,Где?,Тут.,x,ru\n1,Кто?,Я.,,ru\n"
    lines = read_import_lines(text.encode(), CSV)
    assert left_out(lines) == [(2, 1, 2), (2, 4, 1), (2, "lang", 2)]
    counter = import_lines.LeftOut()
    counter.add(lines[0])
    first = next(counter.findings())
    assert first.text("en").startswith("Column 1 has no name")
    assert first.text("ru").startswith("У столбца 1 нет имени")


def test_sharegpt_tools_are_json_in_a_string():
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    record = SHAREGPT | {"tools": json.dumps([tool])}
    (line,) = read_import_lines(json.dumps(record).encode())
    assert line.example.tools == (tool,)
    (line,) = read_import_lines(json.dumps(SHAREGPT | {"tools": ""}).encode())
    assert line.example.tools == ()


@pytest.mark.parametrize(
    ("record", "rule"),
    [
        ({"conversations": "hello"}, "wrong-type"),
        ({"conversations": ["hello"]}, "wrong-type"),
        ({"conversations": [{"from": "narrator", "value": "Где?"}]}, "not-one-of"),
        ({"conversations": [{"from": "human"}]}, "missing-one-of"),
        ({"conversations": [{"from": ["human"], "value": "Где?"}]}, "not-one-of"),
        (SHAREGPT | {"tools": "[1"}, "import-json"),
        (SHAREGPT | {"system": [7]}, "wrong-type"),
        ({"instruction": "Где?"}, "import-keys"),
        ({"instruction": [7], "output": "Тут."}, "wrong-type"),
        ({"instruction": "", "output": "Тут."}, "empty-content"),
        (ALPACA | {"history": "hello"}, "wrong-type"),
        (ALPACA | {"history": [["Где?"]]}, "wrong-type"),
        (ALPACA | {"history": {"a": 1}}, "wrong-type"),
        (ALPACA | {"tools": [1e999]}, "import-json"),
    ],
)
def test_record_that_breaks_its_format_is_reported(record, rule):
    good = json.dumps(SHAREGPT)
    lines = read_import_lines(f"{good}\n{json.dumps(record)}\n{good}".encode())
    assert rules(lines)[0] == (2, rule)
    assert [line.line for line in lines if line.example] == [1, 3]


def test_unknown_keys_are_reported_once_per_file():
    records = [SHAREGPT | {"id": 7, "model": "m"}, SHAREGPT | {"id": 8, "model": "m"}, ALPACA]
    lines = read_import_lines("\n".join(map(json.dumps, records)).encode())
    assert [line.example is not None for line in lines] == [True, True, True]
    assert rules(lines) == []
    assert left_out(lines) == [(1, "id, model", 2)]


def test_formatted_objects_are_records():
    record = json.dumps({"messages": [{"user": "Где?"}, {"assistant": "Тут."}]}, indent=1)
    lines = read_import_lines(f"{record}\n{record}\n{{}}\n{{".encode())
    assert [(line.line, line.example is not None) for line in lines[:2]] == [(1, True), (11, True)]
    assert rules(lines) == [(21, "import-keys"), (22, "import-list")]


@pytest.mark.parametrize("indent", [None, 4])
@pytest.mark.parametrize("count", [1, 3, 2000])
def test_list_of_records_is_read_with_any_indentation(indent, count):
    records = [SHAREGPT | {"note": f"№ {number}"} for number in range(count)]
    text = json.dumps(records, indent=indent, ensure_ascii=False)
    lines = read_import_lines(text.encode())
    assert [line.example.note for line in lines] == [record["note"] for record in records]
    assert lines[-1].line == 1 + text.count("\n", 0, text.rindex('"conversations"')) - bool(indent)


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_error_in_a_long_list_is_reported_by_line_and_column(bom):
    good = json.dumps(SHAREGPT, ensure_ascii=False)
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
    good = json.dumps(data.draw(st.sampled_from([SHAREGPT, ALPACA])), ensure_ascii=False)
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
