"""What a file is, judged by its first bytes; its name decides only between kinds of text."""

from __future__ import annotations

import re
from enum import StrEnum

# So many first bytes are enough to tell.
HEAD_BYTES = 4096
# Readers take a PDF whose header stands a little later. Source: ISO 32000-1, annex H.3.4.1.
_PDF_WITHIN = 1024
_WORD = "wordprocessingml"
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
# Signs that no text has; tab, line ends and form feed are none of them.
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class FileKind(StrEnum):
    """What can be sent."""

    PDF = "pdf"
    DOCX = "docx"
    TEXT = "txt"
    MARKDOWN = "md"
    CSV = "csv"
    IMAGE = "image"
    SOUND = "sound"
    UNKNOWN = "unknown"


DOCUMENTS = frozenset({FileKind.PDF, FileKind.DOCX, FileKind.TEXT, FileKind.MARKDOWN, FileKind.CSV})
_BY_ENDING = {
    "md": FileKind.MARKDOWN,
    "markdown": FileKind.MARKDOWN,
    "csv": FileKind.CSV,
    "tsv": FileKind.CSV,
}
_BY_MIME = {"text/markdown": FileKind.MARKDOWN, "text/csv": FileKind.CSV}
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
_FILM_MARK, _FILM_AT = b"ftyp", 4


def detect_kind(name: str, mime: str, head: bytes) -> FileKind:
    """Return what a file is by its first bytes (HEAD_BYTES of them are enough).

    `name` and `mime` are the sender's word: they are believed only where bytes leave it open.
    """
    ending = name.rpartition(".")[2].lower()
    if image_mime(head):
        return FileKind.IMAGE
    if is_recording(head):
        return FileKind.SOUND
    if _is_pdf(ending, mime, head):
        return FileKind.PDF
    if head.startswith((b"PK\x03\x04", _OLE)):
        return _packed(ending, mime, head)
    return _text(ending, mime, head)


def image_mime(head: bytes) -> str:
    """Return which image this is ("image/jpeg", png, gif, webp), "" when it is none."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((mime for mark, mime in _IMAGES.items() if head.startswith(mark)), "")


def is_recording(head: bytes) -> bool:
    """Return whether this is a recording, with a picture (MP4, WebM) or without."""
    return bool(recording_extension(head))


def recording_extension(head: bytes) -> str:
    """Return how the name of such a recording ends ("oga", "mp4"), "" when it is none."""
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head[_FILM_AT : _FILM_AT + len(_FILM_MARK)] == _FILM_MARK:
        return "mp4"
    return next((ending for mark, ending in _SOUNDS.items() if head.startswith(mark)), "")


def _is_pdf(ending: str, mime: str, head: bytes) -> bool:
    if head.lstrip(b"\xef\xbb\xbf \t\r\n\x00").startswith(b"%PDF-"):
        return True
    is_named = ending == "pdf" or mime == "application/pdf"
    return is_named and b"%PDF-" in head[:_PDF_WITHIN]


def _packed(ending: str, mime: str, head: bytes) -> FileKind:
    """Judge a zip, or the old container that Word keeps a document with a password in."""
    is_named = ending == "docx" or _WORD in mime
    is_word = is_named or (b"word/" in head and not head.startswith(_OLE))
    return FileKind.DOCX if is_word else FileKind.UNKNOWN


def _text(ending: str, mime: str, head: bytes) -> FileKind:
    has_text_signs = head.startswith(_BOMS) or not _NO_TEXT.search(head)
    if head.startswith(b"{\\rtf") or not has_text_signs:
        return FileKind.UNKNOWN
    return _BY_ENDING.get(ending) or _BY_MIME.get(mime) or FileKind.TEXT
