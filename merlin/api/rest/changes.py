"""Changes: the state of an edit; adding or proposing an example."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from merlin.account.api_keys import Scope
from merlin.api.auth import MaterialEditor, SignedIn, require_scope
from merlin.api.problems import Problem, problem_response, problems
from merlin.api.schema import (
    Body,
    Hex,
    InLanguage,
    Line,
    Name,
    Part,
    ResponseModel,
    Words,
    operation_router,
)
from merlin.app import changes, examples, proposals
from merlin.app.changes import EditNotGood, FileChange, Make, StaleEdit
from merlin.app.examples import ExampleContent
from merlin.app.permissions import may_edit_examples
from merlin.app.proposals import ProposalView
from merlin.dataset.changes import ChangeState
from merlin.dataset.finding import Severity
from merlin.training.commit_state import CommitState


class FindingShown(ResponseModel):
    """A finding of the checker in a file; lines and columns count from 1."""

    path: str
    line: int
    column: int
    rule: str
    severity: Severity
    text: InLanguage = Field(description="In the caller's language.")


class ChangeShown(ResponseModel):
    """An edit; all its files are committed together or not at all."""

    id: str
    dataset: str
    subject: str = Field(description="First line of the commit message.")
    state: ChangeState
    commit_state: CommitState = Field(
        description="The word that people read of it, and then of its commit."
    )
    reason: InLanguage = Field(
        validation_alias="why",
        description=(
            'Reason for waiting or rejection, in the caller\'s language; "" if the state explains'
            " it."
        ),
    )
    commit: str | None
    asked_at: datetime
    files: list[FileChange]


router = operation_router(prefix="/api/changes", tags=["changes"])


EditAnswer = ChangeShown | Response
# A route that submits a commit.
EDIT_ROUTE: dict[str, Any] = {
    "status_code": HTTPStatus.ACCEPTED,
    "response_model": ChangeShown,
    "response_description": "The edit was submitted",
    "responses": problems(400, 409),
}


@dataclass(frozen=True, slots=True)
class EditCall:
    """A call that submits a commit."""

    request: Request
    response: Response
    caller: MaterialEditor

    async def answer(self, dataset: str, make: Make) -> EditAnswer:
        """Return the submitted change; the response tells its location.

        409 after a concurrent edit, 422 if the checker finds an error. Raises what
        `make` raises.
        """
        ctx = self.caller.services
        actor = self.caller.actor
        request = self.request
        language = self.caller.language
        try:
            change = await changes.submit(ctx, actor, dataset, make)
        except StaleEdit as error:
            return problem_response(
                request,
                Problem(HTTPStatus.CONFLICT, "stale"),
                yours=error.yours,
                theirs=error.theirs,
                revision=error.revision,
            )
        except EditNotGood as error:
            findings = [
                FindingShown.from_object(finding, language).model_dump(mode="json")
                for finding in error.preview.findings
            ]
            problem = Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "not-good")
            return problem_response(request, problem, findings=findings)
        self.response.headers["Location"] = f"/api/changes/{change.id}"
        return ChangeShown.from_object(change, language)


Edit = Annotated[EditCall, Depends()]


ChangeList = TypedDict("ChangeList", {"changes": list[ChangeShown]})


@router.get("", summary="List edits")
async def list_changes(caller: MaterialEditor, page: Part) -> ChangeList:
    """Return the caller's edits, for admins everyone's, newest first."""
    views = await caller.read(
        changes.list_recent, caller.actor, page.size + 1, page.after("")
    )
    part_views = page.take_part(views, lambda view: view.id)
    return {
        "changes": [
            ChangeShown.from_object(view, caller.language) for view in part_views
        ]
    }


@router.get("/{change_id}", summary="Get an edit")
async def show_change(caller: MaterialEditor, change_id: Hex) -> ChangeShown:
    """Return an edit with its state; its text too if another one changed the file meanwhile."""
    return ChangeShown.from_object(
        await caller.read(changes.get, caller.actor, change_id), caller.language
    )


example_router = operation_router(
    prefix="/api/datasets/{dataset}/examples", tags=["examples"]
)

MAX_TAGS = 50
_TAG_LETTERS = 64
ExampleText = Annotated[Words, Field(min_length=1, max_length=100_000)]


class ExampleBody(Body):
    """An example: question and answer."""

    question: ExampleText
    answer: ExampleText
    tags: (
        Annotated[
            list[Annotated[Line, Field(min_length=1, max_length=_TAG_LETTERS)]],
            Field(max_length=MAX_TAGS),
        ]
        | None
    ) = None

    def content(self) -> ExampleContent:
        """Return the text of the example."""
        return ExampleContent(self.question, self.answer, self.tags)


@example_router.post(
    "",
    summary="Add or propose an example",
    status_code=HTTPStatus.ACCEPTED,
    response_model=ChangeShown | ProposalView,
    response_description="The edit was submitted, or a proposal if the caller may not edit",
    responses=problems(409),
)
async def add_example(
    request: Request,
    response: Response,
    caller: SignedIn,
    dataset: Name,
    body: ExampleBody,
) -> ChangeShown | ProposalView | Response:
    """Submit an edit that adds the example; without permission to edit, a proposal.

    An API key needs the scope `materials:write`; for a proposal, `chat:write`.
    """
    make = None
    if await caller.read(may_edit_examples, caller.actor, dataset):
        make = partial(examples.add_example, examples.write_new_example(body.content()))
    require_scope(caller, Scope.MATERIALS_WRITE if make else Scope.CHAT_WRITE)
    if make:
        return await EditCall(request, response, caller).answer(dataset, make)
    draft = proposals.draft_proposal(dataset, body.content(), caller.language)
    return await caller.write(proposals.propose, caller.actor, draft)
