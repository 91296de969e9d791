"""The child that hears: one request a line in, what was said in it a line out.

    python -m merlin.engine.transcription_child FOLDER DEVICE

It leaves at once when its standard input ends. What it prints otherwise goes to its standard
error. Source: SYSTRAN/faster-whisper 1.2.1, faster_whisper/transcribe.py.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

_OF_A_SEGMENT = (
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
_OF_A_WORD = ("word", "start", "end")


def main() -> None:
    """Serve until the standard input ends."""
    out = _stdout_alone()
    wishes: queue.SimpleQueue[Mapping[str, object]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(wishes,), daemon=True).start()
    folder, device = sys.argv[1:]
    model = _loaded(folder, device)
    _say(out, {"ready": True})
    while True:
        _say(out, _answer(model, wishes.get()))


def _listen(wishes: queue.SimpleQueue[Mapping[str, object]]) -> None:
    """Hand wishes on; end the process with the one that started it, whatever it does then."""
    for line in sys.stdin.buffer:
        wishes.put(json.loads(line))
    os._exit(0)


def _stdout_alone() -> BinaryIO:
    """Return the real standard output; what others print goes to the log from now on."""
    real = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(real, "wb")


def _loaded(folder: str, device: str) -> WhisperModel:
    from faster_whisper import WhisperModel  # noqa: PLC0415 - after stdout is safe

    # Cores that others work on slow every step down: threads for the free ones alone.
    free = len(os.sched_getaffinity(0)) - round(os.getloadavg()[0])
    return WhisperModel(
        folder, device=device, compute_type="auto", cpu_threads=max(1, free), local_files_only=True
    )


def _answer(model: WhisperModel, request: Mapping[str, object]) -> dict[str, object]:
    from faster_whisper import decode_audio  # noqa: PLC0415 - loaded by now

    try:
        sound = decode_audio(str(request["sound"]))
    except (OSError, ValueError, IndexError) as error:
        return _refused("file", f"The file cannot be read as audio: {error}")
    if not len(sound):
        return _refused("file", "The file has no sound in it.")
    language = str(request["language"])
    if language and language not in model.supported_languages:
        known = ", ".join(model.supported_languages)
        return _refused("language", f"language must be one of {known}")
    return _heard(model, sound, request)


def _heard(model: WhisperModel, sound: object, request: Mapping[str, object]) -> dict[str, object]:
    segments, about = model.transcribe(
        sound,
        language=request["language"] or None,
        initial_prompt=request["prompt"] or None,
        temperature=request["temperature"],
        word_timestamps=request["wants_words"],
    )
    told = [asdict(segment) for segment in segments]
    return {
        "language": about.language,
        "duration": about.duration,
        "segments": [{name: each[name] for name in _OF_A_SEGMENT} for each in told],
        "words": [
            {name: word[name] for name in _OF_A_WORD}
            for each in told
            for word in each["words"] or []
        ],
    }


def _refused(param: str, words: str) -> dict[str, object]:
    return {"refused": words, "param": param}


def _say(out: BinaryIO, told: Mapping[str, object]) -> None:
    # numpy's numbers are floats to everybody but json.
    out.write(json.dumps(told, ensure_ascii=False, default=float).encode() + b"\n")
    out.flush()


if __name__ == "__main__":
    main()
