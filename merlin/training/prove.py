"""Evaluate a new model by one probe and the test questions; detect models that are gone.

One question is asked first, with back-off, because a provider may still be loading the model;
then the rest of the test split. Each answer is stored as it arrives, and only unanswered
questions are asked again. A model that its provider cannot answer with after an hour is
refused; a provider that is unreachable or rejects the credentials says nothing about the model.

A model that is missing from the provider's list is asked one question first, because some
servers do not list tuned models, and a list may lag. It is gone if it was missing twice, at
least `settle_s` apart, in the list and in the answer. If it is listed again, it is good again.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from merlin.core.errors import ModelGone, ProviderBusy, ProviderError
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.dataset.split import TRAIN
from merlin.providers.base import NOT_COUNTED, Answer, ModelClient
from merlin.training.ask_many import Query, Reply, ask_many, is_provider_failure
from merlin.training.jobs import TrainingProvider
from merlin.training.models import (
    MAX_WAIT_S,
    Model,
    Models,
    ModelState,
    read_questions,
)
from merlin.training.scores import Question, score_answers

log = get_logger(__name__)
FIRST_WAIT_S = 5.0
GIVE_UP, MIN_PROBES = timedelta(hours=1), 5
MAX_DOUBLINGS = 10


def prove_new(rows: Models, providers: Mapping[str, TrainingProvider]) -> list[Model]:
    """Evaluate every model that is due; return those that became good."""
    return [
        model
        for model in rows.list_unproved()
        if _prove(rows, providers.get(model.provider), model)
    ]


def _prove(rows: Models, provider: TrainingProvider | None, model: Model) -> bool:
    if provider is None:
        rows.postpone(model, MAX_WAIT_S, f"no provider {model.provider}")
        return False
    questions = read_questions(rows.db, model.build_id)
    # At least one answer must exist.
    probe = questions or read_questions(rows.db, model.build_id, TRAIN)[:1]
    answered = rows.answers(model.model_row)
    answers, error = _ask_each(rows, provider.client, model, probe)
    if error is not None:
        # The serving side may not know a new model for some minutes.
        tried = replace(model, probes=0) if len(answers) > len(answered) else model
        _postpone_or_refuse(rows, tried, error, provider.clock() - model.created_at)
        return False
    proof = score_answers([answers[question.example_id] for question in questions], questions)
    rows.settle(model, ModelState.GOOD, proof, "")
    kill_point("evaluation.recorded")
    log.info("model proved", model=model.model_id, chrf=proof.chrf, unknown=proof.unknown_share)
    return True


def _ask_each(
    rows: Models, client: ModelClient, model: Model, questions: Sequence[Question]
) -> tuple[dict[str, Answer], ProviderError | None]:
    """Ask the questions that have no stored answer; each answer is stored as it arrives.

    Returns all answers, and the error that stopped the others. Each pass starts with another
    question: if it fails, no other is asked. Questions that fail among answered ones are asked
    again at the end.
    """
    answers = rows.answers(model.model_row)
    queue = [
        Query(question.example_id, question.messages, NOT_COUNTED)
        for question in questions
        if question.example_id not in answers
    ]
    turn = model.probes % max(len(queue), 1)
    queue = [*queue[turn:], *queue[:turn]]

    def keep(query: Query, reply: Reply) -> None:
        rows.keep_answer(model, query.key, reply.answer)
        kill_point("evaluation.answered")
        answers[query.key] = reply.answer

    try:
        # It ends: a pass without an answer raises, and a later tick asks again.
        while queue:
            failed = ask_many(client, model.model_id, queue, keep, waits_s=()).failed
            queue = [query for query in queue if query.key in failed]
    except ProviderError as error:
        return answers, error
    return answers, None


def _postpone_or_refuse(rows: Models, model: Model, error: ProviderError, age: timedelta) -> None:
    """Schedule the next probe of a model, or refuse it if it never answered."""
    if not is_provider_failure(error) and age > GIVE_UP and model.probes >= MIN_PROBES:
        log.warning("model refused", model=model.model_id, reason=str(error))
        rows.settle(model, ModelState.REFUSED, None, str(error))
    else:
        _postpone(rows, model, error)


def _postpone(rows: Models, model: Model, error: ProviderError) -> None:
    requested_s = error.retry_after_s if isinstance(error, ProviderBusy) else None
    wait = requested_s or FIRST_WAIT_S * 2 ** min(model.probes, MAX_DOUBLINGS)
    rows.postpone(model, min(MAX_WAIT_S, wait), str(error))


# A model that answers without being listed is asked again only rarely: answers cost money.
ANSWERED = timedelta(days=1)
MAX_ASKED = 20


class ModelInventory:
    """Counts misses in memory: the count restarts with the daemon."""

    def __init__(self, rows: Models, providers: Mapping[str, TrainingProvider]) -> None:
        self._rows, self._providers = rows, providers
        self._missed: dict[int, datetime] = {}
        self._answered: dict[int, datetime] = {}
        # Its own tick and a request may run at the same time.
        self._turn = threading.Lock()

    def check_again(self, model_id: str) -> None:
        """Check a model again at the next run: an answer failed because it is gone."""
        for model in self._rows.list_good_or_gone():
            if model.model_id == model_id:
                self._answered.pop(model.model_row, None)

    def update(self) -> list[Model]:
        """Check every provider's list once; return the models whose state changed.

        A provider that cannot answer now says nothing about its models.
        """
        changed = []
        with self._turn:
            models = self._rows.list_good_or_gone()
            for name in sorted({model.provider for model in models} & self._providers.keys()):
                mine = [model for model in models if model.provider == name]
                changed += list(self._check_models(self._providers[name], mine))
        return changed

    def _check_models(self, provider: TrainingProvider, models: Sequence[Model]) -> Iterator[Model]:
        try:
            listed = {card.model_id for card in provider.api.models()}
        except ProviderError as error:
            log.warning("models cannot be listed", provider=models[0].provider, reason=str(error))
            return
        for model in models:
            if model.model_id in listed:
                self._missed.pop(model.model_row, None)
                if model.state is ModelState.GONE:
                    yield self._settle(model, ModelState.GOOD)
        due = [
            model
            for model in models
            if model.model_id not in listed
            and model.state is ModelState.GOOD
            and self._is_due(provider, model)
        ]
        for model in due[:MAX_ASKED]:
            if self._is_missed_twice(provider, model):
                yield self._settle(model, ModelState.GONE)

    def _is_due(self, provider: TrainingProvider, model: Model) -> bool:
        """Return whether the list should contain it by now, and it has not answered recently."""
        now, answered = provider.clock(), self._answered.get(model.model_row)
        is_young = now - model.created_at < timedelta(seconds=provider.settle_s)
        return not is_young and (answered is None or now - answered >= ANSWERED)

    def _is_missed_twice(self, provider: TrainingProvider, model: Model) -> bool:
        if not self._is_missing(provider, model):
            self._missed.pop(model.model_row, None)
            return False
        now = provider.clock()
        first = self._missed.setdefault(model.model_row, now)
        log.warning("model is missed", model=model.model_id, provider=model.provider)
        return first < now and now - first >= timedelta(seconds=provider.settle_s)

    def _is_missing(self, provider: TrainingProvider, model: Model) -> bool:
        """Ask the model itself: only a plain "no such model" counts."""
        taught = read_questions(self._rows.db, model.build_id, TRAIN)
        if not taught:
            return False
        try:
            provider.client.ask(model.model_id, taught[0].messages)
        except ModelGone:
            return True
        except ProviderError:
            return False
        self._answered[model.model_row] = provider.clock()
        return False

    def _settle(self, model: Model, state: ModelState) -> Model:
        self._rows.settle(model, state, None, "")
        self._missed.pop(model.model_row, None)
        log.warning("model changed", model=model.model_id, provider=model.provider, state=state)
        return replace(model, state=state)
