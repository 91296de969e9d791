"""Files that people wrote or programs exported, and what the check says about each."""

from pathlib import Path

import pytest

from merlin.core.i18n import LANGUAGES
from tests.support.dataset_tree import FileTree, make_good_files

pytestmark = pytest.mark.unit
FILES = Path(__file__).parent / "files"
# File -> the findings: rule, severity, line, column, a part of the English text.
RIGHT = {
    "aux.yaml": [("bad-name", "error", 1, 1, "examples/aux-1.yaml")],
    "yaml-comment-last-line.yaml": [
        ("comment-in-text", "warning", 4, 29, "starts a comment")
    ],
    "yaml-comment-note.yaml": [
        ("comment-in-text", "warning", 4, 15, "starts a comment"),
        ("comment-in-text", "warning", 5, 14, "starts a comment"),
        ("comment-in-text", "warning", 7, 7, "starts a comment"),
    ],
    "yaml-comment-paragraph.yaml": [
        ("comment-in-text", "warning", 5, 7, "starts a comment")
    ],
    "yaml-fold-code.yaml": [
        ("folded-lines", "warning", 4, 7, "write the text with “|”")
    ],
    "yaml-fold-list.yaml": [
        ("folded-lines", "warning", 4, 7, "write the text with “|”")
    ],
    "yaml-nbsp-after-colon.yaml": [("wrong-space", "error", 3, 15, "U+00A0")],
    "yaml-null.yaml": [("missing-value", "error", 3, 5, "where a value is missing")],
    "yaml-replacement-character.yaml": [
        ("replacement-character", "warning", 3, 5, "a character that was lost")
    ],
    "yaml-u2028.yaml": [("control-character", "error", 2, 19, "U+2028")],
}


@pytest.mark.parametrize("name", RIGHT)
def test_file_has_exactly_these_findings_at_their_places(name):
    tree = FileTree(make_good_files(60))
    tree.add(f"examples/{name}", (FILES / name).read_bytes())
    checked = tree.check()
    found = [each for each in checked.findings if each.path.endswith(name)]
    places = [(each.rule, each.severity, each.line, each.column) for each in found]
    assert places == [right[:4] for right in RIGHT[name]]
    for finding, (*_, part) in zip(found, RIGHT[name], strict=True):
        assert part in finding.text("en")
        assert all("{" not in finding.text(language) for language in LANGUAGES)
    is_error = any(severity == "error" for _, severity, *_ in RIGHT[name])
    assert (checked.good, checked.rejected) == ((60, 1) if is_error else (61, 0))
