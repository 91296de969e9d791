"""The training of `recall`, from conversations to epochs.

A vector per answer is learned by a softmax over the answers with cosine-like scores, row-wise
Adagrad and word dropout; the points of texts (`space`) stay. Below its threshold an answer is not
given: the score of a trained question with the other answers estimates that of a similar but
untrained one.

Deterministic: the same task gives the same weights, independent of the order of its examples. With
`n_epochs: auto` it trains until every trained question gets its trained answer, at most 200 epochs,
and reports the questions that remain.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from merlin.engine import training_file
from merlin.engine.trainers.base import Conversation, Epoch, TrainerNote, Untrainable
from merlin.engine.trainers.recall.draws import (
    Bits,
    Floats,
    Integers,
    draw_normal,
    hash_numbers,
    hash_texts,
    splitmix,
    to_uniform,
)
from merlin.engine.trainers.recall.model import SHARPNESS, RecallModel
from merlin.engine.trainers.recall.space import Space, Vectors, normalise_rows
from merlin.engine.trainers.recall.text import (
    MIN_ALONE_SCORE,
    Terms,
    Turn,
    build_bare_key,
    drop_sentences,
    extract_sentence_terms,
    extract_turns,
    truncate,
)

MIN_EPOCHS, MAX_EPOCHS = 25, 200
# Epochs without a mistake after which it ends.
PERFECT_EPOCHS = 5
LEARNING_RATE = 0.5
ANSWER_WEIGHT = 0.5
DROPOUT = 0.3
# The answers are texts to learn from as well, unless the file is large.
MAX_WITH_ANSWERS = 2_000
MAX_TURNS = 50_000
_BATCH, _LARGE_BATCH = 32, 256
# The mean of the last epochs' weights, and up to MAX_ENSEMBLE_ANSWERS of several trainings, varies
# less: one training instead of five changes one answer in ten, those of follow-ups above all.
_AVERAGED_EPOCHS = 10
ENSEMBLE_SIZE, MAX_ENSEMBLE_ANSWERS = 5, 400
INITIAL_SCALE = 0.001
# The initial accumulator of Adagrad keeps the first, still random steps of an answer small.
INITIAL_ACCUMULATOR = 0.2
# Above this number of answers, a step compares with a random part of them.
MAX_COMPARED, SAMPLED_ANSWERS = 1_000, 500
_MAX_SAMPLED = 1_000
_MAX_SCORES = 4_000_000
_MAX_NAMED = 5
_TINY = np.float32(1e-12)
UNKNOWN_ANSWER = -1
# Higher values reject more questions and answer fewer; chosen on the three shipped sets.
QUANTILE, MIN_THRESHOLD = 0.8, 0.32
# Vectors that were computed together with others differ by less than a thousandth.
_MARGIN = 0.002
# Longer questions are not suggested; in characters.
MAX_SUGGESTED_LENGTH = 300
# The digest of an encoder, "" without one, and its vectors by text.
EncoderVectors = tuple[str, Vectors]


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
        raise Untrainable("invalid_n_examples", "engine-taught", n=len(turns), most=MAX_TURNS)
    contradicting = _find_contradicting(turns)
    if contradicting:
        yield _build_note("engine-contradicting", [turns[number].text for number in contradicting])
    training = _Training(turns, _extract_turns(test), contradicting, hyperparameters, seed, encoder)
    tokens = sum(map(training_file.count_messages, conversations))
    n_epochs = hyperparameters["n_epochs"]
    for number in range(1, (n_epochs if isinstance(n_epochs, int) else MAX_EPOCHS) + 1):
        metrics = training.run_epoch(number)
        save = partial(training.save, training.served)
        yield Epoch(number, number * training.steps, metrics, save, number * tokens)
        if n_epochs == "auto" and training.is_enough(number):
            break
    if unlearned := training.find_unlearned():
        yield _build_note("engine-left", [turns[number].text for number in unlearned])
    if training.compute_thresholds(training.served)[1]:
        yield TrainerNote("engine-threshold-lowered")


def collect_texts(conversations: Sequence[Conversation], test: Sequence[Conversation]) -> list[str]:
    """Return the texts whose encoder vectors are needed to train on `conversations`, in order."""
    messages = (message for conversation in (*conversations, *test) for message in conversation)
    texts = {truncate(message.content) for message in messages if message.role == "user"}
    turns = _extract_turns(conversations)
    if len(turns) <= MAX_WITH_ANSWERS:
        texts |= {truncate(turn.answer) for turn in turns}
    return sorted(texts)


def _extract_turns(conversations: Sequence[Conversation]) -> list[Turn]:
    """Return the distinct trained turns, in an order independent of the file's.

    A complete question that has one answer in all conversations is trained alone.
    """
    found = {turn for each in conversations for turn in extract_turns(each)}
    answers: dict[Terms, set[str]] = defaultdict(set)
    for turn in found:
        answers[turn.readings[0]].add(turn.answer)
    turns = {
        turn.drop_earlier() if turn.is_complete and len(answers[turn.readings[0]]) == 1 else turn
        for turn in found
    }
    return sorted(turns, key=lambda turn: (turn.readings, turn.answer, turn.text))


def _find_contradicting(turns: Sequence[Turn]) -> list[int]:
    """Return the indices of questions with several answers, which cannot all be learned."""
    first: dict[object, int] = {}
    found: set[int] = set()
    for number, turn in enumerate(turns):
        before = first.setdefault(turn.readings, number)
        if turns[before].answer != turn.answer:
            found |= {before, number}
    return sorted(found)


def _build_note(key: str, texts: Sequence[str]) -> TrainerNote:
    distinct = list(dict.fromkeys(texts))
    first = "; ".join(f"«{text}»" for text in distinct[:_MAX_NAMED])
    return TrainerNote(key, {"n": len(distinct), "shown": first})


def choose_dimensions(answers: int) -> int:
    """Return the number of columns of words: fewer for many answers, to limit the training time."""
    return 512 if answers <= 1_000 else 256 if answers <= MAX_WITH_ANSWERS else 128  # noqa: PLR2004


@dataclass(frozen=True)
class _Texts:
    """Texts as rows: `terms[starts[i]:starts[i + 1]]` are the term numbers of text i."""

    terms: Integers
    starts: Integers
    keys: Bits

    @classmethod
    def from_rows(cls, rows: Sequence[Terms], numbers: dict[str, int]) -> _Texts:
        """Return `rows` as term numbers, assigning new terms the next ones; no row may be empty."""
        flat = [numbers.setdefault(term, len(numbers)) for row in rows for term in row]
        starts = np.cumsum([0, *(len(row) for row in rows)])
        return cls(np.array(flat, np.int64), starts, hash_texts(rows))

    def select(self, chosen: Integers) -> tuple[Integers, Integers]:
        """Return the concatenated terms of the chosen rows, and the number in each."""
        counts = self.starts[chosen + 1] - self.starts[chosen]
        offsets = np.repeat(self.starts[chosen] - np.cumsum(counts) + counts, counts)
        return self.terms[offsets + np.arange(len(offsets))], counts

    def compute_points(
        self, placed: tuple[Floats, Floats], chosen: Integers, is_kept: Floats | None = None
    ) -> Floats:
        """Return the points of the chosen texts, without the terms that are not kept."""
        terms, counts = self.select(chosen)
        kept = np.ones(len(terms), np.float32) if is_kept is None else is_kept
        starts = np.cumsum(counts) - counts
        # a small matrix, texts x terms, is faster than the sum of each row
        distinct, columns = np.unique(terms, return_inverse=True)
        mixing = np.zeros((len(counts), len(distinct)), np.float32)
        mixing[np.repeat(np.arange(len(counts)), counts), columns] = kept
        lengths = np.sqrt(np.maximum(np.add.reduceat(kept * placed[1][terms], starts), _TINY))
        return np.asarray((mixing @ placed[0][distinct]) / lengths[:, None], np.float32)


class _Result(NamedTuple):
    """Per question: the chosen answer, and the scores of the right answer and of the best other.

    Both scores are those of the trained reading; that of an untrained right answer is -1.
    """

    chosen: Integers
    own: Floats
    other: Floats


class _Questions:
    """Questions with their right answers; `right` is UNKNOWN_ANSWER for one not trained."""

    def __init__(
        self, turns: Sequence[Turn], numbers: dict[str, int], answers: dict[str, int]
    ) -> None:
        self._texts = _Texts.from_rows([row for turn in turns for row in turn.readings], numbers)
        self.points = np.empty(0, np.float32)
        self._starts = np.cumsum([0, *(len(turn.readings) for turn in turns)])
        self._back = np.concatenate([np.arange(len(turn.readings)) for turn in turns])
        self.right = np.array([answers.get(turn.answer, UNKNOWN_ANSWER) for turn in turns])

    def __len__(self) -> int:
        return len(self.right)

    def place(self, placed: tuple[Floats, Floats]) -> None:
        """Compute the points of all readings: they stay the same in all epochs."""
        parts = split(np.arange(len(self._back)), placed[0].shape[1])
        self.points = np.vstack([self._texts.compute_points(placed, part) for part in parts])

    def get_trained(self, chosen: Integers) -> Floats:
        """Return the points of the chosen questions, as they were trained."""
        return np.asarray(self.points[self._starts[chosen + 1] - 1])

    def evaluate(self, units: Floats, depths: Integers, chosen: Integers) -> _Result:
        """Return the results of the chosen questions; `units` are the answers' vectors."""
        if not len(chosen):  # every question has several answers
            nothing = np.empty(0, np.float32)
            return _Result(chosen, nothing, nothing)
        parts = [self._evaluate(units, depths, part) for part in split(chosen, len(units))]
        return _Result(*map(np.concatenate, zip(*parts, strict=True)))

    def _evaluate(self, units: Floats, depths: Integers, chosen: Integers) -> _Result:
        counts = self._starts[chosen + 1] - self._starts[chosen]
        lasts = np.cumsum(counts) - 1
        readings = np.repeat(self._starts[chosen + 1] - 1 - lasts, counts) + np.arange(counts.sum())
        scores = self.points[readings] @ units.T
        back, rows = self._back[readings], np.repeat(np.arange(len(chosen)), counts)
        deep = back > 0
        alone = scores[(lasts - counts + 1)[rows[deep]]]
        may_follow = (depths >> back[deep, None] & 1) & (alone >= MIN_ALONE_SCORE)
        scores[deep] = np.where(may_follow, scores[deep], -1.0)
        nearest = scores.argmax(1)
        best = scores[np.arange(len(scores)), nearest]
        # the reading with the highest score of each question; of two equal ones the deeper one
        winners = nearest[np.lexsort((back, best, rows))[lasts]]
        right = self.right[chosen]
        own = np.where(right >= 0, scores[lasts, right], -1.0)
        scores[lasts[right >= 0], right[right >= 0]] = -1.0
        return _Result(winners, own, scores[lasts].max(1))


