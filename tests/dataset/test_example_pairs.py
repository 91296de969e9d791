"""Pairs of a preferred and a rejected answer: read, checked, written, imported and exported."""

import json
from dataclasses import replace

import pytest

from merlin.dataset.builds import make_build, training_key
from merlin.dataset.chat_formats import to_record
from merlin.dataset.example_file import parse_example, read_example, write_example
from merlin.dataset.example_rewording import reword_example
from merlin.dataset.finding import Severity
from merlin.dataset.import_lines import read_import_files
from merlin.dataset.tokens import count_tokens
from tests.support.dataset_tree import (
    DATASET_YAML,
    check_files,
    example_yaml,
    finding_rules,
    make_good_files,
    make_training_line,
    only_finding,
    read_build_file,
)

pytestmark = pytest.mark.unit

DPO_YAML = DATASET_YAML.replace(
    "recall}", "recall, method: dpo, hyperparameters: {beta: 0.2}}"
)
PLAIN = """messages:
  - user: Где лоб?
  - assistant: Над бровями.
rejected: |
  Не знаю.
  Может быть, на лице.
tags: [лицо]
"""
CALL = {
    "id": "1",
    "type": "function",
    "function": {"name": "look", "arguments": '{"at": 1}'},
}
TOOL = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object"}},
}
LONG = f"""messages:
  - user: Где лоб?
  - role: assistant
    tool_calls: {json.dumps([CALL])}
  - role: tool
    content: над бровями
    tool_call_id: "1"
  - role: assistant
    content: Над бровями.
    weight: 1
rejected:
  role: assistant
  tool_calls: {json.dumps([CALL])}
tools: {json.dumps([TOOL])}
"""
GOLDEN = (
    '{"input":{"messages":[{"role":"system","content":"Кратко."},'
    '{"role":"user","content":"Где лоб?"}]},'
    '"preferred_output":[{"role":"assistant","content":"Над бровями."}],'
    '"non_preferred_output":[{"role":"assistant",'
    '"content":"Не знаю.\\nМожет быть, на лице."}]}\n'
)
GOLDEN_LONG = (
    '{"input":{"messages":[{"role":"system","content":"Кратко."},'
    '{"role":"user","content":"Где лоб?"},'
    '{"role":"assistant","content":"","tool_calls":[{"id":"1","type":"function",'
    '"function":{"name":"look","arguments":"{\\"at\\": 1}"}}]},'
    '{"role":"tool","content":"над бровями","tool_call_id":"1"}],'
    '"tools":[{"type":"function","function":{"name":"look","parameters":{"type":"object"}}}]},'
    '"preferred_output":[{"role":"assistant","content":"Над бровями.","weight":1}],'
    '"non_preferred_output":[{"role":"assistant","content":"","tool_calls":[{"id":"1",'
    '"type":"function","function":{"name":"look","arguments":"{\\"at\\": 1}"}}]}]}\n'
)


def make_pairs(number, spec=DPO_YAML):
    """Return the files of a dataset of so many pairs."""
    files = make_good_files(number, spec)
    return {
        path: text if path == "dataset.yaml" else f"{text}rejected: Не знаю, {place}.\n"
        for place, (path, text) in enumerate(files.items())
    }


def find_places(text):
    return [
        (finding.rule, finding.line, finding.column)
        for finding in read_example(text.encode())[1]
    ]


def import_text(text):
    return [*read_import_files([(text.encode(), "pairs.jsonl")])]


@pytest.mark.parametrize(("text", "golden"), [(PLAIN, GOLDEN), (LONG, GOLDEN_LONG)])
def test_line_of_a_pair_is_exact(text, golden):
    assert make_training_line(parse_example(text), "Кратко.") == golden.encode()


@pytest.mark.parametrize("text", [PLAIN, LONG])
def test_written_pair_is_read_back_equal(text):
    example = parse_example(text)
    assert parse_example(write_example(example)) == example
    assert write_example(parse_example(write_example(example))) == write_example(
        example
    )


def test_rewording_keeps_the_rejected_answer():
    for text in (PLAIN, LONG):
        changed = parse_example(reword_example(text, "Где нос?", "Под лбом.", ["нос"]))
        assert changed.rejected == parse_example(text).rejected
        assert (changed.question, changed.answer) == ("Где нос?", "Под лбом.")


@pytest.mark.parametrize(
    ("rejected", "places"),
    [
        ("rejected: ''", [("empty-content", 4, 11)]),
        ("rejected: [no]", [("wrong-type", 4, 11)]),
        ("rejected: {role: user, content: no}", [("not-one-of", 4, 18)]),
        ("rejected: {role: assistant}", [("missing-one-of", 4, 11)]),
        ("rejected: {content: no}", [("missing-key", 4, 11)]),
        (
            "rejected: {role: assistant, content: no, weight: 0}",
            [("unknown-key", 4, 42)],
        ),
        ("reject: no", [("misspelt-key", 4, 1)]),
        ("rejected: no", []),
    ],
)
def test_findings_of_a_rejected_answer_are_at_its_place(rejected, places):
    text = f"messages:\n  - user: Где лоб?\n  - assistant: Там.\n{rejected}\n"
    assert find_places(text) == places


def test_dataset_of_pairs_trains_by_preference():
    checked = check_files(make_pairs(12))
    assert finding_rules(checked) == ["few-examples"]
    recipe = checked.spec.recipe
    assert (recipe.method, recipe.hyperparameters) == ("dpo", {"beta": 0.2})
    lines = read_build_file(make_build(checked), "train").decode().splitlines()
    assert {tuple(json.loads(line)) for line in lines} == {
        ("input", "preferred_output", "non_preferred_output")
    }


