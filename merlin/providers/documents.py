"""Text extraction from uploaded documents, in sandboxed child processes.

Parsers run only in the child: a file that exhausts memory, hangs or crashes a library ends its own
child, and the user gets an error message.
"""

import asyncio
import os
import signal
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from merlin.config.settings import MEGABYTE
from merlin.core.errors import Refused
from merlin.core.file_kind import DOCUMENTS, HEAD_BYTES, detect_kind
from merlin.core.log import get_logger
from merlin.providers.document_child import Reason

log = get_logger(__name__)
MAX_CHILDREN = 2
# Telegram delivers no more
MAX_DOCUMENT_BYTES = 20 * MEGABYTE
MAX_DOCUMENT_CHARACTERS = 1_000_000
MAX_BLOCKS_CHARACTERS = 5_000_000
# Others wait for its place: at 30 s, two hostile files kept every document waiting for a minute.
MAX_CHILD_S = 15.0
_PACKAGE_ROOT = str(Path(__file__).parents[2])
# Isolated mode: imports neither from the working directory nor from PYTHON* variables.
_START = (
    "import sys; sys.path.append(sys.argv[1]);"
    "from merlin.providers.document_child import main; main()"
)
_START_CONFINED = (
    "import sys; sys.path.append(sys.argv[1]);"
    "from merlin.providers.document_child import limit_resources; sys.exit(not limit_resources())"
)
_KINDS = "PDF, DOCX, TXT, MD, CSV"


@dataclass(frozen=True, slots=True)
class _Text:
    text: str
    is_cut: bool


@dataclass(frozen=True, slots=True)
class _Fault:
    fault: Reason


# A child reads what strangers sent, so its answer is read as theirs; JSON that is nested deeper
# than 200 levels is refused, for the stack of whoever reads it on.
_OUTPUT = TypeAdapter[_Text | _Fault](_Text | _Fault)
_TREE = TypeAdapter[Any](Any)


def file_error(key: str, **arguments: object) -> Refused:
    """Return the error for an unusable upload; `key` and `arguments` are its Fluent message.

    media-password · media-damaged · media-no-text · media-empty · media-unknown (kinds) ·
    media-too-large (megabytes) · media-too-long (characters) · media-bomb · media-slow ·
    media-voice-too-long (minutes) · media-not-found
    """
    return Refused(key.removeprefix("media-").replace("-", " "), key, **arguments)


def file_size_error(most: int) -> Refused:
    """Return the error for a file of more than `most` bytes."""
    return file_error("media-too-large", megabytes=max(most // MEGABYTE, 1))


class ChildReader:
    """Reads documents, each in its own child process, at most `at_once` at a time."""

    def __init__(
        self,
        at_once: int = MAX_CHILDREN,
        wall_s: float = MAX_CHILD_S,
    ) -> None:
        """Kill each child after `wall_s` seconds."""
        self._wall_s = wall_s
        self._slots = asyncio.Semaphore(at_once)

    async def read(self, content: bytes, name: str) -> tuple[str, bool]:
        """Return the text of a file of one of `_KINDS`, and whether it is incomplete.

        It is incomplete if pages are images or a part is damaged. Raises Refused.
        """
        if len(content) > MAX_DOCUMENT_BYTES:
            raise file_size_error(MAX_DOCUMENT_BYTES)
        if not content:
            raise file_error("media-empty")
        kind = detect_kind(name, "", content[:HEAD_BYTES])
        if kind not in DOCUMENTS:
            raise file_error("media-unknown", kinds=_KINDS)
        return await self.read_kind(kind, content, MAX_DOCUMENT_CHARACTERS)

    async def read_kind(self, kind: str, content: bytes, most: int) -> tuple[str, bool]:
        """Return the text that the reader of a kind gives, of fewer than `most` characters."""
        async with self._slots:
            output = await self._read_by_child(kind, content, most)
        try:
            result = _OUTPUT.validate_json(output)
        except ValueError as error:
            raise file_error("media-damaged") from error
        if isinstance(result, _Fault):
            raise file_error(f"media-{result.fault}", characters=most, kinds=_KINDS)
        return result.text, result.is_cut

    async def read_blocks(self, kind: str, content: bytes) -> Any:
        """Return the JSON that a reader of blocks gives: outline, pages or html. Raises Refused."""
        text, _ = await self.read_kind(kind, content, MAX_BLOCKS_CHARACTERS)
        try:
            return _TREE.validate_json(text)
        except ValueError as error:
            raise file_error("media-damaged") from error

    async def _read_by_child(self, kind: str, content: bytes, most: int) -> bytes:
        """Return the child's output. Raises Refused if the child crashes or takes too long."""
        child = await self._start(kind, most)
        try:
            async with asyncio.timeout(self._wall_s):
                output, _ = await child.communicate(content)
        except TimeoutError:
            raise file_error("media-slow") from None
        finally:
            if child.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
            # Reads what is left, so that no pipe stays open.
            await child.communicate()
            log.debug("a document's reader ended", status=child.returncode)
        status = child.returncode
        if status == 0 and output:
            return output
        log.warning(
            "a document killed its reader", kind=kind, status=status, bytes=len(content)
        )
        is_out_of_time = status in {-signal.SIGXCPU, -signal.SIGKILL}
        raise file_error("media-slow" if is_out_of_time else "media-damaged")

    async def _start(self, kind: str, most: int) -> Process:
        return await asyncio.create_subprocess_exec(
            *_child_command(kind, most, ceil(self._wall_s)),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            cwd="/",
            env={},
            start_new_session=True,
        )


def are_readers_confined() -> bool:
    """Return whether the kernel of this machine limits the system calls of a child, by trying."""
    command = [sys.executable, "-IB", "-c", _START_CONFINED, _PACKAGE_ROOT]
    child = subprocess.run(command, cwd="/", env={}, timeout=MAX_CHILD_S, check=False)  # noqa: S603 - our own words
    return child.returncode == 0


def _child_command(kind: str, most_characters: int, cpu_s: int) -> list[str]:
    return [
        sys.executable,
        "-IB",
        "-c",
        _START,
        _PACKAGE_ROOT,
        kind,
        str(most_characters),
        str(cpu_s),
    ]
