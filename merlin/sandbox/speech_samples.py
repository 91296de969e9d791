"""The sample voice recordings and their embedded transcripts.

An Ogg Opus file may carry comments; a sample has its transcript in DESCRIPTION. The stand-in
recognises no speech: it reads that comment, and says so where there is none.
"""

import struct
from pathlib import Path

_STATIC = Path(__file__).parents[1] / "web" / "sandbox" / "static"
SAMPLE_MIME = "audio/ogg"
SAMPLE_RATE = 48_000
_FIELD = b"DESCRIPTION="


def sample_voice(language: str = "ru") -> bytes:
    """Return the Russian or English sample: synthesised speech, Ogg Opus."""
    name = "voice-sample.oga" if language == "ru" else "voice-sample-en.oga"
    return (_STATIC / name).read_bytes()


def transcript_of(content: bytes) -> str:
    """Return the transcript in an Ogg Opus file's comments, "" without one."""
    start = content.find(_FIELD)
    if start < 4:  # noqa: PLR2004 - the comment's length is before it
        return ""
    (size,) = struct.unpack_from("<I", content, start - 4)
    comment = content[start : start + size]
    return comment.removeprefix(_FIELD).decode("utf-8", "ignore")


def seconds(content: bytes) -> int:
    """Return an Ogg Opus file's duration, from its last page's granule position; 0 if unknown."""
    last = content.rfind(b"OggS")
    if last < 0 or len(content) < last + 14:
        return 0
    position: int = struct.unpack_from("<q", content, last + 6)[0]
    return max(round(position / SAMPLE_RATE), 0)
