"""`merlin rules`: what the check looks for, in the language of the person."""

import pytest

from merlin.cli import main
from merlin.dataset.rules import RULES

pytestmark = pytest.mark.functional


def run_rules(capsys, *arguments):
    code = main(["rules", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize(
    ("language", "word"), [("ru", "строгость"), ("en", "severity")]
)
def test_every_rule_has_its_line(capsys, monkeypatch, language, word):
    monkeypatch.setenv("MERLIN_LANGUAGE", language)
    code, output, _ = run_rules(capsys)
    heading, *lines = output.splitlines()
    assert (code, word in heading) == (0, True)
    assert [line.split()[0] for line in lines] == list(RULES)
    assert all(rule.meaning(language) in output for rule in RULES.values())


@pytest.mark.parametrize("language", ["ru", "en"])
def test_single_rule_is_shown_with_its_example_and_advice(
    capsys, monkeypatch, language
):
    monkeypatch.setenv("MERLIN_LANGUAGE", language)
    rule = RULES["near-duplicate"]
    code, output, _ = run_rules(capsys, rule.name)
    assert code == 0
    for words in (
        rule.meaning(language),
        rule.advice(language),
        rule.path,
        "near-duplicate:",
    ):
        assert words in output
    assert [
        line.strip() for line in rule.example.splitlines() if line.strip() not in output
    ] == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("near-duplicat", "did you mean near-duplicate?"),
        ("xyzzy", "rule xyzzy not found; all rules: merlin rules"),
    ],
)
def test_unknown_rule_is_refused_with_the_nearest_one(capsys, name, words):
    code, output, errors = run_rules(capsys, name)
    assert (code, output, words in errors) == (1, "", True), errors
