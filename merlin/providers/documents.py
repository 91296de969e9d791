"""Documents: the text of a file that a stranger sent, found by a child that can do no harm.

The parsers never run here: a file that blows up, hangs or breaks a
library takes its own child with it, and the person is told in a sentence.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from json import loads
from pathlib import Path

from merlin.config.settings import MEGABYTE, MediaLimits
from merlin.core.errors import Refused
from merlin.core.file_kind import DOCUMENTS, HEAD_BYTES, FileKind, detect_kind
from merlin.core.log import get_logger
from merlin.providers.seccomp import CPU_S, WALLS

log = get_logger(__name__)
AT_ONCE = 2
WALL_S = 30.0
_ROOT = str(Path(__file__).parents[2])
# The interpreter looks only where it is told to: no current folder, no PYTHON* variables.
_START = (
    "import sys; sys.path.append(sys.argv[1]);"
    "from merlin.providers.document_child import main; main()"
)
_CHUNK = 65_536
# A character takes four bytes at most, or six where JSON must write it as a number.
_BYTES_PER_CHARACTER, _FRAME_BYTES = 6, 1000
_KINDS = "PDF, DOCX, TXT, MD, CSV"


def unusable_file(key: str, **arguments: object) -> Refused:
    """Return why something sent cannot be used; `key` with `arguments` is the person's sentence.

    media-password · media-damaged · media-no-text · media-empty · media-unknown (kinds) ·
    media-too-large (megabytes) · media-too-long (characters) · media-bomb · media-slow ·
    media-voice-too-long (minutes) · media-gone
    """
    return Refused(key.removeprefix("media-").replace("-", " "), key, **arguments)


def too_large(most: int) -> Refused:
    """Return the refusal of a file of more than so many bytes."""
    return unusable_file("media-too-large", megabytes=max(most // MEGABYTE, 1))


class ChildReader:
    """Reads documents, each in a child of its own, a few at once."""

    def __init__(
        self, limits: MediaLimits | None = None, at_once: int = AT_ONCE, wall_s: float = WALL_S
    ) -> None:
        """Take the limits; `wall_s` is how long one child may live, whatever it does."""
        self._limits = limits or MediaLimits()
        self._wall_s = wall_s
        self._room = asyncio.Semaphore(at_once)

    async def read(self, content: bytes, name: str) -> tuple[str, bool]:
        """Return the text of a PDF, DOCX, TXT, MD or CSV file, and whether it is cut.

        It is where pages that are pictures or a damaged part are missing. Raises Refused.
        """
        if len(content) > self._limits.document_bytes:
            raise too_large(self._limits.document_bytes)
        if not content:
            raise unusable_file("media-empty")
        kind = detect_kind(name, "", content[:HEAD_BYTES])
        if kind not in DOCUMENTS:
            raise unusable_file("media-unknown", kinds=_KINDS)
        async with self._room:
            result = loads(await self._read_by_child(kind, content))
        if "fault" not in result:
            return result["text"], result["is_cut"]
        most = self._limits.document_characters
        raise unusable_file(f"media-{result['fault']}", characters=most, kinds=_KINDS)

    async def _read_by_child(self, kind: FileKind, content: bytes) -> bytes:
        """Return what a child says of the document. Raises Refused when it dies of it."""
        child = await self._start(kind)
        try:
            async with asyncio.timeout(self._wall_s):
                output = await self._talk(child, content)
                status = await child.wait()
        except TimeoutError:
            raise unusable_file("media-slow") from None
        finally:
            await _end(child)
        if status == 0 and output:
            return output
        log.warning("a document killed its reader", kind=kind, status=status, bytes=len(content))
        is_out_of_time = status in {-signal.SIGXCPU, -signal.SIGKILL}
        raise unusable_file("media-slow" if is_out_of_time else "media-damaged")

    async def _start(self, kind: FileKind) -> Process:
        return await asyncio.create_subprocess_exec(
            *_command(kind.value, self._limits.document_characters),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            cwd="/",
            env={},
            start_new_session=True,
        )

    async def _talk(self, child: Process, content: bytes) -> bytes:
        """Hand the document over and return what comes back, no more than it may be."""
        assert child.stdin is not None  # noqa: S101 - both are pipes
        assert child.stdout is not None  # noqa: S101 - both are pipes
        # A child that ends before it has read everything has still said why.
        with suppress(ConnectionError):
            child.stdin.write(content)
            await child.stdin.drain()
        with suppress(ConnectionError):
            child.stdin.close()
            await child.stdin.wait_closed()
        most = self._limits.document_characters * _BYTES_PER_CHARACTER + _FRAME_BYTES
        output = bytearray()
        while chunk := await child.stdout.read(_CHUNK):
            output += chunk
            if len(output) > most:
                raise unusable_file("media-bomb")
        return bytes(output)


def is_walled() -> bool:
    """Return whether this machine's kernel keeps a child from files and network, by trying."""
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            _command(WALLS, 0), capture_output=True, cwd="/", env={}, timeout=WALL_S, check=True
        )
        return bool(loads(done.stdout) == {WALLS: True})
    except (OSError, subprocess.SubprocessError, ValueError):
        return False


def _command(kind: str, most_characters: int) -> list[str]:
    return [sys.executable, "-IB", "-c", _START, _ROOT, kind, str(most_characters)]


async def _end(child: Process) -> None:
    """Leave nothing of the child behind, however reading went."""
    if child.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    # Reads what is left, so that no pipe stays open.
    await child.communicate()
    log.debug("a document's reader ended", status=child.returncode, cpu_limit_s=CPU_S)
