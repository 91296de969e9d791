"""Recognise what a file given to an import is: one table, by first bytes, first keys and ending.

A form with a reader is read by `merlin.dataset.import_lines`; any other is named, with what to do
next, by the text `finding-import-kind`.
"""

import re
from typing import Literal, NamedTuple

from merlin.core.file_kind import HEAD_BYTES, UTF_16, detect_encoding

Reader = Literal["json", "table", "workbook", ""]

# The names of all files of an archive are at its end.
_TAIL_BYTES = 65536
_BOM = b"\xef\xbb\xbf"


class FileForm(NamedTuple):
    """One form of files, by a pattern of the first bytes, or an ending of the name."""

    name: str
    pattern: bytes
    reader: Reader = ""
    endings: tuple[str, ...] = ()


# The first record of JSON, before a key; keys with plain values may precede it.
_RECORD = rb"[\s\[]*\{[^{}\[\]]*"
_SPACE = rb"(?:[ \t]*(?:#[^\n]*|---|version:[^\n]*)?\r?\n)*"  # and comments, of YAML
_FORMS = (
    FileForm("gzip", rb"\x1f\x8b"),
    FileForm("parquet", rb"PAR1|ARROW1"),
    FileForm("office", rb"\xd0\xcf\x11\xe0"),
    FileForm("pdf", rb"\s*%PDF"),
    FileForm("rtf", rb"\{\\rtf"),
    FileForm("picture", rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP"),
    FileForm("lfs", rb"version https://git-lfs"),
    FileForm("docx", rb"PK[\s\S]*word/document"),
    FileForm("opendocument", rb"PK[\s\S]*opendocument"),
    FileForm("xlsx", rb"PK(?:[\s\S]*xl/|(?![\x03\x05]))", "workbook"),
    FileForm("dialogflow", rb"PK[\s\S]*(?:agent\.json|intents/)"),
    FileForm("archive", rb"PK|Rar!|7z\xbc\xaf"),
    # Telegram Desktop, "Export chat history" and "Export Telegram data".
    FileForm(
        "telegram",
        _RECORD
        + rb'(?:"type"\s*:\s*"(?:personal_chat|bot_chat|saved_messages|(?:private|public)_\w+)"'
        rb'|"(?:personal_information|chats)"\s*:\s*\{)',
    ),
    FileForm("chatgpt", _RECORD + rb'"mapping"\s*:\s*\{'),  # conversations.json
    FileForm("yandex", _RECORD + rb'"request"\s*:\s*\['),  # Yandex AI Studio, "Tuning"
    FileForm("sharegpt", _RECORD + rb'"conversations?"\s*:\s*\['),
    FileForm("trl", _RECORD + rb'"(?:prompt|completion|chosen|rejected)"\s*:\s*\[\s*\{'),
    FileForm("gemini", _RECORD + rb'"contents"\s*:\s*\['),
    FileForm("label-studio", _RECORD + rb'"(?:annotations|completions)"\s*:\s*\['),
    FileForm("qna-maker", _RECORD + rb'"qna(?:List|Documents|Pairs)"\s*:\s*\['),
    FileForm("json", rb"\s*[\[{]", "json", (".json", ".jsonl", ".ndjson")),
    FileForm("moodle", rb"\s*(?:<\?xml[^>]*>\s*)?<quiz\b"),
    FileForm("html", rb"(?i:\s*<(?:!doctype html|html|head|body|table|div|p|h[1-6])\b)"),
    FileForm("xml", rb"\s*<\?xml"),
    FileForm("gift", rb"(?:\s*//[^\n]*\n)*\s*(?:\$CATEGORY:|::[^:\n]+::)", endings=(".gift",)),
    FileForm("rasa", _SPACE + rb"(?:nlu|stories|rules|intents|responses):"),
    FileForm("yaml", _SPACE + rb"messages:", endings=(".yaml", ".yml")),
    FileForm("markdown", rb"\s*#{1,6} \S", endings=(".md", ".markdown")),
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
        each for each in _FORMS if re.match(each.pattern, head) or ending.endswith(each.endings)
    )
