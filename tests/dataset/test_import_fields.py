"""What the fields of an imported file mean is asked unless it is plainly harmless, or was said."""

import json
from pathlib import Path

import pytest

from merlin.dataset.entries import FileText
from merlin.dataset.import_fields import (
    FEW,
    MAX_FIELDS,
    FieldChoices,
    find_parts,
    join_fields,
    list_fields,
    list_questions,
)
from merlin.dataset.import_lines import read_import_files
from merlin.dataset.import_plan import plan_import

pytestmark = pytest.mark.unit
SPEC = """\
title: {en: Lamps}
system: Answer briefly.
recipe: {provider: openai, base_model: gpt-4.1-mini}
"""
PAIR = {"question": "Where?", "answer": "Here."}
OTHER = {"question": "When?", "answer": "Now."}


def plan(content, name="a.json", **said):
    choices = FieldChoices(**said)
    if not isinstance(content, str):
        content = json.dumps(content)
    lines = read_import_files([(content.encode(), name)], choices)
    spec = FileText("lamps", "dataset.yaml", "f" * 40, SPEC)
    return plan_import("lamps", [spec], lines, choices=choices)


def asked(content, **said):
    """Return the names of the fields that are asked about."""
    return [each.name for each in plan(content, **said).questions]


def answers(found):
    return sorted(
        edit.text.split("assistant: ")[1].strip() for edit in found.good_edits
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kto_tag", False),
        ("Проверено", "нет"),
        ("rating", -1),
        ("rejected", True),
        ("label", "undesirable"),
        ("expected", "Paris"),
        ("user_feedback", "negative"),
        ("score", 0.02),
        ("comment", "No, it is behind the second door on the left."),
        ("is_date_right", "no"),
        ("valid_date", "no"),
        ("page", "draft"),
        ("", "x"),
    ],
)
def test_field_that_may_mean_something_is_asked_and_nothing_is_taken(field, value):
    found = plan([PAIR | {field: value}])
    assert [each.name for each in found.questions] == [field]
    assert (found.good_edits, len(found.proposed_edits)) == ([], 1)
    assert "import-field" in [each.rule for each in found.findings]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", 7),
        ("index", 0),
        ("number", -1),
        ("parallel_tool_calls", False),
        ("message_id", "a"),
        ("createdAt", "yesterday"),
        ("Дата", "вчера"),
        ("№", 3),
        ("parallel_tool_calls", True),
        ("lang", "ru"),
        ("seen", "2026-12-01"),
        ("made", "01.12.2026 10:00"),
        ("page", "https://example.org/a"),
        ("by", "anna@example.org"),
        ("key", "0123456789abcdef0123"),
        ("empty", ""),
        ("none", None),
    ],
)
def test_plainly_harmless_field_is_left_out_without_a_question(field, value):
    found = plan([PAIR | {field: value}])
    assert found.questions == ()
    assert len(found.good_edits) == 1


def test_one_value_that_is_no_date_makes_a_field_asked():
    records = [
        PAIR | {"seen": "2026-12-01"},
        {**PAIR, "answer": "There.", "seen": "no"},
    ]
    assert asked(records) == ["seen"]


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ([{"label": False, "data": PAIR}], ["label"]),
        ([{"data": {"rating": -1}, "chat": {"turns": [PAIR]}}], ["data.rating"]),
        ([PAIR | {"metadata": {"label": False, "id": 1}}], ["metadata.label"]),
        ([PAIR | {"marks": [{"good": 1}, {"good": 0}]}], ["marks[].good"]),
        (
            {"title": "FAQ", "state": "draft", "faq": [PAIR, {**PAIR, "answer": "x"}]},
            ["state"],
        ),
        ({"title": "FAQ", "faq": [PAIR]}, ["title"]),
        (
            {"a": {"ok": 1, "list": [PAIR]}, "b": {"ok": 0, "list": [PAIR]}},
            ["*", "a.ok", "b.ok"],
        ),
    ],
)
def test_fields_of_the_maps_around_a_record_and_within_it_are_its_own(content, names):
    assert asked(content) == names


