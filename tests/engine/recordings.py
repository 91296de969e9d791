"""Generated recordings: a tone as a WAV file."""

import io
import math
import struct
import wave

RATE = 16_000


def record_tone(seconds=2.0):
    """Return a WAV file of one tone."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        heights = (int(9000 * math.sin(n / 20)) for n in range(int(RATE * seconds)))
        file.writeframes(b"".join(struct.pack("<h", height) for height in heights))
    return buffer.getvalue()
