"""The training of `recall`, from conversations to epochs.

Deterministic: the same task gives the same weights, independent of the order of its examples. With
`n_epochs: auto` it trains until every trained question gets its trained answer, at most 200 epochs,
and reports the questions that remain.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from merlin.engine import training_file
from merlin.engine.trainers.base import Conversation, Epoch, TrainerNote, Untrainable
from merlin.engine.trainers.recall.draws import Integers, keys
from merlin.engine.trainers.recall.model import RecallModel
from merlin.engine.trainers.recall.sentences import (
    SentenceSpace,
    Vectors,
    cut,
    is_sentence,
    sentence_terms,
)
from merlin.engine.trainers.recall.text import Read, Space, Taught, bare_question, taught, terms
from merlin.engine.trainers.recall.weights import Documents, Evaluation, Weights, mean, thresholds

MIN_EPOCHS, MAX_EPOCHS = 25, 200
RIGHT_IN_A_ROW = 5
_SAMPLE = 1_000
_NEARLY = 0.01
_NARROW, _WATCHED = 0.05, 0.15
LEARNING_RATE = 0.5
QUESTION_WEIGHT = 1.0
ANSWER_WEIGHT = 0.5
MAX_WITH_ANSWERS = 2_000
MAX_TAUGHT = 50_000
_DIMENSIONS = ((250, 1_024), (1_000, 512), (2_000, 256))
_SHORTEST = 128
_BATCH, _LARGE_BATCH = 32, 256
_MAX_TESTED = 1_000
_MAX_NAMED = 5
_SETTLING = 0.8
_AVERAGED = 10
# With at most MAX_REPEATED answers, REPEATED trainings with different seeds are averaged.
MAX_REPEATED, REPEATED = 300, 5
# Longer questions are not suggested; in characters.
MAX_OFFERED_LENGTH = 300


NOTHING: Integers = np.empty(0, np.int64)


# The digest of an encoder, and its vectors by text.
Encoded = tuple[str, Vectors]


def train(
    talks: Sequence[Conversation],
    test: Sequence[Conversation],
    hyperparameters: Mapping[str, object],
    seed: int,
    encoded: Encoded | None = None,
) -> Iterator[Epoch | TrainerNote]:
    """Train on every answered turn of `talks`; yield epochs and notes.

    `encoded` are an encoder's vectors of the texts that `texts_of` names. Raises Untrainable when
    nothing is taught, or more than 50,000 turns are.
    """
    read = sentence_terms if encoded else terms
    turns = _taught(talks, read)
    if not 0 < len(turns) <= MAX_TAUGHT:
        raise Untrainable("invalid_n_examples", "engine-taught", n=len(turns), most=MAX_TAUGHT)
    hopeless = _contradicting(turns)
    if hopeless:
        yield _named("engine-contradicting", [turns[number].text for number in hopeless])
    test_questions = _taught(test, read)[:_MAX_TESTED]
    training = _Training(turns, test_questions, hopeless, hyperparameters, seed, encoded)
    yield from _epochs(training, talks, hyperparameters["n_epochs"])
    if unlearned := training.unlearned_answers():
        yield _named("engine-left", [turns[number].text for number in unlearned])
    if thresholds(training.served, training.evaluation, training.turns)[1]:
        yield TrainerNote("engine-threshold-lowered")


def _epochs(
    training: _Training, talks: Sequence[Conversation], n_epochs: object
) -> Iterator[Epoch]:
    last = n_epochs if isinstance(n_epochs, int) else MAX_EPOCHS
    tokens = sum(training_file.count_messages(talk) for talk in talks)
    for number in range(1, last + 1):
        loss = training.run_epoch()
        metrics = {"train_loss": loss, "train_accuracy": training.accuracy(), **training.tested()}
        step, save = number * training.steps, partial(training.save, training.served)
        yield Epoch(number, step, metrics, save, number * tokens)
        if n_epochs == "auto" and training.is_enough(number):
            return


def texts_of(talks: Sequence[Conversation], test: Sequence[Conversation]) -> list[str]:
    """Return the texts whose encoder vectors are needed to train on `talks`, in order."""
    messages = (message for talk in (*talks, *test) for message in talk)
    texts = {cut(message.content) for message in messages if message.role == "user"}
    turns = _taught(talks, sentence_terms)
    if len(turns) <= MAX_WITH_ANSWERS:
        texts |= {cut(turn.answer) for turn in turns}
    return sorted(texts)


def _taught(conversations: Sequence[Conversation], read: Read) -> list[Taught]:
    """Return the distinct trained turns, in an order independent of the file's."""
    turns = {turn for talk in conversations for turn in taught(talk, read)}
    return sorted(turns, key=lambda turn: (turn.readings, turn.answer, turn.text))


