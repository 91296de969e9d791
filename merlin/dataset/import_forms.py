"""Recognise what a file given to an import is: one table, by first bytes, first keys and ending.

A form with a reader is read by `merlin.dataset.import_lines`; any other is named, with what to do
next, by the text `finding-import-kind`.
"""

import re
from typing import Literal, NamedTuple

from merlin.core.file_kind import HEAD_BYTES, UTF_16, detect_encoding

Reader = Literal[
    "json",
    "yaml",
    "table",
    "workbook",
    "document",
    "gift",
    "moodle",
    "dialogflow",
    "rasa",
    "",
]

# The names of all files of an archive are at its end.
_TAIL_BYTES = 65536
_BOM = b"\xef\xbb\xbf"


class FileForm(NamedTuple):
    """One form of files, by a pattern of the first bytes, or an ending of the name.

    `child` is the kind by which a child process reads it into a tree.
    """

    name: str
    pattern: bytes
    reader: Reader = ""
    endings: tuple[str, ...] = ()
    child: str = ""


_SPACE = rb"(?:[ \t]*(?:#[^\n]*|---|version:[^\n]*)?\r?\n)*"  # and comments, of YAML
_QUESTION = b"|".join(
    word.encode(encoding)
    for word in ("Вопрос", "вопрос", "ВОПРОС", "В")
    for encoding in ("utf-8", "cp1251")
)
_ASKED = (
    rb"(?:[^\n;,\t]*\n){0,5}[^\w\n]{0,4}(?:(?i:question|q)|"
    + _QUESTION
    + rb")[^\w\n;,\t]{0,4}\d{0,4}[ *_]{0,3}[.:)][^\n]"
)
_FORMS = (
    FileForm("gzip", rb"\x1f\x8b"),
    FileForm("parquet", rb"PAR1|ARROW1"),
    FileForm("office", rb"\xd0\xcf\x11\xe0"),
    FileForm("pdf", rb"\s*%PDF"),
    FileForm("rtf", rb"\{\\rtf"),
    FileForm("picture", rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP"),
    FileForm("lfs", rb"version https://git-lfs"),
    FileForm("docx", rb"PK[\s\S]*word/document", "document", child="outline"),
    FileForm("opendocument", rb"PK[\s\S]*opendocument"),
    FileForm("xlsx", rb"PK(?:[\s\S]*xl/|(?![\x03\x05]))", "workbook", child="xlsx"),
    FileForm(
        "dialogflow", rb"PK[\s\S]*(?:agent\.json|intents/)", "dialogflow", child="zip"
    ),
    FileForm("archive", rb"PK|Rar!|7z\xbc\xaf"),
    FileForm(
        "whatsapp",
        rb"[^\w\n]{0,8}\d{1,4}[./-]\d{1,2}[./-]\d{2,4},? \d{1,2}:\d{2}[^\n]{0,12}[\]-]",
    ),
    FileForm("json", rb"\s*[\[{]", "json", (".json", ".jsonl", ".ndjson")),
    FileForm("moodle", rb"\s*(?:<\?xml[^>]*>\s*)?<quiz\b", "moodle", child="xml"),
    FileForm("telegram-html", rb"\s*<!DOCTYPE html>[\s\S]{0,200}<title>Exported Data<"),
    FileForm(
        "html",
        rb"(?i:\s*<(?:!doctype html|html|head|body|main|article|section|table|div|p|h[1-6]|[duo]l"
        rb")\b)",
    ),
    FileForm("xml", rb"\s*<\?xml"),
    FileForm(
        "gift",
        rb"(?:\s*//[^\n]*\n)*\s*(?:\$CATEGORY:|::[^:\n]+::)",
        "gift",
        endings=(".gift",),
    ),
    FileForm(
        "rasa",
        _SPACE + rb"(?:nlu|stories|rules|intents|entities|slots|responses|actions):",
        "rasa",
    ),
    FileForm("rasa-markdown", rb"\s*##\s*(?:intent|synonym|regex|lookup):"),
    FileForm("yaml", _SPACE + rb"messages:"),
    FileForm("yaml", rb"(?!)", "yaml", (".yaml", ".yml")),
    FileForm("markdown", rb"\s*#{1,6} \S", "document", (".md", ".markdown")),
    FileForm("text", _ASKED, "document"),  # questions and answers one below another
    FileForm("xml", rb"\s*<[a-z][\w:-]*[ >]"),
    FileForm("table", b"", "table"),
)


def find_form(content: bytes, name: str) -> FileForm:
    """Return the form of a file; its `name` counts where a form has endings."""
    head = content[:HEAD_BYTES].removeprefix(_BOM)
    if head.startswith(b"PK"):
        head += content[-_TAIL_BYTES:]
    elif (encoding := detect_encoding(head)) == UTF_16:
        head = head.decode(encoding, "replace").encode()
    ending = name.casefold()
    return next(
        each
        for each in _FORMS
        if re.match(each.pattern, head) or ending.endswith(each.endings)
    )