def test_rejected_answer_is_a_bad_one_of_the_method_kto():
    files = {**make_good_files(60), "examples/z.yaml": PLAIN}
    files["dataset.yaml"] = DATASET_YAML.replace("recall}", "recall, method: kto}")
    checked = check_files(files)
    assert not checked.findings
    lines = read_build_file(make_build(checked), "train").decode().splitlines()
    *_, taught, bad = map(json.loads, lines)
    assert [each["messages"][-1]["content"] for each in (taught, bad)] == [
        "Над бровями.",
        "Не знаю.\nМожет быть, на лице.",
    ]
    assert ("label" in taught, bad["label"]) == (False, False)


def test_example_without_a_pair_is_an_error_among_pairs():
    files = make_pairs(12) | {
        "examples/alone.yaml": example_yaml(),
        "examples/same.yaml": "",
    }
    better = "Верхняя часть лица."
    files["examples/same.yaml"] = example_yaml(
        "Что есть лоб?", better, f"rejected: {better}\n"
    )
    checked = check_files(files)
    alone, same = (
        only_finding(checked, rule) for rule in ("no-rejected", "same-rejected")
    )
    assert (alone.path, alone.severity, alone.line) == (
        "examples/alone.yaml",
        Severity.ERROR,
        3,
    )
    assert (same.path, same.severity, same.line) == (
        "examples/same.yaml",
        Severity.ERROR,
        4,
    )
    assert (checked.found, checked.rejected, len(checked.examples)) == (14, 2, 12)


@pytest.mark.parametrize(
    ("at", "rules"), [(1, {"same-rejected"}), (2, set())], ids=["same", "other"]
)
def test_answers_that_call_a_function_are_compared_by_their_calls(at, rules):
    call = {**CALL, "function": {"name": "look", "arguments": f'{{"at": {at}}}'}}
    text = f"""messages:
  - user: Где лоб?
  - role: assistant
    tool_calls: {json.dumps([CALL])}
rejected:
  role: assistant
  tool_calls: {json.dumps([call])}
tools: {json.dumps([TOOL])}
"""
    checked = check_files(make_pairs(12) | {"examples/call.yaml": text})
    assert {"same-rejected", "no-rejected"} & {*finding_rules(checked)} == rules


def test_without_dpo_the_rejected_answer_is_ignored_with_a_note():
    checked = check_files(make_pairs(12, DATASET_YAML))
    notes = [
        finding for finding in checked.findings if finding.rule == "unused-rejected"
    ]
    assert {(finding.severity, finding.line) for finding in notes} == {
        (Severity.NOTE, 4)
    }
    assert (len(notes), checked.rejected) == (12, 0)
    alone = check_files(make_good_files(12))
    assert make_build(checked).digest == make_build(alone).digest
    assert (
        make_build(checked).manifest["tokens"] == make_build(alone).manifest["tokens"]
    )


def test_both_answers_count_towards_the_token_limit():
    example = parse_example(PLAIN)
    alone = replace(example, rejected=None)
    more = 3 + count_tokens("assistant") + count_tokens(example.rejected.content)
    assert example.tokens == alone.tokens + more
    files = make_pairs(12) | {
        "examples/long.yaml": example_yaml(
            "Что длинно?", "Да.", f"rejected: {'слово ' * 400}\n"
        )
    }
    checked = check_files(files, limit_tokens={"recall": 300})
    assert only_finding(checked, "too-many-tokens").path == "examples/long.yaml"
    supervised = files | {"dataset.yaml": DATASET_YAML}
    assert check_files(supervised, limit_tokens={"recall": 300}).rejected == 0


def test_method_and_rejected_answer_change_what_is_trained():
    checked = check_files(make_pairs(12))
    other = check_files(make_pairs(12) | _change_answer())
    recipe = checked.spec.recipe
    digests = {make_build(one).digest for one in (checked, other)}
    assert len(digests) == 2
    keys = {
        training_key("a", "d", replace(recipe, method=name))
        for name in ("supervised", "dpo")
    }
    assert len(keys) == 2


def _change_answer():
    path, text = [*make_pairs(12).items()][1]
    return {path: text.replace("Не знаю", "Никак")}


def test_examples_with_different_rejected_answers_are_not_duplicates():
    more = example_yaml("Вопрос 0 о лице", "Ответ 0", "rejected: Другое.\n")
    checked = check_files(make_pairs(12) | {"examples/more.yaml": more})
    assert (len(checked.duplicates), len(checked.examples)) == (0, 13)


def test_secret_in_a_rejected_answer_is_found_and_a_refusal_is_not():
    files = make_pairs(11) | {
        "examples/a.yaml": example_yaml(
            "Ключ?", "Нет.", "rejected: sk-abcdefghijklmnop1234\n"
        ),
        "examples/b.yaml": example_yaml(
            "Кто ты?", "Я.", "rejected: I can't help with that.\n"
        ),
    }
    checked = check_files(files)
    secret = only_finding(checked, "secret")
    assert (secret.path, secret.line, secret.column) == ("examples/a.yaml", 4, 11)
    assert "refusal" not in finding_rules(checked)


@pytest.mark.parametrize("text", [PLAIN, LONG])
def test_exported_pair_is_imported_back_equal(text):
    example = replace(parse_example(text), id="лицо/лоб")
    [line] = import_text(json.dumps(to_record(example, "Кратко.")))
    imported = replace(line.example, messages=line.example.messages[1:], id=example.id)
    assert (imported, line.findings) == (example, ())
