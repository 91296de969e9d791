"""`merlin check` and `merlin schema`, through the command line."""

import json
import os

import pytest
import typer
from typer.testing import CliRunner

from merlin.cli import check, import_export
from merlin.core.errors import ConfigError
from tests.support.dataset_tree import example_yaml, make_good_files

pytestmark = pytest.mark.functional

app = typer.Typer()
app.add_typer(check.app)
app.add_typer(import_export.app)


@pytest.fixture
def datasets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "datasets" / "neurotypology", make_good_files(60))
    return tmp_path / "datasets"


def write(folder, files):
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)


def run(*arguments):
    return CliRunner().invoke(
        app, ["check", *map(str, arguments)], catch_exceptions=True
    )


def check_result(*arguments):
    result = run(*arguments, "--json")
    return result.exit_code, json.loads(result.stdout)


def test_good_datasets_exit_with_0_and_a_summary(datasets):
    result = run()
    assert result.exit_code == 0
    assert result.stdout == (
        "neurotypology: Taught: 55. The test asks 5 wordings that aren't taught.\n"
        "1 dataset, 61 files, 60 good examples; errors: 0, notes: 0\n"
    )


@pytest.mark.usefixtures("datasets")
def test_configuration_gives_the_language_of_the_messages(monkeypatch, tmp_path):
    monkeypatch.delenv("MERLIN_LANGUAGE")
    (tmp_path / "config.yaml").write_text("state_dir: state\nlanguage: ru\n")
    assert "1 набор" in run("--config", tmp_path / "config.yaml").stdout


def test_error_exits_with_1_and_a_linter_style_line(datasets):
    write(datasets, {"neurotypology/examples/bad.yaml": example_yaml(answer='""')})
    result = run("datasets")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0] == (
        "datasets/neurotypology/examples/bad.yaml:3:5: error empty-content: "
        "Empty message: the answer has no text."
    )


def test_warning_alone_exits_with_0(datasets):
    write(datasets / "small", make_good_files(12))
    code, report = check_result("datasets/small")
    assert code == 0
    assert [finding["severity"] for finding in report["findings"]] == ["warning"]


def test_json_has_the_documented_shape(datasets):
    write(
        datasets,
        {"neurotypology/examples/bad.yaml": "messages:\n  - user: a\n  - bot: b\n"},
    )
    code, report = check_result("datasets")
    assert code == 1
    assert report == {
        "files": 62,
        "examples": 60,
        "findings": [
            {
                "path": "datasets/neurotypology/examples/bad.yaml",
                "line": 3,
                "column": 5,
                "rule": "unknown-key",
                "severity": "error",
                "message": "Unknown key “bot”.",
            }
        ],
        "near": [],
    }


def test_github_annotations_escape_special_characters(datasets):
    write(datasets / "neurotypology", {"examples/50%, odd: name.yaml": example_yaml()})
    line = run("--format", "github").stdout.splitlines()[0]
    assert line.startswith(
        "::error file=datasets/neurotypology/examples/50%25%2C odd%3A name.yaml,line=1,col=1,"
        "title=bad-name::"
    )


def test_dataset_can_be_checked_alone_and_from_within(datasets, monkeypatch):
    write(datasets / "neurotypology", {"examples/bad.yaml": ""})
    assert check_result("datasets/neurotypology")[1]["files"] == 62
    monkeypatch.chdir(datasets / "neurotypology")
    assert check_result(".")[1]["findings"][0]["path"] == "examples/bad.yaml"
    monkeypatch.chdir(datasets / "neurotypology" / "examples")
    assert check_result("bad.yaml")[1]["findings"][0]["path"] == "../examples/bad.yaml"


def test_linked_dataset_is_a_finding_since_git_has_no_folder_there(datasets, tmp_path):
    (datasets / "neurotypology").rename(tmp_path / "elsewhere")
    (datasets / "linked").symlink_to(tmp_path / "elsewhere")
    (datasets / "docs").symlink_to(tmp_path)  # no dataset
    code, report = check_result("datasets")
    assert code == 1
    assert [(finding["path"], finding["rule"]) for finding in report["findings"]] == [
        ("datasets/linked", "not-a-file"),
        ("datasets/linked/dataset.yaml", "missing-dataset"),
        ("datasets/linked/examples", "too-few-examples"),
    ]
    assert check_result("datasets/linked")[1]["examples"] == 60  # asked for by its name


def test_file_name_that_is_not_utf_8_can_be_shown(datasets):
    name = os.fsencode(datasets / "neurotypology" / "examples") + b"/\xff\n.yaml"
    with open(name, "wb") as file:  # noqa: PTH123 - Path knows no such names
        file.write(b"")
    code, report = check_result("datasets")
    assert code == 1
    assert report["findings"][0]["path"].endswith("examples/\\udcff\\n.yaml")


@pytest.mark.parametrize("path", ["nowhere", "datasets/neurotypology/examples/no.yaml"])
def test_missing_path_is_a_usage_error(datasets, path):
    error = run(path).exception
    assert isinstance(error, ConfigError)
    assert (error.exit_code, error.key) == (2, "check-no-such-path")
