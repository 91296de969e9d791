"""Prove a new model by the probe and the test questions; see which models are gone.

One question first, with back-off, because a provider may still be loading the model; then the
rest of the test split. Each answer is kept as it comes, and only what was not answered is asked
again. A model that its provider still will not answer with after an hour is refused; a provider
that is away, or that lets nobody in, says nothing of the model.

A model that the provider's list lacks is asked one question before anything is said of it, because
some servers list no tuned models; and a list may lag. So it is gone when it was missed twice, at
least `settle_s` apart, and by the list and the answer both. Listed again, it is good again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from merlin.core.clock import Clock
from merlin.core.errors import ModelGone, ProviderBusy, ProviderError
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.providers.base import Answer, Asker, ModelList, is_locked_out
from merlin.training.models import (
    Model,
    Models,
    ModelState,
    Question,
    questions_of,
    read_conversations,
    score,
)

log = get_logger(__name__)
FIRST_WAIT_S, LONGEST_WAIT_S = 5.0, 600.0
GIVE_UP, FEWEST_PROBES = timedelta(hours=1), 5
MOST_DOUBLINGS = 10
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Evaluator:
    """What proving needs; `askers` by provider name."""

    rows: Models
    askers: Mapping[str, Asker]
    clock: Clock


def prove_new(evaluator: Evaluator) -> list[Model]:
    """Prove every model that is due; return those that became good."""
    return [model for model in evaluator.rows.unproved() if _prove(evaluator, model)]


def _prove(evaluator: Evaluator, model: Model) -> bool:
    asker = evaluator.askers.get(model.provider)
    if asker is None:
        evaluator.rows.postpone(model, LONGEST_WAIT_S, f"no provider {model.provider}")
        return False
    questions = questions_of(read_conversations(evaluator.rows.db, model.build_id, "test"))
    told = evaluator.rows.answers(model.model_row)
    asked = [question for question in questions if question.example_id not in told]
    if not questions:  # one answer there must be
        asked = questions_of(read_conversations(evaluator.rows.db, model.build_id, "train"))[:1]
    new, trouble = _ask_each(evaluator, asker, model, asked)
    if trouble is not None:
        # A fresh model may be unknown to the serving side for some minutes.
        return _later(evaluator, replace(model, probes=0) if new else model, trouble)
    answers = [{**told, **new}[question.example_id] for question in questions]
    proof = score(model.model_row, answers, questions, evaluator.clock())
    evaluator.rows.settle(model, ModelState.GOOD, proof, "")
    kill_point("prove.recorded")
    log.info("model proved", model=model.model_id, chrf=proof.chrf, unknown=proof.unknown_share)
    return True


def _ask_each(
    evaluator: Evaluator, asker: Asker, model: Model, questions: Sequence[Question]
) -> tuple[dict[str, Answer], ProviderError | None]:
    """Return the answers, each kept when it came, and what stood in the way of the others.

    One question goes alone, another one each time: where it fails no other is asked, as after
    `AT_ONCE` failures one after another. One failure among answers stops nothing.
    """
    turn = model.probes % max(len(questions), 1)
    queue = [*questions[turn:], *questions[:turn]]
    answers: dict[str, Answer] = {}
    troubles: list[ProviderError] = []
    is_over, in_a_row = threading.Event(), 0

    def ask(question: Question) -> Answer | ProviderError | None:
        if is_over.is_set():
            return None
        try:
            return _ask(asker, model, question)
        except ProviderError as trouble:
            return trouble

    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for part in (queue[:1], queue[1:]):
                for question, told in zip(part, pool.map(ask, part), strict=True):
                    if isinstance(told, Answer):
                        evaluator.rows.keep_answer(model, question.example_id, told)
                        kill_point("prove.answered")
                        answers[question.example_id] = told
                        in_a_row = 0
                    elif told is not None:
                        troubles.append(told)
                        in_a_row += 1
                    if in_a_row == AT_ONCE or (troubles and not answers):
                        is_over.set()
        finally:
            is_over.set()  # nobody pays for what nobody will keep
    return answers, next(filter(_says_nothing, troubles), next(iter(troubles), None))


def _says_nothing(trouble: ProviderError) -> bool:
    """Return whether the trouble is the provider's and says nothing of the model."""
    return isinstance(trouble, ProviderBusy) or is_locked_out(trouble)


def _ask(asker: Asker, model: Model, question: Question) -> Answer:
    answer = asker.ask(model.model_id, question.messages)
    if not answer.text.strip():
        raise ProviderError("the model answered with nothing")
    return answer