def test_few_values_are_named_with_their_counts_and_the_good_ones_proposed():
    records = [
        PAIR | {"answer": f"{number}.", "Проверено": "да" if number < 3 else "нет"}
        for number in range(4)
    ]
    (question,) = plan(records).questions
    assert question.values == (("да", 3), ("нет", 1))
    assert (question.kind, question.proposed) == ("few", ("да",))


@pytest.mark.parametrize(
    ("name", "values", "proposed"),
    [
        ("hidden", [False, True], ("false",)),
        ("is_draft", ["", "yes"], ("",)),
        ("dislikes", [0, 45], ("0",)),
        ("isDeprecated", ["", "yes"], ("",)),
        ("verified", ["yes", "no"], ("yes",)),
        ("verified", ["yes", "no", ""], ("yes",)),
        ("verified", ["yes", ""], ()),
        ("hidden", [False, ""], ()),
    ],
)
def test_name_that_says_bad_turns_the_proposal_round(name, values, proposed):
    records = [
        PAIR | {"answer": str(at), name: value} for at, value in enumerate(values)
    ]
    (question,) = plan(records).questions
    assert question.proposed == proposed


@pytest.mark.parametrize(
    ("name", "values", "counts"),
    [
        ("deleted_at", ["2026-05-01", ""], (("", 1), ("2026-05-01", 1))),
        ("publishedAt", [None, 1714554000], (("", 1), ("1714554000", 1))),
        ("until", ["", "01.05.2026"], (("", 1), ("01.05.2026", 1))),
        ("deleted_at", ["2026-05-01", "2026-05-02"], None),
        ("link", ["https://example.org/a", ""], None),
    ],
)
def test_date_that_some_records_lack_is_a_state(name, values, counts):
    records = [
        PAIR | {"answer": str(at), name: value} for at, value in enumerate(values)
    ]
    assert [each.values for each in plan(records).questions] == [counts] * bool(counts)


def test_records_without_a_value_can_be_taken():
    records = [PAIR, {**PAIR, "answer": "Nowhere.", "draft": True}]
    assert answers(plan(records, only={"draft": ("",)})) == ["Here."]


def test_many_values_have_no_count_of_records_without_one():
    records = [PAIR | {"answer": f"{n}.", "mark": f"m{n}"} for n in range(FEW + 1)]
    (question,) = plan([*records, {**PAIR, "answer": "x"}]).questions
    assert (question.kind, question.values[0][1]) == ("many", 1)


@pytest.mark.parametrize("bad", ["Архив", "outdated"])
def test_tag_that_says_bad_is_asked_about(bad):
    assert asked([PAIR | {"tags": ["lamps", bad]}]) == ["tags"]
    assert asked([PAIR | {"category": bad}]) == ["category"]
    assert asked([PAIR | {"source": bad}]) == ["source"]
    assert asked([PAIR | {"note": bad}]) == ["note"]
    assert asked([PAIR | {"tags": ["lamps"], "note": "Ask."}]) == []


@pytest.mark.parametrize(
    ("content", "name", "values"),
    [
        ({"faq": {"live": [PAIR], "draft": [OTHER]}}, "faq.*", ["live", "draft"]),
        ({"checked": [PAIR], "to look at": [OTHER]}, "*", ["checked", "to look at"]),
        ({"chosen": PAIR, "rejected": OTHER}, "*", ["", "rejected"]),
        ({"draft": [PAIR, OTHER]}, "*", ["draft"]),
        ({"q1": PAIR, "q2": OTHER}, "", []),
        ({"faq": [PAIR, OTHER]}, "", []),
    ],
)
def test_which_list_has_a_record_is_a_field(content, name, values):
    found = plan(content).questions
    assert [each.name for each in found] == [name] * bool(name)
    assert [value for each in found for value, _ in each.values] == values


def test_parts_of_a_map_beside_turns_stay_fields():
    talk = {"messages": [{"user": "Where?"}, {"assistant": "Here."}]}
    assert asked([talk | {"meta": {"tags": ["a"], "split": "x"}}]) == [
        "meta.tags",
        "meta.split",
    ]


