"""Draft: one example on its way to a commit, as the dialog keeps it over restarts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from merlin.core.message import Message
from merlin.dataset.editing import FileText
from merlin.dataset.example import Example
from merlin.dataset.layout import EXAMPLES
from merlin.dataset.rewording import parsed, reworded
from merlin.dataset.writing import write_example

USER, ASSISTANT = "user", "assistant"
Turns = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """A file as it shall be.

    `path` is within the dataset, "" for a new one; `before` the blob that the editor saw. A new
    example has `turns` (role and words), one that lies there has its `text`, each with another
    `question`, `answer` or `tags` where the editor gave some. `is_gone`: it is to be deleted.
    `proposal` is the correction that it comes from, `change` the conflict that it solves.
    """

    dataset: str
    path: str = ""
    before: str | None = None
    text: str = ""
    turns: Turns = ()
    question: str | None = None
    answer: str | None = None
    tags: tuple[str, ...] | None = None
    is_gone: bool = False
    proposal: int = 0
    change: str = ""

    @property
    def example_id(self) -> str:
        """Return the id that the path says, "" for a new one."""
        return self.path.removeprefix(EXAMPLES).removesuffix(".yaml")

    @property
    def is_whole(self) -> bool:
        """Return whether the conversation so far ends with an answer."""
        return bool(self.turns) and self.turns[-1][0] == ASSISTANT

    def written(self) -> str | None:
        """Return the file's text, None to delete it. Raises Refused for words in a broken file."""
        if self.is_gone:
            return None
        if self.turns:
            said = tuple(Message(role, words) for role, words in self.turns)
            return write_example(Example("", "", "", said, self.tags or ()))
        if self.question is None and self.answer is None and self.tags is None:
            return self.text
        return reworded(self.text, self.question, self.answer, self.tags)

    def then(self, role: str, words: str) -> Draft:
        """Return the draft with another turn."""
        return replace(self, turns=(*self.turns, (role, words)))

    def with_question(self, words: str) -> Draft:
        """Return the draft with another first question."""
        if not self.turns:
            return replace(self, question=words)
        first = next((i for i, (role, _) in enumerate(self.turns) if role == USER), 0)
        return self._with_turn(first, USER, words)

    def with_answer(self, words: str) -> Draft:
        """Return the draft with another last answer."""
        if not self.turns:
            return replace(self, answer=words)
        return self._with_turn(len(self.turns) - 1, ASSISTANT, words)

    def _with_turn(self, place: int, role: str, words: str) -> Draft:
        turns = list(self.turns)
        turns[place] = (role, words)
        return replace(self, turns=tuple(turns))

    def with_text(self, text: str) -> Draft:
        """Return the draft with another text as a whole."""
        return replace(self, text=text, turns=(), question=None, answer=None, tags=None)

    def example(self) -> Example | None:
        """Return the example that it says, None for one that cannot be read."""
        text = self.written()
        return None if text is None else parsed(text)

    def kept(self) -> dict[str, Any]:
        """Return the draft as JSON values."""
        return asdict(self)


def draft_of(kept: object) -> Draft | None:
    """Return the draft that a dialog keeps, None where it keeps none."""
    if not isinstance(kept, dict) or "dataset" not in kept:
        return None
    tags = kept["tags"]
    turns = tuple((str(role), str(words)) for role, words in kept["turns"])
    return Draft(**{**kept, "turns": turns, "tags": None if tags is None else tuple(tags)})


def draft_of_file(file: FileText, *, is_gone: bool = False) -> Draft:
    """Return the draft that changes or deletes a file."""
    return Draft(file.dataset, file.path, file.blob, file.text or "", is_gone=is_gone)


def conversation(said: Sequence[tuple[str, str]]) -> Turns:
    """Return what was said as turns: what one side says in a row is one turn."""
    turns: list[tuple[str, str]] = []
    for role, words in said:
        if turns and turns[-1][0] == role:
            turns[-1] = (role, f"{turns[-1][1]}\n\n{words}")
        else:
            turns.append((role, words))
    return tuple(turns)
