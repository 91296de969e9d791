"""The manual pages: one for each command, in both languages."""

import re

import pytest

from docs.build.commands import find_commands
from docs.build.manual import manual_pages

pytestmark = pytest.mark.unit

CYRILLIC = re.compile("[а-яё]")


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_command_has_its_page_with_every_option(language):
    pages = dict(manual_pages(language))
    for words, command in find_commands().items():
        page = pages[f"merlin-{words.split()[0]}"].replace("\\-", "-")
        assert f".B merlin {words}\n" in page
        for option in command.params:
            if option.param_type_name == "option":
                assert f"\n.B {', '.join((*option.opts, *option.secondary_opts))}\n" in page
        assert f"merlin-{words.split()[0]}(1)" in pages["merlin"].replace("\\-", "-")


def test_descriptions_are_in_the_language_of_the_page():
    for name, page in manual_pages("ru"):
        lines = [line for line in page.splitlines() if not line.startswith((".", "[", "merlin"))]
        assert lines, name
        assert not [line for line in lines if not CYRILLIC.search(line)], name
    assert not CYRILLIC.search("".join(page for _, page in manual_pages("en")))


@pytest.mark.parametrize("language", ["en", "ru"])
def test_texts_are_never_read_as_roff_requests(language):
    known = {".TH", ".SH", ".SS", ".TP", ".B", ".BR", ".br"}
    for name, page in manual_pages(language):
        requests = [line for line in page.splitlines() if line.startswith((".", "'"))]
        assert {line.split(maxsplit=1)[0] for line in requests} <= known, name
