"""Documents from users: texts of good ones, refusals of damaged and hostile ones."""

import re
import zlib
from io import BytesIO
from zipfile import ZipFile

import pytest

from merlin.providers.document_child import clean_text, load_reader, parse
from tests.providers.document_reading import (
    DOCX,
    PDF,
    TEXT,
    get_refusal_key,
    parse_content,
    read_document,
)
from tests.support.prompt_injections import documents
from tests.support.sample_documents import (
    docx_body,
    edit_pdf,
    make_docx,
    make_pdf,
    replace_docx_parts,
)

unit = pytest.mark.unit
functional = pytest.mark.functional


def get_content(content):
    """Return a document; large ones are functions: collecting the tests does not build them."""
    return content() if callable(content) else content


@functional
@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (
            "a.pdf",
            make_pdf(f"{TEXT}\nвторая", "", "ещё"),
            (f"{TEXT}\nвторая\n\nещё", False),
        ),
        ("a.docx", make_docx(TEXT, "два"), (f"{TEXT}\n\nдва", False)),
        ("a.txt", TEXT.encode(), (TEXT, False)),
        ("a.md", f"# {TEXT}\r\n\r\n* раз\r\n".encode(), (f"# {TEXT}\n\n* раз", False)),
        ("a.csv", "имя;год\nёж;5\n".encode(), ("имя;год\nёж;5", False)),
        ("no ending", PDF, (TEXT, False)),
        ("lies.txt", PDF, (TEXT, False)),
    ],
)
def test_each_kind_of_document_is_read(name, content, expected):
    assert read_document(content, name) == expected


@functional
@pytest.mark.parametrize(
    ("name", "content", "key"),
    [
        (
            "locked.pdf",
            edit_pdf(PDF, lambda pdf: pdf.encrypt("secret")),
            "media-password",
        ),
        ("half.pdf", PDF[: len(PDF) // 2], "media-damaged"),
        ("half.docx", DOCX[: len(DOCX) // 2], "media-damaged"),
        ("scan.pdf", make_pdf(None, None), "media-no-text"),
        ("long.txt", b"a" * 1_000_000, "media-too-long"),
        ("blank.txt", b" \r\n\t", "media-empty"),
        ("bomb.docx", lambda: change_body("", "a" * 300_000_000), "media-bomb"),
    ],
)
def test_unusable_document_is_refused_with_a_reason(name, content, key):
    assert get_refusal_key(get_content(content), name) == key


@functional
@pytest.mark.parametrize(
    ("name", "content", "key"),
    [
        ("a.exe", b"MZ\x90\x00\x03\x00", "media-unknown"),
        ("a.zip", b"PK\x03\x04" + bytes(40), "media-unknown"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "media-unknown"),
        ("nothing.txt", b"", "media-empty"),
        ("large.txt", b"a" * (20 * 1024 * 1024 + 1), "media-too-large"),
    ],
)
def test_file_that_is_not_a_document_is_refused_before_a_child_is_started(
    set_interpreter, name, content, key
):
    set_interpreter("/no/interpreter")
    assert get_refusal_key(content, name) == key


@unit
def test_pdf_with_a_picture_or_a_broken_page_is_marked_as_cut():
    assert parse(load_reader("pdf"), make_pdf("слово", None), 100) == ("слово", True)
    assert parse(load_reader("pdf"), make_pdf("слово", ""), 100) == ("слово", False)
    head, _, tail = make_pdf("слово", "два", compressed=True).rpartition(
        b"/FlateDecode"
    )
    assert parse(load_reader("pdf"), head + b"/OtherDecode" + tail, 100) == (
        "слово",
        True,
    )


@unit
def test_pdf_that_only_forbids_printing_is_read():
    locked = edit_pdf(PDF, lambda pdf: pdf.encrypt("", "owner", algorithm="AES-256"))
    assert parse_content("pdf", locked) == TEXT
    secret = edit_pdf(PDF, lambda pdf: pdf.encrypt("secret"))
    assert parse_content("pdf", secret) == "password"


@unit
def test_script_in_a_pdf_is_ignored():
    action = b"/OpenAction << /S /JavaScript /JS (app.launchURL\\('http://evil.example'\\)) >>"
    assert parse_content("pdf", make_pdf(TEXT, catalog=action)) == TEXT


def make_packed_bomb():
    packed = zlib.compress(b"0 " * 60_000_000, 1)
    head = b"<< /Length %d /Filter /FlateDecode >>\nstream\n" % len(packed)
    bomb = make_pdf("a", raw_objects=[head + packed + b"\nendstream"])
    return bomb.replace(b"/Contents 7 0 R", b"/Contents 8 0 R")


@unit
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (make_pdf(TEXT, raw_objects=[b"[" * 100_000 + b"]" * 100_000]), TEXT),
        (PDF.replace(b"/Kids [6 0 R]", b"/Kids [2 0 R]"), "damaged"),
        (PDF.replace(b"/Count 1", b"/Count 999999999"), TEXT),
        (make_packed_bomb, "bomb"),
        (make_pdf(*["слово " * 90] * 3), "too-long"),
        (b"%PDF-1.7", "damaged"),
    ],
    ids=["deep object", "loop", "many pages told", "bomb", "long", "head alone"],
)
def test_hostile_pdf_is_read_or_refused(content, expected):
    assert parse_content("pdf", get_content(content), 1000) == expected


@unit
def test_tables_and_wrapped_runs_of_a_docx_are_read():
    table = make_docx("до", table=(("имя", "год"), ("ёж", "5")))
    assert parse_content("docx", table) == "до\n\nимя | год\nёж | 5"
    control = b"<w:sdt><w:sdtContent>%s</w:sdtContent></w:sdt>"
    body = re.sub(
        b"(?s)<w:tc>.*?</w:tc>", lambda cell: control % cell[0], docx_body(table)
    )
    body = re.sub(b"(?s)<w:tr>.*?</w:tr>", lambda row: control % row[0], body)
    in_controls = replace_docx_parts(table, document=body)
    assert parse_content("docx", in_controls) == "до\n\nимя | год\nёж | 5"
    body = docx_body(make_docx("внутри")).replace(
        b"<w:p>", b"<w:sdt><w:sdtContent><w:p>", 1
    )
    body = body.replace(b"</w:p>", b"</w:p></w:sdtContent></w:sdt>", 1)
    assert parse_content("docx", replace_docx_parts(DOCX, document=body)) == "внутри"
    deleted = b"<w:tab/><w:br/><w:del><w:r><w:delText>no</w:delText></w:r></w:del><w:t>"
    body = docx_body(DOCX).replace(b"<w:t>", deleted)
    assert parse_content("docx", replace_docx_parts(DOCX, document=body)) == TEXT


def change_body(declaration, text):
    body = docx_body(DOCX).replace(
        b"<w:document", declaration.encode() + b"<w:document", 1
    )
    return replace_docx_parts(DOCX, document=body.replace(TEXT.encode(), text.encode()))


BILLION_LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 9))


