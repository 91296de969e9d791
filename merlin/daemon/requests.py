"""Processes the daemon's request queue, one request at a time.

Every handler is idempotent: a request that was in progress when the daemon died is processed
again.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from merlin.core.errors import MerlinError, ProviderError, Refused
from merlin.core.log import get_logger
from merlin.daemon.services import DaemonServices
from merlin.dataset.verdicts import VerdictHistory, require_known_dataset
from merlin.db.requests import Request, RequestKind, Requests, RequestState
from merlin.training.arrived import Arrival, launch_arrival
from merlin.training.gate import Gates
from merlin.training.jobs import (
    NOT_FOUND,
    Job,
    Jobs,
    JobState,
    TrainingProvider,
    advance,
    state_of,
)
from merlin.training.launch_plan import (
    launch_by_hand,
)
from merlin.training.promote import Promotions, promote_by_hand, roll_back

log = get_logger(__name__)

Result = Mapping[str, object]
Doer = Callable[[DaemonServices, Request], Result]


def serve_requests(
    services: DaemonServices, fetch: Callable[[], bool], *, has_providers: bool = True
) -> bool:
    """Process every pending request; return whether there was one.

    Without providers, requests that need one stay pending.
    """
    done = False
    kinds = [kind for kind in KINDS if has_providers or kind not in NEEDS_PROVIDER]
    while (request := Requests(services.db).claim(tuple(kinds))) is not None:
        _serve(services, request, fetch)
        done = True
    return done


def _serve(
    services: DaemonServices, request: Request, fetch: Callable[[], bool]
) -> None:
    kind = RequestKind(request.kind)
    try:
        if kind in _AFTER_FETCH:
            fetch()
        if dataset := _argument(request, "dataset"):
            require_known_dataset(services.db, dataset)
        if kind is RequestKind.ROLLBACK:
            # In one transaction: a repeated rollback would go one model further back.
            services.db.transact(
                lambda: _finish(services, request, _promote(services, request))
            )
            return
        result = KINDS[kind](services, request)
    except MerlinError as error:
        _refuse(services, request, error)
        log.info("request refused", kind=request.kind, by=request.by, reason=str(error))
        return
    except Exception as bug:  # the request fails, and the queue goes on
        log.exception("request failed", kind=request.kind, by=request.by)
        _refuse(services, request, MerlinError(f"{type(bug).__name__}: {bug}"))
        return
    _finish(services, request, result)


def _finish(services: DaemonServices, request: Request, result: Result) -> None:
    Requests(services.db).finish(request.request_id, RequestState.DONE, result)
    log.info("request done", kind=request.kind, by=request.by, result=result)


def _refuse(services: DaemonServices, request: Request, error: MerlinError) -> None:
    values = {**error.as_argument(), "message": str(error)}
    Requests(services.db).finish(request.request_id, RequestState.FAILED, values)


def _argument(request: Request, name: str) -> str:
    return str(request.arguments.get(name) or "")


def _result_of_fetch(services: DaemonServices, _request: Request) -> Result:
    return {"position": services.gathering.history.find_newest()[1]}


def _update_inventory(services: DaemonServices, request: Request) -> Result:
    """Update the inventory of models at once: the bot got an error that one is gone."""
    services.inventory.check_again(_argument(request, "model"))
    changed = services.inventory.update()
    return {"models": {model.model_id: model.state.value for model in changed}}


def _build(services: DaemonServices, request: Request) -> Result:
    verdict = VerdictHistory(services.db).get_newest(
        _argument(request, "dataset"), _argument(request, "commit") or None
    )
    if verdict.build_id is None:
        why = f"{verdict.dataset} is {verdict.status}"
        raise Refused(why, "build-none", dataset=verdict.dataset)
    build = services.launches.build(verdict.build_id)
    return {
        "build": build.version,
        "commit": verdict.commit,
        "verdict": verdict.status.value,
    }


def _launch(services: DaemonServices, request: Request) -> Result:
    verdict = VerdictHistory(services.db).get_newest(_argument(request, "dataset"))
    job = launch_by_hand(services.launches, verdict)
    return {
        "job": job.job_id,
        "dataset": job.dataset,
        "estimate_micro": job.estimate_micro,
    }


def _add(services: DaemonServices, request: Request) -> Result:
    """Start the job that checks and proves an adapter that was trained elsewhere."""
    names = ("dataset", "digest", "build", "provider", "base_model")
    job = launch_arrival(
        services.launches, Arrival(**{name: _argument(request, name) for name in names})
    )
    build = services.launches.build(job.build_id)
    return {"job": job.job_id, "dataset": job.dataset, "build": build.version}


def _cancel(services: DaemonServices, request: Request) -> Result:
    number = _argument(request, "job")
    job = Jobs(services.db).get(int(number) if number.isdecimal() else 0)
    if job.is_final:
        raise Refused(
            f"job {job.job_id} is {job.state}", "cancel-final", job=job.job_id
        )
    if job.state is JobState.LAUNCHING:
        raise Refused("the launch is under way", "cancel-launching", job=job.job_id)
    provider = services.providers.get(job.provider)
    if provider is None:
        why = f"config.yaml names no provider {job.provider}"
        raise Refused(why, "held-no-provider", provider=job.provider)
    # The provider's final status is authoritative: a job may succeed while it is being
    # cancelled. Its model is kept then, but not promoted.
    after = _cancel_at(provider, job)
    Jobs(services.db).give_up_verdicts(job, after.updated_at)
    Jobs(services.db).save(job, after)
    return {"job": job.job_id, "dataset": job.dataset, "state": after.state.value}


# Servers refuse to cancel a job that has ended, also by a status that Merlin does not know; some
# have no such call.
_NOT_CANCELLABLE = frozenset({400, 405, 409, 422, 501})


def _cancel_at(provider: TrainingProvider, job: Job) -> Job:
    """Cancel a job at its provider; return it as it stands then.

    Where the provider's status says nothing, a person's word is the last. Raises Refused for a job
    that the provider does not know, ProviderError if it refuses to cancel.
    """
    now = provider.clock()
    try:
        report = provider.api.cancel_job(job.provider_job_id)
    except ProviderError as error:
        if error.status == NOT_FOUND:
            raise Refused(
                str(error), "cancel-unknown-job", job=job.job_id, provider=job.provider
            ) from error
        if error.status not in _NOT_CANCELLABLE or state_of(job.status):
            raise
        return replace(job, state=JobState.CANCELLED, updated_at=now)
    after = advance(job, report, now)
    return (
        after if state_of(report.status) else replace(after, state=JobState.CANCELLED)
    )


def _promote(services: DaemonServices, request: Request) -> Result:
    """Promote the named model, or for a rollback one that was promoted before."""
    rows = Promotions(services.db)
    to = _argument(request, "to") or None
    pinned: Result = {}
    if request.kind == RequestKind.PROMOTE:
        model = promote_by_hand(rows, _argument(request, "model"), request.by)
    else:
        model = roll_back(rows, _argument(request, "dataset"), request.by, to)
        pinned = {"pinned": True}
    return {
        "dataset": model.dataset,
        "model": model.model_id,
        "build": model.build_version,
        "job": model.job_id,
        **pinned,
    }


def _accept(services: DaemonServices, request: Request) -> Result:
    """Accept a held model's regressions, or one question's; the promote tick re-evaluates it.

    With `right` of an unsure answer: "yes" or "no".
    """
    names = ("model", "question", "right")
    model, question, right = (_argument(request, name) for name in names)
    accepted = Promotions(services.db).model(model)
    gates = Gates(services.db, services.clock)
    if right:
        count = gates.judge(accepted, question, is_right=right == "yes")
    else:
        count = gates.accept(accepted, question)
    return {
        "dataset": accepted.dataset,
        "build": accepted.build_version,
        "count": count,
    }


def _pin(services: DaemonServices, request: Request) -> Result:
    dataset = _argument(request, "dataset")
    is_pinned = request.kind == RequestKind.PIN
    Promotions(services.db).pin(dataset, is_pinned=is_pinned)
    return {"dataset": dataset, "pinned": is_pinned}


KINDS: Mapping[RequestKind, Doer] = {
    RequestKind.FETCH: _result_of_fetch,
    RequestKind.CENSUS: _update_inventory,
    RequestKind.BUILD: _build,
    RequestKind.LAUNCH: _launch,
    RequestKind.CANCEL: _cancel,
    RequestKind.PROMOTE: _promote,
    RequestKind.ACCEPT: _accept,
    RequestKind.ROLLBACK: _promote,
    RequestKind.PIN: _pin,
    RequestKind.UNPIN: _pin,
    RequestKind.ADD: _add,
}
_AFTER_FETCH = (RequestKind.FETCH, RequestKind.BUILD, RequestKind.LAUNCH)
NEEDS_PROVIDER = (
    RequestKind.CENSUS,
    RequestKind.LAUNCH,
    RequestKind.CANCEL,
    RequestKind.ADD,
)
