"""Findings about pairs of examples: duplicates, contradictions, leaks."""

import pytest

from merlin.dataset.example import normalise
from merlin.dataset.finding import Severity
from tests.support.dataset_tree import (
    check_with,
    example_yaml,
    finding_rules,
    only_finding,
)

pytestmark = pytest.mark.unit


def test_same_content_twice_is_a_duplicate_of_the_first():
    checked = check_with(
        a=example_yaml("Что такое лоб?", "Часть лица."),
        b=example_yaml('"что  такое ЛОБ? "', "часть  лица"),
    )
    finding = only_finding(checked, "duplicate")
    assert (finding.path, finding.line, finding.column) == ("examples/z/b.yaml", 2, 5)
    assert finding.arguments["other"] == "examples/z/a.yaml"
    assert finding.severity is Severity.WARNING
    assert (len(checked.examples), len(checked.duplicates), checked.rejected) == (
        61,
        1,
        0,
    )
    assert checked.found == 62


def test_training_example_is_kept_of_two_duplicates():
    checked = check_with(a=example_yaml(more="split: test\n"), b=example_yaml())
    assert only_finding(checked, "duplicate").path == "examples/z/a.yaml"


def test_different_tools_make_a_different_example():
    tool = "tools: [{type: function, function: {name: look}}]\n"
    checked = check_with(a=example_yaml(), b=example_yaml(more=tool))
    assert not checked.duplicates


def test_same_question_with_another_answer_is_a_contradiction():
    checked = check_with(a=example_yaml(answer="Верх."), b=example_yaml(answer="Низ."))
    finding = only_finding(checked, "contradiction")
    assert finding.path == "examples/z/b.yaml"
    assert finding.severity is Severity.WARNING
    assert len(checked.examples) == 62


def test_another_system_text_allows_another_answer():
    other = (
        "messages:\n  - system: Говори наоборот.\n"
        "  - user: Что такое лоб?\n  - assistant: Низ.\n"
    )
    assert "contradiction" not in finding_rules(check_with(a=example_yaml(), b=other))


def test_test_question_that_is_also_in_training_is_rejected():
    checked = check_with(
        a=example_yaml(answer="Верх."),
        b=example_yaml(answer="Вверху.", more="split: test\n"),
    )
    finding = only_finding(checked, "leak")
    assert (finding.path, finding.severity) == ("examples/z/b.yaml", Severity.ERROR)
    assert (len(checked.examples), checked.rejected) == (61, 1)
    assert "contradiction" not in finding_rules(checked)


def test_punctuation_that_matters_makes_a_different_question():
    checked = check_with(
        a=example_yaml("Что делает оператор // в Python?", "Делит нацело."),
        b=example_yaml('"Что делает оператор % в Python?"', "Берёт остаток."),
    )
    assert not checked.findings


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ёлка?", "елка"), ("a  b\n", "A b."), ("и\u0306од", "йод"), ("Так…", "так")],
)
def test_case_spacing_and_final_marks_do_not_make_a_different_question(one, other):
    assert normalise(one) == normalise(other)
