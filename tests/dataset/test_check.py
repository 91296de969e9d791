"""The check of a whole dataset: findings of bad input, and every file accounted for."""

import os
import random

import pytest

from merlin.core.messages import Message
from merlin.dataset.builds import make_build
from merlin.dataset.check import check, check_settings
from merlin.dataset.finding import Severity
from merlin.git.source import TOO_MANY, TreeEntry
from tests.support.dataset_tree import (
    DATASET_YAML,
    FileTree,
    check_files,
    example_yaml,
    make_good_files,
    only_finding,
)
from tests.support.file_mutations import GOOD, mutate

pytestmark = pytest.mark.unit


def test_good_dataset_has_no_finding():
    checked = check_files(make_good_files(60))
    assert not checked.findings
    assert (checked.found, len(checked.examples), checked.is_buildable) == (
        60,
        60,
        True,
    )


def test_example_keeps_its_path_blob_and_fields():
    tree = FileTree(make_good_files(60))
    tree.add(
        "examples/лицо/глубина.yaml",
        example_yaml(
            more="tags: [face]\nsplit: test\nsource: Лекция 1\nnote: Проверено\n"
        ),
    )
    example = tree.check().examples[-1]
    assert (example.id, example.path) == ("лицо/глубина", "examples/лицо/глубина.yaml")
    assert example.blob == tree.entries[-1].blob
    assert (example.tags, example.split) == (("face",), "test")
    assert (example.source, example.note) == ("Лекция 1", "Проверено")
    assert (example.question, example.answer) == (
        "Что такое лоб?",
        "Верхняя часть лица.",
    )


def test_long_form_is_kept_unchanged():
    long = """\
messages:
  - {role: system, content: Считай.}
  - {role: user, content: Сколько?, name: anna}
  - role: assistant
    tool_calls: [{id: c1, type: function, function: {name: count, arguments: '{"n": 1}'}}]
  - {role: tool, tool_call_id: c1, content: 7}
  - {role: assistant, content: Семь., weight: 0}
tools: [{type: function, function: {name: count}}]
"""
    elsewhere = DATASET_YAML.replace("engine", "openai").replace(
        "recall", "gpt-4o-mini"
    )
    files = {**make_good_files(60, elsewhere), "examples/zz.yaml": long}
    (example,) = [
        example for example in check_files(files).examples if example.id == "zz"
    ]
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "count", "arguments": '{"n": 1}'},
    }
    assert example.messages == (
        Message("system", "Считай."),
        Message("user", "Сколько?", {"name": "anna"}),
        Message("assistant", "", {"tool_calls": [call]}),
        Message("tool", "7", {"tool_call_id": "c1"}),
        Message("assistant", "Семь.", {"weight": 0}),
    )
    assert example.with_system("Другое") == example.messages
    assert example.with_system("Другое")[0].content == "Считай."


