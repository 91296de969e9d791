"""docs/*/tried.md: every program of tests/real, and every name that its tests show, is told."""

import re

import pytest

from docs.build.tried import tried_told
from merlin.core.i18n import LANGUAGES, keys, text
from merlin.core.tried import PROTOCOLS, read_tried
from tests.real.programs import PROGRAMS
from tests.support.markdown_pages import ROOT

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_tells_each_program_with_its_version_and_what_never_was(language):
    told = tried_told(language)
    tried = read_tried()
    assert tried["programs"].keys() == PROGRAMS.keys()
    for name, trial in tried["programs"].items():
        assert f"| `{name}` | {trial['version']} | {trial['date']} | " in told
    for name in tried["never"]:
        assert text(language, f"tried-never-{name}") in told
    for read in PROTOCOLS.values():
        assert f"| {read.protocol} | {read.version} | {read.date} |" in told


def test_name_that_a_test_shows_has_a_text():
    sources = [
        path.read_text("utf-8") for path in (ROOT / "tests" / "real").glob("test_*.py")
    ]
    marks = re.findall(r"mark[.]shows[(](.+?)[)]", "".join(sources))
    names = {name for mark in marks for name in re.findall(r'"([a-z-]+)"', mark)}
    assert len(names) > 5
    assert [name for name in names if f"tried-shown-{name}" not in keys("en")] == []
