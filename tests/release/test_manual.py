"""The manual pages: one for each command."""

import pytest

from docs.build.commands import find_commands
from docs.build.manual import manual_pages

pytestmark = pytest.mark.unit


def test_every_command_has_its_page_with_every_option():
    pages = dict(manual_pages())
    for words, command in find_commands().items():
        page = pages[f"merlin-{words.split()[0]}"].replace("\\-", "-")
        assert f".B merlin {words}\n" in page
        for option in command.params:
            if option.param_type_name == "option":
                assert (
                    f"\n.B {', '.join((*option.opts, *option.secondary_opts))}\n"
                    in page
                )
        assert f"merlin-{words.split()[0]}(1)" in pages["merlin"].replace("\\-", "-")


def test_texts_are_never_read_as_roff_requests():
    known = {".TH", ".SH", ".SS", ".TP", ".B", ".BR", ".br"}
    for name, page in manual_pages():
        requests = [line for line in page.splitlines() if line.startswith((".", "'"))]
        assert {line.split(maxsplit=1)[0] for line in requests} <= known, name
