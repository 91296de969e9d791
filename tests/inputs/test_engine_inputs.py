"""A file that went wrong in use: a call of a tool."""

from pathlib import Path

import pytest

from merlin.dataset.finding import Severity
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
