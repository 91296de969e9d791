"""Answers that went wrong in use: the bot and the pages show the numbers that were written."""

import re
from pathlib import Path

import pytest

from merlin.api.pages.markdown import render_markdown
from merlin.bot.markdown import render

pytestmark = pytest.mark.unit
FILES = Path(__file__).parent / "files"


def shown_numbers(html):
    """Return the numbers of a list on a page as a browser counts them, with their signs."""
    counted = int((re.search(r'<ol start="(\d+)"', html) or ["", "1"])[1]) - 1
    for item in re.findall("<li[^>]*>", html):
        value = re.search(r'value="(\d+)"', item)
        counted = int(value[1]) if value else counted + 1
        yield f"{counted}{')' if 'paren' in item else '.'}"


def test_lists_keep_their_numbers_and_the_signs_behind_them():
    written = (FILES / "render-lists.md").read_text()
    assert render(written).text == written.strip()
    page, _ = render_markdown(written, "ru")
    assert list(shown_numbers(str(page))) == ["2)", "5)", "7)"]


@pytest.mark.parametrize(
    ("written", "numbers"),
    [
        ("10. a\n9. b\n8. c", ["10.", "9.", "8."]),
        ("0) a\n1) b", ["0)", "1)"]),
        ("1. a\n1. b\n1. c", ["1.", "2.", "3."]),
        ("1. a\n3. b\n3. c\n4. d", ["1.", "3.", "3.", "4."]),
        ("3. a\n\n   more\n7. b", ["3.", "7."]),
    ],
)
def test_only_a_list_of_one_number_counts_on(written, numbers):
    assert re.findall(r"^\d+[.)]", render(written).text, re.MULTILINE) == numbers
    assert list(shown_numbers(str(render_markdown(written, "ru")[0]))) == numbers


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ('if __name__ == "__main__":', 'if __name__ == "__main__":'),
        ("__init__.py, a.__class__.__name__", "__init__.py, a.__class__.__name__"),
        ("*__name__*", "__name__"),
        ("__две части__ и __слово__", "две части и слово"),
        ("2*3*4 и S = a*b*c", "2*3*4 и S = a*b*c"),
    ],
)
def test_names_keep_their_underscores_and_products_their_signs(written, shown):
    assert render(written).text == shown
    page = re.sub("<[^>]+>", "", render_markdown(written, "ru")[0]).strip()
    assert page.replace("&quot;", '"') == shown