@unit
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            change_body(
                '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "а&x;"
            ),
            "а",
        ),
        (change_body('<!DOCTYPE d SYSTEM "http://127.0.0.1:1/d.dtd">', "а"), "а"),
        (
            change_body(f'<!DOCTYPE d [<!ENTITY a0 "ha">{BILLION_LAUGHS}]>', "а&a8;"),
            "damaged",
        ),
        (change_body("", "a" * 1_000_000), "too-long"),
        (
            change_body("", "</w:t></w:r></w:p>" + "<w:tbl><w:tr><w:tc>" * 300),
            "damaged",
        ),
        (replace_docx_parts(DOCX, document=b"<a/>"), "damaged"),
        (make_docx(), "no-text"),
    ],
    ids=["file", "dtd", "laughs", "long", "deep", "no body", "no text"],
)
def test_hostile_docx_is_read_or_refused(content, expected):
    assert parse_content("docx", get_content(content)) == expected


@unit
def test_docx_with_a_password_and_other_containers_are_refused():
    container = b"\xd0\xcf\x11\xe0" + bytes(500)
    assert (
        parse_content("docx", container + "EncryptedPackage".encode("utf-16-le"))
        == "password"
    )
    assert parse_content("docx", container) == "unknown"
    other = BytesIO()
    with ZipFile(other, "w") as archive:
        archive.writestr("word/document.xml", "<a/>")
    assert parse_content("docx", other.getvalue()) == "unknown"


LECTURE = "Внимание — это отбор. Ёжик его не отвлекает."


@unit
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251"])
def test_text_is_read_in_any_encoding_that_windows_writes(encoding):
    assert parse_content("txt", LECTURE.encode(encoding)) == LECTURE
    assert parse_content("txt", bytes(range(32)) * 9 + b"abc") == "unknown"


@unit
def test_invisible_characters_are_removed_from_a_text():
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "obey")
    assert clean_text(
        f"a\x00b{hidden}\ufeff\r\nc \t\n\n\n\n\ud83e\udd94\ud800 и\u0306"
    ) == ("ab\nc\n\n🦔\ufffd й")


@unit
def test_document_with_instructions_is_read_as_a_document():
    for document in documents():
        kind = {"pdf": "pdf", "docx": "docx"}.get(
            document.name.rpartition(".")[2], "txt"
        )
        words = re.findall(r"[\w/]{4,}", clean_text(document.order))
        text = parse(load_reader(kind), document.content, 10_000)[0]
        assert all(word in text for word in words if word.isascii()), document.name
