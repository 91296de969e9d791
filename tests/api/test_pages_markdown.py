"""A lecture's Markdown as HTML: what is allowed, and the ids of headings."""

import re

import pytest

from merlin.api.pages.markdown import MAX_BRACKETS, render_markdown

pytestmark = pytest.mark.unit

MATERIALS = (("materials/lecture-02.md", "/courses/1/materials/2"),)


def html(text):
    return str(render_markdown(text, "ru", "materials/lecture-01.md", MATERIALS)[0])


def test_title_is_dropped_and_heading_levels_are_not_skipped():
    page = html("# Введение\n\n#### Глубоко\n\n# Снова\n\n### Ниже\n\n##### Ещё ниже\n")
    assert re.findall(r"<h(\d)", page) == ["2", "2", "3", "4"]
    assert "Введение" not in page


def test_first_heading_of_an_answer_is_kept():
    assert "Шаги" in render_markdown("# Шаги\n\nНажмите кнопку.", "ru")[0]


def test_long_row_of_underscores_and_letters_is_not_searched_again_from_each_letter():
    assert "__a__a" in html("__a" * 30_000)


def test_contents_list_the_second_level_headings():
    html, contents = render_markdown(
        "## Один `код`\n\n### Ниже\n\n## Два *слова*\n", "ru"
    )
    assert contents == [
        ("part-1", "Один код"),
        ("part-2", "Два слова"),
    ]
    assert 'id="part-2"' in html


def test_lists_keep_the_numbers_that_were_written():
    assert re.findall(r"<(?:ol|li)[^>]*>", html("3. a\n4. b\n7. c\n")) == [
        '<ol start="3">',
        "<li>",
        "<li>",
        '<li value="7">',
    ]
    assert '<li class="paren">' in html("- a\n\n1) b\n")


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
def test_allowed_links_keep_their_target(link, leads_to):
    page = html(f"[дальше]({link})")
    assert f'href="{leads_to}"' in page
    assert ("noopener" in page) == link.startswith("https:")


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "http://example.com",
        "//example.com",
        "https:/\\example.com",
        "/\\example.com",
        "../../../etc/passwd",
        "unknown.md",
        "https://user:password@example.com",
        "http://[",
        "//[::1",
        "//[https:]",
        "//℀.com",
    ],
)
def test_disallowed_links_become_plain_text(link):
    page = html(f"[слово]({link}) и ![картинка]({link})")
    assert "href" not in page
    assert "слово" in page
    assert "картинка" in page


def test_images_become_links_and_html_is_escaped():
    page = html('![Схема](https://example.com/a.png "x") <b onclick=x>жирно</b>')
    assert (
        '<a href="https://example.com/a.png" rel="noopener noreferrer">Схема</a>'
        in page
    )
    assert "<img" not in page
    assert "&lt;b onclick=x&gt;" in page


def test_code_and_tables_are_focusable_and_labelled():
    page = html(
        '```python" onload=x\nprint("<")\n```\n\n    plain\n\n|a|b|\n|-|-|\n|1|2|\n'
    )
    assert 'aria-label="Код: python&#34;"' in page
    assert "print(&#34;&lt;&#34;)" in page
    assert page.count('tabindex="0"') == 3
    assert 'aria-label="Таблица"><table>' in page
    assert page.count("data-copy") == 2


def test_nested_links_close_in_order():
    page = html("[a [b](javascript:x) c](https://example.com)")
    assert page.count("<a ") == page.count("</a>")
    assert page.count("<span>") == page.count("</span>")


def test_text_with_too_many_brackets_is_shown_unparsed():
    text = "![[]()" * MAX_BRACKETS
    assert f"<code>{text}</code>" in html(text)


def test_mark_of_a_page_is_shown_and_can_be_linked_to():
    page = html("A.\n\n<!-- page 12 -->\n\nB <!-- page 13 -->")
    assert '<p id="page-12" class="meta pagemark">С. 12</p>' in page
    assert 'id="page-13"' not in page
