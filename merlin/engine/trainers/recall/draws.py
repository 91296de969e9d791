"""Counter-based random numbers: a function of a seed and a key, without state.

With a sequential generator, adding or moving one text changes the numbers of all others. Here each
number is a hash of its own key, so texts do not affect each other.
"""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Bits = NDArray[np.uint64]


def splitmix(value: Bits) -> Bits:
    """Mix 64-bit numbers; products wrap around. Source: Steele, Lea, Flood, "SplitMix" (2014)."""
    value = value * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def hash_numbers(*numbers: int) -> Bits:
    """Hash several numbers to one, shape (1,)."""
    mixed = np.zeros(1, np.uint64)
    for number in numbers:
        mixed = splitmix(mixed ^ np.uint64(number))
    return mixed


def hash_texts(texts: Iterable[str | Sequence[str]]) -> Bits:
    """Hash each text, or each row of texts, to a number."""
    joined = (text if isinstance(text, str) else "\n".join(text) for text in texts)
    digests = b"".join(
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        for text in joined
    )
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def to_uniform(mixed: Bits) -> Floats:
    """Map mixed 64-bit numbers to floats in [0, 1); same shape."""
    return (mixed >> np.uint64(40)).astype(np.float32) / np.float32(2**24)


def draw_normal(hashes: Bits, seed: int, dimensions: int) -> Floats:
    """Return a row per hash, shape (len(hashes), dimensions), N(0, 1/dimensions), by Box-Muller."""
    start = splitmix(np.array([[2 * seed + 1]], np.uint64))
    columns = np.arange(dimensions, dtype=np.uint64)
    drawn = to_uniform(splitmix(hashes[:, None] * np.uint64(dimensions) + columns + start))
    half = dimensions // 2
    length = np.sqrt(-2.0 * np.log(np.float32(1.0) - drawn[:, :half]) / dimensions)
    angle = np.float32(2.0 * np.pi) * drawn[:, half:]
    return np.concatenate([length * np.cos(angle), length * np.sin(angle)], axis=1)
