"""What the fields of a file mean is asked once: imports.yaml of the dataset remembers it."""

import json

import pytest

from merlin.core.errors import Refused
from merlin.dataset.entries import FileText
from merlin.dataset.import_fields import CHOSEN_PARTS, FieldChoices
from merlin.dataset.import_lines import read_import_files
from merlin.dataset.import_memory import find_imports, recall_choices, remember
from merlin.dataset.import_plan import plan_import
from merlin.dataset.spec import schema
from tests.support.dataset_tree import FileTree, make_good_files

pytestmark = pytest.mark.unit
SPEC = """\
title: {en: Lamps}
system: Answer briefly.
recipe: {provider: openai, base_model: gpt-4.1-mini}
"""
CHECKED = "Вопрос,Ответ,Проверено,Комментарий\nГде?,Тут.,да,а\nКто?,Я.,нет,б\n"
SAID = FieldChoices(only={"Проверено": ("да",)}, leave=("Комментарий",))
STORED = """\
faq:
  only:
    Проверено:
      take: [да]
      leave: [нет]
  leave: [Комментарий]
"""


def make_files(imports=None):
    files = [FileText("lamps", "dataset.yaml", "f" * 40, SPEC)]
    if imports is not None:
        files.append(FileText("lamps", "imports.yaml", "e" * 40, imports))
    return files


def plan(content, imports=None, given=SAID, name="faq.csv"):
    """Return the plan of a file for a dataset with this imports.yaml."""
    if not isinstance(content, str):
        content = json.dumps(content, ensure_ascii=False)
    files = make_files(imports)

    def read(choices):
        return read_import_files([(content.encode(), name)], choices)

    lines, choices = recall_choices(files, read, given)
    return plan_import("lamps", files, lines, choices=choices)


def stored(found):
    """Return the imports.yaml that a plan commits, None for none."""
    return next(
        (edit.text for edit in found.committed if edit.path == "imports.yaml"), None
    )


def asked(found):
    return [
        (each.name, [value for value, _ in each.values]) for each in found.questions
    ]


def test_choices_are_stored_in_the_commit_of_the_examples():
    found = plan(CHECKED)
    assert [edit.path for edit in found.committed] == [
        "examples/где.yaml",
        "imports.yaml",
    ]
    assert stored(found) == STORED
    assert found.choices.remembered is False
    assert plan(CHECKED, given=FieldChoices()).committed == []
    plain = plan("question,answer\nA?,B.\n", given=FieldChoices())
    assert [edit.path for edit in plain.committed] == ["examples/a.yaml"]


@pytest.mark.parametrize(
    ("file", "given", "name"),
    [
        ("docs/Мои вопросы.csv", "", "мои-вопросы"),
        ("-", "", "import"),
        ("faq.csv", "site", "site"),
    ],
)
def test_name_is_that_of_the_file_or_the_given_one(file, given, name):
    said = FieldChoices(only=SAID.only, leave=SAID.leave, name=given)
    assert stored(plan(CHECKED, given=said, name=file)).startswith(f"{name}:\n")


@pytest.mark.parametrize("name", ["a b", "a#b", "a/b", "a@\n"])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(Refused) as refusal:
        plan(CHECKED, given=FieldChoices(name=name))
    assert refusal.value.key == "import-bad-name"


def test_next_file_of_the_shape_needs_no_answer():
    more = "Комментарий,Проверено,Ответ,Вопрос\nв,да,Там.,Куда?\nг,НЕТ,-,Зачем?\n"
    found = plan(more, STORED, FieldChoices(), name="other.csv")
    assert (found.questions, found.choices.name) == ((), "faq")
    assert found.choices.remembered
    assert [edit.path for edit in found.committed] == ["examples/куда.yaml"]


