"""The words of an example as a person gives them: options, a file, their editor."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from merlin.core.errors import ConfigError, Refused
from merlin.core.message import Message
from merlin.dataset.example import Example, read_example
from merlin.dataset.naming import Names
from merlin.dataset.writing import write_example


def asked_text(
    question: str | None, answer: str | None, file: Path | None, tags: tuple[str, ...]
) -> str:
    """Return a new example's text: made of question and answer, or read from a file.

    Raises ConfigError unless exactly one of both ways was chosen.
    """
    if (file is None) == (question is None or answer is None):
        raise ConfigError("a question with its answer, or a file", "example-file-or-words")
    if file is None:
        said = (Message("user", question or ""), Message("assistant", answer or ""))
        return write_example(Example("", "", "", said, tags))
    if question or answer or tags:
        raise ConfigError("--file with words", "example-file-or-words")
    return file_text(file)


def file_text(path: Path) -> str:
    """Return a file's text; - is stdin. Raises ConfigError."""
    return file_bytes(path).decode("utf-8", "surrogateescape")


def file_bytes(path: Path) -> bytes:
    """Return a file's bytes; - is stdin. Raises ConfigError."""
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        told = {"path": str(path), "reason": error.strerror or str(error)}
        raise ConfigError(f"{path}: {error}", "example-unreadable", **told) from error


def own_name(text: str, taken: Iterable[str]) -> str:
    """Return an id that an example's question gives and nobody has; `new` for a broken one."""
    example, _ = read_example(text.encode("utf-8", "surrogateescape"))
    return Names(taken).new(example.question if example else "new")


def edited(text: str) -> str:
    """Return the text as the person's editor left it. Raises Refused when there is no editor."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="merlin-") as folder:
        path = Path(folder) / "example.yaml"
        path.write_text(text, encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(path)], check=True)  # noqa: S603 - theirs
        except (OSError, subprocess.CalledProcessError) as error:
            raise Refused(f"{editor}: {error}", "example-no-editor", editor=editor) from error
        return path.read_text(encoding="utf-8", errors="surrogateescape")
