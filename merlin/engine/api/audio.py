"""/v1/audio/transcriptions: a recording's words."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from fastapi import APIRouter
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from merlin.engine.context import engine_of
from merlin.engine.files import form_of, spill
from merlin.engine.transcription import SHAPES, TranscriptionRequest
from merlin.openai_protocol.errors import bad_field

router = APIRouter()

MOST_BYTES = 25_000_000
_GRAINS = ("segment", "word")
_VERBOSE = "verbose_json"
# What would change the answer's form and is not here: better refused than left out in silence.
_NOT_HERE = ("stream", "include[]", "chunking_strategy")


@router.post("/audio/transcriptions")
async def create(request: Request) -> Response:
    """Write a recording down."""
    transcriber = engine_of(request).transcriber
    async with form_of(request, MOST_BYTES, "'file' and 'model'") as form:
        transcriber.check(_field(form, "model"))
        upload, shape = _upload(form), _shape(form)
        with tempfile.TemporaryDirectory(prefix="merlin-heard-") as folder:
            sound = Path(folder) / "sound"
            await spill(upload, sound)
            heard = await transcriber.hear(_transcription_request(form, sound))
    return SHAPES[shape](heard)


def _upload(form: FormData) -> UploadFile:
    upload = form.get("file")
    if not isinstance(upload, UploadFile):
        raise bad_field("file", "Missing required parameter: 'file' must be a recording.")
    return upload


def _shape(form: FormData) -> str:
    """Return the answer's form, once everything that bears on it is read."""
    for name in _NOT_HERE:
        if _field(form, name) not in ("", "false"):
            raise bad_field(name.removesuffix("[]"), f"{name} is not supported: leave it out")
    shape = _field(form, "response_format") or "json"
    if shape not in SHAPES:
        raise bad_field("response_format", f"response_format must be one of {', '.join(SHAPES)}")
    grains = _grains(form)
    if not set(grains) <= set(_GRAINS) or (grains and shape != _VERBOSE):
        words = f"must be {' or '.join(_GRAINS)}, with response_format {_VERBOSE}"
        raise bad_field("timestamp_granularities", f"timestamp_granularities[] {words}")
    return shape


def _transcription_request(form: FormData, sound: Path) -> TranscriptionRequest:
    return TranscriptionRequest(
        sound=str(sound),
        language=_field(form, "language").lower(),
        prompt=_field(form, "prompt"),
        temperature=_temperature(_field(form, "temperature")),
        wants_words="word" in _grains(form),
    )


def _grains(form: FormData) -> list[object]:
    return list(form.getlist("timestamp_granularities[]"))


def _temperature(told: str) -> float:
    try:
        temperature = float(told or 0)
    except ValueError:
        temperature = -1
    if not 0 <= temperature <= 1:
        raise bad_field("temperature", "temperature must be a number from 0 to 1")
    return temperature


def _field(form: Mapping[str, object], name: str) -> str:
    told = form.get(name, "")
    if not isinstance(told, str):
        raise bad_field(name, f"{name} must be a text")
    return told
