"""What a question under /v1 may cost whom, reserved before it is asked.

Everything is to be called within the store's work. `release_stale_reservations` puts right what
processes that were killed left behind; any replica may do it.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from http import HTTPStatus
from math import ceil
from typing import Any

from merlin.account.users import User
from merlin.api.auth import Caller
from merlin.api.openai_compat.requests import ALONE, Asked, is_known, name_of, request_of_call
from merlin.api.problems import refusal
from merlin.api.services import ApiServices
from merlin.app import courses
from merlin.app.ask import Asker, Over, cost_of, find_asker, reserve, settle
from merlin.app.context import Context
from merlin.billing.quota import Left, Quotas
from merlin.chat.answer import Reply, report_troubles
from merlin.chat.canary import count_answer
from merlin.chat.model_catalogue import Candidate, ModelCatalogue, first_candidate
from merlin.chat.sessions import fits_window
from merlin.core import i18n
from merlin.core.log import get_logger
from merlin.dataset.layout import is_valid_name
from merlin.db.idempotency import NUMBER_BITS, IdempotencyKeys
from merlin.openai_protocol.errors import NO_CREDIT, NO_MODEL, ApiError

BY = "api:door"


def asker_of(caller: Caller, number: int = 0, dataset: str | None = None) -> Asker:
    """Return who asks, with the plan that counts for questions about a dataset.

    Without a `number` the question gets one that nobody guesses.
    """
    number = number or secrets.randbits(NUMBER_BITS)
    return find_asker(caller.services, caller.user or User(0), caller.language, number, dataset)


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

    Raises ApiError: there is no such model, the talk is too long, or the plan has no room.
    """
    if not _is_offered(services, asked):
        names = ", ".join(offered_models(services))
        status = HTTPStatus.NOT_FOUND
        told: dict[str, Any] = {"model": asked.name, "names": names}
        raise refusal(asker.language, status, "no-model", NO_MODEL, "model", **told)
    wish = request_of_call(services, asked, asker.user_id)
    first = first_candidate(ModelCatalogue(services.db), wish)
    window, before = asker.plan.window, first.before if first is not None else ()
    if window is not None and not fits_window((*before, *asked.talk), window):
        status, code = HTTPStatus.BAD_REQUEST, "context_length_exceeded"
        raise refusal(asker.language, status, "window", code, "messages", limit=str(window))
    found = reserve(services, asker, asked.kind)
    if found is not None:
        raise used_up(asker, found, services.clock())
    return first


def _is_offered(services: ApiServices, asked: Asked) -> bool:
    if asked.name == ALONE:
        return True
    dataset = asked.dataset
    if not is_known(asked.name) or dataset is None or not is_valid_name(dataset):
        return False
    is_course = dataset in courses.active(services).by_slug
    return is_course or ModelCatalogue(services.db).serving(dataset) is not None


def used_up(asker: Asker, found: Over | Left, now: datetime) -> ApiError:
    """Return the refusal where today's answers cost all that they may, or the plan has no room."""
    status, told = HTTPStatus.TOO_MANY_REQUESTS, dict[str, Any]()
    if isinstance(found, Over):
        key, until = f"guard-{found.reach}", found.until
    elif found.limit == 0:
        return refusal(asker.language, status, "closed", NO_CREDIT, kind=found.kind.value)
    else:
        key, until = "spent", found.resets_at
        told = {"kind": found.kind.value, "limit": found.limit or 0, "period": found.period.value}
    return refusal(
        asker.language,
        status,
        key,
        NO_CREDIT,
        retry_after_s=max(ceil((until - now).total_seconds()), 1),
        until=i18n.format_moment(until, asker.zone, asker.language, is_named=True),
        **told,
    )


def settle_question(services: ApiServices, asker: Asker, reply: Reply) -> None:
    """Charge an answered question, give back any other, and tell admins of what went wrong."""
    settle(services, asker, cost_of(services, reply), is_answered=reply.is_answer)
    report_troubles(services.db, reply.troubles, services.clock(), BY)
    count_answer(services.db, reply)


log = get_logger(__name__)

# Longer than any answer takes.
ABANDONED = timedelta(minutes=10)


def release_stale_reservations(ctx: Context) -> None:
    """Give back what nobody asks any more."""
    now = ctx.clock()
    count = Quotas(ctx.db, ctx.bot_id).give_back_before(now - ABANDONED)
    IdempotencyKeys(ctx.db).clear(now)
    if count:
        log.warning("abandoned questions were given back", questions=count)
