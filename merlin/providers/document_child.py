"""The child process that takes the text out of PDF, DOCX and plain text.

It has little memory, little time, no files, no network, no secrets. Its parent (`documents`)
starts it with an empty environment, hands the bytes to stdin and takes one JSON object from
stdout: `{"text", "is_cut"}`, or `{"fault": word}`. Everything that a reader may need is
imported before the first byte is read: then the kernel opens no file, socket or process for it
any more (`seccomp`). Where the kernel has no such filter, an audit hook of Python is all that
stands there, which holds honest code and no exploit; asked for `walls`, a child says which of the
two it is, by trying.

A DOCX is a zip of XML files: it is looked over before anything is unpacked. python-docx reads XML
without entities (`resolve_entities=False`), and lxml fetches nothing.
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
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from types import ModuleType
from zipfile import BadZipFile, ZipFile

import docx
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement
from pypdf import PageObject, PdfReader
from pypdf.errors import FileNotDecryptedError, LimitReachedError
from pypdf.generic import DictionaryObject

from merlin.providers.seccomp import CPU_S, WALLS, compute_only

# No letter and no white space: control signs, byte order marks, and the invisible "tag" letters
# by which orders to a model are hidden from people.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_LINE_ENDS = re.compile("\r\n?|\x0b|\x0c|\x85|\u2028|\u2029")
_BLANKS_AT_END = re.compile(r"[ \t\xa0]+\n")
_MANY_LINES = re.compile(r"\n{3,}")


class UnreadableReason(StrEnum):
    """Why a document has no text for us."""

    PASSWORD = "password"  # noqa: S105 - a reason, not a secret
    DAMAGED = "damaged"
    NO_TEXT = "no-text"
    EMPTY = "empty"
    UNKNOWN = "unknown"
    TOO_LONG = "too-long"
    BOMB = "bomb"


class Fault(Exception):
    """A document that cannot be used."""

    def __init__(self, word: UnreadableReason) -> None:
        super().__init__(word.value)
        self.word = word


# A document's text, and whether some of it is missing.
Found = tuple[str, bool]


def join_parts(parts: Iterable[str], most_characters: int) -> str:
    """Return the parts that hold a text, cleaned, an empty line between two.

    Raises Fault as soon as there are too many characters, and where there is no text.
    """
    kept, left = list[str](), most_characters
    for part in filter(None, map(cleaned, parts)):
        left -= len(part)
        if left <= 0:
            raise Fault(UnreadableReason.TOO_LONG)
        kept.append(part)
    if not kept:
        raise Fault(UnreadableReason.NO_TEXT)
    return "\n\n".join(kept)


def cleaned(text: str) -> str:
    """Return a text with plain line ends, whole letters and nothing that cannot be seen."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    seen = _UNSEEN.sub("", _LINE_ENDS.sub("\n", unicodedata.normalize("NFC", whole)))
    return _MANY_LINES.sub("\n\n", _BLANKS_AT_END.sub("\n", seen)).strip()


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

Reader = Callable[[bytes, int], Found]


def limit(memory_bytes: int = MEMORY_BYTES, cpu_s: int = CPU_S) -> None:
    """Take, for this process and for ever, no more memory and time than a document needs."""
    with suppress(OSError):  # where memory runs out, this process goes first
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


def close_walls() -> bool:
    """Give up files, network and other processes for ever; return whether the kernel sees to it."""

    def refuse(event: str, _arguments: tuple[object, ...]) -> None:
        if event.startswith(_FORBIDDEN):
            raise PermissionError(event)

    is_closed = compute_only()
    sys.addaudithook(refuse)
    return is_closed


def reader_of(kind: str) -> Reader:
    """Return what reads documents of a kind (pdf, docx, else text), with all that it may import."""
    if kind == "pdf":
        import pypdf  # noqa: PLC0415 - slow

        _import_whole(pypdf)
        _import_encodings()  # a font may be of any
        return read_pdf
    if kind == "docx":
        import docx  # noqa: PLC0415 - slow

        _import_whole(docx)
        _import_encodings()  # names in the archive have one of their own
        return read_docx

    for table in TABLES:
        codecs.lookup(table)
    return read_text


def _import_whole(package: ModuleType) -> None:
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        with suppress(ImportError):  # what it does without as well
            importlib.import_module(module.name)