@pytest.mark.parametrize(
    ("record", "named"),
    [
        ({"q1": "Where?", "said": "Here it is."}, ("q1", "said")),
        ({"a": {"q1": "Where?"}, "b": {"said": ["Here it is."]}}, ("a.q1", "b.said")),
        ({"a": "Where?", "b": "Here it is.", "c": "There it was."}, ("none", "none")),
        ({"a": "Where?", "b": "yes", "c": "no"}, ("none", "none")),
        ({"a": "Where?", "seen": "2026-12-01 10:00"}, ("none", "none")),
        ({"a": "Where?", "b": ["x", "y"]}, ("none", "none")),
    ],
)
def test_json_without_names_is_asked_for_question_and_answer(record, named):
    (finding,) = plan([record, record]).findings
    assert finding.rule == "import-keys"
    assert (finding.arguments["question"], finding.arguments["answer"]) == named
    if "none" not in named:
        parts = dict(zip(("question", "answer"), named, strict=True))
        assert len(plan([record], parts=parts).good_edits) == 1


def test_rows_of_a_map_without_parts_are_asked_about_and_read_when_chosen():
    rows = [{"title": f"How {n}?", "body": f"So {n}."} for n in range(2)]
    content = {"page": 1, "articles": {"items": rows}}
    (finding,) = plan(content).findings
    assert finding.arguments["names"] == "title\nbody"
    found = plan(
        content, parts={"question": "title", "answer": "body"}, leave=("page",)
    )
    assert answers(found) == ["So 0.", "So 1."]
    (finding,) = plan({"question": "How?", "steps": rows}).findings
    assert "names" not in finding.arguments


def test_row_beside_records_without_a_pair_is_an_error_of_its_own():
    found = plan({"faq": [PAIR, {"question": "And?"}, "note"]})
    assert (len(found.good_edits), found.rejected) == (1, 1)
    assert [each.rule for each in found.findings] == ["import-keys"]


@pytest.mark.parametrize("key", ["role", "from", "sender"])
def test_single_messages_are_named_as_such(key):
    (finding,) = plan(
        [{key: "x", "said": "Where?"}, {key: "y", "said": "Here."}]
    ).findings
    assert "single messages" in finding.text("en")
    assert "names" not in finding.arguments


def test_parts_in_two_maps_are_found_unless_another_is_called_so():
    record = {"in": {"question": "Where?"}, "out": {"answer": "Here."}}
    assert answers(plan([record])) == ["Here."]
    found = plan([record | {"gold": {"answer": "There."}}])
    assert [each.rule for each in found.findings] == ["import-keys"]
    own = {"answer": "Own.", **record, "question": "What?"}
    assert asked([own]) == ["in.question", "out.answer"]


@pytest.mark.parametrize(("count", "kind"), [(FEW, "few"), (FEW + 1, "many")])
def test_values_are_few_up_to_a_dozen(count, kind):
    records = [PAIR | {"answer": f"{n}.", "mark": f"m{n}"} for n in range(count)]
    (question,) = plan(records).questions
    assert (question.kind, len(question.values)) == (kind, FEW)
    assert question.proposed == ()


def test_records_with_another_value_or_none_are_left_out_and_counted():
    records = [
        {**PAIR, "answer": "Yes.", "ok": True},
        {**PAIR, "answer": "No.", "ok": False},
        {**PAIR, "answer": "Unknown."},
        {**PAIR, "answer": "One.", "OK": "1.0"},
        {"text": "no record", "ok": False},
    ]
    found = plan(records, only={"ok": ("True", "1")})
    assert (answers(found), found.excluded, found.rejected) == (["One.", "Yes."], 3, 0)
    left = [each for each in found.findings if each.rule.startswith("import-left")]
    assert [each.text("en") for each in left] == [
        "Left out: 3 records with other values."
    ]


