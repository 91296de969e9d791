"""Templates escape everything, and know their texts, their files and icons."""

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from merlin.core.i18n import text
from merlin.core.web.templates import Templates

pytestmark = pytest.mark.unit


@pytest.fixture
def render(tmp_path):
    """Return a function that renders a template, given as its text."""
    templates = Templates(tmp_path, "/static/{}".format, "build", {"length": len})

    def render_text(template, **values):
        (tmp_path / "page.html").write_text(template)
        return templates.render("page.html", "en", **values)

    return render_text


def test_values_and_texts_are_escaped(render):
    assert render("{{ a }} {{ length(a) }}", a="<b>") == "&lt;b&gt; 3"
    told = render("{{ say('not-found', name=a) }}", a="<b>")
    assert told == "Build &lt;b&gt; not found."


def test_markup_around_a_text_stays_and_other_arguments_are_escaped(render):
    template = (
        "{% set link %}<b>{{ a }}</b>{% endset %}{{ around('not-found', name=link) }}"
    )
    assert render(template, a="<i>") == "Build <b>&lt;i&gt;</b> not found."
    told = render("{{ around('not-found', name=a) }}", a="<i>")
    assert told == "Build &lt;i&gt; not found."


def test_text_of_another_page_is_the_one_that_pages_share(render):
    assert render("{{ say('menu') }}") == text("en", "page-menu")


def test_icon_is_a_drawing_of_the_static_file(render):
    drawn = render("{{ icon('check', 'big') }}")
    assert 'class="i big"' in drawn
    assert 'href="/static/icons.svg#check"' in drawn


def test_icon_and_value_that_do_not_exist_are_errors(render):
    with pytest.raises(KeyError):
        render("{{ icon('nothing') }}")
    with pytest.raises(UndefinedError):
        render("{{ nothing }}")


def test_label_around_a_field_has_words():
    """Some fields are in states that no page of the browser's tests is in."""
    merlin = Path(__file__).parents[2] / "merlin"
    field = re.compile(r"<(?:input|select|textarea)\b")
    unseen = re.compile(r"<(select|textarea)\b.*?</\1>|<[^>]*>|{%.*?%}", re.DOTALL)
    labels = [
        body
        for path in merlin.rglob("templates/*.html")
        for body in re.findall(
            r"<label\b[^>]*>(.*?)</label>", path.read_text("utf-8"), re.DOTALL
        )
        if field.search(body) and "aria-label" not in body
    ]
    assert len(labels) > 20
    assert [body for body in labels if not unseen.sub("", body).strip()] == []