def _import_encodings() -> None:
    for name in set(aliases.values()):
        with suppress(LookupError):  # another system's
            codecs.lookup(name)


def parse(read: Reader, content: bytes, most_characters: int) -> Found:
    """Return what a document says to its reader. Raises Fault alone."""
    try:
        return read(content, most_characters)
    except Fault:
        raise
    except MemoryError as error:
        raise Fault(UnreadableReason.BOMB) from error
    except Exception as error:  # damaged files make the libraries raise anything
        raise Fault(UnreadableReason.DAMAGED) from error


def main() -> None:
    """Read one document: `kind` and `most_characters` are the arguments."""
    kind, most_characters = sys.argv[-2:]
    limit()
    read = reader_of(kind)
    is_closed = close_walls()
    try:
        if kind == WALLS:
            values: dict[str, object] = {WALLS: is_closed and not _reached()}
        else:
            text, is_cut = parse(read, sys.stdin.buffer.read(), int(most_characters))
            values = {"text": text, "is_cut": is_cut}
    except Fault as fault:
        values = {"fault": fault.word}
    sys.stdout.buffer.write(json.dumps(values, ensure_ascii=False).encode())
    sys.stdout.buffer.flush()


def _reached() -> list[str]:
    """Return what C code, which no audit hook sees, can still reach."""
    libc = ctypes.CDLL(None)
    tried: dict[str, Callable[[], int]] = {
        "file": lambda: libc.open(b"/dev/null", os.O_RDONLY),
        "socket": lambda: libc.socket(1, 1, 0),
        "process": libc.fork,
    }
    reached = []
    for name, attempt in tried.items():
        if (got := attempt()) >= 0:
            if name == "process" and got == 0:
                os._exit(0)
            reached.append(name)
    return reached


MAX_MEMBERS = 2000
MAX_BYTES = 100_000_000
# Real documents shrink to a tenth; what holds repeated words, further.
SMALL_BYTES, MAX_TIMES = 10_000_000, 100
_ENCRYPTED_FLAG = 0x1
# A document with a password lies in this container, under this name. Source: MS-OFFCRYPTO 2.3.
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


def read_docx(content: bytes, most_characters: int) -> Found:
    """Return the text of the body; headers, footers, notes and pictures are not read.

    Raises Fault, and for damaged files whatever the libraries happen to raise.
    """
    if content.startswith(_OLE):
        raise Fault(
            UnreadableReason.PASSWORD if _ENCRYPTED in content else UnreadableReason.UNKNOWN
        )
    _look_over(content)
    try:
        body = docx.Document(BytesIO(content)).element.body
    except ValueError as error:  # a workbook or a presentation
        raise Fault(UnreadableReason.UNKNOWN) from error
    return join_parts(_blocks(body), most_characters), False


def _look_over(content: bytes) -> None:
    """Raise Fault for a zip bomb and for locked members; nothing is unpacked."""
    try:
        with ZipFile(BytesIO(content)) as packed:
            members = packed.infolist()
    except BadZipFile as error:
        raise Fault(UnreadableReason.DAMAGED) from error
    # What a member tells of its size is also where unpacking it ends.
    size = sum(member.file_size for member in members)
    is_dense = size > SMALL_BYTES and size > MAX_TIMES * len(content)
    if len(members) > MAX_MEMBERS or size > MAX_BYTES or is_dense:
        raise Fault(UnreadableReason.BOMB)
    if any(member.flag_bits & _ENCRYPTED_FLAG for member in members):
        raise Fault(UnreadableReason.PASSWORD)
    if "[Content_Types].xml" not in {member.filename for member in members}:
        raise Fault(UnreadableReason.UNKNOWN)


def _blocks(element: BaseOxmlElement) -> Iterator[str]:
    """Yield paragraphs and table rows below an element, whatever they are wrapped in."""
    for child in element:
        if child.tag == _P:
            yield _words(child)
        elif child.tag == _TABLE:
            yield "\n".join(_rows(child))
        elif child.tag != _DELETED:
            yield from _blocks(child)


def _rows(table: BaseOxmlElement) -> Iterator[str]:
    for row in table.iterchildren(_ROW):
        cells = (" ".join(filter(None, _blocks(cell))) for cell in row.iterchildren(_CELL))
        yield " | ".join(cell.replace("\n", " ").strip() for cell in cells)


