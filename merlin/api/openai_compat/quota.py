"""What a question under /v1 may cost whom, reserved before it is asked.

Everything but `keep` is to be called within the store's work. `keep` puts right what processes that
were killed left behind; any replica may do it.
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import datetime, timedelta
from http import HTTPStatus
from math import ceil

from merlin.account.users import User
from merlin.api.auth import Caller
from merlin.api.problems import Refusal
from merlin.api.services import ApiServices
from merlin.app import courses
from merlin.app.ask import ALONE, NUMBER_BITS, Asked, cost_of, is_known, name_of, request_of_call
from merlin.app.quota import Asker, find_asker, reserve, settle
from merlin.billing.cost_limits import Over
from merlin.billing.plan import Plan
from merlin.billing.quota import Left, Quotas
from merlin.chat.answer import Reply, report_troubles
from merlin.chat.model_catalogue import Candidate, ModelCatalogue, first_candidate
from merlin.chat.sessions import fits_window
from merlin.core import i18n
from merlin.core.errors import MerlinError
from merlin.core.log import get_logger, redact
from merlin.dataset.layout import is_valid_name
from merlin.db.idempotency import IdempotencyKeys
from merlin.openai_protocol.errors import NO_CREDIT

BY = "api:door"


def asker_of(
    services: ApiServices,
    caller: Caller,
    language: str,
    number: int = 0,
    dataset: str | None = None,
) -> Asker:
    """Return who asks, with the plan that counts for questions about a dataset.

    Without a `number` the question gets one that nobody guesses.
    """
    number = number or secrets.randbits(NUMBER_BITS)
    return find_asker(services, caller.user or User(0), language, number, dataset)


def offered_models(services: ApiServices) -> dict[str, datetime | None]:
    """Return the door's models with since when each serves, None where a general one answers."""
    found = dict[str, datetime | None]()
    served = {each.dataset: each.since for each in ModelCatalogue(services.db).all_serving()}
    default = ModelCatalogue(services.db).serving(services.default_dataset)
    found[ALONE] = default.since if default else None
    for dataset in [*served, *courses.active(services).by_slug]:
        found.setdefault(name_of(dataset), served.get(dataset))
    return found


def reserve_question(services: ApiServices, asked: Asked, asker: Asker) -> Candidate | None:
    """Return who is to answer, with the question reserved where plans count.

    Raises Refusal: there is no such model, the talk is too long, or the plan has no room.
    """
    if not _is_offered(services, asked):
        names = ", ".join(offered_models(services))
        status = HTTPStatus.NOT_FOUND
        raise Refusal(status, "no-model", "model_not_found", "model", model=asked.name, names=names)
    first = first_candidate(ModelCatalogue(services.db), request_of_call(services, asked))
    _refuse_too_long(asker.plan, asked, first)
    found, now = reserve(services, asker, asked.kind), services.clock()
    if isinstance(found, Over):
        raise _too_dear(asker, found, now)
    if found is not None:
        raise _spent(asker, found, now)
    return first


def _is_offered(services: ApiServices, asked: Asked) -> bool:
    if not is_known(asked.name):
        return False
    dataset = asked.dataset
    if asked.name == ALONE or dataset is None:
        return True
    if not is_valid_name(dataset):
        return False
    is_course = dataset in courses.active(services).by_slug
    return is_course or ModelCatalogue(services.db).serving(dataset) is not None


def _refuse_too_long(plan: Plan, asked: Asked, first: Candidate | None) -> None:
    before = first.before if first is not None else ()
    if plan.window is not None and not fits_window((*before, *asked.talk), plan.window):
        code = "context_length_exceeded"
        raise Refusal(HTTPStatus.BAD_REQUEST, "window", code, "messages", limit=str(plan.window))


def _too_dear(asker: Asker, over: Over, now: datetime) -> Refusal:
    """Return the refusal where today's answers cost as much as they may."""
    until = i18n.format_moment(over.until, asker.zone, asker.language)
    status, key = HTTPStatus.TOO_MANY_REQUESTS, f"guard-{over.reach.value}"
    return _later(Refusal(status, key, NO_CREDIT, until=until), over.until, now)


def _later(refusal: Refusal, until: datetime, now: datetime) -> Refusal:
    refusal.retry_after_s = max(ceil((until - now).total_seconds()), 1)
    return refusal


def _spent(asker: Asker, left: Left, now: datetime) -> Refusal:
    kind, status = left.kind.value, HTTPStatus.TOO_MANY_REQUESTS
    if left.limit == 0:
        return Refusal(status, "closed", NO_CREDIT, kind=kind)
    refusal = Refusal(
        status,
        "spent",
        NO_CREDIT,
        kind=kind,
        limit=left.limit or 0,
        period=left.period.value,
        until=i18n.format_moment(left.resets_at, asker.zone, asker.language),
    )
    return _later(refusal, left.resets_at, now)


def settle_question(services: ApiServices, asker: Asker, reply: Reply) -> None:
    """Charge an answered question, give back any other, and tell admins of what went wrong."""
    settle(services, asker, cost_of(services, reply), is_answered=reply.is_answer)
    report_troubles(services.db, reply.troubles, services.clock(), BY)


log = get_logger(__name__)

# Longer than any answer takes.
ABANDONED = timedelta(minutes=10)


async def release_stale_reservations(services: ApiServices) -> None:
    """Give back what nobody asks any more, now and then every so often, until cancelled."""
    while True:
        try:
            await services.store.do(lambda: _keep(services))
        except MerlinError as error:
            log.warning("abandoned questions wait", reason=redact(str(error)))
        except Exception:
            log.exception("abandoned questions wait")
        await asyncio.sleep(services.door.keep_s)


def _keep(services: ApiServices) -> None:
    now = services.clock()
    count = Quotas(services.db, services.bot_id).give_back_before(now - ABANDONED)
    IdempotencyKeys(services.db).clear(now)
    if count:
        log.warning("abandoned questions were given back", questions=count)