@pytest.mark.parametrize(
    ("columns", "row", "expected"),
    [
        # A new field, and a new value, of the same shape: only these.
        ("Проверено,Комментарий,Статус", "да,а,черновик", [("Статус", ["черновик"])]),
        ("Проверено,Комментарий", "скоро,а", [("Проверено", ["скоро"])]),
        # Without one of its fields it is another shape.
        ("Проверено", "да", [("Проверено", ["да"])]),
        ("Комментарий", "а", [("Комментарий", ["а"])]),
    ],
)
def test_what_nobody_decided_on_is_asked_about(columns, row, expected):
    content = f"Вопрос,Ответ,{columns}\nГде?,Тут.,{row}\n"
    found = plan(content, STORED, FieldChoices())
    assert asked(found) == expected
    assert found.committed == []


def test_new_value_is_asked_about_beside_known_ones_and_an_empty_one_is_left_out():
    content = CHECKED + "Куда?,Туда.,скоро,в\nЗачем?,Надо.,,г\n"
    found = plan(content, STORED, FieldChoices())
    assert asked(found) == [("Проверено", ["да", "скоро"])]
    assert found.questions[0].proposed == ("да",)
    assert found.excluded == 2
    said = FieldChoices(only={"Проверено": ("да",)})
    text = stored(plan(content, STORED, said))
    assert "      leave: [нет, скоро]\n  leave: [Комментарий]\n" in text
    said = FieldChoices(only={"Проверено": ("да", "скоро")})
    text = stored(plan(content, STORED, said))
    assert "      take: [да, скоро]\n      leave: [нет]\n" in text


def test_values_without_a_list_of_those_left_out_are_left_out():
    imports = "faq: {only: {Проверено: {take: [да]}}, leave: [Комментарий]}\n"
    found = plan(CHECKED + "Куда?,Туда.,скоро,в\n", imports, FieldChoices())
    assert (found.questions, found.excluded) == ((), 2)
    many = "".join(f"Вопрос {n}?,Ответ {n}.,{n},а\n" for n in range(14))
    said = FieldChoices(only={"Проверено": ("1",)}, leave=("Комментарий",))
    text = stored(plan(f"{CHECKED.partition(chr(10))[0]}\n{many}", None, said))
    assert text.startswith("faq:\n  only:\n    Проверено:\n      take: ['1']\n  leave")


def test_of_several_that_fit_the_one_with_most_fields_is_taken():
    imports = (
        "few: {leave: [Комментарий]}\n"
        "all: {only: {Проверено: {take: [нет]}}, leave: [Комментарий]}\n"
        "open: {leave: [Проверено]}\n"
    )
    found = plan(CHECKED, imports, FieldChoices())
    assert (found.choices.name, found.good_edits[0].path) == (
        "all",
        "examples/кто.yaml",
    )
    # One that answers everything goes before one that says more.
    imports += (
        "new: {only: {Проверено: {take: [да], leave: []}}, leave: [Комментарий]}\n"
    )
    imports = imports.replace("{take: [нет]}", "{take: [нет], leave: []}")
    imports += "whole: {leave: [Проверено, Комментарий]}\n"
    assert plan(CHECKED, imports, FieldChoices()).choices.name == "whole"


def test_columns_with_other_names_are_remembered():
    said = FieldChoices({"question": "О чём", "answer": "Что отвечаем"})
    content = "№,О чём,Что отвечаем\n1,Где?,Тут.\n"
    text = stored(plan(content, None, said))
    assert text == "faq:\n  parts: {question: О чём, answer: Что отвечаем}\n"
    found = plan(content, text, FieldChoices(), "next.csv")
    assert [edit.path for edit in found.committed] == ["examples/где.yaml"]
    # Columns of another table, which nobody named, are not taken for these.
    other = plan(content.replace("О чём", "Тема"), text, FieldChoices())
    assert [each.rule for each in other.findings] == ["import-heading"]


def test_fields_within_maps_are_remembered():
    said = FieldChoices({"question": "data.ask", "answer": "data.say"})
    record = {"data": {"ask": "Где?", "say": "Тут."}}
    text = stored(plan([record], None, said, "a.json"))
    assert plan([record], text, FieldChoices(), "b.json").choices.remembered
    other = [{"data": {"ask": "Где?", "tell": "Тут."}}]
    assert not plan(other, text, FieldChoices(), "b.json").choices.remembered


