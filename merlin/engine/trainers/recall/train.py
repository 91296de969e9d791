"""The training of `recall` from conversations to epochs.

Deterministic: the same task gives the same weights. With `n_epochs: auto` it goes on until every
question asked as taught is answered as taught, and names what is left after 200 epochs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from merlin.engine import tokens
from merlin.engine.trainers import Conversation, Epoch, Remark, Untrainable
from merlin.engine.trainers.recall import MOST_EPOCHS
from merlin.engine.trainers.recall.documents import MOST_WITH_ANSWERS, Documents, lesson
from merlin.engine.trainers.recall.enough import Enough, Mistakes
from merlin.engine.trainers.recall.exam import Exam
from merlin.engine.trainers.recall.features import Space, Whole
from merlin.engine.trainers.recall.model import RecallModel
from merlin.engine.trainers.recall.question import Taught, taught
from merlin.engine.trainers.recall.threshold import Threshold, threshold
from merlin.engine.trainers.recall.weights import Batch, Weights, mean

LEARNING_RATE = 0.5
MOST_TAUGHT = 50_000
_DIMENSIONS = ((250, 1_024), (1_000, 512), (2_000, 256))
_SHORTEST = 128
_BATCH, _LARGE_BATCH = 32, 256
_MOST_TESTED = 1_000
_NAMED = 5
_SETTLING = 0.8
_AVERAGED = 10


@dataclass(frozen=True, slots=True)
class Talks:
    """What to train on and to test with: conversations, checked hyper-parameters, a seed."""

    train: Sequence[Conversation]
    test: Sequence[Conversation]
    hyperparameters: Mapping[str, object]
    seed: int


def train(task: Talks) -> Iterator[Epoch | Remark]:
    """Train on every taught turn; yield each epoch, and what people should know.

    Raises Untrainable when nothing is taught, or more than 50,000 turns are.
    """
    turns = _taught(task.train)
    if not 0 < len(turns) <= MOST_TAUGHT:
        raise Untrainable("invalid_n_examples", "engine-taught", n=len(turns), most=MOST_TAUGHT)
    hopeless = _contradicting(turns)
    if hopeless:
        yield _named("engine-contradicting", [turns[number].text for number in hopeless])
    training = _Training(task, turns)
    enough = Enough(training.exam, training.lesson.turns, hopeless, is_large=training.is_large)
    yield from _epochs(training, enough, task)
    left = [] if enough.is_all_right else enough.left(training.served)
    if left:
        yield _named("engine-left", [turns[number].text for number in left])
    if training.snapshot().threshold().is_lowered:
        yield Remark("engine-threshold-lowered")


def _epochs(training: _Training, enough: Enough, task: Talks) -> Iterator[Epoch]:
    wanted = task.hyperparameters["n_epochs"]
    last = wanted if isinstance(wanted, int) else MOST_EPOCHS
    shown = sum(tokens.count_messages(talk) for talk in task.train)
    for number in range(1, last + 1):
        loss = training.run_epoch()
        if enough.is_near:
            training.settle(enough.mistakes)
        metrics = {
            "train_loss": loss,
            "train_accuracy": enough.accuracy(training.served),
            **training.tested(),
        }
        step, save = number * training.steps, training.snapshot().save
        yield Epoch(number, step, metrics, save, number * shown)
        if wanted == "auto" and enough.is_reached(training.served, number):
            return


def _taught(conversations: Sequence[Conversation]) -> list[Taught]:
    """Return each different taught turn once, in order."""
    return list(dict.fromkeys(turn for talk in conversations for turn in taught(talk)))


def _contradicting(turns: Sequence[Taught]) -> list[int]:
    """Return which questions are taught with several answers; no training makes those right."""
    first: dict[object, int] = {}
    found: set[int] = set()
    for number, turn in enumerate(turns):
        before = first.setdefault(turn.readings, number)
        if turns[before].answer != turn.answer:
            found |= {before, number}
    return sorted(found)


def _named(key: str, texts: Sequence[str]) -> Remark:
    shown = "; ".join(f"«{text}»" for text in texts[:_NAMED])
    return Remark(key, {"n": len(texts), "shown": shown})


def dimensions(answers: int) -> int:
    """Return how long the vectors are: shorter for more answers, to keep training quick."""
    return next((length for most, length in _DIMENSIONS if answers <= most), _SHORTEST)


class _Training:
    """The weights in training, with the texts they learn from and the questions they are asked."""

    def __init__(self, task: Talks, turns: Sequence[Taught]) -> None:
        self.lesson = lesson(turns)
        self.is_large = len(self.lesson.rows) > MOST_WITH_ANSWERS
        numbers: dict[str, int] = {}
        answers = {answer: number for number, answer in enumerate(self.lesson.answers)}
        self._documents = Documents.of(self.lesson.rows, numbers)
        self.exam = Exam(turns, numbers, answers)
        self.terms = list(numbers)
        test = _taught(task.test)[:_MOST_TESTED]
        self._test = Exam(test, numbers, answers) if test else None
        self.space = Space.of(self.lesson.rows, task.seed, dimensions(len(answers)))
        self._weights = Weights(self.space, list(numbers), len(answers), task.seed)
        self._recent: deque[Weights] = deque(maxlen=1 if self.is_large else _AVERAGED)
        self.served = self._weights
        self._batch, self._rate = _batch_and_rate(task, is_large=self.is_large)

    @property
    def steps(self) -> int:
        """How many batches one epoch has."""
        return -(-len(self._documents) // self._batch)

    def run_epoch(self) -> float:
        """Show every text once in random order; return the mean loss.

        `served` is the mean of the last ten epochs' weights, of a large file the last one's: of
        few examples each epoch alone is a chance draw.
        """
        order = self._weights.random.permutation(len(self._documents))
        total = 0.0
        for first in range(0, len(order), self._batch):
            total += self._learn(order[first : first + self._batch])
        self._recent.append(self._weights.frozen())
        self.served = mean(self._recent)
        return total / float(self.lesson.weights.sum())

    def settle(self, mistakes: Mistakes) -> None:
        """Learn slower from now on, and show questions answered wrong or nearly so again.

        They are shown beside the answers they came near: among many answers the one that a
        question is mistaken for seldom meets it by chance.
        """
        for first in range(0, len(mistakes.asked), self._batch):
            part = slice(first, first + self._batch)
            self._learn(mistakes.asked[part], mistakes.answers[part])
        self._rate *= _SETTLING

    def _learn(self, chosen: Whole, beside: Whole | None = None) -> float:
        classes, weights = self.lesson.classes[chosen], self.lesson.weights[chosen]
        batch = Batch(chosen, classes, weights, beside)
        return self._weights.learn(self._documents, batch, self._rate)

    def tested(self) -> dict[str, float]:
        """Return loss and accuracy on the test questions, if there are any.

        The loss is over those whose answer was taught; an answer never taught cannot be chosen.
        """
        if self._test is None:
            return {}
        asked = np.arange(len(self._test))
        chosen = self._test.ask(self.served, self.lesson.turns, asked).chosen
        loss = self._test.loss(self.served, asked)
        accuracy = float((chosen == self._test.right).mean())
        return {"valid_accuracy": accuracy} | ({} if loss is None else {"valid_loss": loss})

    def snapshot(self) -> _Snapshot:
        """Return the served weights as they are now."""
        return _Snapshot(self, self.served)


class _Snapshot:
    """The weights after one epoch, from which a model can be made later."""

    def __init__(self, training: _Training, weights: Weights) -> None:
        self._training = training
        self._weights = weights

    def threshold(self) -> Threshold:
        """Return the threshold of these weights."""
        return threshold(self._weights, self._training.exam, self._training.lesson.turns)

    def save(self, path: Path) -> None:
        """Write these weights as a model."""
        training = self._training
        RecallModel(
            training.space,
            training.terms,
            self._weights.gains[: len(training.terms)],
            training.lesson.answers,
            self._weights.unit_rows(),
            training.lesson.turns,
            self.threshold().score,
        ).save(path)


def _batch_and_rate(task: Talks, *, is_large: bool) -> tuple[int, float]:
    batch = task.hyperparameters["batch_size"]
    faster = task.hyperparameters["learning_rate_multiplier"]
    size = batch if isinstance(batch, int) else _LARGE_BATCH if is_large else _BATCH
    return size, LEARNING_RATE * (faster if isinstance(faster, float) else 1.0)