BAD = {
    "broken": ("messages:\n  - user: a: b\n", "yaml-syntax", 2),
    "roles": ("messages:\n  - assistant: a\n  - user: b\n", "wrong-turn", 2),
    "empty": ('messages:\n  - user: a\n  - assistant: ""\n', "empty-content", 3),
    "bomb": ("[" * 60_000, "too-deep", 1),
    "bytes": (b"messages:\n  - user: \xff\n", "not-utf8", 2),
    "key": ("messages:\n  - user: a\n  - assistant: b\nanswer: c\n", "unknown-key", 4),
    "nothing": ("", "empty-file", 1),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_example_is_an_error_at_its_line_and_the_others_still_build(kind):
    content, rule, line = BAD[kind]
    checked = check_files({**make_good_files(60), "examples/bad.yaml": content})
    finding = only_finding(checked, rule)
    assert (finding.path, finding.line) == ("examples/bad.yaml", line)
    assert finding.severity is Severity.ERROR
    assert (len(checked.examples), checked.rejected, checked.found) == (60, 1, 61)
    assert checked.is_buildable


def test_all_bad_examples_are_reported_and_counted():
    bad = {
        f"examples/bad-{kind}.yaml": content for kind, (content, _, _) in BAD.items()
    }
    checked = check_files(
        {**make_good_files(60), **bad, "examples/q.yml": example_yaml()}
    )
    assert checked.rejected == len(BAD) + 1
    assert {finding.path for finding in checked.findings} == {*bad, "examples/q.yml"}


def test_missing_dataset_yaml_is_an_error_at_line_1():
    files = make_good_files(60)
    del files["dataset.yaml"]
    finding = only_finding(check_files(files), "missing-dataset")
    assert (finding.path, finding.line, finding.column) == ("dataset.yaml", 1, 1)
    assert not check_files(files).is_buildable


@pytest.mark.parametrize(
    ("number", "rule", "buildable"),
    [
        (0, "too-few-examples", False),
        (9, "too-few-examples", False),
        (10, "few-examples", True),
        (49, "few-examples", True),
    ],
)
def test_few_examples_are_a_warning_and_very_few_are_not_built(number, rule, buildable):
    checked = check_files(make_good_files(number))
    finding = only_finding(checked, rule)
    assert (finding.path, finding.severity) == ("examples", Severity.WARNING)
    assert str(number) in finding.text("ru")
    assert checked.is_buildable is buildable


def test_too_few_tests_for_the_gate_are_a_note():
    spec = DATASET_YAML.replace("gate: none\n", "split: {min_test: 100}\n")
    checked = check_files(make_good_files(40, spec))
    finding = only_finding(checked, "few-tests")
    assert (finding.path, finding.severity) == ("dataset.yaml", Severity.NOTE)
    assert checked.is_buildable


def test_material_that_is_no_text_is_reported_at_its_place():
    files = {**make_good_files(60), "materials/a.md": b"a\n\xff\n"}
    finding = only_finding(check_files(files), "not-utf8")
    assert (finding.path, finding.line) == ("materials/a.md", 2)


def test_settings_are_checked_without_reading_an_example():
    files = {**make_good_files(9, "title: 1\n"), "examples/bad.yaml": "[" * 60_000}
    tree = FileTree(files)
    settings = check_settings("neurotypology", tree.entries, tree.read)
    assert {finding.path for finding in settings.findings} == {"dataset.yaml"}
    assert len(tree.read_blobs) == 1
    assert settings.count(Severity.ERROR) == len(settings.findings)


@pytest.mark.parametrize("check_any", [check, check_settings])
def test_dataset_of_too_many_files_is_not_read(check_any):
    checked = check_any("neurotypology", [TOO_MANY], FileTree({}).read)
    assert only_finding(checked, "too-many-files").severity is Severity.ERROR
    assert not checked.is_buildable


def test_rejected_examples_do_not_count_as_good():
    files = {**make_good_files(9), "examples/bad.yaml": BAD["empty"][0]}
    assert not check_files(files).is_buildable


@pytest.mark.parametrize("answer", ["слово " * 500, "word " * 500])
def test_example_of_exactly_the_base_models_limit_is_accepted(answer):
    files = {**make_good_files(60), "examples/long.yaml": example_yaml(answer=answer)}
    too_long = check_files(files, limit_tokens={"recall": 300})
    tokens = only_finding(too_long, "too-many-tokens").arguments["tokens"]
    assert not check_files(files, limit_tokens={"recall": tokens}).findings
    checked = check_files(files, limit_tokens={"recall": tokens - 1})
    assert only_finding(checked, "too-many-tokens").path == "examples/long.yaml"


def test_blob_missing_in_the_repository_is_a_finding():
    tree = FileTree(make_good_files(60))
    entries = [*tree.entries, TreeEntry("examples/gone.yaml", "0" * 40, "100644", 10)]
    missing = {"0" * 40}
    checked = check(
        "neurotypology",
        entries,
        lambda blobs: tree.read(b for b in blobs if b not in missing),
    )
    assert only_finding(checked, "unreadable").path == "examples/gone.yaml"
    assert checked.rejected == 1


def test_parallel_check_of_many_files_gives_the_same_result(monkeypatch):
    rng = random.Random(5)  # noqa: S311 - repeatable on purpose
    bad = {f"examples/z{n:03d}.yaml": mutate(rng, rng.choice(GOOD)) for n in range(300)}
    tree = FileTree({**make_good_files(5_000), **bad})
    cores = {0}
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: cores)
    checked = tree.check()
    cores.add(1)
    by_two = tree.check()
    assert by_two == checked
    assert make_build(by_two).digest == make_build(checked).digest
    assert len(checked.examples) > 5_000
    assert checked.rejected > 200
