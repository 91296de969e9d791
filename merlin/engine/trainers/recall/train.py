"""The training of `recall`, from conversations to epochs.

A vector per answer is learned by a softmax over the answers with cosine-like scores and row-wise
Adagrad, beginning with the mean of the answer's texts; the points of texts (`space`) stay. In each
epoch every text lacks some of its words. Beside the questions of an answer with few wordings
stand their rewordings by rule (`core/question_frames`), by their meaning alone: on 412 paraphrases
230 right answers instead of 216, as many wrong ones.

Deterministic: the same task gives the same weights, independent of the order of its examples. With
`n_epochs: auto` it trains until every trained question gets its trained answer, at most 200 epochs,
and reports the questions that remain.
"""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from merlin.core.question_frames import reword
from merlin.engine import training_file
from merlin.engine.trainers.base import Conversation, Epoch, TrainerNote, Untrainable
from merlin.engine.trainers.recall.model import SHARPNESS, RecallModel
from merlin.engine.trainers.recall.space import Floats, Integers, Space, normalise_rows
from merlin.engine.trainers.recall.text import (
    NO_WORDS,
    Terms,
    Turn,
    build_key,
    extract_terms,
    extract_turns,
    select_encoded,
)

MIN_EPOCHS = 100
MAX_EPOCHS = 200
LEARNING_RATE = 0.5
ANSWER_WEIGHT = 0.5
# The share of its words that each text lacks in an epoch.
DROPOUT = 0.3
# Answers and other wordings by rule are texts to learn from as well, unless the file is large.
MAX_WITH_MORE_TEXTS = 2_000
# An answer with more wordings of people's own has no rewordings: they made it worse. Nor do their
# words count: follow-ups, which are told apart by words, were answered wrongly.
MAX_REWORDED = 2
REWORDING_WEIGHT = 0.7
MAX_TURNS = 50_000
_BATCH = 256
# The initial accumulator of Adagrad keeps the first steps of an answer small.
INITIAL_ACCUMULATOR = 0.2
# Above this number of answers, a step compares with a random part of them.
MAX_COMPARED = 1_000
SAMPLED_ANSWERS = 500
_MAX_SAMPLED = 1_000
_TEXTS_AT_ONCE = 32
_MAX_NAMED = 5
_TINY = np.float32(1e-12)
# Longer questions are not suggested; in characters.
MAX_SUGGESTED_LENGTH = 300
# The digest of an encoder, "" without one, and its vectors by text.
EncoderVectors = tuple[str, Mapping[str, Floats]]


def train(
    conversations: Sequence[Conversation],
    test: Sequence[Conversation],
    hyperparameters: Mapping[str, object],
    seed: int,
    encoder: EncoderVectors = ("", {}),
) -> Iterator[Epoch | TrainerNote]:
    """Train on every answered turn of `conversations`; yield epochs and notes.

    `encoder` has the vectors of the texts that `collect_texts` returns; without it the model
    compares words alone. Raises Untrainable if there is no turn to train on, or more than 50,000.
    """
    turns = _extract_turns(conversations)
    if not 0 < len(turns) <= MAX_TURNS:
        raise Untrainable(
            "invalid_n_examples", "engine-taught", n=len(turns), most=MAX_TURNS
        )
    contradicting = _find_contradicting(turns)
    if contradicting:
        yield _build_note(
            "engine-contradicting", [turns[number].text for number in contradicting]
        )
    training = _Training(
        turns, _extract_turns(test), contradicting, hyperparameters, seed, encoder
    )
    tokens = sum(map(training_file.count_messages, conversations))
    n_epochs = hyperparameters["n_epochs"]
    for number in range(1, (n_epochs if isinstance(n_epochs, int) else MAX_EPOCHS) + 1):
        metrics = training.run_epoch()
        save = partial(training.save, training.served)
        yield Epoch(number, number * training.steps, metrics, save, number * tokens)
        if n_epochs == "auto" and training.is_enough(number):
            break
    if unlearned := training.find_unlearned():
        yield _build_note("engine-left", [turns[number].text for number in unlearned])


def collect_texts(
    conversations: Sequence[Conversation], test: Sequence[Conversation]
) -> list[str]:
    """Return the texts whose encoder vectors are needed to train on `conversations`, in order."""
    messages = (
        message for conversation in (*conversations, *test) for message in conversation
    )
    texts = {
        select_encoded(message.content)
        for message in messages
        if message.role == "user"
    }
    documents = _list_documents(_extract_turns(conversations), is_encoded=True)
    return sorted(texts | {select_encoded(each.text) for each in documents})


