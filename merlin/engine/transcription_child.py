"""`python -m merlin.engine.transcription_child FOLDER DEVICE`: speech to text.

One request line in, one transcript line out. Source: SYSTRAN/faster-whisper 1.2.1,
faster_whisper/transcribe.py.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from merlin.engine.child_process import EnginePipe
from merlin.engine.serving.base import build_refusal_line
from merlin.openai_protocol.errors import bad_field

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

_SEGMENT_FIELDS = (
    "id",
    "seek",
    "start",
    "end",
    "text",
    "tokens",
    "temperature",
    "avg_logprob",
    "compression_ratio",
    "no_speech_prob",
)
_WORD_FIELDS = ("word", "start", "end")


def main() -> None:
    """Serve until the end of stdin."""
    pipe = EnginePipe()
    folder, device = sys.argv[1:]
    from faster_whisper import WhisperModel  # noqa: PLC0415 - after stdout is safe

    # Busy cores slow down every step: only use as many threads as there are idle cores.
    free = len(os.sched_getaffinity(0)) - round(os.getloadavg()[0])
    model = WhisperModel(
        folder, device=device, compute_type="auto", cpu_threads=max(1, free), local_files_only=True
    )
    while True:
        pipe.send(_handle(model, pipe.inbox.get()))


def _handle(model: WhisperModel, request: Mapping[str, Any]) -> dict[str, object]:
    from faster_whisper import decode_audio  # noqa: PLC0415 - loaded with the model

    try:
        sound = decode_audio(str(request["sound"]))
    except (OSError, ValueError, IndexError) as error:
        return _refuse(request, "file", f"The file cannot be read as audio: {error}")
    if not len(sound):
        return _refuse(request, "file", "The file has no sound in it.")
    language = str(request["language"])
    if language and language not in model.supported_languages:
        known = ", ".join(model.supported_languages)
        return _refuse(request, "language", f"language must be one of {known}")
    return _transcribe(model, sound, request)


def _transcribe(
    model: WhisperModel, sound: object, request: Mapping[str, Any]
) -> dict[str, object]:
    segments, info = model.transcribe(
        sound,
        language=request["language"] or None,
        initial_prompt=request["prompt"] or None,
        temperature=request["temperature"],
        word_timestamps=request["wants_words"],
    )
    parts = [asdict(segment) for segment in segments]
    return {
        "end": request["ask"],
        "language": info.language,
        "duration": info.duration,
        "segments": [{name: segment[name] for name in _SEGMENT_FIELDS} for segment in parts],
        "words": [
            {name: word[name] for name in _WORD_FIELDS}
            for segment in parts
            for word in segment["words"] or []
        ],
    }


def _refuse(request: Mapping[str, Any], param: str, message: str) -> dict[str, object]:
    return build_refusal_line(request["ask"], bad_field(param, message))


if __name__ == "__main__":
    main()