def _later(evaluator: Evaluator, model: Model, trouble: ProviderError) -> bool:
    note = str(trouble)
    is_old = evaluator.clock() - model.created_at > GIVE_UP
    if not _says_nothing(trouble) and is_old and model.probes >= FEWEST_PROBES:
        log.warning("model refused", model=model.model_id, reason=note)
        evaluator.rows.settle(model, ModelState.REFUSED, None, note)
        return False
    asked = trouble.retry_after_s if isinstance(trouble, ProviderBusy) else None
    wait = asked or FIRST_WAIT_S * 2 ** min(model.probes, MOST_DOUBLINGS)
    evaluator.rows.postpone(model, min(LONGEST_WAIT_S, wait), note)
    return False


# A model that answers without being listed is asked again only now and then: answers cost.
ANSWERED = timedelta(days=1)
MOST_ASKED = 20


class ModelInventory:
    """Counts the misses in memory: a daemon that starts anew begins anew.

    `lists` and `settle_s` are by provider name.
    """

    def __init__(
        self, evaluator: Evaluator, lists: Mapping[str, ModelList], settle_s: Mapping[str, float]
    ) -> None:
        self._evaluator = evaluator
        self._lists = lists
        self._settle_s = settle_s
        self._missed: dict[int, datetime] = {}
        self._answered: dict[int, datetime] = {}
        # Its own tick and a request may come at one time.
        self._turn = threading.Lock()

    def doubt(self, model_id: str) -> None:
        """Let a model be asked again at the next look: somebody was told that it is gone."""
        for model in self._evaluator.rows.good_or_gone():
            if model.model_id == model_id:
                self._answered.pop(model.model_row, None)

    def take(self) -> list[Model]:
        """Look once at every provider's list; return the models whose state changed, as they are.

        A provider that cannot answer now says nothing of its models.
        """
        changed = []
        with self._turn:
            standing = self._evaluator.rows.good_or_gone()
            for provider in sorted({model.provider for model in standing} & self._lists.keys()):
                mine = [model for model in standing if model.provider == provider]
                changed += list(self._taken(provider, mine))
        return changed

    def _taken(self, provider: str, models: Sequence[Model]) -> Iterator[Model]:
        try:
            listed = {card.model_id for card in self._lists[provider].models()}
        except ProviderError as trouble:
            log.warning("models cannot be listed", provider=provider, reason=str(trouble))
            return
        unlisted = [model for model in models if model.model_id not in listed]
        for model in models:
            if model.model_id in listed:
                self._missed.pop(model.model_row, None)
                if model.state is ModelState.GONE:
                    yield self._settled(model, ModelState.GOOD)
        due = [
            model for model in unlisted if model.state is ModelState.GOOD and self._is_due(model)
        ]
        for model in due[:MOST_ASKED]:
            if self._is_missed_twice(model):
                yield self._settled(model, ModelState.GONE)

    def _is_due(self, model: Model) -> bool:
        """Return whether the list should show it by now, and it has not answered of late."""
        now = self._evaluator.clock()
        is_young = now - model.created_at < self._settle(model)
        answered = self._answered.get(model.model_row)
        return not is_young and (answered is None or now - answered >= ANSWERED)

    def _settle(self, model: Model) -> timedelta:
        return timedelta(seconds=self._settle_s.get(model.provider, 0.0))

    def _is_missed_twice(self, model: Model) -> bool:
        if not self._is_missing(model):
            self._missed.pop(model.model_row, None)
            return False
        now = self._evaluator.clock()
        first = self._missed.setdefault(model.model_row, now)
        log.warning("model is missed", model=model.model_id, provider=model.provider)
        return first < now and now - first >= self._settle(model)

    def _is_missing(self, model: Model) -> bool:
        """Ask the model itself: only a plain "no such model" counts."""
        asker = self._evaluator.askers.get(model.provider)
        taught = read_conversations(self._evaluator.rows.db, model.build_id, "train")
        if asker is None or not taught:
            return False
        try:
            asker.ask(model.model_id, questions_of(taught[:1])[0].messages)
        except ModelGone:
            return True
        except ProviderError:
            return False
        self._answered[model.model_row] = self._evaluator.clock()
        return False

    def _settled(self, model: Model, state: ModelState) -> Model:
        self._evaluator.rows.settle(model, state, None, "")
        self._missed.pop(model.model_row, None)
        log.warning("model changed", model=model.model_id, provider=model.provider, state=state)
        return replace(model, state=state)
