"""A record is known by its source's id: it changes its example, and what is gone is offered."""

import csv
import io
import json

import pytest

from merlin.core.errors import Refused
from merlin.core.table_cells import escape_formula
from merlin.dataset.entries import FileText
from merlin.dataset.example_file import parse_example
from merlin.dataset.import_fields import FieldChoices
from merlin.dataset.import_known import split_source
from merlin.dataset.import_lines import read_import_files
from merlin.dataset.import_plan import plan_import

pytestmark = pytest.mark.unit
SPEC = """\
title: {en: Lamps}
system: Answer briefly.
recipe: {provider: openai, base_model: gpt-4.1-mini}
"""
FAQ = FieldChoices(name="faq")
FIRST = [
    {"id": 1, "question": "Where?", "answer": "Here.", "tags": "place"},
    {"id": 2, "question": "Who?", "answer": "Anna."},
    {"id": 3, "question": "When?", "answer": "Now."},
]


def plan(files, records, said=FAQ, name="faq.json", **options):
    """Return the plan of records for a dataset of these files, path -> text."""
    texts = [
        FileText("lamps", path, f"blob of {path}", text)
        for path, text in {"dataset.yaml": SPEC, **files}.items()
    ]
    content = records if isinstance(records, str) else json.dumps(records)
    lines = read_import_files([(content.encode(), name)], said)
    return plan_import("lamps", texts, lines, choices=said, **options)


def apply(files, found):
    """Return the files after the commit of a plan."""
    after = files | {edit.path: edit.text for edit in found.committed}
    return {path: text for path, text in after.items() if text is not None}


def change(records, number, **values):
    return [{**each, **(values if each["id"] == number else {})} for each in records]


def counts(found):
    return tuple(found.counts.values())


def rules(found, rule="import-held"):
    return [each.arguments for each in found.findings if each.rule == rule]


@pytest.fixture
def imported():
    """Return the files of a dataset that has imported the first records."""
    return apply({}, plan({}, FIRST))


def test_example_says_where_it_came_from(imported):
    example = parse_example(imported["examples/where.yaml"])
    own, origin = split_source(example.source)
    assert (own, origin.name, origin.record_id) == ("", "faq", "1")
    kept = plan({}, [{**FIRST[0], "source": "a book; p. 4"}]).edits[0].text
    own, origin = split_source(parse_example(kept).source)
    assert (own, origin.record_id) == ("a book; p. 4", "1")
    assert split_source("faq#1") == ("faq#1", None)
    assert "source" not in plan({}, FIRST, FieldChoices()).edits[0].text


@pytest.mark.parametrize(("said", "field"), [({}, "id"), ({"id": "code"}, "code")])
def test_id_that_is_kept_is_not_said_to_be_left_out(said, field):
    records = [{field: 1, "question": "Where?", "answer": "Here.", "page": 3}]
    found = plan({}, records, FieldChoices(said, name="faq"))
    assert [each["keys"] for each in rules(found, "import-left-keys")] == ["page"]
    found = plan({}, records, FieldChoices(said))
    assert "page" in [each["keys"] for each in rules(found, "import-left-keys")]


def test_same_file_again_is_unchanged(imported):
    found = plan(imported, FIRST)
    assert (counts(found), found.committed) == ((0, 0, 3, 0), [])


