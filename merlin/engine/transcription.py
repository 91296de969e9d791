"""Speech to text: the child process and the forms of its answer.

Speech written down: one Whisper model, in a child process that a bad recording may break.

What was heard in the forms of the OpenAI protocol: json, text, srt, vtt, verbose_json.

Source: openai/openai-openapi, openapi.yaml, CreateTranscriptionResponseJson and
CreateTranscriptionResponseVerboseJson; W3C, WebVTT.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from merlin.core.log import get_logger
from merlin.engine.serving.base import Busy, Unavailable
from merlin.openai_protocol.errors import ApiError, bad_field

log = get_logger(__name__)

CHILD = "merlin.engine.transcription_child"
PACKAGE = "faster_whisper"
MOST_WAITING = 8
RETRY_S = 5
# One line is one whole transcription, every word of an hour of speech with its times.
_LONGEST_LINE = 1 << 26
_WEIGHTS = "model.bin"


@dataclass(frozen=True, slots=True)
class TranscriptionRequest:
    """What to write down, and how. `language` "" is found out; `prompt` is what came before."""

    sound: str
    language: str = ""
    prompt: str = ""
    temperature: float = 0.0
    wants_words: bool = False


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said; times are seconds from the recording's start, `duration` its length.

    `segments` have start, end, text and how sure the model was; `words` start, end and word.
    """

    language: str
    duration: float
    segments: Sequence[Mapping[str, object]]
    words: Sequence[Mapping[str, object]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Return all that was said."""
        return "".join(str(each["text"]) for each in self.segments).strip()


class Transcriber:
    """One model that hears, one recording at a time; it is loaded at the first one."""

    def __init__(self, model: str, device: str, idle_s: float, log_file: Path) -> None:
        """Take a folder with a Whisper model in CTranslate2's form, "" for none.

        After `idle_s` without a recording the child is let go of, 0 never.
        """
        self._folder = model
        self._device = device.partition(":")[0]
        self._idle_s = idle_s
        self._log_file = log_file
        self._child: Process | None = None
        self._resting: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0

    @property
    def names(self) -> tuple[str, ...]:
        """Return what the model is called in requests: its folder's name, and OpenAI's."""
        return (Path(self._folder).name, "whisper-1")

    def check(self, name: str) -> None:
        """Raise ApiError 400 where nothing here hears, 404 where `name` is another model."""
        if not self._folder:
            raise bad_field(
                "model", "This engine hears nothing: name a Whisper model in engine.hearing."
            )
        if find_spec(PACKAGE) is None:
            raise bad_field(
                "model", "This engine hears nothing yet: run make engine in its checkout."
            )
        if not (Path(self._folder) / _WEIGHTS).is_file():
            text = f"There is no Whisper model in {self._folder}: engine.hearing must be a folder"
            raise bad_field("model", f"{text} with {_WEIGHTS} (CTranslate2).")
        if name not in self.names:
            text = f"The model `{name}` does not exist; speech is written down by {self.names[0]}."
            raise ApiError(404, text, code="model_not_found", param="model")

    async def hear(self, request: TranscriptionRequest) -> Transcript:
        """Return what was said in a recording.

        Raises ApiError 400 for one that is no audio, Busy when too many wait, Unavailable when the
        model cannot be loaded or the child broke.
        """
        if self._waiting >= MOST_WAITING:
            raise Busy(RETRY_S)
        self._waiting += 1
        try:
            async with self._turn:
                return await self._heard(request)
        finally:
            self._waiting -= 1

    async def _heard(self, request: TranscriptionRequest) -> Transcript:
        self._wake()
        try:
            child = await self._ready()
            told = await _asked(child, asdict(request))
        except BaseException:
            # What it would still say belongs to nobody.
            await self._end()
            raise
        if told is None:
            raise Unavailable(await self._broken())
        if self._idle_s:
            self._resting = asyncio.create_task(self._rest())
        if "refused" in told:
            raise bad_field(str(told["param"]), str(told["refused"]))
        return Transcript(**told)

    async def _ready(self) -> Process:
        """Return the child with the model in its memory."""
        if self._child is not None and self._child.returncode is None:
            return self._child
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        with self._log_file.open("wb") as printed:
            self._child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", CHILD, self._folder, self._device),
                stdin=PIPE,
                stdout=PIPE,
                stderr=printed,
                limit=_LONGEST_LINE,
            )
        log.info("hearing starts", model=self._folder)
        told = await _line(self._child)
        if told is None:
            raise Unavailable(await self._broken())
        return self._child

    async def _broken(self) -> str:
        child = self._child
        await self._end()
        code = child.returncode if child else None
        return f"Hearing broke ({code}); its last words are in {self._log_file}."

    def _wake(self) -> None:
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None

    async def _rest(self) -> None:
        await asyncio.sleep(self._idle_s)
        async with self._turn:
            await self._end()

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()

    async def close(self) -> None:
        """Let the model go; who still waits is told that it broke."""
        self._wake()
        await self._end()


async def _asked(child: Process, request: Mapping[str, object]) -> dict[str, Any] | None:
    assert child.stdin is not None  # noqa: S101 - a pipe
    with suppress(ConnectionError):
        child.stdin.write(json.dumps(request).encode() + b"\n")
        await child.stdin.drain()
    return await _line(child)


async def _line(child: Process) -> dict[str, Any] | None:
    """Return what the child says next, None when it says nothing any more."""
    assert child.stdout is not None  # noqa: S101 - a pipe
    line = await child.stdout.readline()
    told: dict[str, Any] | None = json.loads(line) if line.endswith(b"\n") else None
    return told


_HOUR_MS, _MINUTE_MS, _SECOND_MS = 3_600_000, 60_000, 1000


def _json(heard: Transcript) -> Response:
    return JSONResponse({"text": heard.text, "usage": _usage(heard)})


def _verbose(heard: Transcript) -> Response:
    body: dict[str, object] = {
        "task": "transcribe",
        "language": heard.language,
        "duration": heard.duration,
        "text": heard.text,
        "segments": heard.segments,
        "usage": _usage(heard),
    }
    return JSONResponse({**body, "words": heard.words} if heard.words else body)


def _text(heard: Transcript) -> Response:
    return PlainTextResponse(f"{heard.text}\n")


def _srt(heard: Transcript) -> Response:
    cues = (f"{n}\n{cue}" for n, cue in enumerate(_cues(heard, ","), 1))
    return PlainTextResponse("\n".join(cues))


def _vtt(heard: Transcript) -> Response:
    return PlainTextResponse("\n".join(["WEBVTT\n", *_cues(heard, ".")]))


SHAPES: Mapping[str, Callable[[Transcript], Response]] = {
    "json": _json,
    "text": _text,
    "srt": _srt,
    "vtt": _vtt,
    "verbose_json": _verbose,
}


def _usage(heard: Transcript) -> dict[str, object]:
    return {"type": "duration", "seconds": math.ceil(heard.duration)}


def _cues(heard: Transcript, point: str) -> Iterator[str]:
    for each in heard.segments:
        times = [stamp(float(str(each[name])), point) for name in ("start", "end")]
        # An empty line would end the cue.
        lines = "\n".join(filter(None, str(each["text"]).strip().splitlines()))
        yield f"{' --> '.join(times)}\n{lines}\n"


def stamp(seconds: float, point: str) -> str:
    """Return a time as subtitles write it: 01:02:03.456."""
    whole = round(seconds * _SECOND_MS)
    hours, rest = divmod(whole, _HOUR_MS)
    minutes, rest = divmod(rest, _MINUTE_MS)
    second, milli = divmod(rest, _SECOND_MS)
    return f"{hours:02}:{minutes:02}:{second:02}{point}{milli:03}"
