"""The `recall` model: inference and file format.

It selects one of the trained answers. A question is scored alone and together with earlier turns;
the highest score wins, but the exact text of a trained question gets its own answer. Unless the
question was trained, the answer is "unknown" if it is not far enough ahead of the second. An
opposite of the trained questions is not answered (`core/opposites`). A question of function words
only is not answered, unless it was trained. A follow-up («а самокат?») must match its answer
together with the question before it, too, unless it was trained.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from merlin.core.encoder import encode, measure_small_talk
from merlin.core.messages import Message
from merlin.core.opposites import (
    are_opposed,
    asks_more,
    names_other,
    split_content,
)
from merlin.core.vocabulary import find_similar, fold, split_words, stem
from merlin.engine.trainers.recall import RecallAnswer
from merlin.engine.trainers.recall.space import Floats, Integers, Space, normalise_rows
from merlin.engine.trainers.recall.spelling import Spelling
from merlin.engine.trainers.recall.text import (
    MIN_ALONE_SCORE,
    Terms,
    build_key,
    build_readings,
    build_term,
    complete_follow_up,
    select_content,
    select_encoded,
    select_subject,
    select_user_texts,
)

SHARPNESS = np.float32(14.0)
# How far an answer must be ahead of the second, OWN_SHARE of its own score added; more for a
# follow-up. A score is a cosine. A limit for each, or for a probability, answered less.
MIN_LEAD = 0.28
MIN_LEAD_OF_FOLLOW_UP = 0.315
OWN_SHARE = 0.5
# How far without that share: of five questions about room 305 the number alone decided for one,
# because all five had a high score.
MIN_LEAD_ALONE = 0.1
# How far the first answer must be ahead of the second to be shown with an unknown question, under
# its own question's name. So 31 of 38 such answers are right, and 6 % of the questions that nobody
# taught get one.
MIN_LEAD_OF_MEANT = 0.08
# The longest stem that one typing error turns into another thing.
MAX_GUESSED_LENGTH = 5
# For an unknown question, trained ones of up to MAX_NEAREST answers are suggested. Small talk gets
# no suggestion: the nearer a question is to a known line than to any trained question, by cosine,
# the more it must score without its general words ("how do I" also occurs in small talk). The
# weight is the lowest by which a quarter of the shipped sets' small talk at most is offered
# something. A model without an encoder takes FAR_FROM_SMALL_TALK as its nearest trained question.
MAX_NEAREST = 8
SMALL_TALK_WEIGHT = 0.64
FAR_FROM_SMALL_TALK = 0.3
# The minimum cosine of small talk after an answer («спасибо») with a known line; follow-ups of
# general words («во сколько?») reach 0.71.
SMALL_TALK_LIKENESS = 0.72


@dataclass
class RecallModel:
    """The weights of one epoch and all data for inference.

    `weights` has one row of length 1 (or 0) per answer; bit d of `turns` is set if the answer was
    trained with d earlier turns. `trained` has the answers of each trained question, by its key of
    `build_key`. `asked` are the questions that each answer was trained for without an earlier turn,
    `question_vectors` the encoder's vectors of these, in their order.
    """

    space: Space
    answers: Sequence[str]
    weights: Floats
    turns: Integers
    trained: Mapping[str, Sequence[int]]
    asked: Sequence[Sequence[str]]
    question_vectors: Floats

    def __post_init__(self) -> None:
        self._word_weights = normalise_rows(self.weights[:, : self.space.dimensions])
        self._spelling = Spelling(self.space, chain.from_iterable(self.asked))
        self._of_text: dict[str, set[int]] = {}
        self._answers_by_stem: dict[str, set[int]] = {}
        for answer, questions in enumerate(self.asked):
            for question in questions:
                self._of_text.setdefault(_fold_question(question), set()).add(answer)
                for word in split_words(fold(question)):
                    self._answers_by_stem.setdefault(stem(word), set()).add(answer)

    def answer(self, messages: Sequence[Message]) -> RecallAnswer:
        """Return the trained answer with the highest score for the last question.

        `text` is empty if the answer is unknown.
        """
        if not select_user_texts(messages):
            return RecallAnswer("", 0.0, known=False)
        written = select_user_texts(messages)[0]
        messages = self._correct_spelling(messages)
        texts = select_user_texts(messages)
        is_guess = _is_guess(written, texts[0])
        vector = encode([select_encoded(texts[0])])[0] if self.space.encoder else None
        readings = list(build_readings(texts))
        question = readings[0]
        alone = self._score(question, vector)
        completed, previous = complete_follow_up(messages)
        if previous and measure_small_talk(texts[0]) >= SMALL_TALK_LIKENESS:
            completed = ()
            previous = ""
        scored = [*self._score_readings(readings, alone, completed, previous)]
        # Of equal scores, those with the most earlier turns.
        nothing = np.zeros_like(alone), 0
        scores, back = max(
            reversed(scored), key=lambda each: each[0].max(), default=nothing
        )
        exact = self._find_exact(texts[0], readings, alone)
        best = int(np.argmax(scores)) if exact is None else exact
        score = float(scores[best])
        confidence = round(min(max(score, 0.0), 1.0), 4)
        second = float(np.partition(scores, -2)[-2]) if len(scores) > 1 else 0.0
        lead = score - max(second, 0.0)
        least = MIN_LEAD_OF_FOLLOW_UP if previous else MIN_LEAD
        is_sure = lead >= MIN_LEAD_ALONE and lead + OWN_SHARE * score >= least
        is_sure |= score > 0 and best in self.trained.get(build_key(question, back), ())
        is_sure = is_sure and not is_guess
        if exact is not None and not is_guess:
            return RecallAnswer(self.answers[exact], confidence, known=True)
        if is_sure and (previous or back or self._asks_same(texts[0], best)):
            return RecallAnswer(self.answers[best], confidence, known=True)
        if previous and not select_subject(question):
            nearest, lead = self._suggest(completed, None, previous)
        elif self._is_far_from_small_talk(question, texts[0], vector):
            nearest, lead = self._suggest(question, vector, "")
        else:
            nearest, lead = (), 0.0
        likeliest = int(np.argmax(alone))
        may_be_meant = (
            lead >= MIN_LEAD_OF_MEANT
            and not previous
            and self._asks_same(texts[0], likeliest)
        )
        return RecallAnswer(
            "",
            confidence,
            known=False,
            nearest=nearest,
            if_meant=self.answers[likeliest] if may_be_meant else "",
            is_follow_up=bool(previous),
        )

    def _asks_same(self, text: str, answer: int) -> bool:
        """Return whether a question asks for nothing else than an answer's trained wordings."""
        wordings = self.asked[answer]
        return not (
            are_opposed(text, wordings, self.answers[answer])
            or asks_more(text, wordings, self._is_new)
            or names_other(text, wordings, partial(self._is_of_other, answer))
        )

    def _is_of_other(self, answer: int, word: str) -> bool:
        """Return whether a word is a noun that wordings of other answers than this one have."""
        of = self._answers_by_stem.get(stem(word), ())
        is_verb = build_term(word, is_russian=False).startswith("v:")
        return bool(of) and answer not in of and not is_verb

    def _is_new(self, word: str) -> bool:
        """Return whether a word is a noun that no trained text has."""
        is_verb = build_term(word, is_russian=False).startswith("v:")
        return not (is_verb or self._spelling.is_known(word))

    def _correct_spelling(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Return the messages with the last question spelt as it was meant."""
        last = max(place for place, each in enumerate(messages) if each.role == "user")
        question = messages[last]
        if _fold_question(question.content) in self._of_text:
            return messages
        spelt = replace(question, content=self._spelling.correct(question.content))
        return [*messages[:last], spelt, *messages[last + 1 :]]

    def _find_exact(
        self, text: str, readings: Sequence[Terms], alone: Floats
    ) -> int | None:
        """Return the only answer trained for this very text; None if earlier turns may matter."""
        found = [
            each
            for each in self._of_text.get(_fold_question(text), ())
            if alone[each] > 0
        ]
        depths = range(1, len(readings))
        if len(found) != 1 or any(
            build_key(readings[0], back) in self.trained for back in depths
        ):
            return None
        return found[0]

    def _score_readings(
        self, readings: Sequence[Terms], alone: Floats, completed: Terms, previous: str
    ) -> Iterator[tuple[Floats, int]]:
        """Yield each answer's score for the question alone, then with one and two earlier turns.

        The second value is the number of these turns. Questions of function words only are left out
        where they were not trained. `completed` and `previous` are those of `complete_follow_up`.
        """
        has_content = bool(select_content(readings[0]))
        # The encoder knows little of a follow-up.
        either = (
            np.maximum(alone, self._score(readings[0])) if len(readings) > 1 else alone
        )
        for back, question in enumerate(readings):
            is_trained = build_key(readings[0], back) in self.trained
            if not (has_content or is_trained):
                continue
            if back:  # only answers trained at that depth are candidates
                is_candidate = (self.turns >> back & 1) & (either >= MIN_ALONE_SCORE)
                yield np.where(is_candidate, self._score(question), -1.0), back
            elif previous and not is_trained:
                yield self._score_follow_up(question, previous, either, completed), back
            else:
                yield alone, back

    def _score_follow_up(
        self, question: Terms, previous: str, alone: Floats, completed: Terms
    ) -> Floats:
        """Return each answer's score for a follow-up; the answer before it is not repeated."""
        both = self._score(completed)
        is_out = np.array([answer == previous for answer in self.answers])
        if not select_subject(question):
            return np.where(is_out, -1.0, np.minimum(alone, both))
        return np.where(is_out | (alone < MIN_ALONE_SCORE), -1.0, (alone + both) / 2)

    def _is_far_from_small_talk(
        self, question: Terms, text: str, vector: Floats | None
    ) -> bool:
        likeness = (
            FAR_FROM_SMALL_TALK
            if vector is None
            else self._measure_likeness(vector).max()
        )
        if not select_content(question):
            return bool(likeness >= measure_small_talk(text))
        scores = self._score(select_subject(question), vector)
        return bool(
            scores.max() >= SMALL_TALK_WEIGHT * (measure_small_talk(text) - likeness)
        )

    def _suggest(
        self, question: Terms, vector: Floats | None, previous: str
    ) -> tuple[tuple[str, ...], float]:
        """Return the nearest trained question of each of the likeliest answers, best first.

        The second value is how far the first is ahead, 0 if it has no question. The answer
        `previous`, before a follow-up, is excluded.
        """
        scores = self._score(question, vector)
        likeliest = np.argsort(-scores, kind="stable")[: MAX_NEAREST + 1]
        best = [answer for answer in likeliest if self.answers[answer] != previous][
            :MAX_NEAREST
        ]
        likeness = self._measure_likeness(vector) if vector is not None else None
        starts = np.cumsum([0, *map(len, self.asked)])
        found = []
        for answer in best:
            wordings = self.asked[answer]
            if not wordings or scores[answer] <= 0:
                continue
            nearest = (
                0
                if likeness is None
                else int(likeness[starts[answer] :][: len(wordings)].argmax())
            )
            found.append(wordings[nearest])
        is_first_shown = bool(found) and found[0] in self.asked[best[0]]
        ahead = [float(scores[each]) for each in best[:2]] + [0.0]
        return tuple(found), ahead[0] - ahead[1] if is_first_shown else 0.0

    def _score(self, terms: Terms, vector: Floats | None = None) -> Floats:
        """Return each answer's score for a question: by its words alone without its vector."""
        if not terms:
            return np.zeros(len(self.answers), np.float32)
        words, masses = self.space.place_words(terms)
        point = words.sum(0)
        mass = float(masses.sum())
        if vector is None:
            return np.asarray(
                self._word_weights @ point / max(mass, 1e-12) ** 0.5, np.float32
            )
        point = np.hstack(
            [point, self.space.place_texts(vector[None].astype(np.float32))[0]]
        )
        return np.asarray(
            self.weights @ point / (mass + self.space.text_mass) ** 0.5, np.float32
        )

    def _measure_likeness(self, vector: Floats) -> Floats:
        """Return the cosines of a question with the trained ones."""
        return self.question_vectors.astype(np.float32) @ vector.astype(np.float32)

    def save(self, path: Path) -> None:
        """Write the model as one .npz without pickles; the same model gives the same bytes."""
        values = {**vars(self), **vars(self.space)}
        arrays = {name: values.pop(name) for name in _ARRAYS}
        card = {name: values[name] for name in _CARD}
        with path.open("wb") as file:
            text = json.dumps(card, ensure_ascii=False, sort_keys=True).encode()
            np.savez(file, card=np.frombuffer(text, np.uint8), **arrays)


def _is_guess(written: str, read: str) -> bool:
    """Return whether one short word that was corrected is all that a question is about.

    A trie is no tree: what it means is offered.
    """
    subject = split_content(read)
    word = next(iter(subject), "")
    return (
        len(subject) == 1
        and len(word) <= MAX_GUESSED_LENGTH
        and word not in split_content(written)
        and any(find_similar(word, split_content(written)))
    )


def _fold_question(text: str) -> str:
    return fold(text).rstrip(" ?!.")


_ARRAYS = ("known", "seen_in", "middle", "weights", "turns", "question_vectors")
_CARD = ("documents", "seed", "dimensions", "encoder", "answers", "trained", "asked")


def load_model(path: Path) -> RecallModel:
    """Return the model that `RecallModel.save` wrote."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        values = {name: arrays[name] for name in _ARRAYS} | json.loads(
            arrays["card"].tobytes()
        )
    space = Space(**{each.name: values.pop(each.name) for each in fields(Space)})
    return RecallModel(space, **values)