def test_columns_by_number_are_no_shape_to_know_a_file_by():
    said = FieldChoices({"question": "2", "answer": "1"})
    text = stored(plan("Тут.,Где\nТам.,Куда\n", None, said))
    found = plan("Кто,Я.\nЧто,То.\n", text, FieldChoices())
    assert not found.choices.remembered
    assert found.good_edits == []


def test_choices_given_now_win_and_replace_those_remembered():
    said = FieldChoices({"note": "Комментарий"}, name="faq")
    found = plan(CHECKED, STORED, said)
    assert "note: а\n" in found.good_edits[0].text
    assert stored(found) == (
        "faq:\n  only:\n    Проверено:\n      take: [да]\n      leave: [нет]\n"
        "  parts: {note: Комментарий}\n"
    )
    said = FieldChoices(leave=("Проверено", "Комментарий"))
    assert stored(plan(CHECKED, STORED, said)) == (
        "faq:\n  leave: [Проверено, Комментарий]\n"
    )


def test_another_shape_of_the_same_files_name_gets_another_name():
    said = FieldChoices(leave=("Тема дня",))
    content = "Вопрос,Ответ,Тема дня\nГде?,Тут.,а\n"
    text = stored(plan(content, STORED, said))
    assert text == f"{STORED}faq-2:\n  leave: [Тема дня]\n"
    # Under a given name they replace what does not fit.
    said = FieldChoices(leave=("Тема дня",), name="faq")
    assert stored(plan(content, STORED, said)) == "faq:\n  leave: [Тема дня]\n"


@pytest.mark.parametrize(
    ("given", "imports"),
    [
        (FieldChoices({"answer": "Отвт"}), None),
        (FieldChoices(only={"Проверенно": ("да",)}), None),
        (FieldChoices(name="faq"), "faq: {leave: [Статус]}\n"),
    ],
)
def test_field_that_no_record_has_is_refused_with_those_that_are_there(given, imports):
    with pytest.raises(Refused) as refusal:
        plan(CHECKED, imports, given)
    assert refusal.value.key == "import-no-field"
    assert refusal.value.arguments["found"].startswith("Вопрос, Ответ, Проверено")


def test_own_comments_and_layout_of_others_stay():
    imports = (
        "# ours\nsite: {leave: [x]} # theirs\n\n# the table of the office\nfaq:\n"
        "  only: {Проверено: {take: [да], leave: [нет]}}\n  # a word for the author\n"
        "  leave:\n    - Комментарий\n\n# the end\nz: {leave: [y]}\n"
    )
    said = FieldChoices(only={"Проверено": ("нет",)})
    text = stored(plan(CHECKED, imports, said))
    assert text == imports.replace(
        "  only: {Проверено: {take: [да], leave: [нет]}}\n",
        "  only:\n    Проверено:\n      take: [нет]\n      leave: [да]\n",
    )
    assert stored(plan(CHECKED, imports, FieldChoices())) is None


@pytest.mark.parametrize("name", ["no", "1", "Вопрос: да", "a" * 200, "[x]", "#", ""])
def test_any_name_of_a_field_and_any_value_is_read_as_it_was_written(name):
    said = FieldChoices({"note": name}, {name: (name or "x", "да")}, (name,), name="n")
    line = [*read_import_files([(CHECKED.encode(), "a.csv")])]
    (edit,) = remember([], line, said)
    _, named = find_imports(make_files(edit.text))
    assert (named["n"].parts, named["n"].only) == (said.parts, said.only)
    assert (named["n"].leave, named["n"].others) == (said.leave, {name: ()})


def test_entry_in_brackets_is_written_anew():
    imports = "# ours\nfaq: {leave: [Проверено]}\n# theirs\nz: {leave: [y]}\n"
    said = FieldChoices(leave=("Комментарий",), name="faq")
    text = stored(plan(CHECKED, imports, said))
    assert text == imports.replace(
        "faq: {leave: [Проверено]}\n", "faq:\n  leave: [Проверено, Комментарий]\n"
    )
    said = FieldChoices({"note": "Комментарий"}, name="faq")
    text = stored(plan(CHECKED, imports, said))
    assert find_imports(make_files(text))[1]["faq"].fields == (
        "Комментарий",
        "Проверено",
    )