@pytest.mark.parametrize(
    ("number", "values", "line"),
    [
        (1, {"answer": "There."}, "assistant: There."),
        (1, {"question": "Where to?"}, "user: Where to?"),
        (1, {"tags": "way, place"}, "tags: [way, place]"),
        (2, {"note": "checked"}, "note: checked"),
        (2, {"rejected": "Boris."}, "rejected: Boris."),
        (2, {"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools: ["),
    ],
)
def test_changed_record_changes_its_example(imported, number, values, line):
    found = plan(imported, change(FIRST, number, **values))
    assert counts(found) == (0, 1, 2, 0)
    (edit,) = found.committed
    old = imported[edit.path]
    assert (edit.before, line in edit.text) == (f"blob of {edit.path}", True)
    assert found.earlier[edit.path] == old
    assert len({*edit.text.splitlines()} - {*old.splitlines()}) == 2
    after = apply(imported, found)
    assert counts(plan(after, change(FIRST, number, **values))) == (0, 0, 3, 0)


def test_change_leaves_what_the_file_has_of_its_own(imported):
    path = "examples/who.yaml"
    imported[path] = (
        "# ask her\n" + imported[path] + "split: test\nallow: {personal: hers}\n"
    )
    found = plan(imported, change(FIRST, 2, answer="Vera."))
    (edit,) = found.committed
    assert edit.text.startswith("# ask her\nmessages:\n  - user: Who?\n")
    assert edit.text.endswith("split: test\nallow: {personal: hers}\n")
    assert "assistant: Vera." in edit.text


def test_example_is_known_wherever_its_file_moves(imported):
    imported["examples/people/anna.yaml"] = imported.pop("examples/who.yaml")
    found = plan(imported, change(FIRST, 2, answer="Vera."))
    assert [edit.path for edit in found.committed] == ["examples/people/anna.yaml"]


def test_what_an_editor_has_changed_stays_and_is_said(imported):
    path = "examples/who.yaml"
    imported[path] = imported[path].replace("Anna.", "Anna, in room 5.")
    # The source says what it said: nothing is to be asked.
    assert counts(plan(imported, FIRST)) == (0, 0, 3, 0)
    found = plan(imported, change(FIRST, 2, answer="Vera."))
    assert (counts(found), found.held, found.committed) == ((0, 0, 2, 0), 1, [])
    assert rules(found) == [{"kind": "edited", "example": path}]
    # The source now says the same.
    found = plan(imported, change(FIRST, 2, answer="Anna, in room 5."))
    assert (counts(found), found.held) == ((0, 0, 3, 0), 0)


def test_tags_that_the_source_does_not_give_are_the_editors(imported):
    path = "examples/who.yaml"
    imported[path] += "tags: [people]\n"
    (edit,) = plan(imported, change(FIRST, 2, answer="Vera.")).committed
    assert "tags: [people]" in edit.text
    imported["examples/where.yaml"] += "note: by an editor\n"
    imported["examples/where.yaml"] = imported["examples/where.yaml"].replace(
        "[place]", "[here]"
    )
    assert plan(imported, change(FIRST, 1, answer="There.")).held == 1


def test_part_that_the_source_no_longer_gives_stays(imported):
    records = [{**FIRST[0], "answer": "There."}, *FIRST[1:]]
    del records[0]["tags"]
    (edit,) = plan(imported, records).committed
    assert "tags: [place]" in edit.text


def test_gone_records_are_offered_and_removed_only_if_asked(imported):
    rest = [*FIRST[:1], {"id": 4, "question": "Why?", "answer": "So."}]
    found = plan(imported, rest)
    gone = ["examples/when.yaml", "examples/who.yaml"]
    assert sorted(edit.path for edit in found.gone) == gone
    assert [edit.path for edit in found.committed] == ["examples/why.yaml"]
    found = plan(imported, rest, removes_gone=True)
    assert sorted(apply(imported, found)) == [
        "examples/where.yaml",
        "examples/why.yaml",
    ]
    assert found.subject["arguments"] | {"dataset": ""} == {
        "count": 1,
        "changed": 0,
        "gone": 2,
        "dataset": "",
    }
    # Removals alone are a commit too.
    assert len(plan(imported, FIRST[:1], removes_gone=True).committed) == 2


def test_gone_record_of_an_edited_example_is_held(imported):
    path = "examples/who.yaml"
    imported[path] = imported[path].replace("Anna.", "Vera.")
    found = plan(imported, FIRST[:1], removes_gone=True)
    assert [edit.path for edit in found.committed] == ["examples/when.yaml"]
    assert rules(found) == [{"kind": "gone", "example": path}]


@pytest.mark.parametrize(
    "rest",
    [
        # A record that can't be read may be any of them.
        "id,question,answer\n1,Where?,Here.\n2,Who?,Anna.,more\n",
        # A new one has no id yet.
        "id,question,answer\n1,Where?,Here.\n,Why?,So.\n",
    ],
)
def test_nothing_is_gone_from_a_file_with_records_of_no_id(imported, rest):
    assert plan(imported, rest, name="faq.csv").gone == ()
    said = FieldChoices({"id": "id"}, name="faq")
    assert plan(imported, rest, said, name="faq.csv").gone == ()


def test_record_with_an_error_is_not_gone(imported):
    found = plan(imported, change(FIRST, 2, answer=""))
    assert (counts(found), found.rejected) == ((0, 0, 2, 0), 1)


def test_record_with_a_value_that_is_no_longer_taken_is_offered_as_a_removal(imported):
    said = FieldChoices(only={"ok": ("yes",)}, name="faq")
    records = [{**each, "ok": "no" if each["id"] == 2 else "yes"} for each in FIRST]
    found = plan(imported, records, said)
    assert [edit.path for edit in found.gone] == ["examples/who.yaml"]


def test_other_names_are_other_sources(imported):
    records = change(FIRST, 2, answer="Vera.")
    found = plan(imported, records, FieldChoices(name="site"))
    assert (counts(found), found.gone) == ((1, 0, 2, 0), ())


def test_ids_of_quite_other_records_are_another_file(imported):
    records = [
        {"id": n, "question": f"Price of {n}?", "answer": f"{n} roubles."}
        for n in range(1, 4)
    ]
    found = plan(imported, records)
    assert (counts(found), found.gone) == ((3, 0, 0, 0), ())
    assert [each["kind"] for each in rules(found)] == ["others"]
    # Two may have been rewritten, and so may any whose field a person chose.
    assert counts(plan(imported, [*records[:2], FIRST[2]])) == (0, 2, 1, 0)
    said = FieldChoices({"id": "id"}, name="faq")
    found = plan(imported, records, said)
    assert (counts(found), rules(found)) == ((0, 3, 0, 0), [])
    # Nor are they if either stays.
    for part in ("question", "answer"):
        some = [{**each, part: f"{each[part]} {each['id']}"} for each in FIRST]
        assert counts(plan(imported, some)) == (0, 3, 0, 0)
    # Half of them: most of it is the file that it was.
    files = apply(imported, plan(imported, [*FIRST, *fourth_to_sixth()]))
    assert counts(plan(files, [*records, *fourth_to_sixth()])) == (0, 3, 3, 0)


def fourth_to_sixth():
    return [{"id": n, "question": f"{n}?", "answer": f"{n}."} for n in (4, 5, 6)]


@pytest.mark.parametrize(
    ("field", "ids", "is_id"),
    [
        ("id", ("a", "b"), True),
        ("GUID", ("a", "b"), True),
        ("ид", ("a", "b"), True),
        ("id", ("a", "a"), False),
        ("id", ("a", ""), False),
        # Not plainly the id of the record itself.
        ("user_id", ("a", "b"), False),
        ("№", ("1", "2"), False),
    ],
)
def test_id_is_plainly_one_in_each_record_and_unique(field, ids, is_id):
    records = [
        {field: id_, "question": f"Q{n}?", "answer": f"A{n}."}
        for n, id_ in enumerate(ids)
    ]
    found = plan({}, records)
    assert all(("source: faq#" in edit.text) == is_id for edit in found.edits)
    said = FieldChoices({"id": field}, name="faq")
    if len({*ids}) == 2:
        assert any(
            "source: faq#" in edit.text for edit in plan({}, records, said).edits
        )
        return
    with pytest.raises(Refused) as refusal:
        plan({}, records, said)
    assert (refusal.value.key, refusal.value.arguments["id"]) == ("import-same-id", "a")


def test_id_with_spaces_and_several_questions_of_one_record_are_told_apart():
    record = {"code": "Q 17@1", "questions": ["A?", "B?"], "answers": "Yes."}
    said = FieldChoices({"id": "code"}, name="faq")
    files = apply({}, plan({}, [record], said))
    found = plan(files, [{**record, "answers": "No."}], said)
    assert counts(found) == (0, 2, 0, 0)
    origins = [
        split_source(parse_example(each).source)[1]
        for path, each in files.items()
        if path.startswith("examples/")
    ]
    assert [each.record_id for each in origins] == ["Q_17@1", "Q_17@1/2"]


def test_own_source_of_a_record_is_changed_and_where_it_came_from_stays():
    records = [{**FIRST[0], "source": "a book"}]
    files = apply({}, plan({}, records))
    assert counts(plan(files, records)) == (0, 0, 1, 0)
    (edit,) = plan(files, change(records, 1, source="a film")).committed
    own, origin = split_source(parse_example(edit.text).source)
    assert (own, origin.name, origin.record_id) == ("a film", "faq", "1")
    files["examples/where.yaml"] = files["examples/where.yaml"].replace("book", "map")
    assert plan(files, change(records, 1, source="a film")).held == 1


def test_worse_answer_keeps_the_form_that_it_has(imported):
    path = "examples/who.yaml"
    imported[path] += "rejected: {role: assistant, content: Boris., name: b}\n"
    said = FieldChoices({"rejected": "worse"}, name="site")
    found = plan(
        imported,
        [{"id": "who", "question": "Who?", "answer": "Anna.", "worse": "Igor."}],
        said,
    )
    rejected = parse_example(found.committed[0].text).rejected
    assert (rejected.content, rejected.extra) == ("Igor.", {"name": "b"})


def test_example_with_an_error_is_known_too(imported):
    path = "examples/who.yaml"
    imported[path] = imported[path].replace("Anna.", "anna@mail.university")
    found = plan(imported, change(FIRST, 2, answer="Vera."))
    assert (found.held, found.edits) == (1, ())


def test_source_cell_without_the_mark_keeps_where_it_came_from(imported):
    record = {"id": "who", "question": "Who?", "answer": "Anna.", "source": "a book"}
    (edit,) = plan(imported, [record], FieldChoices(name="lamps")).committed
    assert "source: a book; faq#2@" in edit.text


def test_broken_file_and_a_picture_in_an_example_are_no_obstacle(imported):
    imported["examples/who.yaml"] = "messages: [\n"
    imported["examples/where.yaml"] = imported["examples/where.yaml"].replace(
        "Here.", "See ![map](m.png)"
    )
    found = plan(imported, change(FIRST, 1, answer="There."))
    assert (counts(found), found.held) == ((1, 0, 1, 0), 1)


# An export of the dataset: a record has the id of its example.

OWN = {
    "examples/where.yaml": "messages:\n- user: Where? # asked often\n- assistant: |\n"
    "    <b>Here</b>.\n    And there.\n# ours\ntags:\n  - place\nsplit: test\n",
    "examples/talk/long.yaml": "messages:\n  - system: Be kind.\n  - user: Hi\n"
    "  - assistant: Hello.\n  - user: Who?\n  - assistant: Anna.\nnote: ours\n",
}


def export(**changed):
    """Return the table of the examples, with other cells by id."""
    columns = ["id", "question", "answer", "tags", "note"]
    rows = [
        ["where", "Where?", "<b>Here</b>.\r\nAnd there.", "place", ""],
        ["talk/long", "Who?", "Anna.", "", "ours"],
    ]
    for row in rows:
        for name, cell in changed.get(row[0], {}).items():
            row[columns.index(name)] = escape_formula(cell)
    rows += changed.get("more", [])
    text = io.StringIO()
    csv.writer(text).writerows([columns, *rows])
    return text.getvalue()


def test_export_that_nobody_edited_changes_nothing():
    found = plan(OWN, export(), name="lamps.csv")
    assert (counts(found), found.committed) == ((0, 0, 2, 0), [])


@pytest.mark.parametrize(
    ("changed", "path", "old", "new"),
    [
        (
            {"where": {"question": "=Where to?"}},
            "examples/where.yaml",
            "- user: Where? # asked often\n",
            "- user: =Where to?\n",
        ),
        (
            {"where": {"answer": "Upstairs."}},
            "examples/where.yaml",
            "- assistant: |\n    <b>Here</b>.\n    And there.\n",
            "- assistant: Upstairs.\n",
        ),
        (
            {"where": {"tags": ""}},
            "examples/where.yaml",
            "tags:\n  - place\n",
            "",
        ),
        (
            {"talk/long": {"answer": "Vera."}},
            "examples/talk/long.yaml",
            "assistant: Anna.",
            "assistant: Vera.",
        ),
        (
            {"talk/long": {"question": "And who?"}},
            "examples/talk/long.yaml",
            "user: Who?\n",
            "user: And who?\n",
        ),
        ({"talk/long": {"note": ""}}, "examples/talk/long.yaml", "note: ours\n", ""),
    ],
)
def test_edited_export_is_a_commit_of_what_was_edited_alone(changed, path, old, new):
    (edit,) = plan(OWN, export(**changed), name="lamps.csv").committed
    assert edit.path == path
    assert edit.text == OWN[path].replace(old, new)


def test_new_row_of_an_export_is_a_new_example():
    rows = [["", "Why?", "So.", "", ""], ["gone/name", "How?", "Thus.", "", ""]]
    found = plan(OWN, export(more=rows), name="lamps.csv")
    assert counts(found) == (2, 0, 2, 0)
    assert "source" not in found.edits[0].text


def test_row_that_was_copied_with_its_id_is_refused():
    rows = [["where", "Why?", "So.", "", ""]]
    with pytest.raises(Refused) as refusal:
        plan(OWN, export(more=rows), name="lamps.csv")
    assert refusal.value.key == "import-same-id"


def test_conversation_of_an_export_is_taken_whole():
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello."},
    ]
    record = {"id": "talk/long", "messages": messages}
    (edit,) = plan(OWN, [record], name="lamps.json").committed
    assert "Who?" not in edit.text
    assert edit.text.endswith("note: ours\n")


