"""Reading dataset.yaml and course.yaml."""

import pytest

from merlin.core.errors import MerlinError
from merlin.core.i18n import text as translate
from merlin.dataset.spec import (
    GateRule,
    LaunchRule,
    MaterialSpec,
    Recipe,
    SplitRule,
    dump_spec,
    load_spec,
    read_course,
    read_dataset,
)
from tests.support.dataset_tree import (
    DATASET_YAML,
    FileTree,
    check_files,
    example_yaml,
    finding_rules,
    make_good_files,
    only_finding,
)

pytestmark = pytest.mark.unit

WHOLE = """\
title: {ru: Нейротипология, en: Neurotypology}
system: |
  MerlinGPT is a good service!
recipe:
  provider: engine
  base_model: recall
  method: supervised
  hyperparameters: {n_epochs: 7}
  suffix: neuro
split: {test: 0.5, salt: v2, min_test: 3}
launch: {mode: off, quiet_s: 1.5, min_new: 4}
gate: {floor: {right: 0.8}}
small_talk: {who: {ru: Я бот приёмной.}}
strict: true
"""
COURSE = """\
semester: 1
name: {ru: Алгоритмы}
description: {ru: Изучение основных алгоритмов., en: The main algorithms.}
teachers: [boris]
materials:
  - {lesson: 1, type: lecture, title: {ru: Введение}, text: materials/lecture-01.md}
  - {lesson: 2, type: lab, title: {ru: Сортировки}, file_url: "https://example.com/lab1.pdf"}
"""


def read_spec(text, name="neurotypology"):
    return check_files(make_good_files(60, text), name=name).spec


def test_complete_dataset_yaml_is_read():
    spec = read_spec(WHOLE)
    assert spec.recipe == Recipe(
        "engine", "recall", "supervised", {"n_epochs": 7}, "neuro"
    )
    assert spec.split == SplitRule(0.5, "v2", 3)
    assert spec.launch == LaunchRule("off", 1.5, 4)
    assert (spec.strict, spec.gate) == (True, GateRule("floor", 0.8))
    assert spec.system == "MerlinGPT is a good service!"
    assert spec.small_talk == {"who": {"ru": "Я бот приёмной."}}


def test_missing_settings_have_their_defaults():
    spec = read_spec(DATASET_YAML.replace("gate: none\n", ""))
    assert spec.recipe == Recipe("engine", "recall", suffix="neurotypology")
    assert (spec.split, spec.launch) == (
        SplitRule(0.2, "v1", 10),
        LaunchRule("auto", 60, 1),
    )
    assert (spec.strict, spec.gate) == (False, GateRule("not_worse"))


@pytest.mark.parametrize(
    ("setting", "rule", "line", "column"),
    [
        ("gate:", "not-one-of", 4, 6),
        ("gate: {}", "too-few-items", 4, 7),
        ("gate: some", "not-one-of", 4, 7),
        ("gate: [floor]", "wrong-type", 4, 7),
        ("gate: {floor: {}}", "missing-key", 4, 15),
        ("gate: {floor: {right: 0}}", "too-small", 4, 23),
        ("gate: {floor: {right: 80}}", "too-big", 4, 23),
        ("gate: {floor: {right: 0.8, wrong: 0.1}}", "unknown-key", 4, 28),
        ("small_talk: {who: [Бот]}", "wrong-type", 4, 19),
        ('small_talk: {who: {ru: " "}}', "blank-text", 4, 24),
    ],
)
def test_invalid_setting_is_reported_with_its_place(setting, rule, line, column):
    checked = check_files(
        make_good_files(60, DATASET_YAML.replace("gate: none", setting))
    )
    places = {
        (finding.rule, finding.line, finding.column) for finding in checked.findings
    }
    assert (rule, line, column) in places
    assert checked.spec is None


