"""Looks that only tell."""

from __future__ import annotations

import pytest
from dataset_tree import check_files, example_yaml, good_files, only_finding, rules

from merlin.dataset.finding import Severity

pytestmark = pytest.mark.unit


def check_more(**more):
    files = {f"examples/z/{name}.yaml": text for name, text in more.items()}
    return check_files({**good_files(60), **files})


@pytest.mark.parametrize(
    ("answer", "rule", "shown"),
    [
        ("Пишите на anna@mail.university", "personal", "anna@mail.university"),
        ("Звоните +7 (912) 345-67-89", "personal", "+7 (912) 345-67-89"),
        ("Ключ sk-abcdefghijklmnop1234", "secret", ""),
        ("Токен 1234567890:AAabcdefghijklmnopqrstuvwxyz0123456", "secret", ""),
        ("Слева \u202eнаправо", "direction-mark", "U+202E"),
        ("Между\u200bсловами", "invisible-letter", "U+200B"),
    ],
)
def test_what_a_reviewer_should_see_is_told_at_the_message(answer, rule, shown):
    checked = check_more(a=example_yaml(answer=answer))
    finding = only_finding(checked, rule)
    assert (finding.path, finding.line, finding.arguments["found"]) == (
        "examples/z/a.yaml",
        3,
        shown,
    )
    assert finding.severity is not Severity.ERROR
    assert len(checked.examples) == 61


def test_a_secret_is_not_repeated_in_the_finding():
    checked = check_more(a=example_yaml(answer="Ключ sk-abcdefghijklmnop1234"))
    finding = only_finding(checked, "secret")
    assert "sk-" not in finding.text("ru") + finding.text("en") + repr(finding)


@pytest.mark.parametrize(
    "answer", ["anna@example.com", "list[int]@property", "7 912 345", "2**31-1", "👩‍🔬 эмодзи"]
)
def test_ordinary_words_are_no_finding(answer):
    assert not check_more(a=example_yaml(answer=answer)).findings


def test_a_question_of_the_same_words_is_a_near_duplicate():
    checked = check_more(
        a=example_yaml("Как измерить глубину фиксации?"),
        b=example_yaml("Глубину фиксации как измерить"),
    )
    finding = only_finding(checked, "near-duplicate")
    assert finding.arguments["other"] == "examples/z/a.yaml"
    assert len(checked.examples) == 62


def test_names_that_differ_by_case_alone_are_told():
    files = {"examples/Q.yaml": example_yaml("Один"), "examples/q.yaml": example_yaml("Два")}
    checked = check_files({**good_files(60), **files})
    assert only_finding(checked, "case-twin").path == "examples/q.yaml"


def test_an_own_system_text_that_differs_is_a_note():
    own = "messages:\n  - system: {}\n  - user: Что?\n  - assistant: То.\n"
    checked = check_more(a=own.format("Говори стихами."))
    assert only_finding(checked, "own-system").line == 2
    same = check_more(a=own.format("MerlinGPT is a good service!"))
    assert "own-system" not in rules(same)
