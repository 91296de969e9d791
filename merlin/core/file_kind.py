"""Detect a file's kind, and the encoding of a text, by its first bytes."""

import codecs
import re
from enum import StrEnum

# As many first bytes as detection needs.
HEAD_BYTES = 4096
# Readers accept a PDF whose header starts within this many bytes. Source: ISO 32000-1, annex
# H.3.4.1.
_PDF_HEADER_WITHIN = 1024
_DOCX_MIME_PART = "wordprocessingml"
UTF_8 = "utf-8-sig"
UTF_16 = "utf-16"
UNICODE = (UTF_8, UTF_16)
# Characters that no text contains; tab, line ends and form feed are allowed.
CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class FileKind(StrEnum):
    """The kinds of files that can be sent."""

    PDF = "pdf"
    DOCX = "docx"
    TEXT = "txt"
    IMAGE = "image"
    SOUND = "sound"
    UNKNOWN = "unknown"


DOCUMENTS = frozenset({FileKind.PDF, FileKind.DOCX, FileKind.TEXT})
_IMAGES = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG": "image/png",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
_SOUNDS = {
    b"OggS": "oga",
    b"ID3\x02": "mp3",
    b"ID3\x03": "mp3",
    b"ID3\x04": "mp3",
    b"fLaC": "flac",
    b"\x1a\x45\xdf\xa3": "webm",
    b"\xff\xfb": "mp3",
    b"\xff\xf3": "mp3",
    b"\xff\xf2": "mp3",
}
_MP4_MAGIC = b"ftyp"
_MP4_MAGIC_OFFSET = 4
_PHOTOS = (
    b"heic",
    b"heix",
    b"mif1",
    b"avif",
)  # the same container, as phones save photos
# No recording is shorter than the header of a WAV.
MIN_RECORDING_BYTES = 44


def detect_kind(name: str, mime: str, head: bytes) -> FileKind:
    """Return a file's kind by its first bytes (HEAD_BYTES suffice).

    `name` and `mime` come from the sender and count only where the bytes leave it open.
    """
    extension = name.rpartition(".")[2].lower()
    if image_mime(head):
        return FileKind.IMAGE
    if recording_extension(head):
        return FileKind.SOUND
    is_called_pdf = extension == "pdf" or mime == "application/pdf"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n\x00").startswith(b"%PDF-") or (
        is_called_pdf and b"%PDF-" in head[:_PDF_HEADER_WITHIN]
    ):
        return FileKind.PDF
    if head.startswith((b"PK\x03\x04", _OLE_MAGIC)):
        # Other zips are no DOCX, nor are other OLE files, as which Word saves encrypted documents.
        is_called_docx = extension == "docx" or _DOCX_MIME_PART in mime
        is_docx = is_called_docx or (
            b"word/" in head and not head.startswith(_OLE_MAGIC)
        )
        return FileKind.DOCX if is_docx else FileKind.UNKNOWN
    is_text = not CONTROL_CHARACTERS.search(
        head.decode(detect_encoding(head), "replace")
    )
    return (
        FileKind.TEXT
        if is_text and not head.startswith(b"{\\rtf")
        else FileKind.UNKNOWN
    )


def detect_encoding(head: bytes) -> str:
    """Return the Unicode encoding of a text by its byte order mark; UTF_8 also for others."""
    return (
        UTF_16 if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else UTF_8
    )


def image_mime(head: bytes) -> str:
    """Return an image's MIME type ("image/jpeg", png, gif or webp), "" for other files."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((mime for magic, mime in _IMAGES.items() if head.startswith(magic)), "")


def recording_extension(head: bytes) -> str:
    """Return the extension of an audio or video recording ("oga", "mp4"), "" for other files."""
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    brand_at = _MP4_MAGIC_OFFSET + len(_MP4_MAGIC)
    if head[_MP4_MAGIC_OFFSET:brand_at] == _MP4_MAGIC and not head.startswith(
        _PHOTOS, brand_at
    ):
        return "mp4"
    return next(
        (extension for magic, extension in _SOUNDS.items() if head.startswith(magic)),
        "",
    )
