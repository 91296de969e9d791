"""What was heard in the forms of the OpenAI protocol: json, text, srt, vtt, verbose_json.

Source: openai/openai-openapi, openapi.yaml, CreateTranscriptionResponseJson and
CreateTranscriptionResponseVerboseJson; W3C, WebVTT.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from starlette.responses import JSONResponse, PlainTextResponse, Response

from merlin.engine.hearing import Heard

_HOUR_MS, _MINUTE_MS, _SECOND_MS = 3_600_000, 60_000, 1000


def _json(heard: Heard) -> Response:
    return JSONResponse({"text": heard.text, "usage": _usage(heard)})


def _verbose(heard: Heard) -> Response:
    body: dict[str, object] = {
        "task": "transcribe",
        "language": heard.language,
        "duration": heard.duration,
        "text": heard.text,
        "segments": heard.segments,
        "usage": _usage(heard),
    }
    return JSONResponse({**body, "words": heard.words} if heard.words else body)


def _text(heard: Heard) -> Response:
    return PlainTextResponse(f"{heard.text}\n")


def _srt(heard: Heard) -> Response:
    cues = (f"{n}\n{cue}" for n, cue in enumerate(_cues(heard, ","), 1))
    return PlainTextResponse("\n".join(cues))


def _vtt(heard: Heard) -> Response:
    return PlainTextResponse("\n".join(["WEBVTT\n", *_cues(heard, ".")]))


SHAPES: Mapping[str, Callable[[Heard], Response]] = {
    "json": _json,
    "text": _text,
    "srt": _srt,
    "vtt": _vtt,
    "verbose_json": _verbose,
}


def _usage(heard: Heard) -> dict[str, object]:
    return {"type": "duration", "seconds": math.ceil(heard.duration)}


def _cues(heard: Heard, point: str) -> Iterator[str]:
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
