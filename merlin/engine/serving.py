"""Answers by a model's name: loaded models are kept, the least lately asked is let go."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from merlin.core.message import Message
from merlin.engine.models import Models
from merlin.engine.trainers import TRAINERS, Answer, Answerer, trainer_of

CAPACITY = 16


class Serving:
    """The models in memory; every method may be called from any thread."""

    def __init__(self, models: Models, capacity: int = CAPACITY) -> None:
        self._models = models
        self._capacity = capacity
        self._loaded: OrderedDict[tuple[str, float], Answerer] = OrderedDict()
        self._lock = threading.Lock()
        self.answered = {True: 0, False: 0}

    def answer(self, name: str, messages: Sequence[Message]) -> Answer:
        """Let a model answer. Raises Refusal 404 for one that does not exist."""
        answer = self._answerer(name).answer(messages)
        with self._lock:
            self.answered[answer.known] += 1
        return answer

    @property
    def loaded(self) -> int:
        """Return how many tuned models are in memory."""
        return len(self._loaded)

    def _answerer(self, name: str) -> Answerer:
        if name in TRAINERS:
            return trainer_of(name).untrained()
        row = self._models.get(name)
        # A checkpoint written anew under its old name is another key: nothing stale is served.
        key = (name, float(row["created_at"]))
        with self._lock:
            if key not in self._loaded:
                self._loaded[key] = trainer_of(row["base"]).load(self._models.path(row))
            self._loaded.move_to_end(key)
            while len(self._loaded) > self._capacity:
                self._loaded.popitem(last=False)
            return self._loaded[key]