def test_broken_file_is_refused_with_its_line():
    with pytest.raises(Refused) as refusal:
        plan(CHECKED, "faq:\n  leave: x\n", FieldChoices())
    assert (refusal.value.key, refusal.value.arguments["line"]) == ("imports-broken", 2)
    assert find_imports(make_files("{}\n"))[1] == {}


@pytest.mark.parametrize(
    ("text", "place", "rule"),
    [
        ("faq:\n  parts: {quest: Вопрос}\n", (2, 11), "misspelt-key"),
        ("faq:\n  leave: Статус\n", (2, 10), "wrong-type"),
        ("faq:\n  only: {a: [да]}\n", (2, 13), "wrong-type"),
        ("faq:\n  only:\n    a: {leave: [да]}\n", (3, 8), "missing-key"),
        ("faq:\n  only:\n    a: {take: []}\n", (3, 15), "too-few-items"),
        ("faq: {}\n", (1, 6), "too-few-items"),
        ("a b: {leave: [c]}\n", (1, 1), "wrong-form"),
        ("faq: [\n", (2, 1), "yaml-syntax"),
    ],
)
def test_faults_of_the_file_are_found_with_line_and_column(text, place, rule):
    files = {**make_good_files(12), "imports.yaml": text}
    checked = FileTree(files).check()
    found = [each for each in checked.findings if each.path == "imports.yaml"]
    assert [(each.line, each.column, each.rule) for each in found] == [(*place, rule)]
    assert checked.is_buildable
    clean = FileTree({**files, "imports.yaml": STORED}).check()
    assert "imports.yaml" not in {each.path for each in clean.findings}


def test_schema_knows_all_parts():
    mapping = schema("imports")["additionalProperties"]["properties"]
    assert tuple(mapping["parts"]["properties"]) == CHOSEN_PARTS


PLAIN = "id,question,answer\n1,Where?,Here.\n2,Who?,Anna.\n"


def after(found, imports=None):
    """Return the files of the dataset after the commit of a plan."""
    return make_files(imports) + [
        FileText("lamps", edit.path, f"blob of {edit.path}", edit.text)
        for edit in found.committed
        if edit.path != "imports.yaml"
    ]


def plan_again(files, content, name="other.csv", given=FieldChoices()):  # noqa: B008 - frozen
    def read(choices):
        return read_import_files([(content.encode(), name)], choices)

    lines, choices = recall_choices(files, read, given)
    return plan_import("lamps", files, lines, choices=choices)


def test_records_of_which_nothing_was_to_be_said_are_known_under_another_files_name():
    files = after(plan(PLAIN, given=FieldChoices()))
    found = plan_again(files, PLAIN.replace("Anna", "Vera"))
    assert (found.choices.name, found.choices.remembered) == ("faq", False)
    assert [*found.counts.values()] == [0, 1, 1, 0]
    # One that shares the ids alone is another file, if only in one record.
    other = plan_again(files, "id,question,answer\n2,What is it?,A lamp.\n")
    assert [*other.counts.values()] == [1, 0, 0, 0]
    new = plan_again(files, "id,question,answer\n7,What is it?,A lamp.\n")
    assert new.choices.name == "other"
    given = plan_again(files, PLAIN, given=FieldChoices(name="site"))
    assert (given.choices.name, given.duplicates) == ("site", 2)


def test_name_of_another_shape_is_not_taken_for_its_ids():
    files = after(plan(PLAIN, given=FieldChoices()), STORED)
    assert plan_again(files, PLAIN).choices.name == "other"


def test_value_that_no_record_has_is_refused_with_those_that_there_are():
    with pytest.raises(Refused) as refused:
        plan(CHECKED, given=FieldChoices(only={"Проверено": ("готово",)}))
    assert refused.value.key == "import-no-such-value"
    assert "да" in refused.value.arguments["found"]
    some = FieldChoices(only={"Проверено": ("готово", "да")}, leave=("Комментарий",))
    assert plan(CHECKED, given=some).good_edits
