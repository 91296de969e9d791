"""The page that makes a material of a document: it shows its text, and makes one commit."""

import html
import re
import secrets
from dataclasses import replace
from functools import partial

import pytest

from merlin.api.pages.chat import passage_href
from merlin.chat.grounding import find_sources, source_name
from merlin.course.catalogue import Catalogue, Course, Material
from merlin.dataset.passages import Paragraph
from merlin.wiring.context import git_source
from tests.api.running_api import check_page
from tests.api.staff_api import page_text, run_daemon_api
from tests.support.sample_documents import make_pdf, place_lines, place_texts

pytestmark = pytest.mark.integration

COURSE = "semester: 1\nname: {ru: Насосы}\nmaterials: []\n"
PAGES = [
    [(50, 760, "Pumps", 20), *place_lines(50, 700, "A pump lifts water.")],
    place_lines(50, 700, "The seal of a pump lasts 4000 hours."),
]
PDF = place_texts(*PAGES)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with run_daemon_api(tmp_path_factory.mktemp("documents")) as site:
        path = site.lab.repository.folder / "datasets/trial/course.yaml"
        path.write_text(COURSE, "utf-8")
        site.lab.repository.commit("A course")
        git = site.lab.repository.git
        git("config", "receive.denyCurrentBranch", "updateInstead")
        site.lab.tick("fetch")
        yield site


@pytest.fixture
def mirror(site):
    """The API can read the daemon's mirror, as where both have one configuration."""
    services = site.app.state.services
    mirror = partial(git_source, site.lab.config)
    site.app.state.services = replace(services, source=mirror)
    yield
    site.app.state.services = services


def page_of(site):
    course = Catalogue(site.db).find_course("trial")
    return f"/courses/{course.course_id}/edit/document"


def send(site, vera, content=PDF, name="pumps.pdf", language="en"):
    return vera.post(
        page_of(site),
        params={"lang": language},
        data={"once": secrets.token_hex(16)},
        files={"file": (name, content)},
    )


def read_form(page):
    """Return the fields of the form below the text's notes."""
    form = page.text.split("</form>")[1]
    found = re.findall(r'name="(\w+)" (?:type="\w+" )?[^>]*?value="([^"]*)"', form)
    return {name: html.unescape(value) for name, value in found}


def save(site, vera, page, **values):
    form = read_form(page) | {"kind": "lecture", "act": "save"} | values
    return vera.post(page_of(site), data=form)


def test_document_is_shown_saved_in_one_commit_cited_by_page_and_undone(site, vera):
    before = int(site.lab.repository.git("rev-list", "--count", "HEAD"))
    page = send(site, vera)
    for shown in ("Pumps", "A pump lifts water.", "Page 2", "lasts 4000 hours"):
        assert shown in page_text(page)
    assert site.lab.repository.git("rev-list", "--count", "HEAD") == str(before)
    saved = save(site, vera, page, title_en="Pumps", lesson="4")
    assert saved.status_code == 303
    site.lab.tick("changes", "fetch")
    git = site.lab.repository.git
    assert git("rev-list", "--count", "HEAD") == str(before + 1)
    folder = site.lab.repository.folder / "datasets/trial/materials"
    assert (folder / "lecture-04.pdf").read_bytes() == PDF
    assert (folder / "lecture-04.md").read_text("utf-8") == (
        "<!-- page 1 -->\n\n# Pumps\n\nA pump lifts water.\n\n"
        "<!-- page 2 -->\n\nThe seal of a pump lasts 4000 hours.\n"
    )
    (material,) = Catalogue(site.db).materials("trial")
    (source,) = find_sources(site.db, "trial", "How long does a seal last?")
    cited = source.cited_for("4000 hours")
    assert source_name(cited, "en") == "lecture 4 “Pumps”, page 2"
    assert source_name(cited, "ru") == "лекция 4 «Pumps», с. 2"
    course = Catalogue(site.db).find_course("trial")
    href = passage_href(course, material, cited.paragraphs[0])
    assert "#page-2:~:text=The%20seal" in href
    check_page(vera.get(href.partition("#")[0]), 'id="page-2"')
    change = saved.headers["location"].partition("changed=")[2]
    shown = vera.get(f"/changes/{change}")
    check_page(shown, "lecture-04.pdf")
    assert "JVBERi" not in shown.text
    vera.post(f"/changes/{change}/undo", data={"once": secrets.token_hex(16)})
    site.lab.tick("changes", "fetch")
    assert Catalogue(site.db).materials("trial") == []
    assert not (folder / "lecture-04.pdf").exists()


