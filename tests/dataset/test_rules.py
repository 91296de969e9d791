"""The table of rules: the example of each rule breaks it, and findings name no other rule."""

import ast
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

import merlin.dataset
from merlin.cli.check import check_paths
from merlin.config import reading
from merlin.core.i18n import LANGUAGES, keys
from merlin.dataset import layout
from merlin.dataset.check import check
from merlin.dataset.entries import FileText
from merlin.dataset.finding import Severity
from merlin.dataset.import_lines import read_import_files
from merlin.dataset.import_plan import plan_import
from merlin.dataset.rules import ABOUT, ABOUT_PATH, RULES
from merlin.dataset.spec import dump_spec, load_spec, schema
from merlin.git.source import TreeEntry
from tests.support.dataset_tree import (
    DATASET_YAML,
    FileTree,
    check_files,
    example_yaml,
    finding_rules,
    make_good_files,
)

# Their examples take minutes or need a real git repository.
BY_HAND = ("too-many-files", "too-many-tokens", "unreadable", "wrong-value")
# They need other files than texts in UTF-8: test_import_lines_workbook.py, test_import_texts.py,
# test_import_known.py.
ELSEWHERE = ("import-left-sheets", "import-encoding", "import-held")
IMPORTED = [
    name for name, rule in RULES.items() if name.startswith("import-") and rule.example
]
ON_DISK = [name for name in RULES if name not in (*BY_HAND, *ELSEWHERE, *IMPORTED)]
# Function that makes a finding -> position of the rule's name among its arguments.
MAKERS = {"Finding": 3, "make_finding": 2, "Pair": 1} | dict.fromkeys(
    ["reject", "entry_finding", "finding", "finding_after"], 1
)


def make_files():
    return {**make_good_files(59), ABOUT_PATH: ABOUT}


@pytest.fixture
def dataset(tmp_path):
    folder = tmp_path / "datasets" / "first"
    for path, content in make_files().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, "utf-8")
    return folder


def check_severities(repository):
    """Return rule -> severity of the findings of a repository on disk."""
    return {
        finding.rule: finding.severity for finding in check_paths([repository]).findings
    }


@pytest.mark.functional
def test_base_dataset_of_the_rule_examples_has_no_finding(dataset, tmp_path):
    assert check_severities(tmp_path) == {}


@pytest.mark.functional
@pytest.mark.parametrize("name", ON_DISK)
def test_example_breaks_its_rule_with_its_severity(dataset, tmp_path, name):
    rule = RULES[name]
    if rule.path:
        (dataset / rule.path).write_text(rule.example, "utf-8")
    else:
        subprocess.run(  # noqa: S602
            rule.example, shell=True, cwd=dataset, check=True, env=os.environ
        )
    assert check_severities(tmp_path).get(name) == rule.severity


@pytest.mark.unit
@pytest.mark.parametrize("name", IMPORTED)
def test_imported_example_breaks_its_rule(name):
    rule = RULES[name]
    lines = read_import_files([(rule.example.encode(), rule.path)])
    settings = FileText("first", "dataset.yaml", "f" * 40, DATASET_YAML)
    plan = plan_import("first", [settings], lines)
    assert {each.rule: each.severity for each in plan.findings} == {name: rule.severity}


@pytest.mark.unit
def test_rules_of_size_and_of_the_repository_have_their_severity(monkeypatch):
    tree = FileTree(make_files())
    missing = TreeEntry("examples/gone.yaml", "0" * 40, "100644", 10)
    with monkeypatch.context() as patch:
        patch.setattr(layout, "MAX_EXAMPLES", 50)
        findings = [*tree.check().findings]
    findings += [
        *tree.check(limit_tokens={"recall": 10}).findings,
        *check(
            "first", [*tree.entries, missing], lambda blobs: _read_known(tree, blobs)
        ).findings,
    ]
    severities = {
        finding.rule: finding.severity
        for finding in findings
        if finding.rule in BY_HAND
    }
    assert severities == {
        name: RULES[name].severity for name in BY_HAND if name != "wrong-value"
    }


def _read_known(tree, blobs):
    return tree.read(blob for blob in blobs if blob in tree.blobs)


@pytest.mark.unit
def test_configuration_example_of_a_rule_is_valid(tmp_path):
    example = RULES["too-many-tokens"].example
    (tmp_path / "config.yaml").write_text(f"state_dir: s\n{example}", "utf-8")
    assert reading.load(tmp_path / "config.yaml")


