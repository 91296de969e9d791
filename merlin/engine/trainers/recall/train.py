"""The training of `recall`, from conversations to epochs.

Deterministic: the same task gives the same weights, independent of the order of its examples. With
`n_epochs: auto` it trains until every trained question gets its trained answer, at most 200 epochs,
and reports the questions that remain.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from merlin.engine import training_file
from merlin.engine.trainers.base import Conversation, Epoch, TrainerNote, Untrainable
from merlin.engine.trainers.recall.draws import Integers, hash_texts
from merlin.engine.trainers.recall.encoder import digest_built_in
from merlin.engine.trainers.recall.model import RecallModel
from merlin.engine.trainers.recall.sentences import (
    SentenceSpace,
    Vectors,
    extract_sentence_terms,
    is_sentence,
    normalise_rows,
    truncate,
)
from merlin.engine.trainers.recall.space import Space
from merlin.engine.trainers.recall.text import (
    Extractor,
    Terms,
    Turn,
    build_bare_key,
    extract_terms,
    extract_turns,
)
from merlin.engine.trainers.recall.weights import (
    Documents,
    Evaluation,
    Weights,
    average,
    compute_thresholds,
)

MIN_EPOCHS, MAX_EPOCHS = 25, 200
PERFECT_EPOCHS = 5
_SAMPLE_SIZE = 1_000
_NEARLY_RIGHT = 0.01
_CLOSE_LEAD, _WATCHED_LEAD = 0.05, 0.15
LEARNING_RATE = 0.5
QUESTION_WEIGHT = 1.0
ANSWER_WEIGHT = 0.5
MAX_WITH_ANSWERS = 2_000
MAX_TURNS = 50_000
# Up to 250 answers vectors have 1,024 dimensions, then 10 less with each answer down to 514.
_DIMENSIONS = ((1_000, 514), (2_000, 256))
_MIN_DIMENSIONS, _MAX_DIMENSIONS = 128, 1_024
_MAX_WITH_ALL_DIMENSIONS, _DIMENSIONS_PER_ANSWER = 250, 10
_BATCH, _LARGE_BATCH = 32, 256
_MAX_TESTED = 1_000
_MAX_NAMED = 5
_RATE_DECAY = 0.8
_AVERAGED_EPOCHS = 10
# Up to MAX_ENSEMBLE_ANSWERS, ENSEMBLE_SIZE trainings with different seeds are averaged; from there
# to MIN_SINGLE_ANSWERS the last of them count less and less, because one training instead of five,
# or another number of dimensions, changes one answer in ten.
MAX_ENSEMBLE_ANSWERS, MIN_SINGLE_ANSWERS, ENSEMBLE_SIZE = 300, 500, 5
# Longer questions are not suggested; in characters.
MAX_SUGGESTED_LENGTH = 300


NO_INDICES: Integers = np.empty(0, np.int64)


# The digest of an encoder, and its vectors by text.
EncoderVectors = tuple[str, Vectors]


def train(
    conversations: Sequence[Conversation],
    test: Sequence[Conversation],
    hyperparameters: Mapping[str, object],
    seed: int,
    encoder: EncoderVectors | None = None,
) -> Iterator[Epoch | TrainerNote]:
    """Train on every answered turn of `conversations`; yield epochs and notes.

    `encoder` has the vectors of the texts that `collect_texts` returns; without it the model
    compares words alone. Raises Untrainable if there is no turn to train on, or more than 50,000.
    """
    extract = extract_sentence_terms if encoder else extract_terms
    turns = _extract_turns(conversations, extract)
    if not 0 < len(turns) <= MAX_TURNS:
        raise Untrainable("invalid_n_examples", "engine-taught", n=len(turns), most=MAX_TURNS)
    # Questions with several answers cannot all be learned.
    first: dict[object, int] = {}
    found: set[int] = set()
    for number, turn in enumerate(turns):
        before = first.setdefault(turn.readings, number)
        if turns[before].answer != turn.answer:
            found |= {before, number}
    contradicting = sorted(found)
    if contradicting:
        yield _build_note("engine-contradicting", [turns[number].text for number in contradicting])
    test_questions = _extract_turns(test, extract)[:_MAX_TESTED]
    training = _Training(turns, test_questions, contradicting, hyperparameters, seed, encoder)
    tokens = sum(map(training_file.count_messages, conversations))
    yield from _run_epochs(training, tokens, hyperparameters["n_epochs"])
    if unlearned := training.find_unlearned():
        yield _build_note("engine-left", [turns[number].text for number in unlearned])
    if compute_thresholds(training.served, training.evaluation, training.turns)[1]:
        yield TrainerNote("engine-threshold-lowered")


def _run_epochs(training: _Training, tokens: int, n_epochs: object) -> Iterator[Epoch]:
    last = n_epochs if isinstance(n_epochs, int) else MAX_EPOCHS
    for number in range(1, last + 1):
        loss = training.run_epoch()
        metrics = {"train_loss": loss, "train_accuracy": training.measure_accuracy()}
        metrics |= training.measure_test()
        step, save = number * training.steps, partial(training.save, training.served)
        yield Epoch(number, step, metrics, save, number * tokens)
        if n_epochs == "auto" and training.is_enough(number):
            return


def collect_texts(conversations: Sequence[Conversation], test: Sequence[Conversation]) -> list[str]:
    """Return the texts whose encoder vectors are needed to train on `conversations`, in order."""
    messages = (message for conversation in (*conversations, *test) for message in conversation)
    texts = {truncate(message.content) for message in messages if message.role == "user"}
    turns = _extract_turns(conversations, extract_sentence_terms)
    if len(turns) <= MAX_WITH_ANSWERS:
        texts |= {truncate(turn.answer) for turn in turns}
    return sorted(texts)


def _extract_turns(conversations: Sequence[Conversation], extract: Extractor) -> list[Turn]:
    """Return the distinct trained turns, in an order independent of the file's.

    A complete question that has one answer in all conversations is trained alone.
    """
    found = {turn for each in conversations for turn in extract_turns(each, extract)}
    answers: dict[Terms, set[str]] = defaultdict(set)
    for turn in found:
        answers[turn.readings[0]].add(turn.answer)
    turns = {
        turn.drop_earlier() if turn.is_complete and len(answers[turn.readings[0]]) == 1 else turn
        for turn in found
    }
    return sorted(turns, key=lambda turn: (turn.readings, turn.answer, turn.text))


def _build_note(key: str, texts: Sequence[str]) -> TrainerNote:
    distinct = list(dict.fromkeys(texts))
    first = "; ".join(f"«{text}»" for text in distinct[:_MAX_NAMED])
    return TrainerNote(key, {"n": len(distinct), "shown": first})


def choose_dimensions(answers: int) -> int:
    """Return the vector dimension: smaller for more answers, to limit the training time."""
    least = next((length for most, length in _DIMENSIONS if answers <= most), _MIN_DIMENSIONS)
    fewer = max(0, answers - _MAX_WITH_ALL_DIMENSIONS) * _DIMENSIONS_PER_ANSWER
    return max(least, _MAX_DIMENSIONS - fewer)


def compute_shares(answers: int) -> list[float]:
    """Return the weight of each training in the mean."""
    span = MIN_SINGLE_ANSWERS - MAX_ENSEMBLE_ANSWERS
    repeated = min(max(MIN_SINGLE_ANSWERS - answers, 0) / span, 1) * (ENSEMBLE_SIZE - 1)
    return [1.0, *(share for n in range(ENSEMBLE_SIZE - 1) if (share := min(repeated - n, 1)) > 0)]


def _index_by_answer(
    turns: Sequence[Turn], classes: Sequence[int], answers: int
) -> tuple[Integers, list[list[str]]]:
    """Return by answer the depths at which it was trained, and the questions to suggest for it.

    Bit d of the depths is set if it was trained with d earlier turns.
    """
    depths = np.zeros(answers, np.int64)
    suggestible: list[list[str]] = [[] for _ in range(answers)]
    for turn, number in zip(turns, classes, strict=True):
        depths[number] |= 1 << turn.back
        if not turn.back and len(turn.text) <= MAX_SUGGESTED_LENGTH:
            suggestible[number].append(turn.text)
    return depths, suggestible


def _choose_pace(hyperparameters: Mapping[str, object], *, is_large: bool) -> tuple[int, float]:
    """Return the batch size and the learning rate."""
    size = hyperparameters["batch_size"]
    multiplier = hyperparameters["learning_rate_multiplier"]
    default_size = _LARGE_BATCH if is_large else _BATCH
    batch = size if isinstance(size, int) else default_size
    return batch, LEARNING_RATE * (multiplier if isinstance(multiplier, float) else 1.0)


class _Training:
    """The state of one training: the weights, the training texts, and the evaluation.

    The training texts are the questions and, in a small file, also the answers with a lower weight.
    `turns` are the depths of each answer, see `_index_by_answer`.

    After each epoch the trained questions are evaluated: all questions of a small file; of a large
    one a sample of 1,000, and once almost all of these are right, all questions, then only those
    with a small lead, because evaluating all takes longer than an epoch. `contradicting` are the
    indices of questions with several answers, which cannot all be learned.
    """

    def __init__(
        self,
        turns: Sequence[Turn],
        test: Sequence[Turn],
        contradicting: Sequence[int],
        hyperparameters: Mapping[str, object],
        seed: int,
        encoder: EncoderVectors | None,
    ) -> None:
        answers: dict[str, int] = {}
        classes = [answers.setdefault(turn.answer, len(answers)) for turn in turns]
        self.answers = list(answers)
        self.bare = {build_bare_key(turn.readings[0], turn.back) for turn in turns} - {""}
        self.turns, self.suggestible = _index_by_answer(turns, classes, len(answers))
        digest, vectors = encoder or ("", {})
        asked = [question for each in self.suggestible for question in each]
        is_built_in = digest == digest_built_in()  # others are not comparable with small talk
        self._question_vectors = np.array([vectors[text] for text in asked if is_built_in])
        rows = [turn.readings[-1] for turn in turns]
        weights = [QUESTION_WEIGHT] * len(rows)
        if len(turns) <= MAX_WITH_ANSWERS:
            extract = extract_sentence_terms if encoder else extract_terms
            rows += [extract(answer, question=False) for answer in answers]
            classes += answers.values()
            weights += [ANSWER_WEIGHT] * len(answers)
        self._classes, self._text_weights = np.array(classes), np.array(weights, np.float32)
        self._is_large = len(rows) > MAX_WITH_ANSWERS
        numbers: dict[str, int] = {}
        self._documents = Documents.from_rows(rows, numbers)
        self.evaluation = Evaluation(turns, numbers, answers)
        self.terms = list(numbers)
        self._test = Evaluation(test, numbers, answers) if test else None
        length = choose_dimensions(len(answers))
        self.space = (
            SentenceSpace.from_texts(rows, seed, length, *encoder)
            if encoder
            else Space.from_documents(rows, seed, length)
        )
        placed = self.space.place(list(numbers), encoder[1] if encoder else None)
        hashes = hash_texts(numbers), hash_texts(answers)
        is_word = np.array([not is_sentence(term) for term in numbers])
        self._words = np.flatnonzero(is_word[: len(self.terms)])
        self._shares = [1.0] if self._is_large else compute_shares(len(answers))
        self._trained = [
            Weights(placed, is_word, *hashes, (seed, number)) for number in range(len(self._shares))
        ]
        averaged = 1 if self._is_large else _AVERAGED_EPOCHS * len(self._trained)
        self._recent: deque[Weights] = deque(maxlen=averaged)
        self.served = self._trained[0]
        self._epoch = 0
        self._batch, self._rate = _choose_pace(hyperparameters, is_large=self._is_large)
        every = np.arange(len(turns))
        sampled = np.linspace(0, len(every) - 1, min(len(every), _SAMPLE_SIZE)).astype(np.int64)
        self._sample = sampled if self._is_large else every
        self._learnable = self._watched = np.setdiff1d(every, contradicting)
        # Questions answered wrong or with a small lead, and the best wrong answer of each.
        self._mistakes = self._mistaken_for = NO_INDICES
        self._is_near = False  # almost all of the sample is right; only set for a large file
        self._is_all_right = False
        self._perfect_epochs = 0

    @property
    def steps(self) -> int:
        """Return the number of batches per epoch."""
        return -(-len(self._documents) // self._batch)

    def run_epoch(self) -> float:
        """Train one epoch in random order; return the mean loss.

        `served` is the mean of all trainings' weights over the last ten epochs, which reduces the
        variance of a small file; for a large file it has the weights of the last epoch.
        """
        self._epoch += 1
        total = 0.0
        for weights in self._trained:
            order = weights.draw_order(self._documents, self._epoch)
            for first in range(0, len(order), self._batch):
                total += self._learn(weights, order[first : first + self._batch])
            self._recent.append(weights.take_snapshot())
        epochs = len(self._recent) // len(self._shares)
        self.served = average(self._recent, epochs * self._shares)
        if self._is_near:
            # From now on the learning rate is lower, and wrong or nearly wrong questions are
            # repeated together with the answers they were confused with (hard negatives): among
            # many answers, random negatives seldom include those.
            for first in range(0, len(self._mistakes), self._batch):
                part = slice(first, first + self._batch)
                self._learn(self._trained[0], self._mistakes[part], self._mistaken_for[part])
            self._rate *= _RATE_DECAY
        return total / float(self._text_weights.sum()) / len(self._trained)

    def _learn(self, trained: Weights, chosen: Integers, rivals: Integers = NO_INDICES) -> float:
        classes, weights = self._classes[chosen], self._text_weights[chosen]
        draw_key = 2 * self._epoch + bool(len(rivals))
        return trained.learn(
            self._documents, chosen, classes, weights, rivals, self._rate, draw_key
        )

    def measure_accuracy(self) -> float:
        """Return the share of (sampled) trained questions answered correctly."""
        wrong = self._find_wrong(self._sample)
        avoidable = int(np.isin(wrong, self._learnable).sum())
        self._perfect_epochs = 0 if avoidable else self._perfect_epochs + 1
        is_nearly_right = avoidable <= _NEARLY_RIGHT * len(self._sample)
        self._is_near = self._is_near or (self._is_large and is_nearly_right)
        return 1.0 - len(wrong) / len(self._sample)

    def is_enough(self, epoch: int) -> bool:
        """Return whether to stop training; call it after `measure_accuracy` of the same epoch."""
        watched, learnable = self._watched, self._learnable
        if not self._is_large:
            self._is_all_right = self._perfect_epochs >= PERFECT_EPOCHS and epoch >= MIN_EPOCHS
        elif not self._is_near or not self._check_margins(watched):
            self._is_all_right = False
        else:
            self._is_all_right = len(watched) == len(learnable) or self._check_margins(learnable)
        return self._is_all_right

    def _check_margins(self, question_indices: Integers) -> bool:
        """Evaluate these questions; return whether all are answered correctly.

        Those with a small lead are evaluated next time, those with almost none are repeated.
        """
        result = self.evaluation.evaluate(self.served, self.turns, question_indices)
        lead = result.own - result.other
        is_wrong = result.chosen != self.evaluation.right[question_indices]
        is_close = is_wrong | (lead < _CLOSE_LEAD)
        self._mistakes = question_indices[is_close]
        self._mistaken_for = result.other_answer[is_close]
        self._watched = question_indices[is_wrong | (lead < _WATCHED_LEAD)]
        return not is_wrong.any()

    def find_unlearned(self) -> list[int]:
        """Return the learnable questions that do not get their trained answer."""
        wrong: list[int] = [] if self._is_all_right else self._find_wrong(self._learnable).tolist()
        return wrong

    def _find_wrong(self, question_indices: Integers) -> Integers:
        chosen = self.evaluation.evaluate(self.served, self.turns, question_indices).chosen
        is_wrong = chosen != self.evaluation.right[question_indices]
        return np.asarray(question_indices[is_wrong], np.int64)

    def measure_test(self) -> dict[str, float]:
        """Return loss and accuracy on the test questions, if there are any.

        The loss is over those whose answer was trained; other answers cannot be selected.
        """
        if self._test is None:
            return {}
        question_indices = np.arange(len(self._test))
        chosen = self._test.evaluate(self.served, self.turns, question_indices).chosen
        loss = self._test.compute_loss(self.served, question_indices)
        accuracy = float((chosen == self._test.right).mean())
        return {"valid_accuracy": accuracy} | ({} if loss is None else {"valid_loss": loss})

    def save(self, weights: Weights, path: Path) -> None:
        """Write the weights as a model file."""
        RecallModel(
            self.space,
            [self.terms[number] for number in self._words],
            weights.gains[self._words],
            self.answers,
            normalise_rows(weights.rows),
            self.turns,
            compute_thresholds(weights, self.evaluation, self.turns)[0],
            self.bare,
            self.suggestible,
            self._question_vectors,
        ).save(path)
