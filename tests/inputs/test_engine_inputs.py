"""Files that went wrong in use: calls of tools and odd names."""

from pathlib import Path

import pytest

from merlin.dataset.finding import Severity
from merlin.dataset.import_lines import read_import_lines
from tests.support.dataset_tree import FileTree, make_good_files

pytestmark = pytest.mark.functional
FILES = Path(__file__).parent / "files"


def test_example_with_a_tool_call_is_refused_before_the_engine_would_refuse_the_whole_file():
    tree = FileTree(make_good_files(60))
    tree.add("examples/tool-call.yaml", (FILES / "tool-call.yaml").read_bytes())
    checked = tree.check()
    [finding] = [each for each in checked.findings if each.severity is Severity.ERROR]
    assert (finding.path, finding.line) == ("examples/tool-call.yaml", 3)
    assert "our engine doesn't train them" in finding.text("en")
    assert checked.is_buildable


def test_odd_calls_and_names_are_named():
    records = read_import_lines((FILES / "tool-calls-odd.jsonl").open("rb"), "odd.jsonl")
    found = [(each.line, each.rule, each.text("en")) for line in records for each in line.findings]
    places = [(line, rule, text.partition(":")[0]) for line, rule, text in found]
    assert places == [
        (1, "undeclared-function", "messages[1]"),
        (2, "tool-arguments", "messages[1]"),
        (3, "wrong-name", "messages[0].name"),
        (4, "wrong-type", "messages[1].tool_calls[0].function.arguments"),
    ]
