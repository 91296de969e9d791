"""The child process that extracts the text of PDF, DOCX and plain text files and workbooks.

Its memory and CPU time are limited, and it has no access to files, network or secrets. Its parent
(`documents`) starts it with an empty environment, writes the file to stdin and reads one JSON
object from stdout: `{"text", "is_cut"}`, or `{"fault": reason}`. All modules that a reader may need
are imported before any input is read; after that a system call filter (`seccomp`) prevents opening
files, sockets and processes. Where the kernel does not support the filter, only an audit hook of
Python remains, which stops Python code but not an exploit in C code. With the argument `walls` the
child tests and reports whether the filter works.

The readers of PDF, DOCX and XLSX are in modules of their own, each imported only for its kind.
"""

import codecs
import ctypes
import importlib
import json
import os
import pkgutil
import re
import resource
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from encodings.aliases import aliases
from html.parser import HTMLParser
from pathlib import Path
from typing import Literal

from merlin.core.combining_marks import normalise_unicode
from merlin.core.file_kind import CONTROL_CHARACTERS, HEAD_BYTES, UNICODE, UTF_8, detect_encoding
from merlin.providers.seccomp import CPU_S, SELF_TEST, forbid_system_calls

# Control characters, byte order marks, and the invisible "tag" characters, which can hide
# instructions to a model from people.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_LINE_ENDS = re.compile("\r\n?|\x0b|\x0c|\x85|\u2028|\u2029")
_BLANKS_AT_END = re.compile(r"[ \t\xa0]+\n")
_BLANKS = re.compile(r"\s+")
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
    visible = _INVISIBLE.sub("", _LINE_ENDS.sub("\n", normalise_unicode("NFC", whole)))
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


def limit_resources(cpu_s: int = CPU_S) -> None:
    """Limit the memory, CPU time, files and processes of this process irrevocably."""
    with suppress(OSError):  # the kernel kills this process first when memory is exhausted
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
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


# The library of each kind whose reader is a module of its own.
_LIBRARIES = {"pdf": "pypdf", "docx": "docx", "xlsx": "openpyxl"}


def load_reader(kind: str) -> Reader:
    """Return the reader of a kind (pdf, docx, xlsx, else text) with all of its modules imported."""
    # A parser takes up to 0.15 s to import: only that of this document is.
    match kind:
        case "pdf":
            from merlin.providers.document_pdf import read_pdf as read  # noqa: PLC0415
        case "docx":
            from merlin.providers.document_docx import read_docx as read  # noqa: PLC0415
        case "xlsx":
            from merlin.providers.document_xlsx import read_xlsx as read  # noqa: PLC0415
        case _:
            for encoding in ENCODINGS:
                codecs.lookup(encoding)
            return read_text
    library = importlib.import_module(_LIBRARIES[kind])
    for module in pkgutil.walk_packages(library.__path__, f"{library.__name__}."):
        with suppress(ImportError):  # optional dependencies
            importlib.import_module(module.name)
    # Fonts can use any encoding, and file names in an archive have their own.
    for name in set(aliases.values()):
        with suppress(LookupError):  # not available on this system
            codecs.lookup(name)
    return read


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
    sys.modules["numpy"] = None  # type: ignore[assignment] # openpyxl would load it
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


# These ten letters are two thirds of any Russian text; with a wrong encoding they are rare.
_FREQUENT = frozenset("оеаинтсрвл")
_CYRILLIC, _WESTERN = ("cp1251", "koi8-r", "cp866"), "cp1252"
# All encodings that are considered.
ENCODINGS = (*UNICODE, *_CYRILLIC, _WESTERN)
_ASCII, _ROWS = bytes(range(128)), re.compile(rb"[\x80-\xff]{2,}")
_SAMPLE = 100_000
_MIN_SHARE = 0.25
# Capitals in one of these encodings are small letters in another, which are likelier.
_CAPITALS_WEIGHT = 0.8
# Up to this share of invalid bytes, a text counts as damaged UTF-8.
_MAX_BROKEN = 0.01


_PAGE = re.compile(r"\s*(<\?xml[^>]*>\s*)?<(!doctype\s+)?html\b", re.IGNORECASE)
# What separates the texts of elements; those that are not named here have lines of their own.
_INLINE = "a abbr b cite code del dfn em font i ins kbd mark q s small span strong sub sup u var"
_SEPARATORS = {**dict.fromkeys(_INLINE.split(), ""), "td": "\t", "th": "\t"}


class _PageText(HTMLParser):
    """Collects the text of an HTML page without its scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = list[str]()
        self._open = Counter[str]()

    def handle_starttag(self, tag: str, _attributes: object) -> None:
        self._open[tag] += 1
        self.parts.append("" if tag in _SEPARATORS else "\n")

    def handle_endtag(self, tag: str) -> None:
        self._open[tag] -= 1
        self.parts.append(_SEPARATORS.get(tag, "\n"))

    def handle_data(self, data: str) -> None:
        if self._open["script"] + self._open["style"] <= 0:
            self.parts.append(data if self._open["pre"] > 0 else _BLANKS.sub(" ", data))


def read_text(content: bytes, most_characters: int) -> ExtractedText:
    """Return the text of a TXT, MD, CSV or HTML file. Raises UnreadableDocument."""
    if not content.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n\x00"):
        raise UnreadableDocument("empty")
    text, is_whole = _decode(content)
    if len(CONTROL_CHARACTERS.findall(text)) > len(text) // 100:
        raise UnreadableDocument("unknown")
    if _PAGE.match(text):
        page = _PageText()
        page.feed(text)
        page.close()
        text = "".join(page.parts)
    return join_parts([text], most_characters), not is_whole


def _decode(content: bytes) -> tuple[str, bool]:
    """Return the text, and whether all bytes were valid."""
    encoding = detect_encoding(content[:HEAD_BYTES])
    text = content.decode(encoding, "replace")
    broken = text.count("\ufffd")
    if encoding != UTF_8 or broken <= _MAX_BROKEN * len(text):
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
    share, best = max((_frequent_share(sample, table), table) for table in _CYRILLIC)
    return best if share >= _MIN_SHARE else _WESTERN


def _frequent_share(sample: bytes, encoding: str) -> float:
    """Return the share of frequent small letters; of capitals, weighted, if there are no others."""
    text, weight = sample.decode(encoding, "replace"), 1.0
    if text.isupper():
        text, weight = text.lower(), _CAPITALS_WEIGHT
    return weight * sum(letter in _FREQUENT for letter in text) / max(len(text), 1)
