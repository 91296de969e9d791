"""Constrained decoding of one JSON object, byte by byte.

A pushdown automaton over UTF-8 bytes with immutable states: a token is tested by stepping through
its bytes. Every state knows its shortest completion, so an answer can be closed within the token
limit. Source of the grammar: RFC 8259; of UTF-8: RFC 3629, section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

# Generous limits; json.loads rejects 4,300 digits and recurses by depth.
MAX_DEPTH = 64
MAX_DIGITS = 40
# Prevents an endless run of whitespace.
MAX_SPACE = 32
_SPACE = b" \n\r\t"
_DIGITS = b"0123456789"
_HEX = b"0123456789abcdefABCDEF"
_CLOSER = {"{": b"}", "[": b"]"}
_ESCAPED = b'"\\/bfnrt'
# Bytes that stand for themselves in a string: ASCII without control characters.
_PLAIN = range(ord(" "), 0x80)
_LITERALS = {"t": b"rue", "f": b"alse", "n": b"ull"}
# The state after the first character of a value, and after a character between values.
_VALUES = {'"': "text", "-": "minus", "0": "zero"} | dict.fromkeys("123456789", "whole")
_BETWEEN = {
    ("colon", ":"): "value",
    ("key", '"'): "text",
    ("key or end", '"'): "text",
    ("after{", ","): "key",
    ("after[", ","): "value",
}
_CONTINUATION_BYTES = range(0x80, 0xC0)
# The valid continuation bytes of a multi-byte character by its first byte.
_TAILS: Mapping[int, tuple[range, ...]] = {
    **dict.fromkeys(range(0xC2, 0xE0), (_CONTINUATION_BYTES,)),
    **dict.fromkeys(range(0xE1, 0xF0), (_CONTINUATION_BYTES,) * 2),
    **dict.fromkeys(range(0xF1, 0xF4), (_CONTINUATION_BYTES,) * 3),
    0xE0: (range(0xA0, 0xC0), _CONTINUATION_BYTES),
    0xED: (range(0x80, 0xA0), _CONTINUATION_BYTES),
    0xF0: (range(0x90, 0xC0), _CONTINUATION_BYTES, _CONTINUATION_BYTES),
    0xF4: (range(0x80, 0x90), _CONTINUATION_BYTES, _CONTINUATION_BYTES),
}
# States in which a number is complete, and those in which it needs another digit.
_NUMBER_ENDS = ("zero", "whole", "fraction", "power")
_NUMBER_NEEDS = ("minus", "point", "e", "sign")
_NUMBER_STEPS = {
    "minus": {b"0": "zero", b"123456789": "whole"},
    "zero": {b".": "point", b"eE": "e"},
    "whole": {_DIGITS: "whole", b".": "point", b"eE": "e"},
    "point": {_DIGITS: "fraction"},
    "fraction": {_DIGITS: "fraction", b"eE": "e"},
    "e": {_DIGITS: "power", b"+-": "sign"},
    "sign": {_DIGITS: "power"},
    "power": {_DIGITS: "power"},
}


@dataclass(frozen=True, slots=True)
class JsonGrammar:
    """A prefix of one JSON object; `JsonGrammar()` is the empty one.

    `state` is the parser state; `within` the open brackets; `tail` the missing bytes of a character
    or literal; `count` counts spaces, digits or hex digits; `is_key`: the open string is a key.
    """

    state: str = "start"
    within: str = ""
    tail: tuple[range, ...] = ()
    count: int = 0
    is_key: bool = False

    @property
    def is_complete(self) -> bool:
        """Return whether the object is complete."""
        return self.state == "done"

    def extend(self, more: bytes) -> JsonGrammar | None:
        """Return the prefix extended by `more`, None if that is no valid prefix."""
        prefix: JsonGrammar | None = self
        for byte in more:
            prefix = prefix.step(byte) if prefix else None
        return prefix

    def step(self, byte: int) -> JsonGrammar | None:
        """Return the prefix extended by one byte, None if that is no valid prefix."""
        if self.state in _NUMBER_STEPS:
            return self._read_number(byte)
        if self.tail:
            return self._read_tail(byte)
        within = {"text": self._read_text, "escape": self._read_escape, "hex": self._read_hex}
        if self.state in within:
            return within[self.state](byte)
        if byte in _SPACE and self.state != "done":
            return replace(self, count=self.count + 1) if self.count < MAX_SPACE else None
        return self._read_between(chr(byte))

    def find_completion(self) -> bytes:
        """Return the shortest completion of the object."""
        needed = bytes(part[0] for part in self.tail)
        if self.state in ("text", "escape", "hex"):
            needed += b"n" if self.state == "escape" else b""
            needed += b"0" * (4 - self.count) if self.state == "hex" else b""
            needed += b'":0' if self.is_key else b'"'
        elif self.state in _NUMBER_NEEDS or self.state == "value":
            needed += b"0"
        needed += {"start": b"{}", "key": b'"":0', "colon": b":0"}.get(self.state, b"")
        return needed + b"".join(_CLOSER[bracket] for bracket in reversed(self.within))

    def _read_between(self, sign: str) -> JsonGrammar | None:
        if sign in "}]" and self.state in ("key or end", "value or end", "after"):
            if not self.within or _CLOSER[self.within[-1]] != sign.encode():
                return None
            within = self.within[:-1]
            return JsonGrammar("after" if within else "done", within)
        if self.state in ("value", "value or end") or (self.state, sign) == ("start", "{"):
            return self._begin_value(sign)
        inside = self.within[-1:] if self.state == "after" else ""
        state = _BETWEEN.get((self.state + inside, sign))
        return self._enter(state, is_key=state == "text") if state else None

    def _begin_value(self, sign: str) -> JsonGrammar | None:
        if sign in _CLOSER:
            return self._open(sign)
        if sign in _LITERALS:
            tail = tuple(range(letter, letter + 1) for letter in _LITERALS[sign])
            return replace(self._enter("word"), tail=tail)
        state = _VALUES.get(sign)
        return self._enter(state) if state else None

    def _read_text(self, byte: int) -> JsonGrammar | None:
        if byte == ord('"'):
            return self._enter("colon" if self.is_key else "after")
        if byte == ord("\\"):
            return replace(self, state="escape")
        if byte in _TAILS:
            return replace(self, tail=_TAILS[byte])
        return self if byte in _PLAIN else None

    def _read_escape(self, byte: int) -> JsonGrammar | None:
        if byte == ord("u"):
            return replace(self, state="hex", count=0)
        return replace(self, state="text") if byte in _ESCAPED else None

    def _read_hex(self, byte: int) -> JsonGrammar | None:
        count = self.count + 1
        state = "text" if count == len("FFFF") else "hex"
        return replace(self, state=state, count=count) if byte in _HEX else None

    def _read_number(self, byte: int) -> JsonGrammar | None:
        for signs, state in _NUMBER_STEPS[self.state].items():
            if byte in signs:
                is_room = self.count < MAX_DIGITS or self.state in _NUMBER_NEEDS
                return replace(self, state=state, count=self.count + 1) if is_room else None
        return self._enter("after").step(byte) if self.state in _NUMBER_ENDS else None

    def _read_tail(self, byte: int) -> JsonGrammar | None:
        if byte not in self.tail[0]:
            return None
        is_last_letter = self.state == "word" and len(self.tail) == 1
        return replace(self, tail=self.tail[1:], state="after" if is_last_letter else self.state)

    def _open(self, bracket: str) -> JsonGrammar | None:
        if len(self.within) == MAX_DEPTH:
            return None
        state = "key or end" if bracket == "{" else "value or end"
        return JsonGrammar(state, self.within + bracket)

    def _enter(self, state: str, *, is_key: bool = False) -> JsonGrammar:
        return JsonGrammar(state, self.within, is_key=is_key)