def test_what_is_left_out_is_said_before_it_is_saved(site, vera):
    page = send(site, vera, make_pdf("one", None, "three"))
    assert "pictures without text (a scan): pages 2." in page_text(page)
    large = send(site, vera, PDF + b"%" + b" " * 700_000)
    note = "kept: it has more than 700 KB"
    assert [note in page_text(each) for each in (page, large)] == [False, True]


@pytest.mark.parametrize(
    ("content", "name", "shown"),
    [
        (make_pdf(None), "a.pdf", "looks like a scan"),
        (b"\x00\x01\x02", "a.exe", "PDF, DOCX, HTML, MD, TXT"),
    ],
)
def test_unusable_document_is_refused_in_words(content, name, shown, site, vera):
    check_page(send(site, vera, content, name), shown, status=422)


def test_document_that_is_missing_cut_or_without_a_title_is_refused(site, vera):
    once = {"once": secrets.token_hex(16)}
    check_page(vera.post(page_of(site), data=once), "Выберите его ещё раз", status=422)
    page = send(site, vera)
    cut = save(site, vera, page, kept="abcd")
    assert cut.status_code == 422
    untitled = save(site, vera, page, title_en="", title_ru="")
    assert untitled.status_code == 422
    assert "A pump lifts water." in untitled.text


def test_paragraph_without_a_page_is_linked_by_its_words():
    course = Course(7, "a", 1, {}, {})
    material = Material(3, 1, "lecture", {})
    href = passage_href(course, material, Paragraph(1, "Two words"))
    assert href == "/courses/7/materials/3#:~:text=Two%20words"
    assert passage_href(course, material, Paragraph(1, "| - |", 5)).endswith("#page-5")
    assert (
        passage_href(course, material, Paragraph(1, "| - |"))
        == "/courses/7/materials/3"
    )


def test_document_that_was_committed_is_read_from_git_and_its_text_saved_beside_it(
    site, vera, mirror
):
    repository = site.lab.repository
    folder = repository.folder / "datasets/trial/materials"
    folder.mkdir(exist_ok=True)
    (folder / "seals.pdf").write_bytes(PDF)
    repository.commit("A lecture")
    site.lab.tick("fetch")
    assert 'value="materials/seals.pdf"' in vera.get(page_of(site)).text
    asked = {"once": secrets.token_hex(16), "path": "materials/seals.pdf"}
    page = vera.post(page_of(site), data=asked)
    assert "lasts 4000 hours" in page_text(page)
    assert save(site, vera, page, title_ru="Сальники").status_code == 303
    site.lab.tick("changes", "fetch")
    changed = repository.git("show", "--name-only", "--format=", "HEAD").split()
    assert sorted(changed) == [
        "datasets/trial/course.yaml",
        "datasets/trial/materials/seals.md",
    ]
    assert "seals.pdf" not in vera.get(page_of(site)).text
    check_page(vera.post(page_of(site), data=asked), "seals.pdf", status=422)


def test_document_of_another_dataset_is_not_read_from_git(site, vera, mirror):
    asked = {"once": secrets.token_hex(16), "path": "../broken/dataset.yaml"}
    check_page(vera.post(page_of(site), data=asked), "broken", status=422)
