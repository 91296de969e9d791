"""Files of other programs as they were given to `merlin import`, and the right result of each."""

from pathlib import Path

import pytest

from merlin.core.i18n import LANGUAGES
from merlin.dataset.entries import FileText
from merlin.dataset.import_lines import read_import_lines
from merlin.dataset.import_plan import plan_import

pytestmark = pytest.mark.unit
FILES = Path(__file__).parent / "files"
SPEC = """\
title: {en: Lamps}
system: Answer briefly.
recipe: {provider: openai, base_model: gpt-4.1-mini}
"""
# File -> how many lines were read, are new, known already; the errors and warnings: the line, the
# severity, the rule, the beginning of the English text.
RIGHT = {
    "lfs-pointer.jsonl": (
        1,
        0,
        0,
        [(1, "error", "import-kind", "This isn't a file that Merlin imports")],
    ),
    "openai-content-parts.jsonl": (1, 1, 0, []),
    "openai-empty-tool-calls.jsonl": (1, 1, 0, []),
    "openai-parallel-tool-calls.jsonl": (
        *(1, 1, 0),
        [(1, "warning", "import-left-keys", "Left out: parallel_tool_calls (1 record)")],
    ),
    "pandas-nan.csv": (
        *(6, 0, 0),
        [
            (line, "error", "missing-value", f"messages[1].assistant: The whole text is “{value}”")
            for line, value in enumerate(["nan", "NULL", "None", "N/A", "-", "null"], start=2)
        ],
    ),
    "tool-calls-odd.jsonl": (
        *(4, 0, 0),
        [
            (1, "error", "undeclared-function", "messages[1]: The function forecast"),
            (2, "error", "tool-arguments", "messages[1]: The arguments of weather"),
            (3, "error", "wrong-name", "messages[0].name: “Анна Петрова”"),
            (4, "error", "wrong-type", "messages[1].tool_calls[0].function.arguments: "),
        ],
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_file_is_read_or_named_with_a_finding_for_each_fault(name):
    spec = FileText("lamps", "dataset.yaml", "f" * 40, SPEC)
    with (FILES / name).open("rb") as file:
        plan = plan_import("lamps", [spec], read_import_lines(file, name))
    lines, new, known, problems = RIGHT[name]
    assert (plan.lines, len(plan.good_edits), plan.duplicates) == (lines, new, known)
    found = [each for each in plan.findings if each.severity != "note"]
    places = [(each.line, each.severity, each.rule) for each in found]
    assert places == [problem[:3] for problem in problems]
    for finding, (*_, words) in zip(found, problems, strict=True):
        assert finding.text("en").startswith(words)
        assert all("{ $" not in finding.text(language) for language in LANGUAGES)
