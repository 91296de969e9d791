"""One answer that is being made: what was read, what is said, when it is whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from torch import Tensor

from merlin.engine.answering.asking import Asking, Ending, Piece, TokenChance
from merlin.engine.answering.transformers.child.base import Base
from merlin.engine.answering.transformers.child.json_prefix import JsonPrefix
from merlin.engine.answering.transformers.child.mix import Low
from merlin.engine.answering.transformers.child.sampling import Sampling, chances_of
from merlin.engine.answering.transformers.child.speech import Speech, Spelling
from merlin.engine.answering.transformers.child.stops import Stops


@dataclass(frozen=True, slots=True)
class Wish:
    """What one asker wants: `prompt` in tokens; `tell` takes the pieces and the ending."""

    number: int
    prompt: Sequence[int]
    adapter: Low | None
    asking: Asking
    tell: Callable[[int, Piece | Ending], None]


class Row:
    """An answer under way, in the words of a base."""

    def __init__(self, wish: Wish, base: Base, spelling: Spelling) -> None:
        asking, room = wish.asking, base.window - len(wish.prompt)
        self.wish = wish
        self.said: list[int] = []
        self.is_over = False
        self._most = min(asking.most_tokens or room, room)
        self._ends = base.ends
        self._tokenizer: Any = base.tokenizer
        self._sampling = Sampling(*base.manner(asking), Random(asking.seed))  # noqa: S311
        self._speech = Speech(base.tokenizer)
        self._stops = Stops(asking.stops)
        self._object = Object(spelling) if asking.is_json else None
        self._chances: list[tuple[int, TokenChance]] = []
        self._heard = self._shown = 0

    def take(self, logits: Tensor) -> None:
        """Choose the next token and tell what is new. Shape of `logits`: vocabulary."""
        token = self._chosen(logits)
        if token is None or token in self._ends:
            self._end("stop")
            return
        self._keep_chance(logits, token)
        self.said.append(token)
        self._say(self._speech.add(token))
        if self._stops.is_met or (self._object and self._object.is_whole):
            self._end("stop")
        elif len(self.said) == self._most:
            self._end("length")

    def _chosen(self, logits: Tensor) -> int | None:
        whole = self._object
        if not whole:
            return self._sampling.draw(logits)
        left = self._most - len(self.said) - 1
        return whole.take(self._sampling.draw_allowed(logits, lambda one: whole.fits(one, left)))

    def _say(self, text: str) -> None:
        self._heard += len(text)
        self._show(self._stops.add(text))

    def _show(self, text: str, *, is_last: bool = False) -> None:
        self._shown += len(text)
        is_all = is_last and not self._stops.is_met
        told = [one for start, one in self._chances if is_all or start < self._shown]
        self._chances = self._chances[len(told) :]
        if text or told:
            self._tell(Piece(text, told))

    def _end(self, reason: str) -> None:
        if not self._stops.is_met:
            self._say(self._speech.rest())
        if not self._stops.is_met:
            self._show(self._stops.rest(), is_last=True)
        self.is_over = True
        self._tell(Ending(reason, len(self.wish.prompt), len(self.said)))

    def _tell(self, told: Piece | Ending) -> None:
        self.wish.tell(self.wish.number, told)

    def _keep_chance(self, logits: Tensor, token: int) -> None:
        most = self.wish.asking.logprobs
        if most is None:
            return
        own, likeliest = chances_of(logits, token, most)
        named = [(self._tokenizer.decode([one]), chance) for one, chance in likeliest]
        chance = TokenChance(self._tokenizer.decode([token]), own, named)
        self._chances.append((self._heard, chance))


class Object:
    """The one JSON object that an answer becomes."""

    def __init__(self, spelling: Spelling) -> None:
        self._spelling = spelling
        self._prefix = JsonPrefix()

    @property
    def is_whole(self) -> bool:
        """Return whether it is complete."""
        return self._prefix.is_whole

    def fits(self, token: int, left: int) -> bool:
        """Return whether the object may go on so and be closed with `left` tokens after it."""
        then = self._then(token)
        return then is not None and len(then.closing()) <= left

    def take(self, token: int | None) -> int | None:
        """Go on with a token; with none that fits, with the first byte of the way out."""
        if token is None:
            token = self._spelling.single(self._prefix.closing()[0])
        if token is not None:
            self._prefix = self._then(token) or self._prefix
        return token

    def _then(self, token: int) -> JsonPrefix | None:
        spelt = self._spelling.bytes_of(token)
        return self._prefix.then(spelt) if spelt else None
