"""What the base of a model and its checkpoints answer to its test questions, to be set beside it.

They are asked after the proof, in its own tick, and only where asking costs nothing: the price of
the base is known to be 0. An answer is kept by provider, model and the whole conversation: the same
question under the same system text is never asked of a base twice, whatever was tuned on it. A base
of the engine that chooses taught answers has none to give. Of many checkpoints the best ones by
test loss are asked; the last is the model itself.
"""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from math import inf
from typing import Any

from peewee import fn

from merlin.config import Config
from merlin.core.errors import ProviderError
from merlin.core.log import get_logger
from merlin.dataset.split import TEST
from merlin.db.database import CHUNK, Database, in_portions
from merlin.db.tables import BASELINE_ANSWER, CHECKPOINT, MODEL, REVOKED_EXAMPLE, SERVING
from merlin.db.values import dump_json, load_json, storable_text
from merlin.providers.base import NOT_COUNTED, Answer
from merlin.training.ask_many import Query, Reply, ask_many, says_nothing
from merlin.training.jobs import Jobs, TrainingProvider
from merlin.training.models import (
    Model,
    ModelState,
    Question,
    answer_of,
    model_of,
    questions_of,
    read_conversations,
    revoked_builds,
    select_models,
)

log = get_logger(__name__)
MAX_CHECKPOINTS, ASKED_AT_ONCE = 3, 40
_KEPT = 10  # of the engine; what is older cannot be asked any more
_LOSSES = ("full_valid_loss", "valid_loss")
FIRST_PAUSE_S, MAX_PAUSE_S = 60.0, 3600.0
_NOW = (0.0, FIRST_PAUSE_S)


def find_baselines(db: Database, model: Model) -> dict[str, int]:
    """Return the ids of a model's base (step 0) and of its best checkpoints, each with its step."""
    base = Jobs(db).get(model.job_id).recipe.base_model
    of_job = CHECKPOINT.select().where(CHECKPOINT.job_id == model.job_id)
    rows = db.rows(of_job.order_by(CHECKPOINT.step))[-_KEPT:-1]
    scored = [(load_json(row["metrics"]), row) for row in rows]
    best = sorted(scored, key=lambda each: _loss(each[0]))[:MAX_CHECKPOINTS]
    by_step = sorted((row["step"], row["model_id"]) for _, row in best)
    return {base: 0, **{model_id: step for step, model_id in by_step}}


def _loss(metrics: Mapping[str, object]) -> float:
    losses = (metrics.get(name) for name in _LOSSES)
    return next((float(loss) for loss in losses if isinstance(loss, int | float)), inf)


def read_answers(db: Database, provider: str, model_id: str) -> dict[str, Answer]:
    """Return what a base or checkpoint has answered, by `conversation_digest`."""
    of_model = (BASELINE_ANSWER.provider == provider) & (BASELINE_ANSWER.model_id == model_id)
    return {
        row["digest"]: answer_of(row) for row in db.rows(BASELINE_ANSWER.select().where(of_model))
    }


def conversation_digest(question: Question) -> str:
    """Return what names a question with its system text, whatever was taught to answer it."""
    messages = [message.as_json() for message in question.messages]
    return hashlib.sha256(dump_json(messages).encode()).hexdigest()


def forget_answers(db: Database, model: Model) -> None:
    """Delete the answers to those test questions whose consent was taken back."""
    of_dataset = REVOKED_EXAMPLE.select().where(REVOKED_EXAMPLE.dataset == model.dataset)
    revoked = {row["example_id"] for row in db.rows(of_dataset)}
    for question in questions_of(read_conversations(db, model.build_id, TEST)):
        if question.example_id in revoked:
            is_it = BASELINE_ANSWER.digest == conversation_digest(question)
            db.change(BASELINE_ANSWER.delete().where(is_it))


