"""Answers of a model's base to its test questions, for comparison.

They are requested after the proof, in a separate tick, and only if they are free: the price of
the base is known to be 0. An answer is stored by provider, model and the complete conversation: a
base is never asked the same question with the same system text twice, whatever was tuned on it.
Engine bases that select among taught answers are skipped.
"""

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from peewee import fn

from merlin.config import Config
from merlin.config.engine import RECALL
from merlin.core.clock import Backoff
from merlin.core.errors import ProviderError
from merlin.core.log import get_logger
from merlin.db.database import CHUNK, Database, in_portions
from merlin.db.tables import BASELINE_ANSWER, MODEL, REVOKED_EXAMPLE, SERVING
from merlin.db.values import dump_json
from merlin.providers.base import NOT_COUNTED, Answer
from merlin.training.ask_many import Query, Reply, ask_many, is_provider_failure
from merlin.training.jobs import Jobs, TrainingProvider
from merlin.training.models import (
    MAY_SERVE,
    Model,
    answer_of,
    answer_values,
    model_of,
    read_questions,
    select_models,
)
from merlin.training.scores import Question

log = get_logger(__name__)
ASKED_AT_ONCE = 40
FIRST_PAUSE_S, MAX_PAUSE_S = 60.0, 3600.0


def find_base(db: Database, model: Model) -> str:
    """Return the id of a model's base."""
    return Jobs(db).get(model.job_id).recipe.base_model


def read_answers(db: Database, provider: str, model_id: str) -> dict[str, Answer]:
    """Return the answers of a base by `conversation_digest`."""
    of_model = (BASELINE_ANSWER.provider == provider) & (BASELINE_ANSWER.model_id == model_id)
    return {
        row["digest"]: answer_of(row) for row in db.rows(BASELINE_ANSWER.select().where(of_model))
    }


def store_answer(db: Database, provider: str, model_id: str, digest: str, answer: Answer) -> None:
    """Store an answer that `read_answers` returns; one that is stored stays."""
    key = {"provider": provider, "model_id": model_id, "digest": digest}
    db.add_new(BASELINE_ANSWER, key | answer_values(answer))


def conversation_digest(question: Question) -> str:
    """Return a digest of a question with its system text, independent of the reference answer."""
    messages = [message.as_json() for message in question.messages]
    return hashlib.sha256(dump_json(messages).encode()).hexdigest()


def forget_answers(db: Database, model: Model) -> None:
    """Delete the answers to a model's test questions whose consent was revoked."""
    of_dataset = REVOKED_EXAMPLE.select().where(REVOKED_EXAMPLE.dataset == model.dataset)
    revoked = {row["example_id"] for row in db.rows(of_dataset)}
    for question in read_questions(db, model.build_id):
        if question.example_id in revoked:
            is_answer = BASELINE_ANSWER.digest == conversation_digest(question)
            db.delete(BASELINE_ANSWER, is_answer)


def delete_unused_answers(db: Database) -> int:
    """Delete answers that no report needs any more; return how many.

    Those of each dataset's newest good model and of the serving model are kept.
    """
    is_serving = MODEL.id.in_(SERVING.select(SERVING.model_row))
    needed = defaultdict[tuple[str, str], set[str]](set)
    for row in db.rows(select_models().where(_is_newest_good() | is_serving)):
        model = model_of(row)
        questions = read_questions(db, model.build_id)
        needed[model.provider, find_base(db, model)].update(map(conversation_digest, questions))
    count, columns = 0, (BASELINE_ANSWER.provider, BASELINE_ANSWER.model_id)
    for provider, model_id in db.tuples(BASELINE_ANSWER.select(*columns).distinct()):
        of_model = (BASELINE_ANSWER.provider == provider) & (BASELINE_ANSWER.model_id == model_id)
        stored = {row["digest"] for row in db.rows(BASELINE_ANSWER.select().where(of_model))}
        for chunk in in_portions(sorted(stored - needed[provider, model_id]), CHUNK):
            query = BASELINE_ANSWER.delete().where(of_model & BASELINE_ANSWER.digest.in_(chunk))
            count += db.run_in_transaction(partial(db.change, query))
    return count


def _is_newest_good() -> Any:
    """Return the condition for each dataset's newest model that may serve."""
    return MODEL.id.in_(MODEL.select(fn.MAX(MODEL.id)).where(MAY_SERVE).group_by(MODEL.dataset))


class BaselineTick:
    """Asks the base of each dataset's newest good model all test questions, in batches.

    A base that refuses a question is asked again after a pause that doubles.
    """

    def __init__(
        self,
        db: Database,
        config: Config,
        providers: Mapping[str, TrainingProvider],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._db, self._config, self._providers = db, config, providers
        # By model.
        self._backoffs = defaultdict[int, Backoff](
            lambda: Backoff(FIRST_PAUSE_S, MAX_PAUSE_S, monotonic)
        )
        self._answered: set[int] = set()

    def __call__(self) -> bool:
        """Ask a batch; always return False, as no other tick depends on it."""
        for row in self._db.rows(select_models().where(_is_newest_good())):
            model = model_of(row)
            provider, key = self._providers.get(model.provider), model.model_row
            if provider and key not in self._answered and not self._backoffs[key].left_s:
                self._ask(provider, model, find_base(self._db, model))
        return False

    def _ask(self, provider: TrainingProvider, model: Model, base: str) -> None:
        """Ask a base the open questions; store if none is left."""
        failed, queries = False, self._queries(model, base)

        def keep(query: Query, reply: Reply) -> None:
            key = model.provider, base, query.key
            self._db.transact(lambda: store_answer(self._db, *key, reply.answer))

        try:
            if queries:
                result = ask_many(provider.client, base, queries, keep, waits_s=())
                failed = bool(result.failed)
        except ProviderError as error:
            log.warning("base not asked", model=base, reason=str(error))
            failed = not is_provider_failure(error)
        key = model.model_row
        if failed:
            self._backoffs[key].begin()
        elif queries:
            self._backoffs[key].reset()
        else:
            self._answered.add(key)

    def _queries(self, model: Model, base: str) -> list[Query]:
        if not self._is_free(model, base):
            return []
        answers = read_answers(self._db, model.provider, base)
        messages_by_digest = {
            conversation_digest(question): question.messages
            for question in read_questions(self._db, model.build_id)
        }
        queries = [
            Query(key, messages, NOT_COUNTED) for key, messages in messages_by_digest.items()
        ]
        return [query for query in queries if query.key not in answers][:ASKED_AT_ONCE]

    def _is_free(self, model: Model, base: str) -> bool:
        if base == RECALL:
            return False
        price = self._config.price(model.provider, base)
        return price is not None and price.input_micro == price.output_micro == 0
