"""Evaluate a new model by one probe and its test; detect models that are gone.

One question is asked first, with back-off, because a provider may still be loading the model; then
the rest of its test (`merlin.training.evaluation_questions`). Each answer is stored as it arrives,
and only unanswered questions are asked again. A model that its provider cannot answer with after an
hour is refused; a provider that is unreachable or rejects the credentials says nothing about the
model. A model whose trained weights are not applied is refused: by its engine's own proof,
elsewhere by its answers to trained questions (`find_applied_proof`, docs/adr/0045).
For a dataset's first model, its untrained base is asked some of the questions if that is free: the
gate compares the two.

A model that is missing from the provider's list is asked one question first, because some
servers do not list tuned models, and a list may lag. It is gone if it was missing twice, at
least `settle_s` apart, in the list and in the answer. If it is listed again, it is good again.
One that an answer reports as unapplied is asked itself; it is good again when it answers again.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from merlin.config.engine import RECALL
from merlin.core.clock import is_recent
from merlin.core.errors import ModelGone, ModelUnapplied, ProviderBusy, ProviderError
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.core.messages import SamplingParams
from merlin.dataset.spec import NOT_WORSE, DatasetSpec
from merlin.dataset.split import TRAIN
from merlin.dataset.verdicts import read_newest_settings
from merlin.db.tables import PROMOTION
from merlin.providers.base import (
    NOT_COUNTED,
    Answer,
    ModelClient,
    check_answering_model,
)
from merlin.training.ask_many import ModelQuery, ask_many, is_provider_failure
from merlin.training.evaluation_questions import choose_test
from merlin.training.jobs import Jobs, TrainingProvider
from merlin.training.models import (
    MAX_WAIT_S,
    AppliedProof,
    Model,
    Models,
    ModelState,
    read_questions,
)
from merlin.training.policy import MAX_COMPARED
from merlin.training.scores import EvaluationQuestion, is_right, score_answers

log = get_logger(__name__)
FIRST_WAIT_S = 5.0
GIVE_UP = timedelta(hours=1)
MIN_PROBES = 5
MAX_DOUBLINGS = 10
# How many questions the base of a first model is asked: an untrained one answers at length.
ASKED_OF_BASE = 10


# Whether asking a base model, named after its provider, is known to cost nothing.
IsFree = Callable[[str, str], bool]
# What people asked a dataset lately.
ListAsked = Callable[[DatasetSpec], Sequence[EvaluationQuestion]]


def prove_new(
    rows: Models,
    providers: Mapping[str, TrainingProvider],
    is_free: IsFree,
    list_asked: ListAsked = lambda _: (),
) -> list[Model]:
    """Evaluate every model that is due; return those that became good."""
    return [
        model
        for model in rows.list_unproved()
        if _prove(rows, providers.get(model.provider), model, is_free, list_asked)
    ]


def _prove(
    rows: Models,
    provider: TrainingProvider | None,
    model: Model,
    is_free: IsFree,
    list_asked: ListAsked,
) -> bool:
    if provider is None:
        rows.postpone(model, MAX_WAIT_S, f"no provider {model.provider}")
        return False
    settings = read_newest_settings(rows.db, model.dataset)
    questions = (
        choose_test(rows.db, model, settings, list_asked(settings)) if settings else []
    )
    # At least one answer must exist.
    probe = questions or read_questions(rows.db, model.build_id, TRAIN)[:1]
    answered = rows.answers(model.model_row)
    answers, error = _ask_each(rows, provider.client, model, probe)
    if error is not None:
        # The serving side may not know a new model for some minutes.
        tried = replace(model, probes=0) if len(answers) > len(answered) else model
        _postpone_or_refuse(rows, tried, error, provider.clock() - model.created_at)
        return False
    try:
        applied = find_applied_proof(rows, provider.base_client, model)
    except ModelUnapplied as fault:
        _refuse(rows, model, fault)
        return False
    scored = [question for question in questions if question.kind.is_scored]
    _ask_base(rows, provider, model, scored, is_free)
    proof = score_answers([answers[question.key] for question in scored], scored)
    rows.settle(model, ModelState.GOOD, proof, "", applied)
    kill_point("evaluation.recorded")
    log.info("model proved", model=model.model_id, right=proof.right, chrf=proof.chrf)
    return True


# The fewest equal answers that prove that a model is served as its base.
MIN_COMPARED = 3
# A base that was not trained on short answers would go on to the end of its window.
SHORT = SamplingParams(temperature=0, most_tokens=128)


def find_applied_proof(rows: Models, client: ModelClient, model: Model) -> AppliedProof:
    """Return how it is known that a model is served with its trained weights.

    Raises ModelUnapplied if it is not.
    """
    base = Jobs(rows.db).get(model.job_id).recipe.base_model
    questions = read_questions(rows.db, model.build_id, TRAIN)
    try:
        found = compare_with_base(client, model.model_id, base, questions)
    except ModelUnapplied:
        raise
    except ProviderError as error:  # some models take no temperature
        log.warning(
            "not compared with its base", model=model.model_id, reason=str(error)
        )
        return AppliedProof.UNASKED
    if found is AppliedProof.TAUGHT and base != RECALL:
        # Behind `recall` is a language model; if it has answered the test, the engine proved it.
        answers = rows.answers(model.model_row).values()
        has_answered = any(answer.known is None for answer in answers)
        return AppliedProof.SCORES if has_answered else AppliedProof.UNDECIDED
    return found


def compare_with_base(
    client: ModelClient,
    model_id: str,
    base: str,
    questions: Sequence[EvaluationQuestion],
) -> AppliedProof:
    """Ask a model and its base trained questions until one answer differs.

    Raises ModelUnapplied if none does, and at least `MIN_COMPARED` are not the taught ones.
    """
    equal = 0
    found = AppliedProof.UNDECIDED
    for question in questions[:MAX_COMPARED]:
        answer = client.ask(model_id, question.messages)
        check_answering_model(answer, model_id, base)
        if answer.is_applied:
            return AppliedProof.SCORES
        if answer.known is not None:  # a taught answer of `recall`, or its refusal
            found = AppliedProof.TAUGHT
            continue
        if client.ask(base, question.messages).text != answer.text:
            return AppliedProof.ANSWERS
        equal += not is_right(answer, question.reference, question.text)
    if equal >= MIN_COMPARED:
        raise ModelUnapplied(
            f"not_applied: of {equal} trained questions it answers each as its base {base} does,"
            " word for word, and none as taught: see whether the provider serves tuned models"
        )
    return found


def _ask_each(
    rows: Models,
    client: ModelClient,
    model: Model,
    questions: Sequence[EvaluationQuestion],
) -> tuple[dict[str, Answer], ProviderError | None]:
    """Ask the questions that have no stored answer; each answer is stored as it arrives.

    Returns all answers, and the error that stopped the others. Each pass starts with another
    question: if it fails, no other is asked. Questions that fail among answered ones are asked
    again at the end.
    """
    answers = rows.answers(model.model_row)
    queue = [
        ModelQuery(question.key, question.messages, NOT_COUNTED)
        for question in questions
        if question.key not in answers
    ]
    turn = model.probes % max(len(queue), 1)
    queue = [*queue[turn:], *queue[:turn]]

    def keep(query: ModelQuery, answer: Answer) -> None:
        rows.keep_answer(model, query.key, answer)
        kill_point("evaluation.answered")
        answers[query.key] = answer

    try:
        # It ends: a pass without an answer raises, and a later tick asks again.
        while queue:
            failed = ask_many(client, model.model_id, queue, keep, waits_s=()).failed
            queue = [query for query in queue if query.key in failed]
    except ProviderError as error:
        return answers, error
    return answers, None


def _ask_base(
    rows: Models,
    provider: TrainingProvider,
    model: Model,
    questions: Sequence[EvaluationQuestion],
    is_free: IsFree,
) -> None:
    """Store what a first model's base answers, if a gate needs it and asking is free.

    Without these answers the gate compares the model with refusals, as `recall` has no other.
    """
    settings = read_newest_settings(rows.db, model.dataset)
    if settings is None or settings.gate.kind != NOT_WORSE:
        return
    base = Jobs(rows.db).get(model.job_id).recipe.base_model
    is_first = not rows.db.has(PROMOTION, PROMOTION.dataset == model.dataset)
    is_judged = is_first and len(questions) >= settings.split.least
    if not is_judged or base == RECALL or not is_free(model.provider, base):
        return

    def keep(query: ModelQuery, answer: Answer) -> None:
        rows.keep_base_answer(model, query.key, answer)

    answered = rows.base_answers(model.model_row)
    asked = (each for each in questions[:ASKED_OF_BASE] if each.key not in answered)
    queries = [ModelQuery(each.key, each.messages, NOT_COUNTED) for each in asked]
    try:
        ask_many(provider.base_client, base, queries, keep)
    except ProviderError as error:
        log.warning("base not asked", model=base, reason=str(error))


def _postpone_or_refuse(
    rows: Models, model: Model, error: ProviderError, age: timedelta
) -> None:
    """Schedule the next probe of a model, or refuse it: unapplied, or it never answered."""
    is_given_up = age > GIVE_UP and model.probes >= MIN_PROBES
    if isinstance(error, ModelUnapplied) or (
        is_given_up and not is_provider_failure(error)
    ):
        _refuse(rows, model, error)
        return
    requested_s = error.retry_after_s if isinstance(error, ProviderBusy) else None
    wait = requested_s or FIRST_WAIT_S * 2 ** min(model.probes, MAX_DOUBLINGS)
    rows.postpone(model, min(MAX_WAIT_S, wait), str(error))


def _refuse(rows: Models, model: Model, error: ProviderError) -> None:
    log.warning("model refused", model=model.model_id, reason=str(error))
    rows.settle(model, ModelState.REFUSED, None, str(error))


# A model that answers without being listed is asked again only rarely: answers cost money.
ANSWERED = timedelta(days=1)
UNAPPLIED = timedelta(hours=1)
MAX_ASKED = 20


class ModelInventory:
    """Counts misses in memory: the count restarts with the daemon."""

    def __init__(self, rows: Models, providers: Mapping[str, TrainingProvider]) -> None:
        self._rows = rows
        self._providers = providers
        self._missed: dict[int, datetime] = {}
        self._answered: dict[int, datetime] = {}
        # Those that an answer has reported.
        self._suspects: set[int] = set()
        # Its own tick and a request may run at the same time.
        self._turn = threading.Lock()

    def check_again(self, model_id: str) -> None:
        """Check a model again at the next run: an answer failed because it is gone or unapplied."""
        for model in self._rows.list_proved():
            if model.model_id == model_id:
                self._suspects.add(model.model_row)
                self._answered.pop(model.model_row, None)

    def update(self) -> list[Model]:
        """Check every provider's list once; return the models whose state changed.

        A provider that cannot answer now says nothing about its models.
        """
        changed = []
        with self._turn:
            models = self._rows.list_proved()
            for name in sorted(
                {model.provider for model in models} & self._providers.keys()
            ):
                proved = [model for model in models if model.provider == name]
                changed += list(self._check_models(self._providers[name], proved))
        return changed

    def _check_models(
        self, provider: TrainingProvider, models: Sequence[Model]
    ) -> Iterator[Model]:
        try:
            listed = {card.model_id for card in provider.api.models()}
        except ProviderError as error:
            log.warning(
                "models cannot be listed",
                provider=models[0].provider,
                reason=str(error),
            )
            return
        for model in models:
            if model.model_id in listed:
                self._missed.pop(model.model_row, None)
                if model.state is ModelState.GONE:
                    yield self._settle(model, ModelState.GOOD)
        due = [
            model
            for model in models
            if model.state is not ModelState.GONE
            and self._is_due(provider, model, is_listed=model.model_id in listed)
        ]
        for model in due[:MAX_ASKED]:
            fault = self._ask(provider, model)
            if model.state is ModelState.UNAPPLIED:
                if fault is None:
                    yield self._settle(model, ModelState.GOOD)
            elif isinstance(fault, ModelUnapplied):
                yield self._settle(model, ModelState.UNAPPLIED, str(fault))
            elif self._is_missed_twice(provider, model, fault):
                yield self._settle(model, ModelState.GONE)

    def _is_due(
        self, provider: TrainingProvider, model: Model, *, is_listed: bool
    ) -> bool:
        """Return whether a model must be asked itself, which was not done recently."""
        now = provider.clock()
        asked = self._answered.get(model.model_row)
        if model.state is ModelState.UNAPPLIED:
            return asked is None or not is_recent(asked, now, UNAPPLIED)
        is_young = is_recent(
            model.created_at, now, timedelta(seconds=provider.settle_s)
        )
        is_missed = not is_listed and not is_young
        return (is_missed or model.model_row in self._suspects) and (
            asked is None or not is_recent(asked, now, ANSWERED)
        )

    def _is_missed_twice(
        self, provider: TrainingProvider, model: Model, fault: ProviderError | None
    ) -> bool:
        """Return whether a plain "no such model" came twice."""
        if not isinstance(fault, ModelGone):
            self._missed.pop(model.model_row, None)
            return False
        now = provider.clock()
        first = self._missed.setdefault(model.model_row, now)
        log.warning("model is missed", model=model.model_id, provider=model.provider)
        return first < now and now - first >= timedelta(seconds=provider.settle_s)

    def _ask(self, provider: TrainingProvider, model: Model) -> ProviderError | None:
        """Return the error of asking the model a trained question, None for an answer."""
        taught = read_questions(self._rows.db, model.build_id, TRAIN)
        try:
            if taught:
                answer = provider.client.ask(model.model_id, taught[0].messages)
                base = Jobs(self._rows.db).get(model.job_id).recipe.base_model
                check_answering_model(answer, model.model_id, base)
        except ModelUnapplied as fault:
            error: ProviderError | None = fault
        except ProviderError as fault:
            return fault
        else:
            error = None
        self._answered[model.model_row] = provider.clock()
        self._suspects.discard(model.model_row)
        return error

    def _settle(self, model: Model, state: ModelState, note: str = "") -> Model:
        self._rows.settle(model, state, None, note)
        self._missed.pop(model.model_row, None)
        log.warning(
            "model changed", model=model.model_id, provider=model.provider, state=state
        )
        return replace(model, state=state)
