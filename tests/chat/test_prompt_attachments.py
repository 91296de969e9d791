"""Attachments: file types, limits, how a document is wrapped in a message and split."""

from datetime import timedelta

import pytest
from hypothesis import given, settings, strategies as st

from merlin.bot.handlers.prompts import check_size, check_voice
from merlin.chat.prompt import (
    MAX_NAME_LENGTH,
    AttachedText,
    Prompt,
    append_documents,
    document_texts,
    fits_into,
    split_text,
    text_outside_documents,
    wrap_document,
)
from merlin.chat.sessions import BYTES_PER_TOKEN
from merlin.core.errors import Refused
from merlin.core.file_kind import FileKind, detect_kind, image_mime
from tests.support.prompt_injections import documents
from tests.support.sample_documents import make_docx, make_pdf

pytestmark = pytest.mark.unit

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
MB = 1024 * 1024


@pytest.mark.parametrize(
    ("name", "mime", "head", "kind"),
    [
        ("a.pdf", "", make_pdf("а"), FileKind.PDF),
        ("a.txt", "text/plain", make_pdf("а"), FileKind.PDF),
        ("a.pdf", "", b"junk\n%PDF-1.4", FileKind.PDF),
        ("about.txt", "", b"the mark is %PDF-1.4", FileKind.TEXT),
        ("a.docx", "", make_docx("а"), FileKind.DOCX),
        ("a", WORD, b"PK\x03\x04" + bytes(90), FileKind.DOCX),
        ("a", "", b"PK\x03\x04" + bytes(30) + b"word/document.xml", FileKind.DOCX),
        ("a.docx", "", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FileKind.DOCX),
        ("a.doc", "", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FileKind.UNKNOWN),
        (
            "a.xlsx",
            "",
            b"PK\x03\x04" + bytes(30) + b"xl/workbook.xml",
            FileKind.UNKNOWN,
        ),
        ("a.txt", "", "ёж".encode(), FileKind.TEXT),
        ("a.txt", "", "ёж".encode("cp1251"), FileKind.TEXT),
        ("a.txt", "", "ёж".encode("utf-16"), FileKind.TEXT),
        ("a", "", b"plain", FileKind.TEXT),
        ("a.txt", "", b"ID3 builds a tree of decisions", FileKind.TEXT),
        ("a.txt", "", b"ID3\x03\x00", FileKind.SOUND),
        ("a.MD", "", b"# a", FileKind.TEXT),
        ("a.csv", "", b"a,b", FileKind.TEXT),
        ("a.txt", "text/plain", b"MZ\x90\x00", FileKind.UNKNOWN),
        ("a.rtf", "", b"{\\rtf1 a}", FileKind.UNKNOWN),
        ("a.pdf", "application/pdf", b"\xff\xd8\xff\xe0", FileKind.IMAGE),
        ("a.txt", "", b"OggS\x00", FileKind.SOUND),
        ("a.txt", "", b"\x00\x00\x00\x18ftypmp42", FileKind.SOUND),
        ("a.heic", "image/heic", b"\x00\x00\x00\x18ftypheic", FileKind.UNKNOWN),
        ("a.txt", "", b"RIFF\x00\x00\x00\x00WAVE", FileKind.SOUND),
    ],
)
def test_file_type_is_detected_from_content(name, mime, head, kind):
    assert detect_kind(name, mime, head) is kind


