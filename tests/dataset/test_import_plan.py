"""The plan of an import: new examples only, findings by line, at most one commit."""

import json

import pytest

from merlin.core.errors import Refused
from merlin.dataset.entries import FileText
from merlin.dataset.example_file import read_example
from merlin.dataset.import_lines import read_import_files
from merlin.dataset.import_plan import plan_import, strip_system

pytestmark = pytest.mark.unit

SETTINGS = """\
title: {ru: Проба, en: Trial}
system: Отвечай коротко.
recipe: {provider: engine, base_model: recall}
"""


def example_text(question, answer="Да."):
    return f"messages:\n  - user: {question}\n  - assistant: {answer}\n"


def make_files(*texts):
    examples = [
        FileText("trial", f"examples/{name}.yaml", name * 40, text)
        for name, text in texts
    ]
    return [FileText("trial", "dataset.yaml", "f" * 40, SETTINGS), *examples]


def make_record(question, answer="Да.", **more):
    messages = [
        ("system", "Отвечай коротко!"),
        ("user", question),
        ("assistant", answer),
    ]
    return {
        "messages": [{"role": role, "content": words} for role, words in messages],
        **more,
    }


def read_lines(*records, name="a.jsonl"):
    text = "\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    return read_import_files([(text.encode(), name)])


def test_file_names_come_from_questions_and_are_unique():
    records = [make_record("Где же ТУТ выход?", f"{number}") for number in range(3)]
    files = make_files(("Где-же-тут-выход", example_text("Где?")))
    plan = plan_import("trial", files, read_lines(*records))
    paths = [edit.path for edit in plan.edits]
    assert paths == [f"examples/где-же-тут-выход-{number}.yaml" for number in (2, 3, 4)]
    assert read_example(plan.edits[1].text.encode())[0].answer == "1"


def test_system_text_equal_to_the_datasets_is_dropped():
    (line,) = read_lines(make_record("Где?"))
    assert strip_system(line.example, "отвечай коротко").messages[0].role == "user"
    assert strip_system(line.example, "Длинно.") == line.example


def test_known_examples_are_not_imported_again():
    own = f"messages:\n  - system: Отвечай коротко.\n{example_text('Кто?').partition(chr(10))[2]}"
    files = make_files(
        ("b", example_text("Где?")), ("c", example_text("Где?")), ("d", own)
    )
    records = [
        make_record("Где?"),
        make_record("Что?"),
        make_record("ЧТО"),
        make_record("Кто?"),
    ]
    plan = plan_import("trial", files, read_lines(*records))
    assert [edit.path for edit in plan.edits] == ["examples/что.yaml"]
    assert plan.duplicates == 3
    again = make_files(
        *((edit.path[9:-5], edit.text) for edit in plan.edits),
        ("b", example_text("Где?")),
    )
    assert not plan_import("trial", again, read_lines(*records[:3])).edits


def test_lines_of_several_files_are_reported_in_order_with_their_file():
    first = read_lines(make_record("Где?", " "), make_record("Что?"), name="z.jsonl")
    second = read_lines(
        make_record("Что?"),
        make_record("Кто?", "слово " * 2000),
        make_record("", "Да."),
        name="a\n.jsonl",
    )
    both = (*first, *second)
    plan = plan_import("trial", make_files(), both, {"recall": 1000})
    found = [(finding.path, finding.line, finding.rule) for finding in plan.findings]
    assert found == [
        ("z.jsonl", 1, "empty-content"),
        ("a\\n.jsonl", 2, "too-many-tokens"),
        ("a\\n.jsonl", 3, "empty-content"),
    ]
    assert (plan.lines, plan.rejected, plan.duplicates) == (5, 3, 1)
    assert [edit.path for edit in plan.good_edits] == ["examples/что.yaml"]
    assert plan.subject["arguments"] == {"count": 1, "dataset": "trial"}


def test_what_is_left_out_is_counted_in_each_file():
    first = [
        make_record("Где?", id=1),
        make_record("Что?", id=2, parallel_tool_calls=False),
    ]
    second = read_lines(make_record("Кто?", id=3), name="b.jsonl")
    plan = plan_import("trial", make_files(), [*read_lines(*first), *second])
    found = [
        (finding.path, finding.line, finding.rule, finding.text("en"))
        for finding in plan.findings
    ]
    assert found == [
        ("a.jsonl", 1, "import-left-keys", "Left out: id (2 records)."),
        ("a.jsonl", 2, "import-left-keys", "Left out: parallel_tool_calls (1 record)."),
        ("b.jsonl", 1, "import-left-keys", "Left out: id (1 record)."),
    ]


def test_finding_of_the_check_names_the_path_in_the_example():
    record = make_record("Где?", "sk-abcdefghijklmnop1234")
    plan = plan_import("trial", make_files(), read_lines(record))
    secret = next(finding for finding in plan.findings if finding.rule == "secret")
    assert secret.text("en").startswith(
        "messages[1].assistant: This looks like a key or password"
    )


def test_records_of_a_one_line_list_are_reported_with_their_columns():
    records = [
        make_record("Где?"),
        make_record("Что?", " "),
        make_record("Где?"),
        make_record("Кто?", "слово " * 2000),
        {},
    ]
    text = json.dumps(records, ensure_ascii=False)
    lines = read_import_files([(text.encode(), "a.json")])
    plan = plan_import("trial", make_files(), lines, {"recall": 1000})
    ends = [
        len(json.dumps(records[: number + 1], ensure_ascii=False))
        for number in range(5)
    ]
    begins = [2, *(end + 2 for end in ends)]
    assert plan.duplicates == 1
    assert [finding.column for finding in plan.findings] == [
        begins[1],
        begins[3],
        begins[4],
    ]
    assert (plan.lines, plan.rejected, len(plan.good_edits)) == (5, 3, 1)


def test_contradiction_between_new_lines_names_the_other_line_not_its_future_file():
    records = [
        make_record("Где?", "Тут."),
        make_record("Где?", "Там."),
        make_record("Кто?", "Он."),
    ]
    files = make_files(("who", example_text("Кто?", "Она.")))
    plan = plan_import("trial", files, read_lines(*records, name="a\n.jsonl"))
    assert [
        (finding.line, finding.arguments["other"]) for finding in plan.findings
    ] == [
        (1, "a\\n.jsonl:2:1"),
        (3, "examples/who.yaml"),
    ]


def test_more_than_one_commits_worth_is_refused_without_counting_known_ones():
    known = [make_record("Где?")] * 9
    planned = plan_import("trial", make_files(), read_lines(*known), most=3)
    assert len(planned.edits) == 1
    for records in ([make_record(f"Где {number}?") for number in range(4)], [{}] * 4):
        with pytest.raises(Refused) as refusal:
            plan_import("trial", make_files(), read_lines(*records), most=3)
        assert refusal.value.key == "import-too-much"
