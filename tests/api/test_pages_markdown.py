"""A lecture's Markdown as HTML: what is allowed, and the ids of headings."""

from __future__ import annotations

import re

import pytest

from merlin.api.pages.markdown import MAX_BRACKETS, render_markdown

pytestmark = pytest.mark.unit

MATERIALS = (("materials/lecture-02.md", "/courses/1/materials/2"),)


def html(text):
    return str(render_markdown(text, "ru", "materials/lecture-01.md", MATERIALS)[0])


def test_the_own_title_is_left_out_and_levels_never_skip():
    page = html("# Введение\n\n#### Глубоко\n\n# Снова\n\n### Ниже\n\n##### Ещё ниже\n")
    assert re.findall(r"<h(\d)", page) == ["2", "2", "3", "4"]
    assert "Введение" not in page


def test_contents_name_the_headings_of_the_second_level():
    html, contents = render_markdown("## Один `код`\n\n### Ниже\n\n## Два *слова*\n", "ru")
    assert contents == [
        ("part-1", "Один код"),
        ("part-2", "Два слова"),
    ]
    assert 'id="part-2"' in html


@pytest.mark.parametrize(
    ("link", "leads_to"),
    [
        ("https://example.com/a?b=1&c=2", "https://example.com/a?b=1&amp;c=2"),
        ("mailto:anna@example.com", "mailto:anna@example.com"),
        ("#part-1", "#part-1"),
        ("lecture-02.md", "/courses/1/materials/2"),
        ("../materials/lecture-02.md#x", "/courses/1/materials/2"),
    ],
)
def test_good_links_lead_where_they_say(link, leads_to):
    page = html(f"[дальше]({link})")
    assert f'href="{leads_to}"' in page
    assert ("noopener" in page) == link.startswith("https:")


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        "data:text/html,x",
        "http://example.com",
        "//example.com",
        "ftp://example.com",
        "https:example",
        "https:/\\example.com",
        "/\\example.com",
        "../../../etc/passwd",
        "unknown.md",
        "tg://resolve",
    ],
)
def test_other_links_are_words(link):
    page = html(f"[слово]({link}) и ![картинка]({link})")
    assert "href" not in page
    assert "слово" in page
    assert "картинка" in page


def test_pictures_are_links_and_markup_is_words():
    page = html('![Схема](https://example.com/a.png "x") <b onclick=x>жирно</b>')
    assert '<a href="https://example.com/a.png" rel="noopener noreferrer">Схема</a>' in page
    assert "<img" not in page
    assert "&lt;b onclick=x&gt;" in page


def test_code_and_tables_can_be_reached_and_named():
    page = html('```python" onload=x\nprint("<")\n```\n\n    plain\n\n|a|b|\n|-|-|\n|1|2|\n')
    assert 'aria-label="Код: python&#34;"' in page
    assert "print(&#34;&lt;&#34;)" in page
    assert page.count('tabindex="0"') == 3
    assert 'aria-label="Таблица"><table>' in page
    assert page.count("data-copy") == 2


def test_links_within_links_close_in_order():
    page = html("[a [b](javascript:x) c](https://example.com)")
    assert page.count("<a ") == page.count("</a>")
    assert page.count("<span>") == page.count("</span>")


def test_a_text_of_brackets_that_would_take_seconds_is_shown_as_it_is():
    text = "![[]()" * MAX_BRACKETS
    assert f"<code>{text}</code>" in html(text)
