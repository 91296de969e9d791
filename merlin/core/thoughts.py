"""What is no part of an answer in what models write: their thoughts, and borders of messages."""

import re
from collections.abc import Iterable

from merlin.core.messages import CONTROL_TOKEN

# Servers send thoughts as part of the answer unless they are told to separate them, as vLLM by
# `--reasoning-parser`.
_MARKS = (
    *(
        (f"<{name}>", f"</{name}>")
        # DeepSeek R1 and Qwen3, Claude's prompts, others, Seed-OSS.
        for name in (
            "think",
            "thinking",
            "thought",
            "reasoning",
            "reflection",
            "seed:think",
        )
    ),
    ("[THINK]", "[/THINK]"),  # Magistral
    ("◁think▷", "◁/think▷"),  # Kimi-VL
    ("<|channel>thought", "<channel|>"),  # Gemma 4
    # gpt-oss: the channels before its last one, the final.
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
    ("<|channel|>commentary<|message|>", "<|channel|>final<|message|>"),
)


def _match_any(marks: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, marks)), re.IGNORECASE)


_OPENING = _match_any(opening for opening, _ in _MARKS)
_CLOSING = _match_any(closing for _, closing in _MARKS)
_BOTH = [mark for pair in _MARKS for mark in pair]
THOUGHT_MARK = _match_any(_BOTH)
_LONGEST = max(map(len, _BOTH))
_FIRST = _match_any({mark[0] for mark in _BOTH})
_BEGINNINGS = {mark[:end].lower() for mark in _BOTH for end in range(1, len(mark))}


_TOKENS = rf"\s*(?:(?:{CONTROL_TOKEN.pattern})\s*)+"
# The beginning of a message in a prompt: control tokens around the name of the role.
_HEADER = re.compile(rf"{_TOKENS}(?:(?:assistant|model)(?:\s*\n|{_TOKENS}))?")
# The end of a piece that may go on as a control token, or as such a beginning.
_BEGUN = r"(?:<[^<>\s]{0,62}|\[/?[A-Z_]{0,24})\Z"
_OPEN_TOKEN = re.compile(_BEGUN)
_OPEN_HEADER = re.compile(rf"{_TOKENS}[a-z]{{0,9}}\s*(?:{_BEGUN}|\Z)")
# HTML's marks of struck text; the second one alone ends an answer of Llama 2 and Mistral.
_STRUCK = "<s>"
_STRUCK_END = "</s>"


class BorderFilter:
    """Ends an answer at the first control token that a server has left in its text.

    What a model writes behind one is a message that nobody sent. Those before the first word are
    dropped, with the name of the role. Those within code are shown, and `<s>…</s>`.
    """

    def __init__(self) -> None:
        self._held = ""
        self._backticks = 0
        self._is_struck = self._has_begun = self._is_ended = False

    def drop(self, piece: str, *, is_last: bool) -> str:
        """Return what of the next piece belongs to the answer."""
        if self._is_ended:
            return ""
        text = self._held + piece
        self._held = ""
        if not self._has_begun and not text.lstrip().startswith(_STRUCK):
            if not is_last and _OPEN_HEADER.match(text):
                self._held = text
                return ""
            header = _HEADER.match(text)
            text = text[header.end() :] if header else text
        text = self._cut(text)
        begun = None if is_last or self._is_ended else _OPEN_TOKEN.search(text)
        if begun:
            self._held = begun[0]
            text = text[: begun.start()]
        self._backticks += text.count("`")
        self._is_struck = self._is_struck or _STRUCK in text
        self._has_begun = self._has_begun or bool(text.strip())
        return text

    def _cut(self, text: str) -> str:
        """Return a text up to its first border."""
        for found in CONTROL_TOKEN.finditer(text):
            before = text[: found.start()]
            is_code = (self._backticks + before.count("`")) % 2 == 1
            is_struck = self._is_struck or _STRUCK in before
            is_html = found[0] == _STRUCK or (found[0] == _STRUCK_END and is_struck)
            if not is_code and not is_html:
                self._is_ended = True
                return before.rstrip()
        return text


class ThoughtFilter:
    """Drops the thoughts at the start of an answer; a mark may be split across pieces of a stream.

    The prompts of some models open the thoughts themselves (Qwen3-Thinking, DeepSeek R1), so that
    their answers contain only the closing mark. All before it were thoughts: `is_replaced` says
    that what this piece returns replaces what the earlier ones returned. `is_opened`: such a model,
    the start is held back until the mark.
    """

    def __init__(self, *, is_opened: bool = False) -> None:
        self._held = ""
        self._is_opened = is_opened
        self._has_thoughts = self._has_begun = False
        # How far the text held was searched; the backticks in what was returned before it.
        self._searched = self._backticks = 0
        self._borders = BorderFilter()
        # `is_unopened`: a thought ended that no mark had opened.
        self.is_replaced = self.is_unopened = False

    def drop(self, piece: str, *, is_last: bool) -> str:
        """Return what of the next piece belongs to the answer."""
        self.is_replaced = False
        self._held += piece
        is_open = self._drop_ended()
        if is_open:
            return ""
        end = len(self._held) - (0 if is_last else self._count_unsure())
        text = self._held[:end]
        self._held = self._held[end:]
        self._searched -= end
        self._backticks += text.count("`")
        self._has_begun = self._has_begun or bool(text)
        return self._borders.drop(text, is_last=is_last)

    def _drop_ended(self) -> bool:
        """Drop thoughts that have ended; return whether one is open."""
        while not (self._has_begun and self._has_thoughts):
            if not self._has_begun:
                self._held = self._held.lstrip()
            is_open = not self._has_begun and _OPENING.match(self._held) is not None
            end = (
                self._find_end(is_open=is_open)
                if is_open or not self._has_thoughts
                else 0
            )
            if not end:
                return is_open
            self._held = self._held[end:]
            self._searched = 0
            self._has_begun = False
            self._borders = BorderFilter()
            self.is_replaced = self._has_thoughts = True
            self.is_unopened = self.is_unopened or not is_open
        return False

    def _find_end(self, *, is_open: bool) -> int:
        """Return where thoughts end, 0 if they do not; unopened ones do not end within code."""
        start = max(0, self._searched - _LONGEST)
        self._searched = len(self._held)
        for mark in _CLOSING.finditer(self._held, start):
            backticks = self._backticks + self._held.count("`", 0, mark.start())
            if is_open or backticks % 2 == 0:
                return mark.end()
        return 0

    def _count_unsure(self) -> int:
        """Return how many of the last characters held may belong to a mark."""
        if self._has_begun and self._has_thoughts:
            return 0
        if self._is_opened and not self._has_thoughts:
            return len(self._held)
        end = self._held[-_LONGEST:].lower()
        begun = (end[first.start() :] for first in _FIRST.finditer(end))
        return next((len(mark) for mark in begun if mark in _BEGINNINGS), 0)
