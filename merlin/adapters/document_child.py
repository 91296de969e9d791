"""The child that reads one document: little memory, little time, no files, no network, no secrets.

Its parent (`documents`) starts it with an empty environment, hands the bytes to stdin and takes
one JSON object from stdout: `{"text", "pages", "is_cut"}`, or `{"fault": word}`. Parsers are
imported when they are needed: the child starts in a tenth of a second.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path

from merlin.adapters.document_found import Fault, Found, Word

MEMORY_BYTES = 512 * 1024 * 1024
CPU_S = 20
OPEN_FILES = 32
# Source: Python's table of audit events.
_FORBIDDEN = (
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


def close_walls(memory_bytes: int = MEMORY_BYTES, cpu_s: int = CPU_S) -> None:
    """Give up, for this process and for ever, what reading a document does not need."""
    with suppress(OSError):  # where memory runs out, this process goes first
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    for limit, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(limit)[1]
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (least, least))
    homes = _homes()

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        if event.startswith(_FORBIDDEN) or (event == "open" and not _is_module(arguments, homes)):
            raise PermissionError(event)

    sys.addaudithook(refuse)


def _homes() -> tuple[str, ...]:
    """Return the folders that modules come from; beside this package may lie what is not ours."""
    package = Path(__file__).parents[1]
    others = {home for home in sys.path if home and home != str(package.parent)}
    return tuple(f"{home}/" for home in (str(package), *others))


def _is_module(arguments: tuple[object, ...], homes: tuple[str, ...]) -> bool:
    """Return whether a file is opened to be read, and is one of Python's or of this package."""
    path, mode, flags = arguments
    is_read = not (isinstance(mode, str) and set(mode) & set("wax+"))
    # Of the flags, 3 are for writing; a descriptor or a name in bytes is nobody's import.
    is_read = is_read and not (isinstance(flags, int) and flags & 3)
    return is_read and isinstance(path, str) and os.path.normpath(path).startswith(homes)


def parse(kind: str, content: bytes, most_characters: int) -> Found:
    """Return what a document of this kind (pdf, docx, else text) says. Raises Fault alone."""
    try:
        if kind == "pdf":
            from merlin.adapters.document_pdf import read_pdf as read  # noqa: PLC0415 - slow
        elif kind == "docx":
            from merlin.adapters.document_docx import read_docx as read  # noqa: PLC0415 - slow
        else:
            from merlin.adapters.document_text import read_text as read  # noqa: PLC0415 - as they
        return read(content, most_characters)
    except Fault:
        raise
    except MemoryError as error:
        raise Fault(Word.BOMB) from error
    except Exception as error:  # damaged files make the libraries raise anything
        raise Fault(Word.DAMAGED) from error


def main() -> None:
    """Read one document: `kind` and `most_characters` are the arguments."""
    close_walls()
    kind, most_characters = sys.argv[-2:]
    try:
        found = parse(kind, sys.stdin.buffer.read(), int(most_characters))
        told = {"text": found.text, "pages": found.pages, "is_cut": found.is_cut}
    except Fault as fault:
        told = {"fault": fault.word}
    sys.stdout.buffer.write(json.dumps(told, ensure_ascii=False).encode())
    sys.stdout.buffer.flush()