@dataclass(frozen=True, slots=True)
class _Document:
    """A text to learn an answer from; `is_alone`: it has a vector, as it needs no earlier turn."""

    text: str
    terms: Terms
    answer: str
    weight: float = 1.0
    is_alone: bool = True


def _list_documents(turns: Sequence[Turn], *, is_encoded: bool) -> list[_Document]:
    """Return the trained questions, then the other texts of a file that is not large."""
    questions = [
        _Document(each.text, each.readings[-1], each.answer, is_alone=not each.back)
        for each in turns
    ]
    if len(turns) > MAX_WITH_MORE_TEXTS:
        return questions
    answers = dict.fromkeys(turn.answer for turn in turns)
    counts = Counter(each.answer for each in questions)
    taken = {each.terms for each in questions}
    rewordings = [
        _Document(text, (NO_WORDS,), each.answer, REWORDING_WEIGHT)
        for each in questions
        if is_encoded and each.is_alone and counts[each.answer] <= MAX_REWORDED
        for text in reword(each.text)
        if extract_terms(text) not in taken
    ]
    return [
        *questions,
        *(
            _Document(each, extract_terms(each, question=False), each, ANSWER_WEIGHT)
            for each in answers
        ),
        *rewordings,
    ]


def _extract_turns(conversations: Sequence[Conversation]) -> list[Turn]:
    """Return the distinct trained turns, in an order independent of the file's.

    A complete question that has one answer in all conversations is trained alone.
    """
    found = {turn for each in conversations for turn in extract_turns(each)}
    answers: dict[Terms, set[str]] = defaultdict(set)
    for turn in found:
        answers[turn.readings[0]].add(turn.answer)
    turns = {
        turn.drop_earlier()
        if turn.is_complete and len(answers[turn.readings[0]]) == 1
        else turn
        for turn in found
    }
    return sorted(turns, key=lambda turn: (turn.readings, turn.answer, turn.text))


def _find_contradicting(turns: Sequence[Turn]) -> list[int]:
    """Return the indices of questions with several answers, which cannot all be learned."""
    answers: dict[object, set[str]] = defaultdict(set)
    for turn in turns:
        answers[turn.readings].add(turn.answer)
    return [
        number for number, turn in enumerate(turns) if len(answers[turn.readings]) > 1
    ]


def _build_note(key: str, texts: Sequence[str]) -> TrainerNote:
    distinct = list(dict.fromkeys(texts))
    first = "; ".join(f"«{text}»" for text in distinct[:_MAX_NAMED])
    return TrainerNote(key, {"n": len(distinct), "shown": first})


def choose_dimensions(answers: int) -> int:
    """Return the number of columns of words: fewer for many answers, to limit the training time."""
    return 384 if answers <= 1_000 else 256 if answers <= MAX_WITH_MORE_TEXTS else 128  # noqa: PLR2004


class _Documents:
    """Texts as points: of their words, and of the whole text if it has a vector."""

    def __init__(
        self, rows: Sequence[Terms], vectors: Sequence[Floats | None], space: Space
    ) -> None:
        # One each, so that another example does not change what the others lack.
        self._chances = [
            np.random.default_rng([space.seed, zlib.crc32(" ".join(row).encode())])
            for row in rows
        ]
        numbers: dict[str, int] = {}
        terms = (term for row in rows for term in row)
        self._terms = np.array(
            [numbers.setdefault(term, len(numbers)) for term in terms]
        )
        self._counts = np.array([len(row) for row in rows])
        self._is_wordless = np.array([row == (NO_WORDS,) for row in rows])
        self._words, self._mass = space.place_words(list(numbers))
        self._texts = np.zeros((len(rows), len(space.middle)), np.float32)
        self._text_mass = np.zeros(len(rows), np.float32)
        known = [number for number, vector in enumerate(vectors) if vector is not None]
        if known:
            encoded = np.array([vectors[number] for number in known], np.float32)
            self._texts[known] = space.place_texts(encoded)
            self._text_mass[known] = space.text_mass

    def compute_points(self, *, drop: bool = False) -> Floats:
        """Return a row per text; with `drop`, without a random part of its words and texts."""
        starts = np.cumsum(self._counts) - self._counts
        words = np.ones(len(self._terms), np.float32)
        texts = np.ones(len(starts), np.float32)
        if drop:
            pairs = zip(self._chances, self._counts, strict=True)
            kept = [chance.random(count + 1) >= DROPOUT for chance, count in pairs]
            words = np.concatenate([each[1:] for each in kept]).astype(np.float32)
            texts = np.array([each[0] for each in kept], np.float32)
            texts[self._is_wordless] = 1.0  # they have nothing else
            words[np.repeat(np.add.reduceat(words, starts) == 0, self._counts)] = (
                1.0  # never all
            )
        mass = (
            np.add.reduceat(words * self._mass[self._terms], starts)
            + texts * self._text_mass
        )
        sums = np.zeros((len(starts), self._words.shape[1]), np.float32)
        ends = np.append(starts, len(words))
        for first in range(0, len(starts), _TEXTS_AT_ONCE):
            last = min(first + _TEXTS_AT_ONCE, len(starts))
            here = slice(ends[first], ends[last])
            # a small matrix, texts x terms, is faster than the sum of each row
            distinct, columns = np.unique(self._terms[here], return_inverse=True)
            mixing = np.zeros((last - first, len(distinct)), np.float32)
            texts_of_terms = np.repeat(
                np.arange(last - first), self._counts[first:last]
            )
            mixing[texts_of_terms, columns] = words[here]
            sums[first:last] = mixing @ self._words[distinct]
        points = np.hstack([sums, self._texts * texts[:, None]])
        return np.asarray(
            points / np.sqrt(np.maximum(mass, _TINY))[:, None], np.float32
        )


