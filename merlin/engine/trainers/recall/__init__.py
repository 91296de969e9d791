"""`recall`: a small classifier from questions to trained answers, trained in seconds on a CPU.

It selects a trained answer by the words and the meaning of a question, or answers "unknown"; it
never generates text. Heavy imports (numpy, the encoder, the dictionary) are lazy.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from merlin.core.encoder import (
    TEXTS_AT_ONCE,
    digest_encoder,
    encode,
    measure_small_talk,
)
from merlin.engine.trainers.base import (
    DPO,
    KTO,
    SUPERVISED,
    Conversation,
    Hyperparameters,
    Progress,
    ResolvedHyperparameters,
    Task,
)
from merlin.engine.training_file import (
    read_conversations,
    read_preferences,
    read_ratings,
)

if TYPE_CHECKING:
    from merlin.engine.trainers.recall.space import Floats


@dataclass(frozen=True, slots=True)
class RecallAnswer:
    """The answer of a model: `text` is empty if unknown; `confidence` is 0..1.

    `nearest` are similar trained questions if the answer is unknown, best first; `if_meant` is the
    answer to the first of them if it is clearly ahead. `is_follow_up`: the question has no content
    of its own, and this follow-up was not trained.
    """

    text: str
    confidence: float
    known: bool
    nearest: Sequence[str] = ()
    if_meant: str = ""
    is_follow_up: bool = False


def load_recall() -> None:
    """Load what the first training and the first question would wait a second for: 130 MB."""
    from merlin.engine.trainers.recall import train  # noqa: F401, PLC0415 - loads numpy

    measure_small_talk("")


class RecallTrainer:
    """The Trainer for `recall`: seconds in this process, restarted after a kill."""

    hyperparameters: ClassVar = {SUPERVISED: Hyperparameters}

    def train(self, task: Task) -> Generator[Progress, None, None]:
        """Encode the texts, then train on every answered turn; see `recall.train`."""
        from merlin.engine.trainers.recall.train import collect_texts, train  # noqa: PLC0415 - loads numpy

        conversations = _read_taught(task)
        test = list(read_conversations(task.test, least=1)) if task.test else []
        yield ResolvedHyperparameters(task.hyperparameters)
        texts = sorted(collect_texts(conversations, test), key=len)
        vectors: dict[str, Floats] = {}
        for first in range(0, len(texts), TEXTS_AT_ONCE):
            part = texts[first : first + TEXTS_AT_ONCE]
            vectors.update(zip(part, encode(part), strict=True))
            yield None
        encoder = digest_encoder(), vectors
        yield from train(conversations, test, task.hyperparameters, task.seed, encoder)


def _read_taught(task: Task) -> list[Conversation]:
    """Return the conversations with their right answers: of pairs the preferred ones."""
    if task.method == KTO:
        return [
            messages
            for messages, is_good in read_ratings(task.train)
            if is_good is None
        ]
    if task.method == DPO:
        return [
            [*before, *better] for before, better, _ in read_preferences(task.train)
        ]
    return list(read_conversations(task.train))
