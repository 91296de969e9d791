"""The child process that extracts the text of PDF, DOCX and plain text files.

Its memory and CPU time are limited, and it has no access to files, network or secrets. Its parent
(`documents`) starts it with an empty environment, writes the file to stdin and reads one JSON
object from stdout: `{"text", "is_cut"}`, or `{"fault": reason}`. All modules that a reader may need
are imported before any input is read; after that a system call filter (`seccomp`) prevents opening
files, sockets and processes. Where the kernel does not support the filter, only an audit hook of
Python remains, which stops Python code but not an exploit in C code. With the argument `walls` the
child tests and reports whether the filter works.

A DOCX is a zip of XML files, which is checked before it is unpacked. python-docx parses XML without
entities (`resolve_entities=False`), and lxml fetches nothing.
"""

from __future__ import annotations

import codecs
import ctypes
import importlib
import json
import os
import pkgutil
import re
import resource
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from encodings.aliases import aliases
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Literal
from zipfile import BadZipFile, ZipFile

import docx
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement
from pypdf import PageObject, PdfReader
from pypdf.errors import FileNotDecryptedError, LimitReachedError
from pypdf.generic import DictionaryObject

from merlin.providers.seccomp import CPU_S, SELF_TEST, forbid_system_calls

# Control characters, byte order marks, and the invisible "tag" characters, which can hide
# instructions to a model from people.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_LINE_ENDS = re.compile("\r\n?|\x0b|\x0c|\x85|\u2028|\u2029")
_BLANKS_AT_END = re.compile(r"[ \t\xa0]+\n")
_MANY_LINES = re.compile(r"\n{3,}")


Reason = Literal["password", "damaged", "no-text", "empty", "unknown", "too-long", "bomb"]


class UnreadableDocument(Exception):
    """The document cannot be used."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


# A document's text, and whether it is incomplete.
ExtractedText = tuple[str, bool]


def join_parts(parts: Iterable[str], most_characters: int) -> str:
    """Return the cleaned parts that are not empty, separated by empty lines.

    Raises UnreadableDocument if there are too many characters, or no text.
    """
    cleaned_parts, remaining = list[str](), most_characters
    for part in filter(None, map(clean_text, parts)):
        remaining -= len(part)
        if remaining <= 0:
            raise UnreadableDocument("too-long")
        cleaned_parts.append(part)
    if not cleaned_parts:
        raise UnreadableDocument("no-text")
    return "\n\n".join(cleaned_parts)


def clean_text(text: str) -> str:
    """Normalise line ends and characters, and remove invisible ones."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    visible = _INVISIBLE.sub("", _LINE_ENDS.sub("\n", unicodedata.normalize("NFC", whole)))
    return _MANY_LINES.sub("\n\n", _BLANKS_AT_END.sub("\n", visible)).strip()


MEMORY_BYTES = 512 * 1024 * 1024
OPEN_FILES = 32
# Source: Python's table of audit events.
_FORBIDDEN = (
    "open",
    "socket.",
    "subprocess.",
    "urllib.",
    "os.exec",
    "os.fork",
    "os.kill",
    "os.posix_spawn",
    "os.remove",
    "os.rename",
    "os.spawn",
    "os.system",
)

Reader = Callable[[bytes, int], ExtractedText]


def limit_resources(memory_bytes: int = MEMORY_BYTES, cpu_s: int = CPU_S) -> None:
    """Limit the memory, CPU time, files and processes of this process irrevocably."""
    with suppress(OSError):  # the kernel kills this process first when memory is exhausted
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    for kind, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (least, least))


def forbid_access() -> bool:
    """Forbid files, network and processes irrevocably; return whether the kernel enforces it."""

    def refuse(event: str, _arguments: tuple[object, ...]) -> None:
        if event.startswith(_FORBIDDEN):
            raise PermissionError(event)

    is_closed = forbid_system_calls()
    sys.addaudithook(refuse)
    return is_closed


def load_reader(kind: str) -> Reader:
    """Return the reader of a kind (pdf, docx, else text), after importing all of its modules."""
    if kind == "pdf":
        import pypdf  # noqa: PLC0415 - slow

        _import_whole(pypdf)
        _import_encodings()  # fonts can use any of them
        return read_pdf
    if kind == "docx":
        import docx  # noqa: PLC0415 - slow

        _import_whole(docx)
        _import_encodings()  # file names in the archive have their own
        return read_docx

    for encoding in ENCODINGS:
        codecs.lookup(encoding)
    return read_text


