"""Keys: what a person's programs sign in with; made and revoked by people, never by a key."""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from merlin.account.key import ApiKey, Scope, beyond
from merlin.api.caller import Caller, Person
from merlin.api.described import problems
from merlin.api.problems import Problem
from merlin.api.services import ApiServices
from merlin.api.shape import WHOLE
from merlin.core.errors import NotFound

router = APIRouter(prefix="/api/user/keys", tags=["keys"])

LABEL_LENGTH = 80
MOST_DAYS = 3650
KeyId = Annotated[int, Path(ge=1, le=2**53 - 1)]


class KeyShown(BaseModel):
    """A key without its secret."""

    model_config = ConfigDict(frozen=True)

    id: int
    label: str
    hint: str = Field(description="how the secret begins")
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None = Field(description="null: it stays until it is revoked")
    used_at: datetime | None = Field(description="when it was used last, exact to a minute")


class KeysShown(BaseModel):
    """A person's keys that count, newest first."""

    model_config = ConfigDict(frozen=True)

    keys: list[KeyShown]


class KeyMade(KeyShown):
    """A new key, with its secret for the only time."""

    secret: str = Field(description="mrl_…; nobody can read it again")


class KeySaid(BaseModel):
    """What a new key is to be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str = Field(min_length=1, max_length=LABEL_LENGTH, description="for its owner")
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope))
    expires_in_days: Annotated[int, Field(ge=1, le=MOST_DAYS, strict=True), WHOLE] | None = Field(
        default=None, description="null: it stays until it is revoked"
    )


@router.get("", summary="List my keys", responses=problems(401, 403, 429))
async def list_keys(request: Request, caller: Person) -> KeysShown:
    """Return the keys that count, newest first."""
    services: ApiServices = request.app.state.services
    found = await services.store.read(lambda: services.rows.keys.of(caller.user_id))
    return KeysShown(keys=[_shown(key) for key in found])


@router.post(
    "",
    summary="Make a key",
    status_code=HTTPStatus.CREATED,
    responses=problems(401, 403, 409, 422, 429),
)
async def make_key(request: Request, body: KeySaid, caller: Person) -> KeyMade:
    """Return a new key with its secret, which is shown this once.

    A key never does what its owner may not: scopes beyond the role are refused at once.
    """
    services: ApiServices = request.app.state.services
    _refuse_beyond(caller, body.scopes)
    ends = None
    if body.expires_in_days is not None:
        ends = services.clock() + timedelta(days=body.expires_in_days)
    keys, scopes = services.rows.keys, frozenset(body.scopes)
    key, secret = await services.store.do(
        lambda: keys.make(caller.user_id, body.label, scopes, ends)
    )
    return KeyMade(**_shown(key).model_dump(), secret=secret)


@router.delete(
    "/{key_id}",
    summary="Revoke a key",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(401, 403, 404, 422, 429),
)
async def revoke_key(request: Request, key_id: KeyId, caller: Person) -> None:
    """End a key; it counts no more from the next call on."""
    services: ApiServices = request.app.state.services
    keys = services.rows.keys
    if not await services.store.do(lambda: keys.revoke(caller.user_id, key_id)):
        raise NotFound("no such key", "account-no-key")


def _refuse_beyond(caller: Caller, scopes: list[Scope]) -> None:
    vain = beyond(caller.standing, scopes)
    if vain:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        raise Problem(status, "scope-beyond-role", scopes=", ".join(vain))


def _shown(key: ApiKey) -> KeyShown:
    return KeyShown(
        id=key.key_id,
        label=key.label,
        hint=key.hint,
        scopes=sorted(key.scopes),
        created_at=key.created_at,
        expires_at=key.expires_at,
        used_at=key.used_at,
    )