def _split(count: int) -> Iterator[tuple[int, int]]:
    """Split texts into parts, to bound the memory of their scores."""
    for first in range(0, count, _MAX_SAMPLED):
        yield first, min(first + _MAX_SAMPLED, count)


class _Training:
    """The state of one training: the answers' vectors, and the texts that they are learned from."""

    def __init__(
        self,
        turns: Sequence[Turn],
        test: Sequence[Turn],
        contradicting: Sequence[int],
        hyperparameters: Mapping[str, object],
        seed: int,
        encoder: EncoderVectors,
    ) -> None:
        answers: dict[str, int] = {}
        right = [answers.setdefault(turn.answer, len(answers)) for turn in turns]
        self._turns = turns
        self._answers = list(answers)
        self._right = np.array(right)
        digest, self._vectors = encoder
        documents = _list_documents(turns, is_encoded=bool(digest))
        rows = [each.terms for each in documents]
        texts = [
            self._vectors.get(select_encoded(each.text)) if each.is_alone else None
            for each in documents
        ]
        self._classes = np.array([answers[each.answer] for each in documents])
        self._weights = np.array([each.weight for each in documents], np.float32)
        own = sum(each.weight != REWORDING_WEIGHT for each in documents)
        vectors = np.array(
            [each for each in texts[:own] if each is not None], np.float32
        )
        columns = choose_dimensions(len(answers))
        encoder_used = digest if len(vectors) else ""
        self._space = Space.from_documents(
            rows[:own], seed, columns, encoder_used, vectors
        )
        self._documents = _Documents(rows, texts, self._space)
        plain = self._documents.compute_points()
        self._questions = plain[: len(turns)]
        self._chance = np.random.default_rng(seed)
        self._rows = np.zeros((len(answers), plain.shape[1]), np.float32)
        np.add.at(self._rows, self._classes, plain * self._weights[:, None])
        self._rows = self.served = normalise_rows(self._rows)
        self._accumulator = np.full(len(answers), INITIAL_ACCUMULATOR, np.float32)
        self._test = test[:_MAX_SAMPLED]
        self._test_right = np.array(
            [answers.get(turn.answer, -1) for turn in self._test]
        )
        if self._test:
            asked = [turn.readings[-1] for turn in self._test]
            tested = _Documents(asked, self._collect_vectors(self._test), self._space)
            self._test_points = tested.compute_points()
        size = hyperparameters["batch_size"]
        self._batch = size if isinstance(size, int) else _BATCH
        multiplier = hyperparameters["learning_rate_multiplier"]
        self._rate = LEARNING_RATE * (
            multiplier if isinstance(multiplier, float) else 1.0
        )
        self._learnable = np.setdiff1d(np.arange(len(turns)), contradicting)
        count = min(len(turns), _MAX_SAMPLED)
        self._sample = np.unique(np.linspace(0, len(turns) - 1, count).astype(np.int64))

    def _collect_vectors(self, turns: Sequence[Turn]) -> list[Floats | None]:
        """Return the encoder's vectors of questions without an earlier turn, None of others."""
        return [
            None if turn.back else self._vectors.get(select_encoded(turn.text))
            for turn in turns
        ]

    @property
    def steps(self) -> int:
        """Return the number of batches per epoch."""
        return -(-len(self._classes) // self._batch)

    def run_epoch(self) -> dict[str, float]:
        """Train one epoch; return the metrics."""
        points = self._documents.compute_points(drop=True)
        order = self._chance.permutation(len(points))
        total = sum(
            self._learn(points, order[first : first + self._batch])
            for first in range(0, len(order), self._batch)
        )
        self.served = normalise_rows(self._rows)
        self._wrong = self._find_wrong(self._sample)
        accuracy = 1.0 - len(self._wrong) / len(self._sample)
        metrics = {
            "train_loss": total / float(self._weights.sum()),
            "train_accuracy": accuracy,
        }
        return metrics | self._measure_test()

    def _learn(self, points: Floats, chosen: Integers) -> float:
        """Run one step on the chosen texts; return the sum of their weighted losses."""
        classes = self._classes[chosen]
        points = points[chosen]
        compared = self._select_answers(classes)
        units = normalise_rows(self._rows[compared])
        right = np.searchsorted(compared, classes)
        loss, slope = cross_entropy(points @ units.T, right, self._weights[chosen])
        slope = slope.T @ points
        # Only the component orthogonal to the row rotates it.
        slope = slope - (slope * units).sum(1, keepdims=True) * units
        self._accumulator[compared] += (slope * slope).mean(1)
        step = self._rate / np.sqrt(self._accumulator[compared])
        self._rows[compared] -= step[:, None] * slope
        return loss

    def _select_answers(self, classes: Integers) -> Integers:
        count = len(self._answers)
        if count <= MAX_COMPARED:
            return np.arange(count)
        return np.union1d(classes, self._chance.integers(count, size=SAMPLED_ANSWERS))

    def is_enough(self, epoch: int) -> bool:
        """Return whether to stop training."""
        least = MIN_EPOCHS if len(self._turns) <= MAX_WITH_MORE_TEXTS else 1
        if epoch < least or len(np.intersect1d(self._wrong, self._learnable)):
            return False  # evaluating all of a large file takes longer than an epoch
        return not self.find_unlearned()

    def find_unlearned(self) -> list[int]:
        """Return the learnable questions that do not get their trained answer."""
        parts = (
            self._learnable[first:last] for first, last in _split(len(self._learnable))
        )
        return [number for part in parts for number in self._find_wrong(part).tolist()]

    def _find_wrong(self, chosen: Integers) -> Integers:
        scores = self._questions[chosen] @ self.served.T
        return np.asarray(chosen[scores.argmax(1) != self._right[chosen]])

    def _measure_test(self) -> dict[str, float]:
        """Return loss and accuracy on the test questions, if there are any.

        The loss is over those whose answer was trained; other answers cannot be selected.
        """
        if not self._test:
            return {}
        scores = self._test_points @ self.served.T
        right = self._test_right
        metrics = {"valid_accuracy": float((scores.argmax(1) == right).mean())}
        known = right >= 0
        if known.any():
            ones = np.ones(known.sum(), np.float32)
            metrics["valid_loss"] = cross_entropy(scores[known], right[known], ones)[
                0
            ] / len(ones)
        return metrics

    def save(self, units: Floats, path: Path) -> None:
        """Write the weights as a model file."""
        turns_back = np.zeros(len(self._answers), np.int64)
        trained: dict[str, list[int]] = defaultdict(list)
        asked: list[list[str]] = [[] for _ in self._answers]
        for turn, answer in zip(self._turns, self._right.tolist(), strict=True):
            turns_back[answer] |= 1 << turn.back
            trained[build_key(turn.readings[0], turn.back)].append(answer)
            if not turn.back and len(turn.text) <= MAX_SUGGESTED_LENGTH:
                asked[answer].append(turn.text)
        texts = [text for each in asked for text in each if self._space.encoder]
        vectors = [self._vectors[select_encoded(text)] for text in texts]
        RecallModel(
            self._space,
            self._answers,
            units,
            turns_back,
            trained,
            asked,
            np.array(vectors, np.float16),
        ).save(path)


def cross_entropy(
    scores: Floats, right: Integers, weights: Floats
) -> tuple[float, Floats]:
    """Return the summed weighted softmax loss, and its gradient with respect to the scores.

    A single answer is compared with one that no question resembles: alone it would learn nothing.
    """
    answers = scores.shape[1]
    if answers == 1:
        scores = np.hstack([scores, np.zeros_like(scores)])
    logits = (scores - scores.max(1, keepdims=True)) * SHARPNESS
    probabilities = np.exp(logits)
    probabilities /= probabilities.sum(1, keepdims=True)
    here = np.arange(len(right))
    loss = -np.log(probabilities[here, right] + _TINY)
    probabilities[here, right] -= 1.0
    slope = probabilities * (weights[:, None] * SHARPNESS)
    return float((loss * weights).sum()), slope[:, :answers]