@pytest.mark.parametrize("path", ["dataset.yaml", "course.yaml", "examples/self.yaml"])
def test_anchor_that_contains_itself_is_a_finding_in_every_file(path):
    findings = check_files({**make_good_files(60), path: "a: &x [*x]\n"}).findings
    assert (path, "anchor", 1) in {
        (each.path, each.rule, each.line) for each in findings
    }


def test_removed_key_is_refused_with_what_to_do_instead():
    (finding,) = check_files(
        make_good_files(60, f"{DATASET_YAML}canary: {{}}\n")
    ).findings
    assert (finding.rule, finding.line, finding.column) == ("unknown-key", 5, 1)
    assert "gate" in finding.text("en")


def test_stored_settings_are_read_back_equal():
    for spec in (read_spec(WHOLE), read_spec(DATASET_YAML)):
        assert load_spec(dump_spec(spec)) == spec


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "Invalid JSON"),
        ('{"recipe": {"base": 7}, "system": "кто-то"}', "DatasetSpec"),
    ],
)
def test_stored_settings_of_another_version_are_told_in_a_sentence(text, reason):
    """They ended the process."""
    with pytest.raises(MerlinError) as caught:
        load_spec(text)
    said = translate("ru", caught.value.key, **caught.value.arguments)
    assert said.startswith("Сохранённый документ записан не так")
    assert reason in said
    assert "кто-то" not in said, "people's texts are no one's news"


def test_missing_language_uses_the_other_one():
    spec = read_spec(DATASET_YAML.replace(", en: Neurotypology", ""))
    assert spec.title == {"ru": "Нейротипология", "en": "Нейротипология"}


@pytest.mark.parametrize(
    ("text", "blank", "rule", "line"),
    [
        ("Neurotypology", '" "', "blank-text", 1),
        ("Neurotypology", "\u00a0", "blank-text", 1),
        ("Neurotypology", "\u200b", "blank-text", 1),
        ("MerlinGPT is a good service!", '""', "too-short", 2),
        ("MerlinGPT is a good service!", '" "', "empty-content", 2),
        ("MerlinGPT is a good service!", "|\n\n", "too-short", 2),
    ],
)
def test_title_or_system_text_in_which_nothing_can_be_seen_is_an_error(
    text, blank, rule, line
):
    checked = check_files(make_good_files(60, DATASET_YAML.replace(text, blank)))
    (finding,) = checked.findings
    assert (finding.path, finding.rule, finding.line) == ("dataset.yaml", rule, line)
    assert checked.spec is None


@pytest.mark.parametrize(
    ("name", "proposed"),
    [("my set", "my-set"), ("te\N{COMBINING ACUTE ACCENT}st", "t\u00e9st")],
)
def test_folder_with_an_invalid_name_is_not_a_dataset(name, proposed):
    checked = check_files(make_good_files(60), name=name)
    finding = only_finding(checked, "bad-dataset-name")
    assert finding.arguments["proposed"] == proposed
    # Both forms look the same.
    assert all("NFC" in finding.text(language) for language in ("ru", "en"))
    assert checked.spec is None


def test_invalid_dataset_yaml_leaves_the_examples_checked():
    checked = check_files(
        make_good_files(60, DATASET_YAML.replace("system:", "sistem:"))
    )
    assert finding_rules(checked) == ["misspelt-key"]
    assert [(finding.path, finding.line) for finding in checked.findings] == [
        ("dataset.yaml", 2)
    ]
    assert (checked.spec, len(checked.examples)) == (None, 60)


def test_course_is_read():
    files = {
        **make_good_files(60),
        "course.yaml": COURSE,
        "materials/lecture-01.md": "# Введение",
    }
    course = check_files(files).course
    assert (course.semester, course.active, course.teachers) == (1, True, ("boris",))
    assert course.name == {"ru": "Алгоритмы", "en": "Алгоритмы"}
    assert course.materials[0] == MaterialSpec(
        1,
        "lecture",
        {"ru": "Введение", "en": "Введение"},
        text="materials/lecture-01.md",
    )
    assert course.materials[1].file_url == "https://example.com/lab1.pdf"