def delete_unused_answers(db: Database) -> int:
    """Delete the answers to what is asked no more; return how many.

    Those beside each dataset's newest good model and beside the one that serves are kept.
    """
    serves = MODEL.id.in_(SERVING.select(SERVING.model_row))
    kept = set[tuple[str, str, str]]()
    for row in db.rows(select_models().where(_is_newest_good() | serves)):
        model = model_of(row)
        questions = questions_of(read_conversations(db, model.build_id, TEST))
        digests = [conversation_digest(each) for each in questions]
        for model_id in find_baselines(db, model):
            kept |= {(model.provider, model_id, digest) for digest in digests}
    gone = defaultdict[tuple[str, str], list[str]](list)
    columns = BASELINE_ANSWER.provider, BASELINE_ANSWER.model_id, BASELINE_ANSWER.digest
    for provider, model_id, digest in db.tuples(BASELINE_ANSWER.select(*columns)):
        if (provider, model_id, digest) not in kept:
            gone[provider, model_id].append(digest)
    count = 0
    for (provider, model_id), digests in gone.items():
        of_model = (BASELINE_ANSWER.provider == provider) & (BASELINE_ANSWER.model_id == model_id)
        for some in in_portions(digests, CHUNK):
            these = BASELINE_ANSWER.delete().where(of_model & BASELINE_ANSWER.digest.in_(some))
            count += db.joined(partial(db.change, these))
    return count


def _is_newest_good() -> Any:
    """Return the condition for each dataset's newest model that may serve."""
    is_good = (MODEL.state == ModelState.GOOD.value) & MODEL.build_id.not_in(revoked_builds())
    return MODEL.id.in_(MODEL.select(fn.MAX(MODEL.id)).where(is_good).group_by(MODEL.dataset))


class BaselineTick:
    """Asks some questions of each dataset's newest good model at a time, until all are answered.

    One that refuses a question is asked again after a pause that doubles.
    """

    def __init__(
        self,
        db: Database,
        config: Config,
        providers: Mapping[str, TrainingProvider],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._db, self._config, self._providers = db, config, providers
        self._monotonic = monotonic
        # By model and baseline: the next try and the pause after it; no try where all is answered.
        self._rests: dict[tuple[int, str], tuple[float, float]] = {}

    def __call__(self) -> bool:
        """Ask; return False: nothing waits for it."""
        for row in self._db.rows(select_models().where(_is_newest_good())):
            model = model_of(row)
            if provider := self._providers.get(model.provider):
                for baseline in find_baselines(self._db, model):
                    again_at, _ = self._rests.get((model.model_row, baseline), _NOW)
                    if self._monotonic() >= again_at:
                        self._ask(provider, model, baseline)
        return False

    def _ask(self, provider: TrainingProvider, model: Model, baseline: str) -> None:
        """Ask what a baseline was not asked yet; note where there is nothing more to ask."""
        failed, queries = False, self._queries(model, baseline)

        def keep(query: Query, reply: Reply) -> None:
            answer, known = reply.answer, reply.answer.known
            values = {"answer": storable_text(answer.text), "known": known and int(known)}
            key = {"provider": model.provider, "model_id": baseline, "digest": query.key}
            self._db.transact(lambda: self._db.add_new(BASELINE_ANSWER, {**key, **values}))

        try:
            if queries:
                result = ask_many(provider.asker, baseline, queries, keep, waits_s=())
                failed = bool(result.failed)
        except ProviderError as trouble:
            log.warning("baseline not asked", model=baseline, reason=str(trouble))
            failed = not says_nothing(trouble)
        key = (model.model_row, baseline)
        if failed:
            _, pause_s = self._rests.get(key, _NOW)
            self._rests[key] = self._monotonic() + pause_s, min(MAX_PAUSE_S, 2 * pause_s)
        elif queries:
            self._rests.pop(key, None)
        else:
            self._rests[key] = inf, FIRST_PAUSE_S

    def _queries(self, model: Model, baseline: str) -> list[Query]:
        if not self._is_free(model, baseline):
            return []
        answers = read_answers(self._db, model.provider, baseline)
        questions = questions_of(read_conversations(self._db, model.build_id, TEST))
        waiting = {conversation_digest(each): each.messages for each in questions}
        queries = [Query(key, messages, NOT_COUNTED) for key, messages in waiting.items()]
        return [query for query in queries if query.key not in answers][:ASKED_AT_ONCE]

    def _is_free(self, model: Model, baseline: str) -> bool:
        base = Jobs(self._db).get(model.job_id).recipe.base_model
        if baseline == base and self._config.engine.chooses(base):
            return False
        price = self._config.price(model.provider, baseline, base)
        return price is not None and price.input_micro == price.output_micro == 0