def _words(paragraph: BaseOxmlElement) -> str:
    signs = paragraph.iter(_TEXT, *_DOCX_SIGNS)
    return "".join(_DOCX_SIGNS.get(str(sign.tag)) or sign.text or "" for sign in signs)


MAX_PAGES = 5000


def read_pdf(content: bytes, most_characters: int) -> Found:
    """Return the text of all pages; one that cannot be read is left out and told by `is_cut`.

    Raises Fault, and for damaged files whatever the library happens to raise.
    """
    try:
        # Files that only forbid printing open with the empty password, which is tried first.
        return _read(PdfReader(BytesIO(content)).pages, most_characters)
    except FileNotDecryptedError as error:
        raise Fault(UnreadableReason.PASSWORD) from error
    except LimitReachedError as error:
        raise Fault(UnreadableReason.BOMB) from error


def _read(pages: Sequence[PageObject], most_characters: int) -> Found:
    if len(pages) > MAX_PAGES:
        raise Fault(UnreadableReason.BOMB)
    damaged = pictures = 0

    def texts() -> Iterator[str]:
        nonlocal damaged, pictures
        for page in pages:
            text = _text(page)
            resources = page.get("/Resources") if text == "" else None
            damaged += text is None
            pictures += isinstance(resources, DictionaryObject) and "/XObject" in resources
            yield text or ""

    try:
        text = join_parts(texts(), most_characters)
    except Fault as fault:
        if damaged and fault.word == UnreadableReason.NO_TEXT:
            raise Fault(UnreadableReason.DAMAGED) from fault
        raise
    return text, damaged + pictures > 0


def _text(page: PageObject) -> str | None:
    """Return a page's text, None when it cannot be read."""
    try:
        return page.extract_text().strip()
    except (FileNotDecryptedError, LimitReachedError, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - a damaged page makes the library raise anything
        return None


_BOMS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Ten letters make up two thirds of any Russian text; in a wrong table they come out as others.
_FREQUENT = frozenset("оеаинтсрвл")
_CYRILLIC, _WESTERN = ("cp1251", "koi8-r", "cp866"), "cp1252"
# Every encoding that a text may be taken for.
TABLES = ("utf-8", "utf-16-le", *_BOMS.values(), *_CYRILLIC, _WESTERN)
_ASCII, _ROWS = bytes(range(128)), re.compile(rb"[\x80-\xff]{2,}")
_SAMPLE = 100_000
_MIN_SHARE = 0.25
# So few broken bytes in a text of UTF-8 are damage, not another table.
_MAX_BROKEN = 0.01
_TEXT_SIGNS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def read_text(content: bytes, most_characters: int) -> Found:
    """Return the text of a TXT, MD or CSV file as it stands. Raises Fault."""
    if not content.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n\x00"):
        raise Fault(UnreadableReason.EMPTY)
    text, is_whole = _decoded(content)
    if len(_TEXT_SIGNS.findall(text)) > len(text) // 100:
        raise Fault(UnreadableReason.UNKNOWN)
    return join_parts([text], most_characters), not is_whole


def _decoded(content: bytes) -> tuple[str, bool]:
    """Return the text, and whether every byte of it made sense."""
    # UTF-32's mark begins as UTF-16's does, so it is looked for first.
    for mark, encoding in _BOMS.items():
        if content.startswith(mark):
            text = content.removeprefix(codecs.BOM_UTF8).decode(encoding, "replace")
            return text, "\ufffd" not in text
    text = content.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    if broken <= _MAX_BROKEN * len(text):
        return text, not broken
    return content.decode(_table(content), "replace"), True


def _table(content: bytes) -> str:
    """Return the table of one byte a letter in which the text looks most like Russian.

    Letters of western texts that have no place in ASCII stand alone, those of Russian words in
    rows; a text without rows, or Russian in no table, is taken for a western one.
    """
    sample = content[:_SAMPLE].translate(None, _ASCII)
    in_rows = sum(map(len, _ROWS.findall(content[:_SAMPLE])))
    if in_rows < len(sample) / 2:
        return _WESTERN
    shares = {table: _share(sample.decode(table, "replace")) for table in _CYRILLIC}
    best = max(shares, key=lambda table: shares[table])
    return best if shares[best] >= _MIN_SHARE else _WESTERN


def _share(text: str) -> float:
    return sum(letter in _FREQUENT for letter in text) / max(len(text), 1)