def split(chosen: Integers, answers: int) -> Iterator[Integers]:
    """Split `chosen` into batches, to bound the memory of their scores."""
    size = max(1, _MAX_SCORES // answers)
    for first in range(0, len(chosen), size):
        yield chosen[first : first + size]


class _Training:
    """The state of one training: the answers' vectors, and the texts that they are learned from.

    Bit d of an answer's `_depths` is set if it was trained with d earlier turns.
    """

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
        classes = [answers.setdefault(turn.answer, len(answers)) for turn in turns]
        self._answers, self._seed = list(answers), seed
        self._bare = {build_bare_key(turn.readings[0], turn.back) for turn in turns} - {""}
        self._depths = np.zeros(len(answers), np.int64)
        self._suggestible: list[list[str]] = [[] for _ in answers]
        for turn, number in zip(turns, classes, strict=True):
            self._depths[number] |= 1 << turn.back
            if not turn.back and len(turn.text) <= MAX_SUGGESTED_LENGTH:
                self._suggestible[number].append(turn.text)
        rows = [turn.readings[-1] for turn in turns]
        weights = [1.0] * len(rows)
        self._is_large = len(turns) > MAX_WITH_ANSWERS
        if not self._is_large:
            rows += [extract_sentence_terms(answer, question=False) for answer in answers]
            classes += answers.values()
            weights += [ANSWER_WEIGHT] * len(answers)
        digest, self._vectors = encoder
        if not digest:
            rows = [tuple(drop_sentences(row)) for row in rows]
            turns, test = ([turn.drop_texts() for turn in each] for each in (turns, test))
        self._classes, self._weights = np.array(classes), np.array(weights, np.float32)
        numbers: dict[str, int] = {}
        self._texts = _Texts.from_rows(rows, numbers)
        self._questions = _Questions(turns, numbers, answers)
        self._test = _Questions(test[:_MAX_SAMPLED], numbers, answers) if test else None
        length = choose_dimensions(len(answers))
        self._space = Space.from_documents(rows, seed, length, digest, self._vectors)
        self._placed = self._space.place(list(numbers), self._vectors)
        for questions in filter(None, (self._questions, self._test)):
            questions.place(self._placed)
        self._term_hashes, self._answer_hashes = hash_texts(numbers), hash_texts(answers)
        width = self._placed[0].shape[1]
        spread = np.float32(INITIAL_SCALE * width**0.5)
        members = ENSEMBLE_SIZE if len(answers) <= MAX_ENSEMBLE_ANSWERS else 1
        drawn = [
            splitmix(self._answer_hashes ^ hash_numbers(seed, each)) for each in range(members)
        ]
        self._rows = [draw_normal(each, 0, width) * spread for each in drawn]
        self._accumulators = [
            np.full(len(answers), INITIAL_ACCUMULATOR, np.float32) for _ in range(members)
        ]
        averaged = 1 if self._is_large else _AVERAGED_EPOCHS * members
        self._recent: deque[Floats] = deque(maxlen=averaged)
        self.served = self._rows[0]
        size = hyperparameters["batch_size"]
        default_size = _LARGE_BATCH if self._is_large else _BATCH
        self._batch = size if isinstance(size, int) else default_size
        multiplier = hyperparameters["learning_rate_multiplier"]
        self._rate = LEARNING_RATE * (multiplier if isinstance(multiplier, float) else 1.0)
        self._learnable = np.setdiff1d(np.arange(len(turns)), contradicting)
        self._sample = _sample(len(turns))
        self._perfect_epochs = 0

    @property
    def steps(self) -> int:
        """Return the number of batches per epoch."""
        return -(-len(self._classes) // self._batch)

    def run_epoch(self, epoch: int) -> dict[str, float]:
        """Train one epoch in random order; return the metrics.

        `served` is the mean of the last epochs' vectors; of a large file, those of the last one.
        """
        total = 0.0
        for member, rows in enumerate(self._rows):
            keys = self._texts.keys ^ hash_numbers(self._seed, member, epoch)
            order = splitmix(keys).argsort(kind="stable")
            for first in range(0, len(order), self._batch):
                total += self._learn(order[first : first + self._batch], epoch, member)
            self._recent.append(normalise_rows(rows))
        total /= len(self._rows)
        self.served = normalise_rows(np.mean(self._recent, axis=0))
        wrong = self._find_wrong(self._sample)
        self._perfect_epochs += 1
        if np.isin(wrong, self._learnable).any():
            self._perfect_epochs = 0
        accuracy = 1.0 - len(wrong) / len(self._sample)
        metrics = {"train_loss": total / float(self._weights.sum()), "train_accuracy": accuracy}
        return metrics | self._measure_test()

    def _learn(self, chosen: Integers, epoch: int, member: int) -> float:
        """Run one step on the chosen texts; return the sum of their weighted losses."""
        terms, counts = self._texts.select(chosen)
        keys = self._texts.keys[chosen] ^ hash_numbers(self._seed, member, 2 * epoch)
        drawn = to_uniform(splitmix(np.repeat(keys, counts) ^ self._term_hashes[terms]))
        is_kept = drawn >= DROPOUT
        starts = np.cumsum(counts) - counts
        is_kept |= np.repeat(~np.logical_or.reduceat(is_kept, starts), counts)  # never drop all
        points = self._texts.compute_points(self._placed, chosen, is_kept.astype(np.float32))
        classes = self._classes[chosen]
        compared = self._select_answers(classes, keys[:1])
        rows, accumulator = self._rows[member], self._accumulators[member]
        units = normalise_rows(rows[compared])
        right = np.searchsorted(compared, classes)
        loss, slope = cross_entropy(points @ units.T, right, self._weights[chosen])
        slope = slope.T @ points
        # Only the component orthogonal to the row rotates it. The gradient is not divided by the
        # row's length, or the first step, from a tiny row, would dominate the accumulator.
        slope = slope - (slope * units).sum(1, keepdims=True) * units
        accumulator[compared] += (slope * slope).mean(1)
        step = self._rate / np.sqrt(accumulator[compared] + _TINY)
        rows[compared] -= (step[:, None] * slope).astype(np.float32)
        return loss

    def _select_answers(self, classes: Integers, key: Bits) -> Integers:
        count = len(self._answer_hashes)
        if count <= MAX_COMPARED:
            return np.arange(count)
        drawn = to_uniform(splitmix(self._answer_hashes ^ key))
        sampled = np.flatnonzero(drawn < SAMPLED_ANSWERS / count)
        return np.unique(np.concatenate([classes, sampled]))

    def is_enough(self, epoch: int) -> bool:
        """Return whether to stop training."""
        if self._is_large:  # evaluating all takes longer than an epoch
            return self._perfect_epochs > 0 and not self.find_unlearned()
        return self._perfect_epochs >= PERFECT_EPOCHS and epoch >= MIN_EPOCHS

    def find_unlearned(self) -> list[int]:
        """Return the learnable questions that do not get their trained answer."""
        wrong: list[int] = self._find_wrong(self._learnable).tolist()
        return wrong

    def _find_wrong(self, chosen: Integers) -> Integers:
        result = self._questions.evaluate(self.served, self._depths, chosen)
        return np.asarray(chosen[result.chosen != self._questions.right[chosen]], np.int64)

    def _measure_test(self) -> dict[str, float]:
        """Return loss and accuracy on the test questions, if there are any.

        The loss is over those whose answer was trained; other answers cannot be selected.
        """
        test = self._test
        if test is None:
            return {}
        every = np.arange(len(test))
        result = test.evaluate(self.served, self._depths, every)
        metrics = {"valid_accuracy": float((result.chosen == test.right).mean())}
        known = every[test.right >= 0]
        if len(known):
            points = test.get_trained(known)
            ones = np.ones(len(known), np.float32)
            loss, _ = cross_entropy(points @ self.served.T, test.right[known], ones)
            metrics["valid_loss"] = loss / len(known)
        return metrics

    def compute_thresholds(self, units: Floats) -> tuple[Floats, bool]:
        """Return the threshold of each answer, and whether one was lowered for a trained question.

        A threshold is the mean of a global value, the QUANTILE of the best scores with other
        answers, and the best score that a trained question of another answer has with this one, so
        that a dense subject does not suppress a sparse one. Few questions are little evidence, so
        it is at least MIN_THRESHOLD. It is lowered to the score of a correctly answered trained
        question, but not below MIN_ALONE_SCORE, which questions of other subjects reach too.
        """
        questions, chosen = self._questions, self._sample
        result = questions.evaluate(units, self._depths, chosen)
        rivals = np.full(len(units), -1.0, np.float32)
        for part in split(chosen, len(units)):
            scores = questions.get_trained(part) @ units.T
            scores[np.arange(len(part)), questions.right[part]] = -1.0
            rivals = np.maximum(rivals, scores.max(0))
        level = (np.quantile(result.other, QUANTILE) + rivals) / 2
        requested = np.maximum(level, MIN_THRESHOLD)
        is_right = result.chosen == questions.right[chosen]
        lowest = np.ones(len(units))
        np.minimum.at(lowest, result.chosen[is_right], result.own[is_right])
        thresholds = np.clip(lowest - _MARGIN, MIN_ALONE_SCORE, requested).astype(np.float32)
        return thresholds, bool((lowest < requested).any())

    def save(self, units: Floats, path: Path) -> None:
        """Write the weights as a model file."""
        asked = [text for each in self._suggestible for text in each] if self._space.encoder else []
        RecallModel(
            self._space,
            self._answers,
            units,
            self._depths,
            self.compute_thresholds(units)[0],
            self._bare,
            self._suggestible,
            np.array([self._vectors[text] for text in asked], np.float32),
        ).save(path)


def _sample(count: int) -> Integers:
    return np.unique(np.linspace(0, count - 1, min(count, _MAX_SAMPLED)).astype(np.int64))


def cross_entropy(scores: Floats, right: Integers, weights: Floats) -> tuple[float, Floats]:
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
