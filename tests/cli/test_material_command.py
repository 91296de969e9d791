"""`merlin material`: a document becomes a material of a course."""

import pytest

from tests.support.sample_documents import make_pdf, place_texts

pytestmark = pytest.mark.functional

PDF = place_texts([(50, 700, "One page.")], [(50, 700, "Another page.")])
TEXT = "<!-- page 1 -->\n\nOne page.\n\n<!-- page 2 -->\n\nAnother page.\n"
COURSE = "semester: 1\nname: {ru: Насосы}\nmaterials: []\n"


@pytest.fixture
def lab(fetched_lab):
    path = fetched_lab.repository.folder / "datasets/trial/course.yaml"
    path.write_text(COURSE, "utf-8")
    fetched_lab.repository.commit("A course")
    (fetched_lab.folder / "pumps.pdf").write_bytes(PDF)
    return fetched_lab


def command(lab, *more, name="pumps.pdf"):
    path = str(lab.folder / name)
    return ("material", path, "--dataset", "trial", "--lesson", "4", *more)


def test_document_is_committed_with_its_text(lab, run_json):
    document = run_json(*command(lab, "--title", "Pumps", "--kind", "lab"))
    names = ("course.yaml", "materials/lab-04.md", "materials/lab-04.pdf")
    assert document["paths"] == [*names]
    assert document["commit"] == lab.repository.git("rev-parse", "HEAD")
    shown = lab.repository.git("show", "HEAD:datasets/trial/materials/lab-04.md")
    assert shown == TEXT.strip()
    course = lab.repository.git("show", "HEAD:datasets/trial/course.yaml")
    assert "title: {ru: Pumps, en: Pumps}" in course


def test_text_is_only_printed_and_what_is_left_out_is_said(lab, run):
    before = lab.repository.git("rev-parse", "HEAD")
    (lab.folder / "scan.pdf").write_bytes(make_pdf("one", None))
    code, captured = run(*command(lab, "--dry-run", name="scan.pdf"))
    assert (code, captured.out) == (0, "<!-- page 1 -->\n\none\n")
    assert "scan" in captured.err
    assert lab.repository.git("rev-parse", "HEAD") == before


def test_document_without_text_or_course_is_refused(lab, run):
    (lab.folder / "scan.pdf").write_bytes(make_pdf(None))
    code, captured = run(*command(lab, name="scan.pdf"))
    assert (code, "scan" in captured.err) == (1, True)