def _import_whole(package: ModuleType) -> None:
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        with suppress(ImportError):  # optional dependencies
            importlib.import_module(module.name)


def _import_encodings() -> None:
    for name in set(aliases.values()):
        with suppress(LookupError):  # not available on this system
            codecs.lookup(name)


def parse(read: Reader, content: bytes, most_characters: int) -> ExtractedText:
    """Return a document's text. Raises only UnreadableDocument."""
    try:
        return read(content, most_characters)
    except UnreadableDocument:
        raise
    except MemoryError as error:
        raise UnreadableDocument("bomb") from error
    except Exception as error:  # damaged files make the libraries raise anything
        raise UnreadableDocument("damaged") from error


def main() -> None:
    """Read one document; the kind and the maximum number of characters are the arguments."""
    kind, most_characters = sys.argv[-2:]
    limit_resources()
    read = load_reader(kind)
    is_closed = forbid_access()
    try:
        if kind == SELF_TEST:
            values: dict[str, object] = {SELF_TEST: is_closed and not _find_reachable()}
        else:
            text, is_cut = parse(read, sys.stdin.buffer.read(), int(most_characters))
            values = {"text": text, "is_cut": is_cut}
    except UnreadableDocument as fault:
        values = {"fault": fault.reason}
    sys.stdout.buffer.write(json.dumps(values, ensure_ascii=False).encode())
    sys.stdout.buffer.flush()


def _find_reachable() -> list[str]:
    """Return what C code, which audit hooks do not see, can still access."""
    libc = ctypes.CDLL(None)
    attempts: dict[str, Callable[[], int]] = {
        "file": lambda: libc.open(b"/dev/null", os.O_RDONLY),
        "socket": lambda: libc.socket(1, 1, 0),
        "process": libc.fork,
    }
    reached = []
    for name, attempt in attempts.items():
        if (result := attempt()) >= 0:
            if name == "process" and result == 0:
                os._exit(0)
            reached.append(name)
    return reached


MAX_MEMBERS = 2000
MAX_BYTES = 100_000_000
# The usual compression ratio is about 10, higher for repetitive text.
SMALL_BYTES, MAX_RATIO = 10_000_000, 100
_ENCRYPTED_FLAG = 0x1
# The container of an encrypted document, and the name in it. Source: MS-OFFCRYPTO 2.3.
_OLE = b"\xd0\xcf\x11\xe0"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_P, _TABLE, _ROW, _CELL, _DELETED = (qn(f"w:{name}") for name in ("p", "tbl", "tr", "tc", "del"))
_DOCX_SIGNS = {
    qn("w:tab"): "\t",
    qn("w:br"): "\n",
    qn("w:cr"): "\n",
    qn("w:noBreakHyphen"): "-",
}
_TEXT = qn("w:t")


def read_docx(content: bytes, most_characters: int) -> ExtractedText:
    """Return the text of the body; headers, footers, notes and pictures are not read.

    Raises UnreadableDocument, and for damaged files any exception of the libraries.
    """
    if content.startswith(_OLE):
        raise UnreadableDocument("password" if _ENCRYPTED in content else "unknown")
    _check_archive(content)
    try:
        body = docx.Document(BytesIO(content)).element.body
    except ValueError as error:  # a workbook or a presentation
        raise UnreadableDocument("unknown") from error
    return join_parts(_blocks(body), most_characters), False


def _check_archive(content: bytes) -> None:
    """Raise UnreadableDocument for a zip bomb or encrypted members, without unpacking anything."""
    try:
        with ZipFile(BytesIO(content)) as packed:
            members = packed.infolist()
    except BadZipFile as error:
        raise UnreadableDocument("damaged") from error
    # Unpacking a member stops at its declared size.
    size = sum(member.file_size for member in members)
    is_dense = size > SMALL_BYTES and size > MAX_RATIO * len(content)
    if len(members) > MAX_MEMBERS or size > MAX_BYTES or is_dense:
        raise UnreadableDocument("bomb")
    if any(member.flag_bits & _ENCRYPTED_FLAG for member in members):
        raise UnreadableDocument("password")
    if "[Content_Types].xml" not in {member.filename for member in members}:
        raise UnreadableDocument("unknown")


def _blocks(element: BaseOxmlElement) -> Iterator[str]:
    """Yield paragraphs and table rows below an element, at any depth."""
    for child in element:
        if child.tag == _P:
            signs = child.iter(_TEXT, *_DOCX_SIGNS)
            yield "".join(_DOCX_SIGNS.get(str(sign.tag)) or sign.text or "" for sign in signs)
        elif child.tag == _TABLE:
            yield "\n".join(_rows(child))
        elif child.tag != _DELETED:
            yield from _blocks(child)


