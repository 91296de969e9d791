"""Asking for a change: edits are made of what lies there now, checked, then kept for the daemon.

    files with what waits -> edits -> preview -> [dry run: told] | [errors: 422] -> Change (202)

Nobody builds on what has changed meanwhile: where something came in between, all is done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.api.caller import Caller
from merlin.api.language import headers_of, language_of_request
from merlin.api.problems import MEDIA_TYPE, Problem, problem_of
from merlin.api.services import ApiServices
from merlin.api.teaching.right import services_of
from merlin.api.teaching.shown import change_shown, preview_shown
from merlin.core.errors import NotFound, Refused
from merlin.course.catalogue import Material
from merlin.course.teaching import Proposed
from merlin.dataset.change import Asked, Change, changes_of
from merlin.dataset.editing import FileText
from merlin.dataset.editor import editor_of
from merlin.dataset.waiting import is_behind, with_waiting

TRIES = 5
LOOK_S = 0.1
_FRESH = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Shelf:
    """What lies in a dataset's folder, with what waits to be committed; `known` its materials.

    `mark` is another as soon as anything is; `is_behind`: a commit was made that is not seen yet.
    """

    files: list[FileText]
    known: list[Material]
    mark: tuple[str, ...] = ()
    is_behind: bool = False

    def file(self, path: str) -> FileText | None:
        """Return one file, None where there is none."""
        return next((each for each in self.files if each.path == path), None)


class Stale(Exception):
    """What the editor saw lies there no more; both texts, and the revision of what does."""

    def __init__(self, yours: str | None, theirs: str | None, revision: str) -> None:
        super().__init__("stale")
        self.yours = yours
        self.theirs = theirs
        self.revision = revision


Make = Callable[[Shelf], Proposed]


def shelf_of(services: ApiServices, dataset: str) -> Shelf:
    """Return what lies there; within the store's work. Raises NotFound for no such dataset."""
    files = services.rows.library.files(dataset)
    pending = services.rows.change_list.pending(dataset)
    mark = (*(each.blob for each in files), *(each.change_id for each in pending))
    if not files:
        raise NotFound(f"no dataset {dataset}", "change-no-dataset", dataset=dataset)
    committed = services.rows.change_list.committed(dataset, services.clock() - _FRESH)
    whole = with_waiting(dataset, files, pending)
    return Shelf(whole, _known(services, dataset), mark, is_behind(files, committed))


def _known(services: ApiServices, dataset: str) -> list[Material]:
    try:
        return services.rows.courses.materials(dataset)
    except NotFound:
        return []


async def asked(
    request: Request, caller: Caller, dataset: str, make: Make, *, dry_run: bool, number: int = 0
) -> Response:
    """Return 202 with the change that was asked for; 200 with the preview of a dry run.

    409 where the editor saw something else (`make` raises Stale), 422 where the checker finds an
    error. Raises what `make` raises. By the `number` of the call (`api.idempotent`) a call that
    comes again finds what it asked for already.
    """
    services, language = services_of(request), language_of_request(request)
    for _ in range(TRIES):
        shelf = await _seen(services, dataset)
        known = await services.store.read(lambda: _known_batch(services, number))
        if known:
            return accepted(request, known, shelf)
        try:
            proposed = await asyncio.to_thread(make, shelf)
        except Stale as stale:
            return _stale(request, stale)
        seen = await services.proofs.proved(dataset, shelf.files, proposed.edits)
        shown = preview_shown(
            seen, proposed.edits, shelf.files, language, is_whole=proposed.is_whole
        )
        if dry_run:
            return JSONResponse(shown.model_dump(mode="json"), headers=headers_of(language))
        if not seen.is_good:
            findings = [each.model_dump(mode="json") for each in shown.findings]
            return extended(request, HTTPStatus.UNPROCESSABLE_ENTITY, "not-good", findings=findings)
        changes = _numbered(
            changes_of(dataset, proposed.edits, asker(services, caller), proposed.subject), number
        )
        if await _put(services, dataset, shelf, changes):
            return accepted(request, changes, shelf)
    raise Problem(HTTPStatus.CONFLICT, "busy-file")


def _batch_id(number: int) -> str:
    return f"{number:032x}"


def _known_batch(services: ApiServices, number: int) -> list[Change]:
    """Return what the call of this number asked for already, nothing for 0."""
    return services.rows.changes.of_batch(_batch_id(number)) if number else []


def _numbered(changes: Sequence[Change], number: int) -> Sequence[Change]:
    """Return the changes as the batch of a call's number; for 0 as they are."""
    if not number:
        return changes
    batch = _batch_id(number)
    first, *others = (replace(each, batch=batch) for each in changes)
    return (replace(first, change_id=batch), *others)


async def _seen(services: ApiServices, dataset: str) -> Shelf:
    """Return what lies there once the newest commit is seen. Raises Problem 409 when it is not."""
    until = asyncio.get_running_loop().time() + services.bounds.commit_wait_s
    while True:
        shelf = await services.store.read(lambda: shelf_of(services, dataset))
        if not shelf.is_behind:
            return shelf
        if asyncio.get_running_loop().time() > until:
            raise Problem(HTTPStatus.CONFLICT, "busy-file")
        await asyncio.sleep(LOOK_S)


async def _put(
    services: ApiServices, dataset: str, shelf: Shelf, changes: Sequence[Change]
) -> bool:
    """Keep the changes where nothing came in between; False where something did."""

    def put() -> bool:
        if shelf_of(services, dataset).mark != shelf.mark:
            return False
        services.rows.changes.put(changes)
        return True

    return await services.store.do(put)


def asker(services: ApiServices, caller: Caller) -> Asked:
    """Return who asks, in whose name the commit is made, and when."""
    name = caller.user.shown_name if caller.user else ""
    return Asked(editor_of(caller.user_id, name), str(caller.user_id), services.clock())


def accepted(request: Request, changes: Sequence[Change], shelf: Shelf) -> Response:
    """Return the answer to a change that waits for its commit now."""
    language = language_of_request(request)
    texts = {each.blob: each.text for each in shelf.files}
    shown = change_shown(changes, texts.get, language)
    headers = {**headers_of(language), "Location": f"/api/changes/{shown.id}"}
    return JSONResponse(shown.model_dump(mode="json"), HTTPStatus.ACCEPTED, headers)


def _stale(request: Request, stale: Stale) -> Response:
    told = {"yours": stale.yours, "theirs": stale.theirs, "revision": stale.revision}
    return extended(request, HTTPStatus.CONFLICT, "stale", **told)


def extended(request: Request, status: HTTPStatus, code: str, **members: object) -> Response:
    """Return a problem that tells more than others do."""
    said = {**problem_of(request, status, code), **members}
    headers = headers_of(language_of_request(request))
    return JSONResponse(said, status.value, headers, MEDIA_TYPE)


def unchanged(revision: str | None, seen: str, yours: str | None, theirs: str | None) -> None:
    """Raise Stale where an editor saw another revision than lies there; "" was told by nobody."""
    if not revision:
        raise Refused("no revision", "teaching-no-revision")
    if revision.strip('"') != seen:
        raise Stale(yours, theirs, seen)