@pytest.mark.unit
def test_every_rule_named_in_the_code_is_in_the_table():
    names = set()
    for path in Path(merlin.dataset.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            maker = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
            maker = maker.lstrip("_")
            arguments = node.args[MAKERS[maker] :][:1] if maker in MAKERS else []
            names |= {
                argument.value
                for argument in arguments
                if isinstance(argument, ast.Constant)
            }
    assert {"near-duplicate", "bad-name", "anchor", "import-csv"} <= names
    assert names <= set(RULES)


@pytest.mark.unit
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rule_has_a_finding_text_a_meaning_and_advice(language):
    texts = {
        key.removeprefix("finding-")
        for key in keys(language)
        if key.startswith("finding-")
    }
    assert texts == set(RULES)
    for rule in RULES.values():
        assert rule.meaning(language) != rule.advice(language)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("path", "text", "name", "near"),
    [
        ("dataset.yaml", "sistem: x\n", "sistem", "system"),
        ("examples/bad.yaml", "mesages: []\n", "mesages", "messages"),
        ("examples/bad.yaml", "messages: [{usr: a}]\n", "usr", "user"),
    ],
)
def test_unknown_key_names_the_nearest_known_one(path, text, name, near):
    checked = check_files({**make_good_files(60), path: text})
    by_name = {
        finding.arguments["name"]: finding
        for finding in checked.findings
        if finding.rule == "misspelt-key"
    }
    assert by_name[name].arguments["near"] == near
    assert (by_name[name].path, by_name[name].line) == (path, 1)


def spec_without(**reasons):
    """Return a dataset.yaml that switches rules off."""
    text = json.dumps(
        {name.replace("_", "-"): reason for name, reason in reasons.items()}
    )
    return f"{DATASET_YAML}check:\n  off: {text}\n"


WARNED = {
    "examples/z/a.yaml": example_yaml("Как измерить глубину фиксации?"),
    "examples/z/b.yaml": example_yaml("Глубину фиксации как измерить"),
    "notes.docx": "x",
}


@pytest.mark.unit
def test_switched_off_rule_is_not_reported_and_others_are():
    rules = finding_rules(check_files({**make_good_files(60), **WARNED}))
    assert rules == ["near-duplicate", "stray-file"]
    spec = spec_without(near_duplicate="Both wordings are meant.")
    checked = check_files({**make_good_files(60, spec), **WARNED})
    assert finding_rules(checked) == ["stray-file"]
    assert checked.spec.rules_off == {"near-duplicate": "Both wordings are meant."}
    assert load_spec(dump_spec(checked.spec)) == checked.spec


@pytest.mark.unit
@pytest.mark.parametrize(
    ("spec", "rule", "message"),
    [
        (spec_without(leak="It is meant so."), "not-one-of", "leak"),
        (
            spec_without(near_duplicates="It is meant so."),
            "not-one-of",
            "near-duplicate",
        ),
        (spec_without(near_duplicate=" "), "no-reason", "reason"),
        (f"{DATASET_YAML}check:\n  off:\n    near-duplicate:\n", "no-reason", "reason"),
        (spec_without(near_duplicate=["a"]), "wrong-type", "text"),
        (f"{DATASET_YAML}check: {{on: {{}}}}\n", "unknown-key", "on"),
    ],
)
def test_invalid_rule_to_switch_off_is_an_error_at_its_place(spec, rule, message):
    checked = check_files({**make_good_files(60, spec), **WARNED})
    finding = next(
        finding for finding in checked.findings if finding.path == "dataset.yaml"
    )
    assert (finding.rule, finding.severity) == (rule, Severity.ERROR)
    assert finding.line >= 4
    assert message in finding.text("en")
    assert checked.spec is None
    assert "near-duplicate" in finding_rules(
        checked
    )  # nothing is off while its list is wrong


@pytest.mark.unit
def test_schema_lists_exactly_the_rules_that_can_be_off():
    listed = schema("dataset")["properties"]["check"]["properties"]["off"][
        "propertyNames"
    ]["enum"]
    # These were rules once; the first still turns the list of near pairs off.
    former = ["same-meaning", "meaning-unchecked"]
    can_be_off = [name for name, rule in RULES.items() if rule.can_be_off]
    assert listed == sorted([*can_be_off, *former])


@pytest.mark.unit
@pytest.mark.parametrize("language", LANGUAGES)
def test_rule_switched_off_in_the_docs_example_is_off(language):
    page = (Path(__file__).parents[2] / "docs" / language / "dataset.md").read_text(
        "utf-8"
    )
    (setting,) = re.findall(r"```yaml\n(check:\n  off:.*?)```", page, re.DOTALL)
    checked = check_files({**make_good_files(60, DATASET_YAML + setting), **WARNED})
    assert finding_rules(checked) == ["stray-file"]
