"""Every rule of the table is broken by its own example, and no finding names another one."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

import merlin.dataset
from docs.build.rules import rules_told
from merlin import config
from merlin.cli.check import check_paths, format_json, format_sarif
from merlin.core.i18n import LANGUAGES, keys
from merlin.dataset.check import check
from merlin.dataset.finding import Finding, Severity
from merlin.dataset.import_lines import read_import_lines
from merlin.dataset.layout import Limits
from merlin.dataset.rules import ABOUT, ABOUT_PATH, RULES, nearest
from merlin.dataset.spec import dump_spec, load_spec, schema
from merlin.git.source import GITLINK, Entry
from tests.support.dataset_tree import (
    DATASET_YAML,
    FileTree,
    check_files,
    example_yaml,
    finding_rules,
    make_good_files,
)

# Their examples take minutes, or need a repository of git's own.
LARGE = ("too-many-files", "too-many-bytes")
BY_HAND = (*LARGE, "submodule", "too-many-tokens", "unreadable", "wrong-value")
ASKED = ("known-to-base",)  # a model says so: tests/cli/test_prompt_check.py
IMPORTED = [name for name in RULES if name.startswith("import-")]
ON_DISK = [name for name in RULES if name not in (*BY_HAND, *ASKED, *IMPORTED)]
# The place of the rule's name among the arguments of what makes findings.
MAKERS = {"Finding": 3, "make_finding": 2, "Pair": 1} | dict.fromkeys(
    ["reject", "entry_finding", "finding", "finding_after"], 1
)


def files():
    return {**make_good_files(59), ABOUT_PATH: ABOUT}


@pytest.fixture
def dataset(tmp_path):
    folder = tmp_path / "datasets" / "first"
    for path, content in files().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, "utf-8")
    return folder


def severities(repository):
    """Return rule -> severity of what the check of a repository on disk finds."""
    return {finding.rule: finding.severity for finding in check_paths([repository]).findings}


@pytest.mark.functional
def test_the_dataset_that_the_examples_stand_in_is_good(dataset, tmp_path):
    assert severities(tmp_path) == {}


@pytest.mark.functional
@pytest.mark.parametrize("name", ON_DISK)
def test_example_breaks_its_rule_with_its_severity(dataset, tmp_path, name):
    rule = RULES[name]
    if rule.path:
        (dataset / rule.path).write_text(rule.example, "utf-8")
    else:
        subprocess.run(rule.example, shell=True, cwd=dataset, check=True, env=os.environ)  # noqa: S602
    assert severities(tmp_path).get(name) == rule.severity


@pytest.mark.unit
@pytest.mark.parametrize("name", IMPORTED)
def test_imported_example_breaks_its_rule(name):
    rule = RULES[name]
    file = io.BufferedReader(io.BytesIO(rule.example.encode()))
    lines = read_import_lines(file, rule.path)
    told = {finding.rule: finding.severity for line in lines for finding in line.findings}
    assert told == {name: rule.severity}


@pytest.mark.unit
def test_rules_of_size_and_of_the_repository_have_their_severity():
    size = sum(len(text.encode()) for path, text in files().items() if path != "dataset.yaml")
    tree = FileTree(files())
    lost = Entry("examples/gone.yaml", "0" * 40, "100644", 10)
    linked = Entry("examples/other", "0" * 40, GITLINK, 0)
    told = [
        *tree.check(limits=Limits(files=50)).findings,
        *tree.check(limits=Limits(total_bytes=size - 1)).findings,
        *tree.check(limit_tokens={"recall": 10}).findings,
        *check("first", [*tree.entries, lost, linked], lambda blobs: _known(tree, blobs)).findings,
    ]
    severities = {each.rule: each.severity for each in told if each.rule in BY_HAND}
    assert severities == {name: RULES[name].severity for name in BY_HAND if name != "wrong-value"}


def _known(tree, blobs):
    return tree.read(blob for blob in blobs if blob in tree.blobs)


@pytest.mark.unit
def test_examples_of_the_configuration_can_be_read(tmp_path):
    for name in ("too-many-tokens",):
        (tmp_path / "config.yaml").write_text(f"state_dir: s\n{RULES[name].example}", "utf-8")
        assert config.load(tmp_path / "config.yaml")


@pytest.mark.unit
def test_every_rule_that_the_code_names_stands_in_the_table():
    named = set()
    for path in Path(merlin.dataset.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            maker = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
            maker = maker.lstrip("_")
            told = node.args[MAKERS[maker] :][:1] if maker in MAKERS else []
            named |= {argument.value for argument in told if isinstance(argument, ast.Constant)}
    assert {"near-duplicate", "bad-name", "anchor", "import-csv"} <= named
    assert named <= set(RULES)


@pytest.mark.unit
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_finding_can_be_told_exactly_where_its_rule_is_explained(language):
    told = {key.removeprefix("finding-") for key in keys(language) if key.startswith("finding-")}
    assert told == set(RULES)
    for rule in RULES.values():
        assert rule.meaning(language) != rule.advice(language)


@pytest.mark.unit
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_docs_site_has_a_section_for_every_rule(language):
    told = re.findall(r"^## (\S+)$", rules_told(language), re.MULTILINE)
    assert told == list(RULES)


@pytest.mark.functional
def test_sarif_explains_the_rules_that_it_names(dataset, tmp_path):
    (dataset / "examples" / "odd name.yaml").write_text(example_yaml(), "utf-8")
    outcome = check_paths([tmp_path])
    log = json.loads(format_sarif(outcome, "en"))
    (explained,) = log["runs"][0]["tool"]["driver"]["rules"]
    rule = RULES["bad-name"]
    assert explained["shortDescription"]["text"] == rule.meaning("en")
    assert explained["help"]["text"] == rule.advice("en")
    assert rule.example in explained["help"]["markdown"]
    assert json.loads(format_json(outcome, "en"))["findings"][0]["rule"] == explained["id"]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("path", "text", "name", "near"),
    [
        ("dataset.yaml", "sistem: x\n", "sistem", "system"),
        ("dataset.yaml", "recipe: {provider: a, base_modell: b}\n", "base_modell", "base_model"),
        ("dataset.yaml", "split: {tests: 0.2}\n", "tests", "test"),
        ("course.yaml", "semestr: 1\n", "semestr", "semester"),
        ("course.yaml", "name: {eng: Python}\n", "eng", "en"),
        ("course.yaml", "materials: [{leson: 1}]\n", "leson", "lesson"),
        ("examples/bad.yaml", "mesages: []\n", "mesages", "messages"),
        ("examples/bad.yaml", "messages: [{usr: a}]\n", "usr", "user"),
        ("examples/bad.yaml", "messages: [{role: user, contents: a}]\n", "contents", "content"),
        ("examples/bad.yaml", "tools: [{function: {nam: a}}]\n", "nam", "name"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(path, text, name, near):
    checked = check_files({**make_good_files(60), path: text})
    told = {
        finding.arguments["name"]: finding
        for finding in checked.findings
        if finding.rule == "misspelt-key"
    }
    assert told[name].arguments["near"] == near
    assert (told[name].path, told[name].line) == (path, 1)


@pytest.mark.unit
def test_a_key_like_no_other_is_unknown():
    checked = check_files({**make_good_files(60), "examples/bad.yaml": "messages: []\nzebra: 1\n"})
    assert "unknown-key" in finding_rules(checked)


@pytest.mark.unit
def test_a_finding_of_an_older_version_can_still_be_told():
    finding = Finding("examples/q.yaml", 4, 1, "unknown-key", arguments={"name": "slit"})
    assert "slit" in finding.text("ru")
    assert nearest("slit", ("split", "tags")) == "split"


def off(**reasons):
    """Return a dataset.yaml that switches rules off."""
    text = json.dumps({name.replace("_", "-"): reason for name, reason in reasons.items()})
    return f"{DATASET_YAML}check:\n  off: {text}\n"


WARNED = {
    "examples/z/a.yaml": example_yaml("Как измерить глубину фиксации?"),
    "examples/z/b.yaml": example_yaml("Глубину фиксации как измерить"),
    "notes.docx": "x",
}


@pytest.mark.unit
def test_a_rule_that_is_off_tells_nothing_of_its_dataset_and_the_others_do():
    told = finding_rules(check_files({**make_good_files(60), **WARNED}))
    assert told == ["near-duplicate", "stray-file"]
    spec = off(near_duplicate="Both wordings are meant.")
    checked = check_files({**make_good_files(60, spec), **WARNED})
    assert finding_rules(checked) == ["stray-file"]
    assert checked.spec.rules_off == {"near-duplicate": "Both wordings are meant."}
    assert load_spec(dump_spec(checked.spec)) == checked.spec


@pytest.mark.unit
def test_settings_that_an_older_version_stored_have_no_rule_off():
    stored = json.loads(dump_spec(check_files(make_good_files(60)).spec))
    del stored["rules_off"]
    assert load_spec(json.dumps(stored)).rules_off == {}


@pytest.mark.unit
@pytest.mark.parametrize(
    ("spec", "rule", "word"),
    [
        (off(leak="It is meant so."), "always-on", "leak"),
        (off(near_duplicates="It is meant so."), "unknown-rule", "near-duplicate"),
        (off(zebra="It is meant so."), "unknown-rule", "zebra"),
        (off(near_duplicate=" "), "no-reason", "reason"),
        (off(near_duplicate=""), "no-reason", "reason"),
        (f"{DATASET_YAML}check:\n  off:\n    near-duplicate:\n", "no-reason", "reason"),
        (off(near_duplicate=["a"]), "wrong-type", "text"),
        (f"{DATASET_YAML}check: {{on: {{}}}}\n", "unknown-key", "on"),
    ],
)
def test_what_cannot_be_off_is_an_error_at_its_place(spec, rule, word):
    checked = check_files({**make_good_files(60, spec), **WARNED})
    finding = next(finding for finding in checked.findings if finding.path == "dataset.yaml")
    assert (finding.rule, finding.severity) == (rule, Severity.ERROR)
    assert finding.line >= 4
    assert word in finding.text("en")
    assert checked.spec is None
    assert "near-duplicate" in finding_rules(checked)  # nothing is off while its list is wrong


@pytest.mark.unit
def test_schema_lists_exactly_the_rules_that_can_be_off():
    listed = schema("dataset")["properties"]["check"]["properties"]["off"]["propertyNames"]["enum"]
    assert listed == sorted(name for name, rule in RULES.items() if rule.can_be_off)


@pytest.mark.unit
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_rule_that_the_docs_switch_off_is_off(language):
    page = (Path(__file__).parents[2] / "docs" / language / "dataset.md").read_text("utf-8")
    (shown,) = re.findall(r"```yaml\n(check:\n  off:.*?)```", page, re.DOTALL)
    checked = check_files({**make_good_files(60, DATASET_YAML + shown), **WARNED})
    assert finding_rules(checked) == ["stray-file"]