def test_history_beside_a_question_says_all_earlier_turns():
    record = {"id": "talk/long", "question": "Who?", "answer": "Anna.", "history": []}
    (edit,) = plan(OWN, [record], name="lamps.json").committed
    assert edit.text == (
        "messages:\n  - user: Who?\n  - assistant: Anna.\nnote: ours\n"
    )
    record["history"] = [["Hey", "Hello."]]
    (edit,) = plan(OWN, [record], name="lamps.json").committed
    assert "user: Hey\n  - assistant: Hello.\n  - user: Who?" in edit.text


def test_record_with_the_revision_of_a_file_says_all_of_it():
    messages = [{"user": "Hi"}, {"assistant": "Hello."}]
    revision = "blob of examples/talk/long.yaml"
    record = {"id": "talk/long", "revision": revision, "messages": messages}
    (edit,) = plan(OWN, [record], name="lamps.json").edits
    assert edit.text == "messages:\n  - user: Hi\n  - assistant: Hello.\n"


def test_system_text_of_an_export_replaces_that_of_the_conversation():
    content = "id,question,answer,system\ntalk/long,Who?,Anna.,Be brief.\n"
    (edit,) = plan(OWN, content, name="lamps.csv").committed
    assert edit.text == OWN["examples/talk/long.yaml"].replace("kind", "brief")


def test_foreign_numbers_are_not_taken_for_names_of_examples():
    text = "messages:\n  - user: {}?\n  - assistant: {}.\n"
    files = {f"examples/{n}.yaml": text.format(f"Q{n}", f"A{n}") for n in range(1, 4)}
    records = [
        {"id": n, "question": f"Price of {n}?", "answer": f"{n} roubles."}
        for n in range(1, 4)
    ]
    assert counts(plan(files, records)) == (3, 0, 0, 0)
    named = {path.replace("/", "/n"): each for path, each in files.items()}
    records = [{**each, "id": f"n{each['id']}"} for each in records]
    assert counts(plan(named, records)) == (0, 3, 0, 0)
