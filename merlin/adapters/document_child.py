"""The child that reads one document: little memory, little time, no files, no network, no secrets.

Its parent (`documents`) starts it with an empty environment, hands the bytes to stdin and takes
one JSON object from stdout: `{"text", "pages", "is_cut"}`, or `{"fault": word}`. Everything that
a reader may need is imported before the first byte is read: then the kernel opens no file, socket
or process for it any more (`seccomp`). Where the kernel has no such filter, an audit hook of
Python is all that stands there, which holds honest code and no exploit; asked for `walls`, a
child says which of the two it is, by trying.
"""

from __future__ import annotations

import codecs
import ctypes
import importlib
import json
import os
import pkgutil
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from encodings.aliases import aliases
from pathlib import Path
from types import ModuleType

from merlin.adapters.document_found import Fault, Found, Word
from merlin.adapters.seccomp import compute_only

MEMORY_BYTES = 512 * 1024 * 1024
CPU_S = 20
OPEN_FILES = 32
# Asked for in the place of a kind of document.
WALLS = "walls"
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

        from merlin.adapters.document_pdf import read_pdf  # noqa: PLC0415 - slow

        _import_whole(pypdf)
        _import_encodings()  # a font may be of any
        return read_pdf
    if kind == "docx":
        import docx  # noqa: PLC0415 - slow

        from merlin.adapters.document_docx import read_docx  # noqa: PLC0415 - slow

        _import_whole(docx)
        _import_encodings()  # names in the archive have one of their own
        return read_docx
    from merlin.adapters.document_text import TABLES, read_text  # noqa: PLC0415 - as they

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
        raise Fault(Word.BOMB) from error
    except Exception as error:  # damaged files make the libraries raise anything
        raise Fault(Word.DAMAGED) from error


def main() -> None:
    """Read one document: `kind` and `most_characters` are the arguments."""
    kind, most_characters = sys.argv[-2:]
    limit()
    read = reader_of(kind)
    is_closed = close_walls()
    try:
        if kind == WALLS:
            told: dict[str, object] = {WALLS: is_closed and not _reached()}
        else:
            found = parse(read, sys.stdin.buffer.read(), int(most_characters))
            told = {"text": found.text, "pages": found.pages, "is_cut": found.is_cut}
    except Fault as fault:
        told = {"fault": fault.word}
    sys.stdout.buffer.write(json.dumps(told, ensure_ascii=False).encode())
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
