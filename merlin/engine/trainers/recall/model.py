"""The `recall` model: inference and file format.

It selects one of the trained answers. A question is scored alone and together with earlier turns;
the highest score wins. Unless the question was trained, the answer is "unknown" below its threshold
(the higher, the likelier another answer is by the meaning of the question alone), if several are
about equally likely, or if only another likely one is about exactly its subject. A question of
function words only is not answered, unless it was trained. A follow-up («а самокат?») must match
its answer together with the question before it, too, unless it was trained.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from merlin.core.messages import Message
from merlin.engine.trainers.recall import RecallAnswer
from merlin.engine.trainers.recall.draws import Floats, Integers
from merlin.engine.trainers.recall.encoder import measure_small_talk
from merlin.engine.trainers.recall.space import Space, Vectors, is_sentence, normalise_rows
from merlin.engine.trainers.recall.text import (
    FEW_WORDS,
    MIN_ALONE_SCORE,
    Terms,
    build_bare_key,
    build_readings,
    complete_question,
    drop_sentences,
    extract_terms,
    has_subject,
    select_content,
    select_subject,
    select_texts,
    select_topic,
)

SHARPNESS = np.float32(14.0)
# Of vectors per model: 2,000 words in a small one.
_CACHED_BYTES = 10_000_000
# An answer needs MIN_PROBABILITY among the COMPARED likeliest answers, by the softmax that it was
# trained with. A limit on the distance to the second answer refused more right answers.
COMPARED, MIN_PROBABILITY = 20, 0.45
# For an unknown question, trained ones of up to MAX_NEAREST answers are suggested that reach
# MIN_SHARE of their thresholds. In their order the score by the text's vector alone counts beside
# that of words and vector: words shared with a trained question make an answer certain, but many
# paraphrases share none.
# Small talk gets no suggestion: the nearer a question is to a known line than to any trained
# question, by cosine, the more of a threshold it must reach without its general words ("how do I"
# also occurs in small talk), up to MAX_SMALL_TALK_SHARE: the encoder does not know the word «впн»,
# and takes it for a short remark. A model without an encoder takes FAR_FROM_SMALL_TALK.
MAX_NEAREST, MIN_SHARE = 3, 0.1
SMALL_TALK_WEIGHT, MAX_SMALL_TALK_SHARE, FAR_FROM_SMALL_TALK = 2.5, 0.9, 0.3
# The minimum cosine of small talk after an answer («спасибо») with a known line; follow-ups of
# general words («во сколько?») reach 0.71.
SMALL_TALK_LIKENESS = 0.72
_CARD_FIELDS = ("documents", "seed", "dimensions", "encoder")


@dataclass
class RecallModel:
    """The weights of one epoch and all data for inference.

    `weights` has one row of length 1 (or 0) per answer; bit d of `turns` is set if the answer was
    trained with d earlier turns. `bare` are the trained questions without a content word, as from
    `build_bare_key`; others of that kind are not answered. `trained_questions` are the questions
    that each answer was trained for without an earlier turn; `question_vectors` are the encoder's
    vectors of these, in their order.
    """

    space: Space
    answers: Sequence[str]
    weights: Floats
    turns: Integers
    thresholds: Floats
    bare: Collection[str]
    trained_questions: Sequence[Sequence[str]]
    question_vectors: Floats
    _term_cache: dict[str, tuple[Floats, float]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._word_weights = normalise_rows(self.weights[:, : self.space.dimensions])

    def answer(self, messages: Sequence[Message], encoded: Sequence[Floats] = ()) -> RecallAnswer:
        """Return the trained answer with the highest score for the last question.

        `text` is empty if the answer is unknown. `encoded` are the encoder's vectors of
        `select_texts(messages)`, if the model was trained with an encoder.
        """
        vectors = dict(zip(select_texts(messages), encoded, strict=False))
        readings = [self._keep_known(terms) for terms in build_readings(messages)]
        if not readings:
            return RecallAnswer("", 0.0, known=False)
        can_be_words = len(readings) > 1 or _has_few_words(readings[0])
        alone = self._score_alone(readings[0], vectors, can_be_words=can_be_words)
        completed, previous = complete_question(messages)
        completed = self._keep_known(completed)
        if previous and measure_small_talk(select_texts(messages)[0]) >= SMALL_TALK_LIKENESS:
            completed, previous = readings[0], ""
        scored = [*self._score_readings(readings, alone, completed, previous, vectors)]
        # Of equal scores, those with the most earlier turns.
        scores = max(reversed(scored), key=np.max, default=np.zeros_like(alone))
        best = int(np.argmax(scores))
        score = float(scores[best])
        confidence = round(min(max(score, 0.0), 1.0), 4)
        meaning = self._score_meaning(() if can_be_words else readings[0], vectors)
        is_over = score - (meaning.max() - meaning[best]) >= self.thresholds[best]
        is_sure = _compute_probability(scores) >= MIN_PROBABILITY and not self._has_rival(
            readings[0], scores
        )
        if score > 0 and ((is_over and is_sure) or self._is_trained(readings[0], alone)):
            return RecallAnswer(self.answers[best], confidence, known=True)
        is_follow_up = bool(previous)
        if has_subject(readings[0]):  # it says itself what to suggest
            completed, previous = readings[0], ""
        nearest = self._find_nearest(messages, completed, previous, vectors)
        return RecallAnswer("", confidence, known=False, nearest=nearest, is_follow_up=is_follow_up)

    def _keep_known(self, terms: Terms) -> Terms:
        return terms if self.space.encoder else tuple(drop_sentences(terms))

    def _score_alone(self, terms: Terms, vectors: Vectors, *, can_be_words: bool) -> Floats:
        """Return each answer's score for a question or its subject, without earlier turns.

        If `can_be_words`, the score by the words alone counts where it is higher: the encoder knows
        little of a follow-up or a word.
        """
        scores, words = self._score(terms, vectors), drop_sentences(terms)
        return np.maximum(scores, self._score(words, vectors)) if can_be_words and words else scores

    def _score_readings(
        self,
        readings: Sequence[Terms],
        alone: Floats,
        completed: Terms,
        previous: str,
        vectors: Vectors,
    ) -> Iterator[Floats]:
        """Yield each answer's score for the question alone, then with one and two earlier turns.

        Questions of function words only are left out where they were not trained. `completed` and
        `previous` are those of `complete_question`.
        """
        for back, question in enumerate(readings):
            bare = build_bare_key(readings[0], back)
            if bare and bare not in self.bare:
                continue
            if back:  # only answers trained at that depth are candidates
                scores = self._score(question, vectors)
                is_candidate = (self.turns >> back & 1) & (alone >= MIN_ALONE_SCORE)
                yield np.where(is_candidate, scores, -1.0)
            elif previous and not (bare or self._is_trained(question, alone)):
                yield self._score_follow_up(
                    question, previous, alone, self._score(completed, vectors)
                )
            else:
                yield alone

    def _score_follow_up(
        self, question: Terms, previous: str, alone: Floats, completed: Floats
    ) -> Floats:
        """Return each answer's score for a follow-up.

        The answer before it is repeated only if it contains all content words of the follow-up
        («самокат — 200 рублей» for «а самокат?»), which may be general words in part, and no other
        is over its threshold both for the follow-up and together with the question before it.
        """
        is_previous = np.array([answer == previous for answer in self.answers])
        if not has_subject(question):
            return np.where(is_previous, -1.0, np.minimum(alone, completed))
        both = (alone + completed) / 2
        is_other = ~is_previous & (np.minimum(alone, completed) >= self.thresholds)
        words = set(select_content(question))
        if words <= set(extract_terms(previous, question=False)) and not is_other.any():
            return np.where(is_previous, completed, both)
        return np.where(is_previous | (alone < MIN_ALONE_SCORE), -1.0, both)

    def is_trained_with(self, encoder: str) -> bool:
        """Return whether it was trained with the encoder `encoder` (a digest)."""
        return self.space.encoder == encoder

    def _is_trained(self, question: Terms, scores: Floats) -> bool:
        """Return whether the answer with the highest score was trained for this very question."""
        return tuple(drop_sentences(question)) in map(
            extract_terms, self.trained_questions[int(np.argmax(scores))]
        )

    def _has_rival(self, question: Terms, scores: Floats) -> bool:
        """Return whether another answer is over its threshold, and it alone has just this subject.

        «Как работает двоичный поиск?» is not about «двоичный поиск по ответу».
        """
        over = np.flatnonzero(scores >= self.thresholds).tolist()
        topic = set(select_topic(question))
        if len(over) <= 1 or not topic:
            return False
        exact = {
            answer
            for answer in over
            for text in self.trained_questions[answer]
            if set(select_topic(extract_terms(text))) == topic
        }
        return bool(exact) and int(np.argmax(scores)) not in exact

    def _score_meaning(self, question: Terms, vectors: Vectors) -> Floats:
        """Return each answer's score by the text's vector alone, 0 without one."""
        texts = [term for term in question if is_sentence(term)]
        return self._score(texts, vectors) if texts else np.zeros(len(self.answers), np.float32)

    def _measure_likeness(self, vectors: Vectors) -> float:
        """Return the cosine of the question with the nearest trained one."""
        if not (vectors and len(self.question_vectors)):
            return FAR_FROM_SMALL_TALK
        (vector,) = vectors.values()
        return float((self.question_vectors @ vector.astype(np.float32)).max())

    def _find_nearest(
        self, messages: Sequence[Message], question: Terms, text: str, vectors: Vectors
    ) -> tuple[str, ...]:
        """Return a trained question of each of the likeliest answers, best first.

        The answer `text`, which was the previous one if this is a follow-up, is excluded.
        """
        subject = select_subject(question)
        if not subject:
            return ()
        if not text:
            near = measure_small_talk(select_texts(messages)[0]) - self._measure_likeness(vectors)
            can_be_words = _has_few_words(question)
            scores = self._score_alone(subject, vectors, can_be_words=can_be_words)
            least = min(SMALL_TALK_WEIGHT * near, MAX_SMALL_TALK_SHARE)
            if (scores / self.thresholds).max() < least:
                return ()
        vector = self._compute_vector(question, vectors)
        scores = self._score(question, vectors)
        share = scores / self.thresholds
        order = np.argsort(-scores - self._score_meaning(question, vectors), kind="stable")
        likeliest = order[: MAX_NEAREST + 1]
        best = [answer for answer in likeliest if self.answers[answer] != text][:MAX_NEAREST]
        wordings = [self.trained_questions[answer] for answer in best if share[answer] >= MIN_SHARE]

        def measure_likeness(question: str) -> float:
            return float(self._compute_vector(extract_terms(question), {}) @ vector)

        # Vectors of uncached words take milliseconds.
        return tuple(
            max(wording, key=measure_likeness) if len(wording) > 1 else wording[0]
            for wording in wordings
            if wording
        )

    def _score(self, terms: Sequence[str], vectors: Vectors) -> Floats:
        """Return each answer's score for a question: by its words alone if it has no full text."""
        vector = self._compute_vector(terms, vectors)
        if any(map(is_sentence, terms)):
            return np.asarray(self.weights @ vector, np.float32)
        words = vector[: self.space.dimensions]
        return np.asarray(self._word_weights @ words, np.float32)

    def _compute_vector(self, terms: Sequence[str], vectors: Vectors) -> Floats:
        """Return the question's vector: length 1 if every feature is known, else shorter."""
        placed = self._place_words(drop_sentences(terms))
        for term in filter(is_sentence, terms):  # not cached: the number of texts is unbounded
            (vector,), (mass,) = self.space.place([term], vectors)
            placed.append((vector, float(mass)))
        mass = sum(part[1] for part in placed)
        total = np.sum([part[0] for part in placed], axis=0, dtype=np.float32)
        return np.asarray(total / np.sqrt(mass) if mass > 0 else total, np.float32)

    def _place_words(self, terms: Sequence[str]) -> list[tuple[Floats, float]]:
        if len(self._term_cache) * self.weights[0].nbytes > _CACHED_BYTES:
            self._term_cache = {}
        cache = self._term_cache  # a local reference, because another thread can replace the dict
        missing = [term for term in terms if term not in cache]
        if missing:
            cache.update(
                zip(missing, zip(*self.space.place(missing, {}), strict=True), strict=True)
            )
        return [cache[term] for term in terms]

    def save(self, path: Path) -> None:
        """Write the model as one .npz without pickles; the same model gives the same bytes."""
        space = self.space
        card = {
            **{name: getattr(space, name) for name in _CARD_FIELDS},
            "answers": list(self.answers),
            "bare": sorted(self.bare),
            "trained_questions": self.trained_questions,
        }
        with path.open("wb") as file:
            np.savez(
                file,
                card=np.frombuffer(json.dumps(card, ensure_ascii=False).encode(), np.uint8),
                known=space.known.astype(np.uint32),
                seen_in=space.seen_in.astype(np.uint32),
                middle=space.middle,
                axes=space.axes,
                weights=self.weights,
                turns=self.turns.astype(np.uint8),
                thresholds=self.thresholds,
                question_vectors=self.question_vectors.astype(np.float16),
            )


def _has_few_words(question: Terms) -> bool:
    return len(drop_sentences(question)) <= FEW_WORDS


def _compute_probability(scores: Floats) -> float:
    """Return the probability of the answer with the highest score among the likeliest."""
    likeliest = np.sort(scores)[-COMPARED:]
    return 1 / float(np.exp(SHARPNESS * (likeliest - likeliest[-1])).sum())


def load_model(path: Path) -> RecallModel:
    """Return the model that `RecallModel.save` wrote."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        card = json.loads(arrays["card"].tobytes())
        values = {**card, **{name: arrays[name] for name in arrays.files}}
        for name in ("known", "seen_in", "turns"):
            values[name] = values[name].astype(np.int64)
        values["question_vectors"] = values["question_vectors"].astype(np.float32)
        space = Space(**{each.name: values[each.name] for each in fields(Space)})
        names = [each.name for each in fields(RecallModel) if each.name in values]
        return RecallModel(space, **{name: values[name] for name in names})
