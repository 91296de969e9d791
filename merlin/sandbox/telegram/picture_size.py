"""How large a picture is, read from the first bytes of a PNG or JPEG file."""

from __future__ import annotations

import struct

# What a picture of another kind is said to have.
UNKNOWN = (640, 480)
_PNG = b"\x89PNG\r\n\x1a\n"
# Start-of-frame markers; C4, C8 and CC between them are something else.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def picture_size(content: bytes) -> tuple[int, int]:
    """Return (width, height) in pixels.

    Source: PNG specification, IHDR; ITU T.81 (JPEG), B.2.2.
    """
    if content.startswith(_PNG) and len(content) >= 24:  # noqa: PLR2004 - up to IHDR's sizes
        width, height = struct.unpack_from(">II", content, 16)
        return width, height
    if content.startswith(b"\xff\xd8"):
        return _jpeg(content)
    return UNKNOWN


def _jpeg(content: bytes) -> tuple[int, int]:
    place = 2
    while place + 9 <= len(content):
        mark, kind, length = struct.unpack_from(">BBH", content, place)
        if mark != 0xFF:  # noqa: PLR2004 - every segment begins so
            break
        if kind in _FRAMES:
            height, width = struct.unpack_from(">HH", content, place + 5)
            return width, height
        place += 2 + length
    return UNKNOWN
