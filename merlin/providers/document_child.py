"""The child process that extracts the text of PDF, DOCX and plain text files and workbooks.

Its memory and CPU time are limited, and it has no access to files, network or secrets. Its parent
(`documents`) starts it with an empty environment, writes the file to stdin and reads one JSON
object from stdout: `{"text", "is_cut"}`, or `{"fault": reason}`. All modules that a reader may need
are imported before any input is read; after that the kernel refuses the process everything but
to compute, to read what is open, to write its answer and to end (`limit_resources`).

The readers of PDF, DOCX, XLSX, XML and archives are in modules of their own, each imported only for
its kind. A reader of a layer above, as that of an import, is given as `module:function`.
"""

import codecs
import ctypes
import errno
import importlib
import json
import os
import pkgutil
import re
import resource
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from encodings.aliases import aliases
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from merlin.core.combining_marks import normalise_unicode
from merlin.core.file_kind import CONTROL_CHARACTERS, UNICODE, detect_encoding

# Control characters, byte order marks, and the invisible "tag" characters, which can hide
# instructions to a model from people.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_LINE_ENDS = re.compile("\r\n?|\x0b|\x0c|\x85|\u2028|\u2029")
_BLANKS_AT_END = re.compile(r"[ \t\xa0]+\n")
_MANY_LINES = re.compile(r"\n{3,}")


Reason = Literal[
    "password", "damaged", "no-text", "empty", "unknown", "too-long", "bomb"
]


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
    cleaned_parts = list[str]()
    remaining = most_characters
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


# Signs that stand higher or lower: 10 with a raised 3 is not 103.
RAISED = {
    "sup": str.maketrans("0123456789+-n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ"),
    "sub": str.maketrans("0123456789+-", "₀₁₂₃₄₅₆₇₈₉₊₋"),
}

MEMORY_BYTES = 512 * 1024 * 1024
CPU_S = 10

Reader = Callable[[bytes, int], ExtractedText]


def limit_resources(cpu_s: int = CPU_S) -> bool:
    """Limit memory, CPU time, descriptors, processes and system calls, irrevocably.

    Returns whether system calls are limited. Without that nothing can be opened, for want of a
    descriptor, but a file can be deleted, cut or renamed by its path, and another process of the
    same user can be read or ended.
    """
    load_filter = _prepare_filter()  # loading the library takes a descriptor
    with suppress(
        OSError
    ):  # the kernel kills this process first when memory is exhausted
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (least, least))
    return load_filter is not None and load_filter()


# What it takes to compute, to read stdin, to write the result and to end.
_ALLOWED_CALLS = (
    "read write lseek fstat close brk mmap munmap mremap mprotect madvise futex getrandom"
    " clock_gettime gettimeofday rt_sigaction rt_sigprocmask rt_sigreturn restart_syscall"
    " exit exit_group"
)
# Source: seccomp.h of libseccomp.
_SCMP_ACT_ALLOW = 0x7FFF0000
_SCMP_ACT_ERRNO = 0x00050000


def _prepare_filter() -> Callable[[], bool] | None:
    """Return what makes the kernel refuse every system call but `_ALLOWED_CALLS`, irrevocably.

    By libseccomp, which knows each call's number on each processor; None where it is not installed.
    The function returns False, and changes nothing, where the kernel takes no filter.
    """
    try:
        libseccomp = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return None
    libseccomp.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(libseccomp.seccomp_init(_SCMP_ACT_ERRNO | errno.EPERM))
    for name in _ALLOWED_CALLS.split():
        number = libseccomp.seccomp_syscall_resolve_name(name.encode())
        libseccomp.seccomp_rule_add_array(rules, _SCMP_ACT_ALLOW, number, 0, None)
    return lambda: bool(libseccomp.seccomp_load(rules) == 0)


class _Library(NamedTuple):
    """Where a kind is read: module, function, and the library that imports more while it reads."""

    module: str
    function: str
    name: str = ""


_LIBRARIES = {
    "pdf": _Library("document_pdf", "read_pdf", "pypdf"),
    "docx": _Library("document_docx", "read_docx", "docx"),
    "outline": _Library("document_docx", "read_outline", "docx"),
    "pages": _Library("document_pages", "read_pages", "pypdf"),
    "html": _Library("document_html", "read_html"),
    "xlsx": _Library("document_xlsx", "read_xlsx", "openpyxl"),
    "xml": _Library("document_tree", "read_xml"),
    "zip": _Library("document_tree", "read_zip"),
}


@cache  # nothing can be imported once the process is confined
def load_reader(kind: str) -> Reader:
    """Return the reader of a kind with all of its modules imported.

    pdf, docx, outline (of a DOCX), pages (of a PDF), html, xlsx, xml, zip (of JSON files), the name
    of a function (`module:function`) that returns a reader, else text.
    """
    if ":" in kind:
        above, _, loader = kind.partition(":")
        made: Reader = getattr(importlib.import_module(above), loader)()
        return made
    if kind not in _LIBRARIES:
        for encoding in (*UNICODE, _WINDOWS, "utf-16-le"):  # the last for `clean_text`
            codecs.lookup(encoding)
        return read_text
    # A parser takes up to 0.15 s to import: only that of this document is.
    module, function, name = _LIBRARIES[kind]
    read: Reader = getattr(
        importlib.import_module(f"merlin.providers.{module}"), function
    )
    library = importlib.import_module(name) if name else None
    for each in pkgutil.walk_packages(library.__path__, f"{name}.") if library else ():
        with suppress(ImportError):  # optional dependencies
            importlib.import_module(each.name)
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
    """Read one document; the arguments are its kind, the most characters and the most seconds."""
    kind, most_characters, cpu_s = sys.argv[-3:]
    # openpyxl loads numpy, each of whose threads would take 40 MB of the limit.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    read = load_reader(kind)
    limit_resources(int(cpu_s))
    values: dict[str, object]
    try:
        text, is_cut = parse(read, sys.stdin.buffer.read(), int(most_characters))
        values = {"text": text, "is_cut": is_cut}
    except UnreadableDocument as fault:
        values = {"fault": fault.reason}
    sys.stdout.buffer.write(json.dumps(values, ensure_ascii=False).encode())
    sys.stdout.buffer.flush()


# What a text without a byte order mark is, if it is no UTF-8: a Russian Windows wrote it.
_WINDOWS = "cp1251"


def read_text(content: bytes, most_characters: int) -> ExtractedText:
    """Return the text of a TXT, MD or CSV file. Raises UnreadableDocument."""
    encoding = detect_encoding(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode(_WINDOWS, "replace")
    if not text.strip():
        raise UnreadableDocument("empty")
    if CONTROL_CHARACTERS.search(text):
        raise UnreadableDocument("unknown")
    return join_parts([text], most_characters), False