def _rows(table: BaseOxmlElement) -> Iterator[str]:
    for row in table.iterchildren(_ROW):
        cells = (" ".join(filter(None, _blocks(cell))) for cell in row.iterchildren(_CELL))
        yield " | ".join(cell.replace("\n", " ").strip() for cell in cells)


MAX_PAGES = 5000


def read_pdf(content: bytes, most_characters: int) -> ExtractedText:
    """Return the text of all readable pages, and whether any are missing.

    Raises UnreadableDocument, and for damaged files any exception of the library.
    """
    try:
        # pypdf tries the empty password first, which opens files that only forbid printing.
        return _read_pages(PdfReader(BytesIO(content)).pages, most_characters)
    except FileNotDecryptedError as error:
        raise UnreadableDocument("password") from error
    except LimitReachedError as error:
        raise UnreadableDocument("bomb") from error


def _read_pages(pages: Sequence[PageObject], most_characters: int) -> ExtractedText:
    if len(pages) > MAX_PAGES:
        raise UnreadableDocument("bomb")
    damaged = pictures = 0

    def texts() -> Iterator[str]:
        nonlocal damaged, pictures
        for page in pages:
            text = _page_text(page)
            resources = page.get("/Resources") if text == "" else None
            damaged += text is None
            pictures += isinstance(resources, DictionaryObject) and "/XObject" in resources
            yield text or ""

    try:
        text = join_parts(texts(), most_characters)
    except UnreadableDocument as fault:
        if damaged and fault.reason == "no-text":
            raise UnreadableDocument("damaged") from fault
        raise
    return text, damaged + pictures > 0


def _page_text(page: PageObject) -> str | None:
    """Return a page's text, None when it cannot be read."""
    try:
        return page.extract_text().strip()
    except (FileNotDecryptedError, LimitReachedError, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - a damaged page can cause any exception
        return None


_BOMS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# These ten letters are two thirds of any Russian text; with a wrong encoding they are rare.
_FREQUENT = frozenset("оеаинтсрвл")
_CYRILLIC, _WESTERN = ("cp1251", "koi8-r", "cp866"), "cp1252"
# All encodings that are considered.
ENCODINGS = ("utf-8", "utf-16-le", *_BOMS.values(), *_CYRILLIC, _WESTERN)
_ASCII, _ROWS = bytes(range(128)), re.compile(rb"[\x80-\xff]{2,}")
_SAMPLE = 100_000
_MIN_SHARE = 0.25
# Up to this share of invalid bytes, a text counts as damaged UTF-8.
_MAX_BROKEN = 0.01
_TEXT_SIGNS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def read_text(content: bytes, most_characters: int) -> ExtractedText:
    """Return the text of a TXT, MD or CSV file. Raises UnreadableDocument."""
    if not content.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n\x00"):
        raise UnreadableDocument("empty")
    text, is_whole = _decode(content)
    if len(_TEXT_SIGNS.findall(text)) > len(text) // 100:
        raise UnreadableDocument("unknown")
    return join_parts([text], most_characters), not is_whole


def _decode(content: bytes) -> tuple[str, bool]:
    """Return the text, and whether all bytes were valid."""
    # UTF-32's byte order mark begins with that of UTF-16, so it is checked first.
    for mark, encoding in _BOMS.items():
        if content.startswith(mark):
            text = content.removeprefix(codecs.BOM_UTF8).decode(encoding, "replace")
            return text, "\ufffd" not in text
    text = content.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    if broken <= _MAX_BROKEN * len(text):
        return text, not broken
    return content.decode(_guess_encoding(content), "replace"), True


def _guess_encoding(content: bytes) -> str:
    """Return the single-byte encoding in which the text looks most like Russian.

    In western texts non-ASCII letters are isolated, in Russian ones they form runs. A text without
    runs, or not Russian in any encoding, is treated as western.
    """
    sample = content[:_SAMPLE].translate(None, _ASCII)
    in_rows = sum(map(len, _ROWS.findall(content[:_SAMPLE])))
    if in_rows < len(sample) / 2:
        return _WESTERN
    shares = {table: _frequent_share(sample.decode(table, "replace")) for table in _CYRILLIC}
    best = max(shares, key=lambda table: shares[table])
    return best if shares[best] >= _MIN_SHARE else _WESTERN


def _frequent_share(text: str) -> float:
    return sum(letter in _FREQUENT for letter in text) / max(len(text), 1)