def _contradicting(turns: Sequence[Taught]) -> list[int]:
    """Return the indices of questions with several answers, which cannot all be learned."""
    first: dict[object, int] = {}
    contradicting: set[int] = set()
    for number, turn in enumerate(turns):
        before = first.setdefault(turn.readings, number)
        if turns[before].answer != turn.answer:
            contradicting |= {before, number}
    return sorted(contradicting)


def _named(key: str, texts: Sequence[str]) -> TrainerNote:
    first = "; ".join(f"«{text}»" for text in texts[:_MAX_NAMED])
    return TrainerNote(key, {"n": len(texts), "shown": first})


def dimensions(answers: int) -> int:
    """Return the vector dimension: smaller for more answers, to limit the training time."""
    return next((length for most, length in _DIMENSIONS if answers <= most), _SHORTEST)


class _Training:
    """The weights in training, with the texts they learn from and the questions they are asked.

    The texts are the questions as taught and, in a small file, the answers as a second and weaker
    view of themselves. `turns` has bit d set for an answer that was taught d turns after its
    conversation's first question.

    The taught questions are asked after each epoch: all of a small file. Of a large one a sample
    of 1,000; once that is nearly right, all of them, and from then on those that won by little:
    asking all costs more than an epoch. `hopeless` are the questions taught with several answers,
    which no training makes right.
    """

    def __init__(
        self,
        taught_turns: Sequence[Taught],
        test: Sequence[Taught],
        hopeless: Sequence[int],
        hyperparameters: Mapping[str, object],
        seed: int,
        encoded: Encoded | None,
    ) -> None:
        answers: dict[str, int] = {}
        classes = [answers.setdefault(turn.answer, len(answers)) for turn in taught_turns]
        named = {bare_question(turn.readings[0], turn.back) for turn in taught_turns}
        self.bare = named - {""}
        self.turns = np.zeros(len(answers), np.int64)
        self.offered: list[list[str]] = [[] for _ in answers]
        for turn, number in zip(taught_turns, classes, strict=True):
            self.turns[number] |= 1 << turn.back
            if not turn.back and len(turn.text) <= MAX_OFFERED_LENGTH:
                self.offered[number].append(turn.text)
        rows = [turn.readings[-1] for turn in taught_turns]
        weights = [QUESTION_WEIGHT] * len(rows)
        if len(taught_turns) <= MAX_WITH_ANSWERS:
            read = sentence_terms if encoded else terms
            rows += [read(answer, question=False) for answer in answers]
            classes += answers.values()
            weights += [ANSWER_WEIGHT] * len(answers)
        self._classes, self._text_weights = np.array(classes), np.array(weights, np.float32)
        self._is_large = len(rows) > MAX_WITH_ANSWERS
        self.answers = list(answers)
        numbers: dict[str, int] = {}
        self._documents = Documents.of(rows, numbers)
        self.evaluation = Evaluation(taught_turns, numbers, answers)
        self.terms = list(numbers)
        self._test = Evaluation(test, numbers, answers) if test else None
        length, vectors = dimensions(len(answers)), encoded[1] if encoded else None
        self.space = (
            SentenceSpace.of_texts(rows, seed, length, *encoded)
            if encoded
            else Space.of(rows, seed, length)
        )
        placed, drawn = self.space.place(list(numbers), vectors), (keys(numbers), keys(answers))
        is_word = np.array([not is_sentence(term) for term in numbers])
        self._words = np.flatnonzero(is_word[: len(self.terms)])
        times = REPEATED if len(answers) <= MAX_REPEATED else 1
        self._trained = [
            Weights(placed, is_word, *drawn, (seed, number)) for number in range(times)
        ]
        self._recent: deque[Weights] = deque(maxlen=1 if self._is_large else _AVERAGED * times)
        self.served = self._trained[0]
        self._epoch = 0
        size, faster = hyperparameters["batch_size"], hyperparameters["learning_rate_multiplier"]
        usual = _LARGE_BATCH if self._is_large else _BATCH
        self._batch = size if isinstance(size, int) else usual
        self._rate = LEARNING_RATE * (faster if isinstance(faster, float) else 1.0)
        every = np.arange(len(taught_turns))
        places = np.linspace(0, len(every) - 1, min(len(every), _SAMPLE)).astype(np.int64)
        self._sample = places if self._is_large else every
        self._learnable = self._watched = np.setdiff1d(every, hopeless)
        # Questions answered wrong or nearly so, and the wrong answers that they come near.
        self._mistakes = self._mistaken_for = NOTHING
        self._is_near = False  # only ever with a large file: time to settle
        self._is_all_right = False
        self._in_a_row = 0

    @property
    def steps(self) -> int:
        """Return the number of batches per epoch."""
        return -(-len(self._documents) // self._batch)

    def run_epoch(self) -> float:
        """Train one epoch in random order; return the mean loss.

        `served` is the mean of the last ten epochs' weights of all trainings, of a large file the
        last one's: of few examples each epoch, and each training, alone is a chance draw.
        """
        self._epoch += 1
        total = 0.0
        for weights in self._trained:
            order = weights.order(self._documents, self._epoch)
            for first in range(0, len(order), self._batch):
                total += self._learn(weights, order[first : first + self._batch])
            self._recent.append(weights.frozen())
        self.served = mean(self._recent)
        if self._is_near:
            # From now on the learning rate is lower, and wrong or nearly wrong questions are
            # repeated together with the answers they were confused with (hard negatives): among
            # many answers, random negatives seldom include those.
            for first in range(0, len(self._mistakes), self._batch):
                part = slice(first, first + self._batch)
                self._learn(self._trained[0], self._mistakes[part], self._mistaken_for[part])
            self._rate *= _SETTLING
        return total / float(self._text_weights.sum()) / len(self._trained)

    def _learn(self, learning: Weights, chosen: Integers, rivals: Integers = NOTHING) -> float:
        classes, weights = self._classes[chosen], self._text_weights[chosen]
        moment = 2 * self._epoch + bool(len(rivals))
        return learning.learn(self._documents, chosen, classes, weights, rivals, self._rate, moment)

    def accuracy(self) -> float:
        """Return the share of (sampled) trained questions answered correctly."""
        wrong = self._wrong(self._sample)
        avoidable = int(np.isin(wrong, self._learnable).sum())
        self._in_a_row = 0 if avoidable else self._in_a_row + 1
        is_nearly_right = avoidable <= _NEARLY * len(self._sample)
        self._is_near = self._is_near or (self._is_large and is_nearly_right)
        return 1.0 - len(wrong) / len(self._sample)

    def is_enough(self, epoch: int) -> bool:
        """Return whether to stop training; call it after `accuracy` of the same epoch."""
        watched, learnable = self._watched, self._learnable
        if not self._is_large:
            self._is_all_right = self._in_a_row >= RIGHT_IN_A_ROW and epoch >= MIN_EPOCHS
        elif not self._is_near or not self._is_right(watched):
            self._is_all_right = False
        else:
            self._is_all_right = len(watched) == len(learnable) or self._is_right(learnable)
        return self._is_all_right

    def _is_right(self, question_indices: Integers) -> bool:
        """Ask these; watch those that win by little, repeat those that win by almost nothing."""
        result = self.evaluation.ask(self.served, self.turns, question_indices)
        lead = result.own - result.other
        is_wrong = result.chosen != self.evaluation.right[question_indices]
        is_close = is_wrong | (lead < _NARROW)
        self._mistakes, self._mistaken_for = (
            question_indices[is_close],
            result.other_answer[is_close],
        )
        self._watched = question_indices[is_wrong | (lead < _WATCHED)]
        return not is_wrong.any()

    def unlearned_answers(self) -> list[int]:
        """Return the learnable questions that do not get their trained answer."""
        wrong: list[int] = [] if self._is_all_right else self._wrong(self._learnable).tolist()
        return wrong

    def _wrong(self, question_indices: Integers) -> Integers:
        chosen = self.evaluation.ask(self.served, self.turns, question_indices).chosen
        return np.asarray(
            question_indices[chosen != self.evaluation.right[question_indices]], np.int64
        )

    def tested(self) -> dict[str, float]:
        """Return loss and accuracy on the test questions, if there are any.

        The loss is over those whose answer was trained; other answers cannot be selected.
        """
        if self._test is None:
            return {}
        question_indices = np.arange(len(self._test))
        chosen = self._test.ask(self.served, self.turns, question_indices).chosen
        loss = self._test.loss(self.served, question_indices)
        accuracy = float((chosen == self._test.right).mean())
        return {"valid_accuracy": accuracy} | ({} if loss is None else {"valid_loss": loss})

    def save(self, weights: Weights, path: Path) -> None:
        """Write the weights as a model file."""
        RecallModel(
            self.space,
            [self.terms[number] for number in self._words],
            weights.gains[self._words],
            self.answers,
            weights.unit_rows(),
            self.turns,
            thresholds(weights, self.evaluation, self.turns)[0],
            self.bare,
            self.offered,
        ).save(path)