def test_all_fields_with_values_to_be_taken_count():
    records = [
        {**PAIR, "answer": f"x{a}{b}", "a": a, "b": b} for a in (0, 1) for b in (0, 1)
    ]
    found = plan(records, only={"a": ("1",), "b": ("1",)})
    assert answers(found) == ["x11"]


def test_field_that_is_left_out_is_asked_no_more_and_named():
    found = plan([PAIR | {"comment": "long", "state": "x"}], leave=("Comment",))
    assert [each.name for each in found.questions] == ["state"]
    found = plan([PAIR | {"comment": "long"}], leave=("comment",))
    assert [each.rule for each in found.findings] == ["import-left-keys"]


@pytest.mark.parametrize("name", ["a.csv", "a.json"])
def test_another_field_is_the_answer_and_the_old_one_is_asked(name):
    content = "question,answer,expected\nCapital?,Berlin,Paris\n"
    if name == "a.json":
        content = [{"question": "Capital?", "answer": "Berlin", "expected": "Paris"}]
    found = plan(content, name, parts={"answer": "Expected"})
    assert [each.name for each in found.questions] == ["answer"]
    found = plan(content, name, parts={"answer": "expected"}, leave=("answer",))
    assert answers(found) == ["Paris"]
    found = plan(content, name, parts={"answer": "expected", "rejected": "answer"})
    assert "rejected: Berlin" in found.good_edits[0].text


def test_field_within_a_map_can_be_a_part():
    record = {"data": {"ask": "Where?", "say": "Here."}, "id": 1}
    said = {"question": "data.ask", "answer": "data.say"}
    assert answers(plan([record], parts=said)) == ["Here."]
    record["data"]["ok"] = 0
    assert asked([record], parts=said) == ["data.ok"]


def test_chosen_fields_go_before_the_turns_of_a_form():
    record = {
        "messages": [{"role": "user", "content": "a"}],
        "q": "Where?",
        "r": "Here.",
    }
    found = plan([record], parts={"question": "q", "answer": "r"}, leave=("messages",))
    assert found.proposed_edits[0].text.count("user:") == 1


def test_parts_that_were_chosen_take_no_field_twice():
    names = ["Question", "answer", "expected"]
    assert find_parts(names, FieldChoices({"answer": "expected"})) == {
        "question": 0,
        "answer": 2,
    }
    assert find_parts(names, FieldChoices({"note": "answer"})) == {
        "question": 0,
        "note": 1,
    }
    assert find_parts(names, FieldChoices({"note": "none"})) == {
        "question": 0,
        "answer": 1,
    }


def test_fields_of_a_record_have_a_bound_in_number_and_depth():
    many = join_fields((f"f{number}", "1") for number in range(MAX_FIELDS + 1))
    assert len(many) == MAX_FIELDS
    assert join_fields([("a", "1"), ("b", "2"), ("a", "3")]) == (
        ("a", "1, 3"),
        ("b", "2"),
    )
    deep = value = {}
    for _ in range(900):
        value["a"] = value = {}
    value["a"] = 1
    assert [*list_fields(deep)] == [("a.a.a.a.a.a", "…")]


def test_question_names_the_first_file_of_a_field():
    records = [("a", (("x", "1"),)), ("b", (("x", "2"), ("y", "3")))]
    found = [(each.file, each.name) for each in list_questions(records, FieldChoices())]
    assert found == [("a", "x"), ("b", "y")]


@pytest.mark.parametrize(
    "name",
    [
        *("kto-tag-false.jsonl", "verdict-words.jsonl", "verified-no.csv"),
        *("user-feedback.csv", "status-archived.xlsx", "openwebui-feedback.json"),
        *("nested-label.json", "expected-beside.csv", "corrected-answer.csv"),
    ],
)
def test_file_whose_verdicts_were_taught_is_asked_about(name):
    content = (Path(__file__).parents[1] / "inputs" / "files" / name).read_bytes()
    spec = FileText("lamps", "dataset.yaml", "f" * 40, SPEC)
    found = plan_import("lamps", [spec], read_import_files([(content, name)]))
    assert found.questions
    assert found.good_edits == []
