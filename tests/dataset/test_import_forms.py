"""The table of forms: what a file given to an import is, by first bytes, first keys and ending."""

import io
import json
import zipfile

import pytest

from merlin.core.i18n import LANGUAGES
from merlin.dataset.finding import Finding
from merlin.dataset.import_forms import find_form

pytestmark = pytest.mark.unit


def make_zip(*names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "x" * 5000)
    return file.getvalue()


NAMED = {
    "gzip": [b"\x1f\x8b\x08"],
    "parquet": [b"PAR1\x15", b"ARROW1\0\0"],
    "office": [b"\xd0\xcf\x11\xe0\xa1\xb1"],
    "pdf": [b"%PDF-1.7"],
    "rtf": [b"{\\rtf1\\ansi"],
    "picture": [b"\x89PNG\r\n", b"\xff\xd8\xff\xe0"],
    "lfs": [b"version https://git-lfs.github.com/spec/v1\n"],
    "opendocument": [
        b"PK\x03\x04mimetypeapplication/vnd.oasis.opendocument.spreadsheet"
    ],
    "archive": [make_zip("a.csv"), b"Rar!\x1a", b"7z\xbc\xaf\x27"],
    "html": [b"<!DOCTYPE html>\n<html>", b"\n<TABLE>"],
    "xml": [b'<?xml version="1.0"?>\n<faq>'],
    "rasa-markdown": [b"## intent:greet\n- Hi\n"],
    "yaml": [b"# ours\nmessages:\n  - user: A?\n"],
}
READ = [
    ("docx", make_zip("[Content_Types].xml", "word/document.xml")),
    ("dialogflow", make_zip("package.json", "agent.json", "intents/hi.json")),
    ("moodle", b'<?xml version="1.0"?>\n<quiz>'),
    ("gift", b"::Q1:: A? {=B}"),
    ("gift", b"// a comment\n$CATEGORY: a\n"),
    ("rasa", b'version: "3.1"\n\nnlu:\n- intent: hi'),
    ("rasa", b"intents:\n- hi\nresponses:\n"),
    ("markdown", b"# FAQ\n\n## A?\n\nB.\n"),
    ("markdown", b"\xef\xbb\xbf# FAQ\n"),
    ("text", "FAQ\n\nВопрос: А?\nОтвет: Б.\n".encode()),
    ("text", "Вопрос 1: А?\nОтвет: Б.\n".encode("cp1251")),
    ("text", b"Q: A?\nA: B.\n"),
    (
        "json",
        b'{"messages": [{"role": "user", "content": "{\\"conversations\\": [1]}"}]}',
    ),
    ("json", b'{"messages": [], "metadata": {"request": []}}'),
    ("json", b'[{"prompt": "A?", "completion": "B."}]'),
    ("json", '\ufeff{"prompt": "A?", "completion": "B."}'.encode("utf-16-le")),
    (
        "json",
        json.dumps({"question": "A?", "answer": "B.", "type": "private"}).encode(),
    ),
    ("xlsx", make_zip("[Content_Types].xml", "xl/workbook.xml")),
    ("table", b"question,answer\n#1?,::B::\n"),
    ("table", "вопрос;ответ\nА?;Б\n".encode("cp1251")),
]


@pytest.mark.parametrize(
    ("name", "head"), [(k, v) for k, heads in NAMED.items() for v in heads]
)
def test_form_is_recognised_by_its_beginning(name, head):
    form = find_form(head, "file.csv")
    assert (form.name, form.reader) == (name, "")


@pytest.mark.parametrize(("name", "head"), READ)
def test_form_that_is_read_is_not_taken_for_another(name, head):
    form = find_form(head, "file")
    assert form.name == name
    assert form.reader


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.YAML", "yaml"), ("a.md", "markdown"), ("a.gift", "gift"), ("a.jsonl", "json")],
)
def test_ending_tells_where_the_beginning_does_not(name, form):
    assert find_form(b"text", name).name == form


# Forms that have a reader, which may find nothing.
EMPTY = (
    "docx",
    "markdown",
    "telegram",
    "chatgpt",
    "dialogflow",
    "label-studio",
    "faq-page",
)
EMPTY += ("moodle", "gift", "rasa", "text")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_form_is_named_in_its_own_words(language):
    names = [*NAMED, *EMPTY]
    kinds = [
        Finding("", 1, 1, "import-kind", arguments={"kind": name}).text(language)
        for name in names
    ]
    assert len({*kinds}) == len(names)
