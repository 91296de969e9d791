"""Kept: answers about the catalogue as bytes, until the catalogue says something else.

An answer is known by the version of the catalogue, its path and query, and the language; all of
that is its ETag. So "not modified" needs no database, and a kept answer neither database nor route.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field

from merlin import __version__

CACHE_CONTROL = b"public, max-age=60, stale-while-revalidate=600"
_TAG_BYTES = 16
# What an entry costs beside its bytes.
_OVERHEAD = 1024


@dataclass(frozen=True, slots=True)
class Key:
    """What an answer answers, but for the version; `query` as it was sent."""

    path: str
    query: bytes
    language: str

    def tag(self, version: int) -> str:
        """Return the ETag, without quotes, of the answer at a version of the catalogue."""
        # The program's own version too: a newer one may say the same in another form.
        parts = (__version__, str(version), self.path, self.query.decode("latin-1"), self.language)
        said = "\0".join(parts).encode("utf-8", "replace")
        return hashlib.blake2b(said, digest_size=_TAG_BYTES).hexdigest()


@dataclass(slots=True)
class Answer:
    """One whole answer; `link` is its Link header, "" for none, `packed` its gzip once made.

    `route` is the route that made it.
    """

    body: bytes
    tag: str
    language: str
    link: str = ""
    route: object = None
    packed: bytes | None = None
    _headers: dict[bool, list[tuple[bytes, bytes]]] = field(default_factory=dict)

    def headers(self, *, is_packed: bool) -> list[tuple[bytes, bytes]]:
        """Return a new list of the headers, without those of the body's length and kind."""
        known = self._headers.get(is_packed)
        if known is None:
            known = self._headers[is_packed] = headers_of_tag(
                self.tag, self.language, is_packed=is_packed
            )
            if self.link:
                known.append((b"link", self.link.encode("ascii", "replace")))
        return known.copy()


def quoted(tag: str, is_packed: bool) -> str:  # noqa: FBT001 - no other argument to mix it with
    """Return the tag as headers say it."""
    return f'"{tag}-gzip"' if is_packed else f'"{tag}"'


def headers_of_tag(tag: str, language: str, *, is_packed: bool) -> list[tuple[bytes, bytes]]:
    """Return the headers that "not modified" has too."""
    return [
        (b"etag", quoted(tag, is_packed).encode()),
        (b"cache-control", CACHE_CONTROL),
        (b"content-language", language.encode()),
        (b"vary", b"Accept-Language, Accept-Encoding"),
        # Anybody may read the catalogue, pages of other sites too.
        (b"access-control-allow-origin", b"*"),
        (b"access-control-expose-headers", b"ETag, Link, X-Request-Id"),
    ]


class Kept:
    """The answers of one version; those that nobody asked for the longest make room for others."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._version: int | None = None
        self._bytes = 0
        self._answers: OrderedDict[Key, Answer] = OrderedDict()

    def find(self, key: Key, version: int) -> Answer | None:
        """Return the answer at this version, None where none is kept."""
        if version != self._version:
            return None
        answer = self._answers.get(key)
        if answer is not None:
            self._answers.move_to_end(key)
        return answer

    def keep(self, key: Key, version: int, answer: Answer) -> None:
        """Keep an answer; those of another version go."""
        if version != self._version:
            self._answers.clear()
            self._version, self._bytes = version, 0
        size = _size(key, answer)
        if size > self._most_bytes // 4 or key in self._answers:
            return
        self._answers[key] = answer
        self._bytes += size
        while self._bytes > self._most_bytes:
            self._bytes -= _size(*self._answers.popitem(last=False))

    def __len__(self) -> int:
        return len(self._answers)


def _size(key: Key, answer: Answer) -> int:
    # Twice: the packed form may come to it.
    return 2 * len(answer.body) + len(key.query) + len(key.path) + _OVERHEAD
