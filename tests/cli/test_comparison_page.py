"""`merlin diff A B --html FILE`: one page with all differences, without scripts."""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from merlin.core.word_difference import MAX_PARTS, compare_words, merge_words
from tests.support.naughty_strings import STRINGS

pytestmark = pytest.mark.functional
HOSTILE = '</style><script>alert(1)</script><img src=x onerror="alert(2)">{{ 7*7 }} & "двое"'


class Page(HTMLParser):
    """A parsed page: its elements, their attributes, the marked texts."""

    def __init__(self, expected):
        super().__init__()
        self.tags, self.attributes, self.marked, self.text, self._open = [], [], [], [], []
        self.style = ""
        self.feed(expected)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *attr) for attr in attrs]
        self._open.append(tag)

    def handle_endtag(self, tag):
        self._open.append(f"/{tag}")

    def handle_data(self, data):
        self.text.append(data)
        last = self._open[-1] if self._open else ""
        if last in ("del", "ins"):
            self.marked.append((last, data))
        if last == "style":
            self.style += data


@pytest.fixture
def lab(committed_lab):
    committed_lab.repository.example("trial", 60, answer="Эта строка скоро уйдёт.")
    committed_lab.repository.example("trial", 61, answer="Слово старое стоит здесь.")
    committed_lab.repository.commit()
    committed_lab.tick("fetch")
    committed_lab.repository.dataset(system="Отвечай длинно.")
    (committed_lab.repository.folder / "datasets/trial/examples/q60.yaml").unlink()
    committed_lab.repository.example("trial", 61, answer="Слово новое стоит здесь.")
    committed_lab.repository.example("trial", 0, is_test=True)
    path = committed_lab.repository.folder / "datasets/trial/examples/q62.yaml"
    quoted = HOSTILE.replace("'", "''")
    path.write_text(f"messages:\n  - user: '{quoted}'\n  - assistant: '{quoted}'\n", "utf-8")
    committed_lab.repository.commit()
    committed_lab.tick("fetch")
    return committed_lab


def page_of(run, lab):
    path = lab.folder / "page.html"
    code, captured = run("diff", "trial-1", "trial-2", "--html", str(path))
    assert (code, str(path) in captured.err) == (0, True), captured
    return path.read_text("utf-8"), captured.out


@pytest.mark.parametrize(("language", "word"), [("ru", "Изменены"), ("en", "Changed")])
def test_page_shows_differences_word_by_word(lab, run, monkeypatch, language, word):
    monkeypatch.setenv("MERLIN_LANGUAGE", language)
    message, output = page_of(run, lab)
    page = Page(message)
    assert ("html", "lang", language) in page.attributes
    assert word in page.text
    assert {"+ q62", "- q60", "~ q61"} <= set(output.splitlines())
    marked = {(tag, said) for tag, said in page.marked if said in ("старое", "новое", "коротко")}
    assert marked == {("del", "старое"), ("ins", "новое"), ("del", "коротко")}
    assert {"Эта строка скоро уйдёт.", HOSTILE} <= set(page.text)


def test_page_shows_a_changed_rejected_answer(lab, run):
    examples = lab.repository.folder / "datasets/trial/examples"
    recipe = {"provider": "stand-in", "base_model": "stand-in-base", "method": "dpo"}
    for worse in ("Старое слово.", "Новое слово."):
        lab.repository.dataset(recipe=recipe)
        for path in examples.iterdir():
            said = worse if path.stem == "q1" else "Не знаю."
            path.write_text(f"{path.read_text('utf-8')}rejected: {said}\n", "utf-8")
        lab.repository.commit(worse)
        lab.tick("fetch")
    path = lab.folder / "page.html"
    assert run("diff", "trial-3", "trial-4", "--html", str(path))[0] == 0
    page = Page(path.read_text("utf-8"))
    assert page.marked == [("del", "Старое"), ("ins", "Новое")]
    assert any("ejected answer" in each or "Отклонённый ответ" in each for each in page.text)


def test_page_has_no_scripts_or_external_resources_and_escapes_text(lab, run):
    page = Page(page_of(run, lab)[0])
    assert page.tags.count("style") == 1
    assert not {"script", "img", "link", "iframe", "object", "form", "base"} & set(page.tags)
    assert [attribute for attribute in page.attributes if attribute[1].startswith("on")] == []
    assert [value for _, name, value in page.attributes if name == "src"] == []
    links = [value for _, name, value in page.attributes if name == "href"]
    assert [value for value in links if not value.startswith("#")] == []
    assert page.text.count(HOSTILE) == 2
    (policy,) = (value for _, _, value in page.attributes if "default-src" in (value or ""))
    digest = b64encode(sha256(page.style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert re.search(r"url\(|@import|expression", page.style) is None


def test_equal_builds_have_no_differences(lab, run):
    path = lab.folder / "same.html"
    assert run("diff", "trial-1", "trial-1", "--html", str(path))[0] == 0
    assert "No differences: the same examples and instructions" in path.read_text("utf-8")
    code, captured = run("diff", "trial-1", "trial-1")
    assert (code, captured.out) == (0, "")
    assert "trial-1 and trial-1 have the same examples." in captured.err


def test_unwritable_page_is_reported_and_changes_nothing(lab, run):
    path = lab.folder / "in-its-place"
    path.write_text("a file", "utf-8")
    code, captured = run("diff", "trial-1", "trial-2", "--html", str(path / "page.html"))
    assert (code, "in-its-place" in captured.err) == (2, True), captured
    assert path.read_text("utf-8") == "a file"


def test_compared_texts_can_be_rebuilt_from_the_parts():
    for text in STRINGS:
        for old, new in ((text, "слово за словом"), ("", text), (text, text)):
            for parts, expected in zip(compare_words(old, new), (old, new), strict=True):
                assert "".join(part for part, _ in parts) == expected
            one = list(merge_words(old, new))
            assert "".join(part for part, kind in one if kind != "ins") == old
            assert "".join(part for part, kind in one if kind != "del") == new
        assert [is_other for _, is_other in compare_words(text, text)[0] if is_other] == []


def test_long_texts_are_compared_by_lines_and_the_longest_as_a_whole():
    lines = [f"строка {number}\n" for number in range(MAX_PARTS // 2)]
    first, last = "начало\n", "конец\n"
    mine, its = compare_words("".join(lines), "".join([first, *lines[1:-1], last]))
    assert [part for part, is_other in mine if is_other] == [lines[0], lines[-1]]
    assert [part for part, is_other in its if is_other] == [first, last]
    whole = ".\n" * (MAX_PARTS + 1)
    other = f"!{whole}!"
    assert compare_words(whole, other) == ([(whole, True)], [(other, True)])


def test_only_what_lies_between_the_first_and_the_last_change_of_a_long_text_counts():
    start, end = ("слово " * MAX_PARTS for _ in range(2))
    parts = list(merge_words(f"{start}было; {end}", f"{start}стало; {end}"))
    assert parts == [(start, "same"), ("было", "del"), ("стало", "ins"), (f"; {end}", "same")]


def test_texts_with_many_short_matches_are_compared_as_a_whole():
    """Each sign in common is a match of its own: the time would grow with their cube."""
    old, new = (
        "".join(f"{chr(base + place)}{chr(0x2190 + place % 100)}" for place in range(2000))
        for base in (0x4E00, 0x5E00)
    )
    old, new = f"{old}old", f"{new}new"
    assert list(merge_words(old, new)) == [(old, "del"), (new, "ins")]
