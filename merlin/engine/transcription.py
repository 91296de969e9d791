"""Speech to text: a Whisper model in a child process, which isolates crashes.

A transcript has the formats of the OpenAI protocol: json, text, srt, vtt, verbose_json. Source:
openai/openai-openapi, openapi.yaml, CreateTranscriptionResponseJson and
CreateTranscriptionResponseVerboseJson; W3C, WebVTT.
"""

import math
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from merlin.core.log import get_logger
from merlin.engine.serving.process import ChildServer, FairQueue, RestartPolicy
from merlin.openai_protocol.errors import ApiError, bad_field

log = get_logger(__name__)

CHILD = "merlin.engine.transcription_child"
PACKAGE = "faster_whisper"
MAX_WAITING = 7
_WEIGHTS = "model.bin"


# Language, duration, segments (start, end, text, confidence values) and words (start, end, word);
# times are seconds from the start of the recording.
Transcript = Mapping[str, Any]


class Transcriber:
    """Transcribes one recording at a time; the model is loaded on the first one."""

    def __init__(self, model: str, device: str, idle_s: float, log_file: Path) -> None:
        """Take a folder with a Whisper model in CTranslate2's format, "" for none.

        The child is stopped after `idle_s` without a request, never if 0.
        """
        self._folder = model
        self._child = ChildServer(
            name="Hearing",
            command=(CHILD, model, device.partition(":")[0]),
            log=log_file,
            queue=FairQueue(1, MAX_WAITING),
            idle_s=idle_s,
            restarts=RestartPolicy("Hearing", "take a smaller Whisper model"),
            check=lambda: log.info("transcription starts", model=model),
            cannot_stop=True,
        )

    def check(self, name: str) -> None:
        """Raise ApiError 400 if there is no model, 404 if `name` is another model.

        The model has the name of its folder, and OpenAI's.
        """
        if not self._folder:
            raise bad_field(
                "model", "This engine has no speech model: name a Whisper model in engine.hearing."
            )
        if find_spec(PACKAGE) is None:
            raise bad_field(
                "model", "This engine cannot transcribe yet: run make engine in its checkout."
            )
        if not (Path(self._folder) / _WEIGHTS).is_file():
            text = f"There is no Whisper model in {self._folder}: engine.hearing must be a folder"
            raise bad_field("model", f"{text} with {_WEIGHTS} (CTranslate2).")
        own = Path(self._folder).name
        if name not in (own, "whisper-1"):
            text = f"The model `{name}` does not exist; recordings are transcribed by {own}."
            raise ApiError(404, text, code="model_not_found", param="model")

    async def transcribe(
        self,
        sound: Path,
        *,
        language: str = "",
        prompt: str = "",
        temperature: float = 0.0,
        wants_words: bool = False,
    ) -> Transcript:
        """Transcribe a recording.

        `language` "" is detected; `prompt` is the preceding text. Raises ApiError 400 if the file
        is not audio, 429 if the queue is full, Unavailable if the model cannot be loaded or the
        child crashed.
        """
        question = {
            "ask": 0,
            "sound": str(sound),
            "language": language,
            "prompt": prompt,
            "temperature": temperature,
            "wants_words": wants_words,
        }
        async with self._child.ask(question) as lines:
            [line] = [transcript async for transcript in lines]
        return line

    async def close(self) -> None:
        """Stop the child; pending requests fail."""
        await self._child.close()


FORMATS = ("json", "text", "srt", "vtt", "verbose_json")


def build_response(transcript: Transcript, answer_format: str) -> Response:
    """Return a transcript in one of FORMATS."""
    text = "".join(segment["text"] for segment in transcript["segments"]).strip()
    if answer_format == "text":
        return PlainTextResponse(f"{text}\n")
    if answer_format == "srt":
        cues = (f"{n}\n{cue}" for n, cue in enumerate(_build_cues(transcript, ","), 1))
        return PlainTextResponse("\n".join(cues))
    if answer_format == "vtt":
        return PlainTextResponse("\n".join(["WEBVTT\n", *_build_cues(transcript, ".")]))
    usage = {"type": "duration", "seconds": math.ceil(transcript["duration"])}
    if answer_format == "json":
        return JSONResponse({"text": text, "usage": usage})
    body: dict[str, object] = {
        "task": "transcribe",
        "language": transcript["language"],
        "duration": transcript["duration"],
        "text": text,
        "segments": transcript["segments"],
        "usage": usage,
    }
    return JSONResponse({**body, "words": transcript["words"]} if transcript["words"] else body)


def _build_cues(transcript: Transcript, point: str) -> Iterator[str]:
    for segment in transcript["segments"]:
        times = [format_timestamp(segment[name], point) for name in ("start", "end")]
        # An empty line would end the cue.
        lines = "\n".join(filter(None, segment["text"].strip().splitlines()))
        yield f"{' --> '.join(times)}\n{lines}\n"


def format_timestamp(seconds: float, point: str) -> str:
    """Format a time for subtitles: 01:02:03.456."""
    whole_s, milli = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole_s, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{second:02}{point}{milli:03}"
