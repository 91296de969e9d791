"""The `recall` model: inference and file format.

It selects one of the trained answers. A question is scored alone and together with earlier turns;
the highest score wins. Unless the question was trained, the answer is "unknown" below its
threshold (the higher, the likelier another answer is by the meaning of the question alone), if
several are about equally likely, or if only another likely one is about exactly the question's
subject. A question of function words only is not answered, unless it was trained. A follow-up («а
самокат?») must match its answer together with the question before it, too, unless it was trained.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np

from merlin.core.messages import Message
from merlin.engine.trainers.recall import RecallAnswer
from merlin.engine.trainers.recall.draws import Floats, Integers
from merlin.engine.trainers.recall.encoder import measure_small_talk
from merlin.engine.trainers.recall.sentences import (
    MAX_TEXT_LENGTH,
    SentenceSpace,
    Vectors,
    is_sentence,
    normalise_rows,
    select_texts,
)
from merlin.engine.trainers.recall.space import Space
from merlin.engine.trainers.recall.synonyms import list_known_stems
from merlin.engine.trainers.recall.text import (
    FEW_WORDS,
    MIN_ALONE_SCORE,
    Terms,
    build_bare_key,
    build_readings,
    complete_question,
    correct_spelling,
    drop_sentences,
    extract_terms,
    find_words,
    has_subject,
    select_content,
    select_subject,
    select_topic,
    select_user_texts,
)
from merlin.engine.trainers.recall.weights import SHARPNESS

# Format 1 had one threshold for all answers, and answered questions without a content word; format
# 2 did not store trained questions, so none are suggested; format 3 had no synonyms.
FORMAT = 4
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
# and takes it for a short remark. Models without vectors of their questions take
# FAR_FROM_SMALL_TALK.
MAX_NEAREST, MIN_SHARE = 3, 0.1
SMALL_TALK_WEIGHT, MAX_SMALL_TALK_SHARE, FAR_FROM_SMALL_TALK = 2.5, 0.9, 0.3
# The minimum cosine of small talk after an answer («спасибо») with a known line; follow-ups of
# general words («во сколько?») reach 0.71.
SMALL_TALK_LIKENESS = 0.72


@dataclass
class RecallModel:
    """The weights of one epoch and all data for inference.

    `gains` belong to `terms`; `weights` has one row of length 1 (or 0) per answer; bit d of
    `turns` is set if the answer was trained with d earlier turns. `bare`
    are the trained questions without a content word, as from `build_bare_key`; others of that kind
    are not answered. If it is None (format 1), all are. `trained_questions` are the questions that
    each answer was trained for without an earlier turn; it can be empty. `question_vectors` are the
    built-in encoder's vectors of these, in their order; no rows if it was trained with another one.
    """

    space: Space
    terms: Sequence[str]
    gains: Floats
    answers: Sequence[str]
    weights: Floats
    turns: Integers
    thresholds: Floats
    bare: Collection[str] | None = None
    trained_questions: Sequence[Sequence[str]] = ()
    question_vectors: Floats = field(default_factory=lambda: np.empty(0, np.float32))
    _term_cache: dict[str, tuple[Floats, float]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._gain = dict(zip(self.terms, self.gains.tolist(), strict=True))
        self._word_weights = normalise_rows(self.weights[:, : self.space.dimensions])

    @cached_property
    def _trained_words(self) -> Sequence[str]:
        questions = chain.from_iterable(self.trained_questions)
        return sorted(find_words((*questions, *self.answers)))

    def _is_known(self, term: str) -> bool:
        is_general = not select_subject([term])
        return is_general or term in self._gain or term[2:] in list_known_stems()

    def correct_spelling(self, messages: Sequence[Message]) -> list[Message]:
        """Return the messages with the typing errors of the last questions corrected.

        Only words of the trained questions and answers are recognised.
        """
        corrected = {
            text: correct_spelling(text, self._trained_words, self._is_known)
            for text in select_user_texts(messages)
            if len(text) <= MAX_TEXT_LENGTH
        }
        return [
            replace(message, content=corrected.get(message.content, message.content))
            if message.role == "user"
            else message
            for message in messages
        ]

    def answer(self, messages: Sequence[Message], encoded: Sequence[Floats] = ()) -> RecallAnswer:
        """Return the trained answer with the highest score for the last question.

        `text` is empty if the answer is unknown. `encoded` are the encoder's vectors of
        `select_texts(messages)`, if the model was trained with an encoder.
        """
        vectors = dict(zip(select_texts(messages), encoded, strict=False))
        readings = list(build_readings(messages, self.space.extract))
        if not readings:
            return RecallAnswer("", 0.0, known=False)
        can_be_words = len(readings) > 1 or _has_few_words(readings[0])
        alone = self._score_alone(readings[0], vectors, can_be_words=can_be_words)
        completed, previous = complete_question(messages, self.space.extract)
        if previous and measure_small_talk(select_texts(messages)[0]) >= SMALL_TALK_LIKENESS:
            completed, previous = readings[0], ""
        scored = [*self._score_readings(readings, alone, completed, previous, vectors)]
        # Of equal scores, those with the most earlier turns.
        scores = max(reversed(scored), key=np.max, default=np.zeros_like(alone))
        best = int(np.argmax(scores))
        score = float(scores[best])
        is_sure = _compute_probability(scores) >= MIN_PROBABILITY and not self._has_rival(
            readings[0], scores
        )
        confidence = round(min(max(score, 0.0), 1.0), 4)
        meaning = self._score_meaning(() if can_be_words else readings[0], vectors)
        is_over = score - (meaning.max() - meaning[best]) >= self.thresholds[best]
        if score > 0 and (
            (is_over and is_sure)
            or ((is_over or self.trained_questions) and self._is_trained(readings[0], alone))
        ):
            return RecallAnswer(self.answers[best], confidence, known=True)
        is_follow_up = bool(previous)
        if has_subject(readings[0]):  # it says itself what to suggest
            completed, previous = readings[0], ""
        nearest = self._find_nearest(messages, completed, previous, vectors)
        return RecallAnswer("", confidence, known=False, nearest=nearest, is_follow_up=is_follow_up)

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
            if bare and self.bare is not None and bare not in self.bare:
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

    @property
    def encoder(self) -> str:
        """Return the digest of the encoder that it was trained with, "" without one."""
        return self.space.encoder if isinstance(self.space, SentenceSpace) else ""

    def is_trained_with(self, encoder: str, vectors: Sequence[Floats]) -> bool:
        """Return whether it was trained with the encoder `encoder` (a digest) of `vectors`."""
        space = self.space
        if not isinstance(space, SentenceSpace) or space.encoder != encoder:
            return False
        return all(vector.shape == space.middle.shape for vector in vectors)

    def _is_trained(self, question: Terms, scores: Floats) -> bool:
        """Return whether the answer with the highest score was trained for this very question.

        Always true for a model that does not store its questions.
        """
        if not self.trained_questions:
            return True
        return tuple(drop_sentences(question)) in map(
            extract_terms, self.trained_questions[int(np.argmax(scores))]
        )

    def _has_rival(self, question: Terms, scores: Floats) -> bool:
        """Return whether another answer is over its threshold, and it alone has just this subject.

        «Как работает двоичный поиск?» is not about «двоичный поиск по ответу».
        """
        over = np.flatnonzero(scores >= self.thresholds)
        topic = [{term, *self.space.find_synonyms(term)} for term in select_topic(question)]
        if len(over) <= 1 or not (topic and self.trained_questions):
            return False
        exact = set()
        for answer in over.tolist():
            for text in self.trained_questions[answer]:
                words = set(select_topic(extract_terms(text)))
                if words <= set().union(*topic) and all(words & each for each in topic):
                    exact.add(answer)
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
        if not (self.trained_questions and subject):
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
            return float(self._compute_vector(extract_terms(question), None) @ vector)

        # Vectors of uncached words take milliseconds.
        return tuple(
            max(wording, key=measure_likeness) if len(wording) > 1 else wording[0]
            for wording in wordings
            if wording
        )

    def _score(self, terms: Sequence[str], vectors: Vectors | None) -> Floats:
        """Return each answer's score for a question: by its words alone if it has no full text."""
        vector = self._compute_vector(terms, vectors)
        if any(map(is_sentence, terms)):
            return np.asarray(self.weights @ vector, np.float32)
        words = vector[: self.space.dimensions]
        return np.asarray(self._word_weights @ words, np.float32)

    def _compute_vector(self, terms: Sequence[str], vectors: Vectors | None) -> Floats:
        """Return the question's vector: length 1 if every feature is known, else shorter."""
        placed = self._place_terms(drop_sentences(terms))
        for term in filter(is_sentence, terms):  # not cached: the number of texts is unbounded
            (vector,), (mass,) = self.space.place([term], vectors)
            placed.append((vector, float(mass)))
        mass = sum(part[1] for part in placed)
        total = np.sum([part[0] for part in placed], axis=0, dtype=np.float32)
        return np.asarray(total / np.sqrt(mass) if mass > 0 else total, np.float32)

    def _place_terms(self, terms: Sequence[str]) -> list[tuple[Floats, float]]:
        if len(self._term_cache) * self.weights[0].nbytes > _CACHED_BYTES:
            self._term_cache = {}
        cache = self._term_cache  # a local reference, because another thread can replace the dict
        missing = [term for term in terms if term not in cache]
        if missing:
            vectors, masses = self.space.place(missing)
            for term, vector, mass in zip(missing, vectors, masses, strict=True):
                gain = self._gain.get(term, 1.0)
                cache[term] = (gain * vector, gain * gain * float(mass))
        return [cache[term] for term in terms]

    def save(self, path: Path) -> None:
        """Write the model as one .npz without pickles; the same model gives the same bytes."""
        card = {
            "format": FORMAT,
            **self.space.build_card(),
            "terms": list(self.terms),
            "answers": list(self.answers),
            "bare": None if self.bare is None else sorted(self.bare),
            "taught": self.trained_questions,
        }
        with path.open("wb") as file:
            np.savez(
                file,
                card=np.frombuffer(json.dumps(card, ensure_ascii=False).encode(), np.uint8),
                **self.space.get_arrays(),
                gains=self.gains,
                weights=self.weights,
                turns=self.turns.astype(np.uint8),
                thresholds=self.thresholds,
                questions=self.question_vectors.astype(np.float16),
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
        known, seen_in = arrays["known"].astype(np.int64), arrays["seen_in"].astype(np.int64)
        numbers = card["documents"], card["seed"], card["dimensions"]
        words = known, seen_in, card.get("synonyms", {}), *numbers
        space = Space(*words)
        if "encoder" in card:
            space = SentenceSpace(*words, card["encoder"], arrays["middle"], arrays["axes"])
        is_first = card["format"] == 1
        count = len(card["answers"])
        limits = np.full(count, card["threshold"]) if is_first else arrays["thresholds"]
        return RecallModel(
            space,
            card["terms"],
            arrays["gains"],
            card["answers"],
            arrays["weights"],
            arrays["turns"].astype(np.int64),
            limits,
            card.get("bare"),
            card.get("taught", ()),
            np.asarray(arrays.get("questions", ()), np.float32),
        )