@pytest.mark.parametrize(
    ("text", "line", "rule"),
    [
        (COURSE, 6, "missing-text"),
        (
            COURSE.replace("materials/lecture-01.md", "../../etc/passwd"),
            6,
            "missing-text",
        ),
        (COURSE.replace("semester: 1", "semester: one"), 1, "wrong-type"),
        ("semester: [", 2, "yaml-syntax"),
        (COURSE.replace("Алгоритмы", '" "'), 2, "blank-text"),
        (COURSE.replace("The main algorithms.", "\u200b"), 3, "blank-text"),
        (COURSE.replace("Сортировки", "\u00a0"), 7, "blank-text"),
    ],
)
def test_invalid_course_is_reported_and_the_examples_still_build(text, line, rule):
    checked = check_files({**make_good_files(60), "course.yaml": text})
    finding = only_finding(checked, rule)
    assert (finding.path, finding.line) == ("course.yaml", line)
    assert checked.course is None
    assert checked.is_buildable


@pytest.mark.parametrize(
    ("content", "rule", "column"),
    [
        ("# Ввод".encode("cp1251"), "not-utf8", 3),
        ("# Ввод".encode("utf-16"), "not-utf8", 1),
        ("# Ввод".encode("utf-16-le"), "not-utf8", 2),
        ("Ввод и вывод".encode("utf-16-le"), "control-character", 10),
    ],
)
def test_text_of_a_course_that_cannot_be_shown_is_reported_until_it_is_saved_as_utf8(
    content, rule, column
):
    name = "materials/lecture-01.md"
    tree = FileTree({**make_good_files(60), "course.yaml": COURSE, name: content})
    checked = tree.check()
    finding = only_finding(checked, rule)
    assert (finding.path, finding.line, finding.column) == (name, 1, column)
    assert (checked.course is not None, checked.is_buildable) == (True, True)


def test_strict_dataset_is_held_by_one_bad_example():
    bad = {"examples/bad.yaml": example_yaml(answer='""')}
    assert not check_files({**make_good_files(60, WHOLE), **bad}).is_buildable
    assert check_files({**make_good_files(60), **bad}).is_buildable
    assert check_files(make_good_files(60, WHOLE)).is_buildable


@pytest.mark.parametrize(
    ("provider", "base_model", "is_own", "takes_tools"),
    [
        ("engine", "recall", False, False),
        ("engine", "lora", True, False),
        ("openai", "gpt-4o-mini", False, True),
    ],
)
def test_only_language_models_of_the_engine_are_our_own(
    provider, base_model, is_own, takes_tools
):
    recipe = Recipe(provider, base_model)
    assert recipe.is_own_language_model is is_own
    assert recipe.takes_tools is takes_tools


REST = """\
system: A.
recipe: {provider: engine, base_model: recall}
small_talk: {bye: Bye}
"""


def test_plain_text_is_that_of_each_language():
    spec, found = read_dataset("faq", f"title: faq\n{REST}".encode())
    assert (spec.title, found) == ({"ru": "faq", "en": "faq"}, [])
    assert spec.small_talk == {"bye": {"ru": "Bye", "en": "Bye"}}
    card, found = read_course(b"semester: 1\nname: 2024\n", ())
    assert (card.name["en"], found) == ("2024", [])


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("title: ' '", "blank-text"),
        ("title: ''", "too-short"),
        ("title: [a]", "wrong-type"),
    ],
)
def test_plain_title_that_shows_nothing_is_an_error(line, rule):
    spec, found = read_dataset("faq", f"{line}\n{REST}".encode())
    assert (spec, [each.rule for each in found]) == (None, [rule])


@pytest.mark.parametrize("key", ["name", "description"])
def test_plain_text_of_a_course_that_shows_nothing_is_an_error(key):
    text = {"name": "A", "description": "B", key: " "}
    content = "".join(f"{name}: '{each}'\n" for name, each in text.items())
    _, found = read_course(f"semester: 1\n{content}".encode(), ())
    assert [each.rule for each in found] == ["blank-text"]