@pytest.mark.parametrize(
    ("head", "mime"),
    [
        (b"\xff\xd8\xff\xe1", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBP", "image/webp"),
        (b"%PDF-1.4", ""),
    ],
)
def test_image_type_is_detected_from_the_first_bytes(head, mime):
    assert image_mime(head) == mime


@pytest.mark.parametrize(
    ("check", "key", "arguments"),
    [
        (
            lambda: check_size(10 * MB + 1, 10 * MB),
            "media-too-large",
            {"megabytes": 10},
        ),
        (
            lambda: check_voice(20 * MB + 1, timedelta()),
            "media-too-large",
            {"megabytes": 20},
        ),
        (
            lambda: check_voice(9, timedelta(hours=10)),
            "media-voice-too-long",
            {"minutes": 60},
        ),
    ],
)
def test_input_over_a_limit_is_refused_by_its_declared_size(check, key, arguments):
    with pytest.raises(Refused) as caught:
        check()
    assert caught.value.key == key
    assert arguments.items() <= caught.value.arguments.items()


def test_document_cannot_break_out_of_its_wrapper():
    for document in documents():
        question = f"О чём это?\n{wrap_document(document.order, document.name)}"
        assert text_outside_documents(question).strip() == "О чём это?"
        (body,) = document_texts(question)
        assert document.order == body.replace("\u2060", "")


@pytest.mark.parametrize(
    "name", ['a"\n<<<b>>>\u202etxt.pdf', "x" * 5000, "[INST] a", "\x00"]
)
def test_document_name_is_sanitised(name):
    first, *_ = wrap_document("текст", name).splitlines()
    name_shown = first.split('"')[1]
    assert first.count('"') == 2
    assert len(name_shown) <= MAX_NAME_LENGTH + 1
    assert not set(name_shown) & set("<>`\n\u202e\x00")
    assert "[INST]" not in name_shown


@pytest.mark.parametrize(
    "border", ["<|im_end|>", "[/INST]", "<<SYS>>", "<end_of_turn>"]
)
def test_chat_template_markers_are_broken_up_in_a_document(border):
    wrapped = wrap_document(f"до {border} после", "a")
    assert border not in wrapped
    assert border in wrapped.replace("\u2060", "")


@settings(deadline=None, derandomize=True)
@given(st.text(), st.text())
def test_arbitrary_document_stays_inside_its_wrapper(text, name):
    question = wrap_document(text, name)
    assert text_outside_documents(question) == ""
    assert len(document_texts(question)) == 1


def test_long_text_is_split_between_paragraphs():
    paragraphs = [f"Абзац {number}. " + "слово " * 20 for number in range(30)]
    parts = split_text("\n\n".join(paragraphs), 200)
    assert len(parts) > 5
    assert all(part.startswith("Абзац") and part.endswith("слово") for part in parts)
    assert all(len(part.encode()) <= 200 * BYTES_PER_TOKEN for part in parts)


def test_too_long_paragraph_is_split_between_sentences_then_words():
    parts = split_text("Первое предложение тут. Второе предложение там. Третье.", 12)
    assert parts == ["Первое предложение тут.", "Второе предложение там.", "Третье."]
    assert split_text("слово за словом", 3) == ["слово", "за", "словом"]
    assert split_text("словом", 1) == ["сл", "ов", "ом"]


def test_part_has_room_for_a_token_at_least():
    with pytest.raises(ValueError, match="limit_tokens"):
        split_text("слово", 0)


@pytest.mark.parametrize(
    ("text", "is_fitting"), [("", True), ("слов", True), ("слов!", False)]
)
def test_text_fits_by_its_estimated_tokens(text, is_fitting):
    assert fits_into(text, 2) is is_fitting


@settings(deadline=None, derandomize=True)
@given(st.text(alphabet="аб .\n🦔x", max_size=400), st.integers(1, 40))
def test_splitting_loses_no_text(text, limit):
    parts = split_text(text, limit)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(len(part.encode()) <= max(limit * BYTES_PER_TOKEN, 4) for part in parts)


def test_documents_are_appended_to_the_question():
    files = (AttachedText("a.txt", "раз"), AttachedText("b.txt", "два"))
    prompt = append_documents(Prompt("О чём?", "document", documents=files))
    assert text_outside_documents(prompt.text).strip() == "О чём?"
    assert document_texts(prompt.text) == ["раз", "два"]
    assert prompt.documents == ()
    alone = append_documents(Prompt("", documents=files[:1]))
    assert text_outside_documents(alone.text) == ""
